"""Whether the checks pass on any machine.

`python tools/anywhere.py [ROWS]` runs them under each setting, into nbs/results/anywhere.json.

A row is one command under one setting. Each is stored when it is done, and one that is there and
passed is not run again; so the table can be made in pieces. Settings are combined where one run
shows several, and a row says which. Seconds are the processor's, of the command, all its children,
and the busy processes beside it.
"""

import argparse
import ctypes
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from notebooks import ROOT, every_notebook
from runs import run_python
from start import of_children

STORE = ROOT / 'nbs' / 'results' / 'anywhere.json'
COMMANDS = {
    'make test': [sys.executable, 'tools/check.py'],
    'nbdev_test': [str(Path(sys.executable).with_name('nbdev_test')), '--do_print'],
}
SETTINGS = {
    'one thread, PyTorch without vectors, oneDNN at most AVX2, beside two busy processes': dict(
        OMP_NUM_THREADS='1', ATEN_CPU_CAPABILITY='default', ONEDNN_MAX_CPU_ISA='AVX2', busy=2
    ),
    'two threads, AVX2 kernels of PyTorch and oneDNN': dict(
        OMP_NUM_THREADS='2', ATEN_CPU_CAPABILITY='avx2', ONEDNN_MAX_CPU_ISA='AVX2'
    ),
    # left out on a machine that has no more than AVX2, where it would repeat the row before
    'two threads, the machine\'s own kernels': dict(OMP_NUM_THREADS='2'),
}
OURS = {k for s in SETTINGS.values() for k in s}
# prctl: orphans of our children become our children, so that their time is counted
SUBREAPER = 36


@contextmanager
def neighbours(n):
    "The given number of processes that never rest."
    busy = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(n)]
    try:
        yield busy
    finally:
        for p in busy:
            p.kill()
            p.wait()


def reaped(seconds=90):
    "Collect orphans that became children of this process and have ended: their time is counted."
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                time.sleep(0.1)
        except ChildProcessError:
            return


def passed(command, out, total):
    "Counts that an output tells: passed, failed, skipped."
    if command == 'make test':
        found = re.findall(r'^(\d+) passed, (\d+) failed, (\d+) skipped$', out, re.M)
        return (
            dict(zip(('passed', 'failed', 'skipped'), map(int, found[-1]), strict=True))
            if found
            else {}
        )
    failed = out.partition('nbdev Tests Failed')[2].count('.ipynb')
    return dict(passed=total - failed, failed=failed) if failed or 'Success.' in out else {}


def kernels_of(env):
    "Vectors of PyTorch's kernels."
    return run_python('import torch; print(torch.backends.cpu.get_cpu_capability())', env).strip()


def row(command, setting):
    "Run a command under a setting."
    wanted = dict(SETTINGS[setting])
    busy = wanted.pop('busy', 0)
    env = {k: v for k, v in os.environ.items() if k not in OURS} | wanted
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    kernels = kernels_of(env)
    before = of_children()
    with tempfile.TemporaryFile('w+', encoding='utf-8', errors='replace') as out:
        with neighbours(busy):
            code = subprocess.run(
                COMMANDS[command], cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT
            ).returncode
        reaped()
        seconds = of_children() - before
        out.seek(0)
        text = out.read()
    if code:
        print(text[-6000:])
    return dict(
        command=command,
        setting=setting,
        environment=wanted,
        busy=busy,
        kernels=kernels,
        exit=code,
        seconds=round(seconds, 1),
        **passed(command, text, len(every_notebook())),
    )


def tell(rows):
    for r in rows.values():
        print(
            f"{r['command']:11} {r['setting']:84} exit {r['exit']}, "
            f"{r.get('passed', '?')} passed, {r.get('failed', '?')} failed, "
            f"{r.get('skipped', 0)} skipped, {r['seconds']:.0f} s of the processor"
        )


def main():
    from stylecfm.evaluation.metrics import keep_results
    from stylecfm.files import read_json

    p = argparse.ArgumentParser(description='Run the checks under each setting.')
    p.add_argument('rows', nargs='*', type=int, help='numbers of settings, from 0; default: all')
    p.add_argument('--only', choices=[*COMMANDS], help='one of the commands')
    a = p.parse_args()
    rows = read_json(STORE).get('rows', {}) if STORE.exists() else {}
    settings = list(SETTINGS)
    if kernels_of({k: v for k, v in os.environ.items() if k not in OURS}) == 'AVX2':
        settings.pop()
    for i, setting in enumerate(settings):
        for command in COMMANDS:
            name = f'{command}, {setting}'
            if (
                (a.rows and i not in a.rows)
                or a.only not in (None, command)
                or rows.get(name, {}).get('exit') == 0
            ):
                continue
            rows[name] = row(command, setting)
            keep_results(STORE, 'make anywhere', rows=rows)
            tell({name: rows[name]})
    tell(rows)


if __name__ == '__main__':
    main()

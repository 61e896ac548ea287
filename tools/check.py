"""What `make test` runs: python tools/check.py [NAMES] [--slow] [--site].

The last line is `N passed, M failed, K skipped`.
"""

import argparse
import configparser
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from lint import lint
from notebooks import (
    NBS,
    ROOT,
    SKIPPED,
    SLOW_CELL,
    WAITING,
    environment,
    every_notebook,
    short_name,
)
from readme import readme
from runs import WORKERS, Job, problem, run_all, warm

CPU_MINUTES = 30  # of all checks without the slow cells, on a core of a server of 2024; about
LIMIT, SLOW_LIMIT = 300, 8 * 3600  # seconds of the processor for one notebook
SITE_LIMIT = 1800  # and for the site
# begun first, that no long one is alone at the end
LONG = (
    'training/memory',
    'training/memory_plan',
    'cli/commands',
    'cli/advice',
    'tutorials/quickstart',
    'tutorials/own_folders',
    'studies/memory',
    'studies/killed',
    'studies/network',
    'apps/users',
    'faults/state',
    'faults/sharded_runs',
    'faults/painting_runs',
)


def left_out(out):
    "Lines of an output that say what was skipped; the last line of `unittest` counts its own."
    lines = [line for line in out.splitlines() if line.startswith(SKIPPED)]
    found = re.search(r'\bskipped=(\d+)\)$', out)
    return lines + [f'{SKIPPED}a test of the tools'] * int(found[1] if found else 0)


class Tally:
    "Counts what ran, and what was left out; any thread may add to it."

    passed, failed, skipped = 0, 0, 0

    def __init__(self):
        self.lock = threading.Lock()

    def add(self, name, problem=''):
        with self.lock:
            if problem:
                self.failed += 1
            else:
                self.passed += 1
            print(
                f'{"FAIL" if problem else "ok  "} {name}'
                + (f'\n     {problem}' if problem else ''),
                flush=True,
            )


def digests():
    "What the generated files hold now."
    files = [*NBS.rglob('*.ipynb'), *(ROOT / 'stylecfm').rglob('*.py')]
    return {
        p.relative_to(ROOT).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
        if '.ipynb_checkpoints' not in p.parts
    }


def generated(tally):
    "Cleaning and exporting must change nothing, and README.md must be what index.ipynb says."
    before = digests()
    for command in ('clean', 'export'):
        [r] = run_all(
            [
                Job(
                    command,
                    [
                        '-c',
                        (
                            f'from nbdev.{"clean" if command == "clean" else "doclinks"} import '
                            f'nbdev_{command}; nbdev_{command}()'
                        ),
                    ],
                )
            ]
        )
        if r.code:
            return tally.add(f'nbdev_{command}', r.problem[-2000:])
    after = digests()
    changed = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    tally.add(
        'notebooks are clean and exported',
        changed and f'changed: {", ".join(changed)}; run `make export` and commit',
    )
    page = ROOT / 'README.md'
    stale = not page.exists() or page.read_text(encoding='utf-8') != readme()
    tally.add('README.md is what index.ipynb says', 'run `make export` and commit' if stale else '')


LINTED = ('nbs', 'tools', 'integrations', 'docs', 'setup.py')


RUFF = {
    'ruff check': ('check', '--output-format', 'concise', *LINTED),
    'ruff format': ('format', '--check', '--quiet', *LINTED),
    'ruff check of the package': (
        'check',
        '--output-format',
        'concise',
        '--config',
        'tools/ruff_package.toml',
        'stylecfm',
    ),
}


def style(tally, paths, names):
    "ruff and the house rules."
    for name, how in RUFF.items():
        args = [sys.executable, '-m', 'ruff', *how]
        r = subprocess.run(args, cwd=ROOT, text=True, capture_output=True)
        tally.add(name, problem(r.returncode, r.stdout + r.stderr))
    args = [sys.executable, '-c', 'from importlinter.cli import lint_imports_command as f; f()']
    r = subprocess.run(args, cwd=ROOT, text=True, capture_output=True)
    broken = r.stdout.partition('Broken contracts')[2] or r.stdout + r.stderr
    tally.add('imports run downward (.importlinter)', problem(r.returncode, broken))
    for name, rule, found in lint(paths, names):
        tally.add(f'{name}: {rule}', '\n     '.join(found))


ALONE = """import sys
import stylecfm.{0}
assert 'torchvision' not in sys.modules, 'torchvision was imported'"""
LAZY = """import sys, stylecfm
assert not {'torch', 'numpy', 'diffusers'} & set(sys.modules), 'import stylecfm is heavy'
for name in stylecfm.__all__: getattr(stylecfm, name)"""
HELP = """import os, sys, runpy; sys.argv = ['{0}', '--help']
for k in {2}: os.environ.pop(k, None)
try: runpy.run_path('{1}', run_name='__main__')
except SystemExit as e: assert not e.code, e.code
assert 'torch' not in sys.modules, '--help imports torch'
assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE', 'OpenMP spins'"""


def package():
    "Every module alone, the public names, the tools, and --help of every command: their jobs."
    modules = sorted(
        '.'.join(p.relative_to(ROOT / 'stylecfm').with_suffix('').parts)
        for p in (ROOT / 'stylecfm').rglob('*.py')
        if not p.stem.startswith('_')
    )
    yield from (Job(f'import stylecfm.{m}', ['-c', ALONE.format(m)], fork=True) for m in modules)
    yield Job('public names', ['-c', LAZY])
    yield Job('every public symbol is documented and checked', ['tools/symbols.py'])
    yield Job('the words are the field\'s own', ['tools/words.py'])
    yield Job('types of the package', ['tools/typed.py'], first=True)
    yield Job('tools find what they must', ['-m', 'unittest', 'discover', '-q', '-s', 'tools'])
    yield Job('nbdev_test runs the same cells', ['tools/as_nbdev.py'])
    config = configparser.ConfigParser(delimiters=['='])
    config.read(ROOT / 'settings.ini', encoding='utf-8')
    for row in config['DEFAULT']['console_scripts'].split():
        name = row.partition('=')[0]
        yield Job(
            f'{name} --help',
            ['-c', HELP.format(name, os.path.join(os.path.dirname(sys.executable), name), WAITING)],
        )


SITE = """import subprocess, sys
for tool in ['tools/docs.py'], ['tools/paint_page.py', '--may-skip']:
    if code := subprocess.call([sys.executable, *tool]): sys.exit(code)"""


def site():
    "The site, as `make docs` makes it: its job."
    return Job('the site', ['-c', SITE], SITE_LIMIT, first=True)


def notebooks(paths, slow):
    "Every notebook: its job. What is slow is also timed, and so begins from nothing."
    for p in paths:
        yield Job(
            f'{short_name(p)} runs',
            [ROOT / 'tools' / 'notebooks.py', p, *['--slow'][:slow]],
            SLOW_LIMIT if slow else LIMIT,
            not slow,
            short_name(p) in LONG,
        )


def run(tally, jobs, workers=WORKERS):
    "Run the jobs and tell what came of them, which slow cells took longest, and what was left out."
    told, out = [], []
    for r in run_all(jobs, workers):
        took = f'{r.seconds:.0f} s' if r.code else r.out.rpartition('\n')[2]
        tally.add(f'{r.name} ({took})' if r.name.endswith(' runs') else r.name, r.problem[-3000:])
        told += [line for line in r.out.splitlines() if line.startswith(SLOW_CELL)]
        out += left_out(r.out)
    # the longest first
    for line in sorted(told, key=lambda v: -float(v.split()[-2])):
        print(line)
    for line in out:
        print(line)
    tally.skipped = len(out)


def main():
    p = argparse.ArgumentParser(description='Check notebooks, package and commands.')
    p.add_argument('names', nargs='*', help='beginnings of names; default: all notebooks')
    p.add_argument('--slow', action='store_true', help='run the cells flagged slow, too')
    p.add_argument('--site', action='store_true', help='make the site, too, beside the notebooks')
    p.add_argument('--jobs', type=int, default=WORKERS, help=f'runs at a time; default: {WORKERS}')
    a = p.parse_args()
    if a.jobs < 1:
        p.error(f'--jobs must be at least 1, got {a.jobs}')
    tally, paths, start = Tally(), every_notebook(a.names), time.perf_counter()
    if not a.names and not a.slow:
        at_once = min(a.jobs, os.cpu_count() or 1)
        print(
            f'{len(paths)} notebooks, the package, the commands and the tools: '
            f'about {CPU_MINUTES / at_once:.0f} minutes, {at_once} at a time; '
            'without a network after installation',
            flush=True,
        )
    os.environ.update(environment(a.slow))
    if hasattr(signal, 'SIGHUP'):  # ignored under `nohup`, and notebooks send it to themselves
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    warm()
    if not a.names:
        generated(tally)
    jobs = [*[site()][: a.site], *([] if a.names else package()), *notebooks(paths, a.slow)]
    with ThreadPoolExecutor(1) as beside:
        styled = beside.submit(style, tally, every_notebook(), a.names)
        run(tally, jobs, a.jobs)
        styled.result()
    print(f'in {time.perf_counter() - start:.0f} s')
    print(f'{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped')
    return tally.failed > 0


if __name__ == '__main__':
    sys.exit(main())

"""Walk the three ways of a new user, and store what they cost.

`python tools/first_hour.py [--whole] [--hours 0.05] [--keep]`

A new Unix user (as root; else the same one) with an empty home, a path without the project and a
folder with a space in its name clones the repository and types what README.md and CONTRIBUTING.md
say, line by line, one way after the other in one clone: to a painting, to an own model's painting,
to green tests. Processor seconds count, since a machine may be busy.
"""

import argparse
import contextlib
import json
import os
import re
import selectors
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / 'nbs' / 'results' / 'first_hour.json'
USER = 'stylecfm-newcomer'
MOST = dict(painting=3, own_model=4, tests=2)  # commands of each way
# how pip reaches its registries on this machine
KEPT = re.compile(r'(PIP_|UV_|SSL_|REQUESTS_)\w+|\w*(_proxy|_PROXY)')


def blocks(document, heading):
    "Lines of the first shell block below a heading, without comments."
    text = (ROOT / document).read_text(encoding='utf-8').split(f'## {heading}\n', 1)[1]
    found = re.search(r'```sh\n(.*?)```', text, re.S)
    if not found or '\n## ' in text[: found.start()]:
        sys.exit(f'{document} has no shell block below {heading!r}')
    lines = [re.sub(r'\s+#.*', '', v).strip() for v in found[1].splitlines()]
    return [v for v in lines if v]


def ways():
    "Commands of the three ways, as the documents have them."
    start = blocks('README.md', 'Install and paint')
    clone, install, paint = start
    return dict(
        painting=[clone, install, paint],
        own_model=[clone, install, *blocks('README.md', 'Train on your own folders')],
        tests=blocks('CONTRIBUTING.md', 'Set-up'),
    )


class Newcomer:
    "A user with an empty home, who types commands into a folder with a space in its name."

    def __init__(self):
        self.root = os.geteuid() == 0 and bool(shutil.which('useradd'))
        self.home = Path(tempfile.mkdtemp(prefix='first hour ', dir='/var/tmp'))
        if self.root:
            subprocess.run(
                ['useradd', '--no-create-home', '--home-dir', str(self.home), USER], check=True
            )
        self.folder = self.home / 'my pictures'
        self.folder.mkdir()

    def own(self):
        "Give all that lies in the home to the user."
        if self.root:
            subprocess.run(['chown', '-R', USER, str(self.home)], check=True)

    def close(self, keep):
        "Remove the user, and the home unless it is kept."
        if self.root:
            subprocess.run(['userdel', USER], check=True)
        if not keep:
            shutil.rmtree(self.home)

    def command(self, line):
        "Arguments of the process that types a line."
        kept = [f'{k}={v}' for k, v in os.environ.items() if KEPT.fullmatch(k)]
        shared = os.environ.get('STYLECFM_SHARED')
        env = [
            f'HOME={self.home}',
            'PATH=/usr/local/bin:/usr/bin:/bin',
            'LANG=C.UTF-8',
            *kept,
            *([f'STYLECFM_SHARED={shared}'] if shared else []),
        ]
        who = ['runuser', '-u', USER, '--'] if self.root else []
        typed = f'cd {shlex.quote(str(self.folder))} && {line}'
        return [*who, 'env', '-i', *env, 'bash', '-c', typed]


def used(process):
    "Processor seconds of a process and all below it."
    total = 0.0
    with contextlib.suppress(psutil.Error):
        for p in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                t = p.cpu_times()
                total += t.user + t.system + t.children_user + t.children_system
    return total


def typed(who, line, pictures):
    "Type a line: its processor seconds, longest silence, and those until the first new picture."
    print('$', line, flush=True)
    before, out = {p for g in pictures for p in who.folder.glob(g)}, b''
    p = subprocess.Popen(who.command(line), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ps, seconds, spoke, silence, first = psutil.Process(p.pid), 0.0, time.monotonic(), 0.0, None
    with selectors.DefaultSelector() as ready:
        ready.register(p.stdout, selectors.EVENT_READ)
        while True:
            text = os.read(p.stdout.fileno(), 65536) if ready.select(1.0) else None
            now = time.monotonic()
            seconds = max(seconds, used(ps))
            if text is not None:
                silence, spoke, out = max(silence, now - spoke), now, out + text
            if first is None:
                made = {q for g in pictures for q in who.folder.glob(g)} - before
                first = (seconds, sorted(q.name for q in made)[0]) if made else None
            if text == b'':
                break
    if p.wait():
        sys.stderr.write(out.decode(errors='replace')[-3000:])
        sys.exit(f'{line} ended with exit code {p.returncode}')
    last = out.decode(errors='replace').replace('\r', '\n').strip().splitlines()[-1:]
    return dict(
        line=line,
        cpu_seconds=round(seconds, 1),
        longest_silence_s=round(silence),
        last_line=last[0] if last else '',
        first=first,
    )


def as_here(line, hours, whole):
    "A line with this repository for the published one, a short training, a part of the tests."
    line = re.sub(r'https://github\.com/\S+', '"$HOME/stylecfm.bundle"', line)
    if ' train ' in line:
        line += f' --hours {hours}'
    if re.search(r'\bmake .*test\b', line) and not whole:
        line += ' PART=flow/paths'
    return line


def first_result(steps):
    "Number of commands, processor seconds and name of the first picture, or of the last line."
    for k, s in enumerate(steps):
        if s['first']:
            spent = sum(v['cpu_seconds'] for v in steps[:k]) + s['first'][0]
            return dict(what=s['first'][1], commands=k + 1, cpu_seconds=round(spent, 1))
    return dict(
        what=steps[-1]['last_line'],
        commands=len(steps),
        cpu_seconds=round(sum(v['cpu_seconds'] for v in steps), 1),
    )


def size_of(folder):
    "Megabytes of all files below a folder."
    files = (p.lstat() for p in folder.rglob('*') if p.is_file() and not p.is_symlink())
    return round(sum(s.st_size for s in files) / 1e6)


def prepare(who, images):
    "Pictures of the user's own: a photograph, another one, and two folders."
    data = Path(os.environ.get('STYLECFM_SHARED', ROOT / '../shared')) / 'data'
    for name, kind in (('photos', 'photos'), ('paintings', 'paintings/van_gogh')):
        found = sorted((data / kind).glob('*.jpg'))[: images + 2]
        if len(found) < images + 2:
            sys.exit(f'{data / kind} needs {images + 2} images; set STYLECFM_SHARED')
        (who.folder / name).mkdir()
        for p in found[:images]:
            shutil.copy(p, who.folder / name)
        if name == 'photos':
            for p, to in zip(found[images:], ('photo.jpg', 'my.jpg'), strict=True):
                shutil.copy(p, who.folder / to)
    bundle = ['git', '-C', str(ROOT), 'bundle', 'create', '-q', str(who.home / 'stylecfm.bundle')]
    subprocess.run([*bundle, 'HEAD'], check=True)
    who.own()


def walk(who, hours, whole):
    "Walk the ways in one clone; what an earlier way has typed counts, and is not typed again."
    done, rows = {}, {}
    looked = ('*.png', 'runs/*/samples/*.png')
    for way, lines in ways().items():
        for line in lines:
            if line not in done:
                done[line] = typed(who, as_here(line, hours, whole), looked)
                print('  ', {k: v for k, v in done[line].items() if k != 'line'}, flush=True)
        steps = [done[v] for v in lines]
        rows[way] = dict(
            commands=len(lines),
            at_most=MOST[way],
            cpu_seconds=round(sum(s['cpu_seconds'] for s in steps), 1),
            installed_mb=size_of(who.folder / 'stylecfm' / '.venv'),
            first_result=first_result(steps),
            steps=[
                {k: v for k, v in s.items() if k != 'first'} | dict(typed=n)
                for n, s in zip(lines, steps, strict=True)
            ],
        )
    return rows


def main():
    p = argparse.ArgumentParser(description='Walk the three ways of a new user.')
    p.add_argument('--whole', action='store_true', help='all tests, and not those of flow/paths')
    p.add_argument('--hours', type=float, default=0.05, help='training time, hours')
    p.add_argument('--images', type=int, default=40, help='images of each folder')
    p.add_argument('--keep', action='store_true', help='leave the folder of the user')
    a = p.parse_args()
    from stylecfm.evaluation.metrics import machine

    who = Newcomer()
    try:
        prepare(who, a.images)
        rows = walk(who, a.hours, a.whole)
    finally:
        who.close(a.keep)
    about = dict(
        command=f'python tools/first_hour.py --hours {a.hours} --images {a.images}'
        + ' --whole' * a.whole,
        machine=machine(),
        user='new' if who.root else 'the same',
        installer='uv' if shutil.which('uv', path='/usr/local/bin:/usr/bin:/bin') else 'pip',
        tests='all' if a.whole else 'flow/paths',
        ways=rows,
    )
    text = (
        json.dumps(about, indent=1).replace(str(who.home), 'HOME').replace(str(ROOT), 'REPOSITORY')
    )
    STORE.write_text(text + '\n', encoding='utf-8')
    for way, r in rows.items():
        print(
            f'{way}: {r["commands"]} commands (at most {r["at_most"]}), '
            f'{r["cpu_seconds"]} s of the processor, '
            f'{r["installed_mb"]} MB installed; first: {r["first_result"]}'
        )
    sys.exit(any(r['commands'] > r['at_most'] for r in rows.values()))


if __name__ == '__main__':
    main()

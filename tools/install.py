"""Install the project into .venv.

`python tools/install.py [EXTRAS] [--only-add]`, without make as well, on Windows too.

Says beforehand what it does, shows progress, and ends with the time, the size and what to type
next. uv installs where it is on the path, otherwise pip. A project that is installed already is
left as it is, so a program that runs keeps its files; only packages are added.
"""

import argparse
import configparser
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / '.venv'
BIN = VENV / ('Scripts' if os.name == 'nt' else 'bin')
PYTHON = BIN / ('python.exe' if os.name == 'nt' else 'python')
PROJECT = VENV / '.project'  # digest of what an installed project was made of
# What each set is for, and roughly what it needs together with PyTorch for a processor: MB on disk,
# and packages
SETS = dict(
    app=('the package, its web page and the demonstration', 1600, 90),
    demo=('the package, its web page and the demonstration', 1600, 90),
    dev=('what the checks need', 2750, 160),
    docs=('what the site needs', 2150, 80),
    lab=('JupyterLab and what the checks need', 3050, 230),
)
EXTRAS = dict(
    app=('app', 'demo'),
    demo=('app', 'demo'),
    dev=('app', 'demo', 'onnx', 'dev'),
    docs=('docs', 'onnx'),
    lab=('app', 'demo', 'onnx', 'dev', 'lab'),
)
# What to type next: a program of .venv, and what follows it
NEXT = dict(
    app=(
        ('stylecfm', 'transfer photo.jpg painting.png --target_style van_gogh'),
        ('stylecfm', 'app --open_browser'),
    ),
    demo=(('stylecfm', 'demo'),),
    dev=(('python', 'tools/check.py'),),
    docs=(('python', 'tools/docs.py'),),
    lab=(('jupyter', 'lab nbs'),),
)


def settings():
    "The section of settings.ini."
    config = configparser.ConfigParser(delimiters=['='])
    config.read(ROOT / 'settings.ini', encoding='utf-8')
    return config['DEFAULT']


def requirements(name):
    "What a set needs besides the project itself."
    c = settings()
    return [
        *c['requirements'].split(),
        *(v for extra in EXTRAS[name] for v in c[f'{extra}_requirements'].split()),
    ]


def digest():
    "Of the files that an installed project was made of: its commands and requirements."
    return hashlib.sha256(
        b''.join((ROOT / p).read_bytes() for p in ('settings.ini', 'setup.py'))
    ).hexdigest()


def in_words(seconds):
    "A time, for people."
    return f'{seconds:.0f} s' if seconds < 90 else f'{seconds / 60:.0f} min'


def to_type(program, rest, name):
    "A line that runs a program of .venv from the folder in which this was started."
    path = BIN / program
    if (here := Path.cwd()) in (path, *path.parents):
        path = path.relative_to(here)
    words = f'"{path}"' if ' ' in str(path) else str(path)
    line = f'{words} {rest}'.strip()
    if name in ('dev', 'docs', 'lab') and here != ROOT:
        line = f'cd "{ROOT}"; {BIN.relative_to(ROOT) / program} {rest}'
    return line


def size_of(folder):
    "Bytes of all files below a folder."
    return sum(p.lstat().st_size for p in folder.rglob('*') if p.is_file())


def steps(name, uv, project):
    """Commands to run, in order.

    Packages, then the project where it is not installed or its commands changed.
    """
    tool = (
        [uv, 'pip', 'install', '--python', str(PYTHON)]
        if uv
        else [
            str(PYTHON),
            '-m',
            'pip',
            'install',
            '--disable-pip-version-check',
            '--no-warn-script-location',
            '--progress-bar',
            'off',
        ]
    )
    tool += ['-c', 'constraints.txt']
    yield [*tool, *requirements(name)]
    if project:
        yield [*tool, '--no-deps', '-e', '.']
    # is only compared with; what it depends on is large
    if name in ('dev', 'lab'):
        yield [*tool, '--no-deps', 'torchcfm']


def names_a_package(line):
    "The package that a line of pip has come to; '' for other lines."
    known = re.match(r'\s*(?:Collecting|Requirement already satisfied:) ([\w.-]+)', line)
    return re.sub(r'[-_.]+', '-', known[1]).lower() if known else ''


class Progress(threading.Thread):
    """Shows how far an installation is, also while pip or uv is silent.

    On a terminal one line is overwritten; elsewhere a line is printed every quarter of a minute.
    """

    def __init__(self, begun, total):
        super().__init__(daemon=True)
        self.begun, self.total, self.ended = begun, total, threading.Event()
        self.found, self.resolved, self.doing, self.unpacking = set(), 0, '', 0
        self.live = sys.stdout.isatty()

    def read(self, line):
        "Note what a line of pip or uv says."
        if name := names_a_package(line):
            self.found.add(name)
        if m := re.match(r'\s*Downloading ([\w.]+(?:-[a-z]\w*)*)\S*(?: \((.+)\))?', line):
            if '.metadata' not in line:
                self.doing = f'; downloading {m[1]}' + (f', {m[2]}' if m[2] else '')
        if m := re.match(r'Resolved (\d+) packages', line):  # by uv
            self.resolved = self.total = int(m[1])
        if line.startswith('Installing collected'):
            self.unpacking, self.doing = line.count(',') + 1, ''
        if line.lstrip().startswith('Building wheel'):
            self.doing = '; building a package'

    def line(self):
        "How far it is."
        took = in_words(time.monotonic() - self.begun)
        if not self.unpacking:
            found = max(self.resolved, len(self.found))
            self.total = max(self.total, found)
            return f'  {took}: {found} of about {self.total} packages found{self.doing}'
        size = 0
        with contextlib.suppress(OSError):  # pip moves files meanwhile
            size = size_of(VENV) / 1e9
        return f'  {took}: unpacking {self.unpacking} packages; {VENV.name} has {size:.1f} GB'

    def run(self):
        while not self.ended.wait(3 if self.live else 15):
            if self.live:
                print(f'\r{self.line():79.79}', end='', flush=True)
            else:
                print(self.line(), flush=True)
        if self.live:
            print(f'\r{"":79}\r', end='', flush=True)


def run(command, begun, total=0):
    """Run a command that installs about `total` packages, and show how far it is.

    Ends the program with its last lines where it fails.
    """
    kept, progress = [], Progress(begun, total)
    p = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding='utf-8',
        errors='replace',
    )
    progress.start()
    for line in p.stdout:
        kept = [*kept[-20:], line]
        progress.read(line)
    code = p.wait()
    progress.ended.set()
    progress.join()
    if code:
        sys.stderr.writelines(kept[-8:])
        sys.exit(
            'the packages could not be installed; see above (without a network nothing can be '
            'fetched), then give the same command again'
        )


def main():
    p = argparse.ArgumentParser(description='Install the project into .venv.')
    p.add_argument('name', nargs='?', default='app', choices=SETS, help='what for')
    name = p.parse_args().name
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever installs may have an older one
        sys.exit(
            f'stylecfm needs Python 3.11 or newer, and this is {sys.version.split()[0]}; '
            'take another: python3.12 tools/install.py'
        )
    uv, what, begun = shutil.which('uv'), SETS[name], time.monotonic()
    takes = '3 to 10 minutes with pip (about a minute with uv: https://docs.astral.sh/uv)'
    if uv:
        takes = 'about a minute with uv'
    if PYTHON.exists():
        print(
            f'adding to {VENV.name} what is missing of {what[0]}: about {what[1] / 1000:.1f} GB in '
            f'all; seconds if nothing is missing, otherwise {takes}',
            flush=True,
        )
    else:
        print(
            f'installing {what[0]} into {VENV.name}: about {what[1] / 1000:.1f} GB on disk '
            f'with PyTorch for a processor, more with CUDA; {takes}',
            flush=True,
        )
    if not PYTHON.exists():
        try:
            venv.create(VENV, with_pip=True, symlinks=os.name != 'nt')
        except (OSError, subprocess.CalledProcessError) as e:
            shutil.rmtree(VENV, ignore_errors=True)
            sys.exit(
                f'could not make .venv ({e}); install the venv module of your Python (Debian, '
                'Ubuntu: apt install python3-venv)'
            )
    current = digest()
    project = not PROJECT.exists() or PROJECT.read_text() != current
    for i, command in enumerate(steps(name, uv, project)):
        run(command, begun, 0 if i else what[2])
    if project:
        PROJECT.write_text(current)
    print(
        f'installed in {in_words(time.monotonic() - begun)}, '
        f'{size_of(VENV) / 1e9:.1f} GB in {VENV.name}. Next:'
    )
    for program, rest in NEXT[name]:
        print(' ', to_type(program, rest, name))


if __name__ == '__main__':
    main()

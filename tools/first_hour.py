"""Walk the ways of a new user, and store what they cost.

`python tools/first_hour.py [STAGES] [--hours 0.05] [--whole] [--again] [--clean]`

A new Unix user (as root; else the same one) with an empty home, a path without the project and a
folder with a space in its name types the lines of README and docs. Each stage can be called
alone; what was typed is not typed again, so that an interrupted call resumes where it was.

    painting    README.md: clone, install, paint
    own_model   README.md: in the same clone, train on two folders, paint with the model
    tests       CONTRIBUTING.md: in the same clone, the tests
    wheel       without make: a wheel of this repository by pip into an empty environment
    beside      `import stylecfm` where a folder of that name lies: above the clone, and elsewhere
    offline     without a network, after the others: paint, train two steps, test

Processor seconds count, since a machine may be busy. The home stays until `--clean`.
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
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / 'nbs' / 'results' / 'first_hour.json'
USER, HOME = 'stylecfm-newcomer', Path('/var/tmp/first hour of stylecfm')
MOST = dict(painting=3, own_model=4, tests=2)  # commands of each way
STAGES = 'painting', 'own_model', 'tests', 'wheel', 'beside', 'offline'
# how pip reaches its registries on this machine
KEPT = re.compile(r'(PIP_|UV_|SSL_|REQUESTS_)\w+|\w*(_proxy|_PROXY)')
NOWHERE = 'http://127.0.0.1:9'  # a proxy that does not answer
LOOKED = '*.png', 'runs/*/samples/*.png'  # pictures that count as results
WHERE = 'import stylecfm; stylecfm.StyleTransferPipeline; print(stylecfm.__file__)'


def blocks(document, heading):
    "Lines of the first shell block below a heading, without comments."
    text = (ROOT / document).read_text(encoding='utf-8').split(f'## {heading}\n', 1)[1]
    found = re.search(r'```sh\n(.*?)```', text, re.S)
    if not found or '\n## ' in text[: found.start()]:
        sys.exit(f'{document} has no shell block below {heading!r}')
    lines = [re.sub(r'\s+#.*', '', v).strip() for v in found[1].splitlines()]
    return [v for v in lines if v]


def ways():
    "Commands of the three ways, as README and docs have them."
    start = blocks('README.md', 'Install and paint')
    clone, install, paint = start
    return dict(
        painting=[clone, install, paint],
        own_model=[clone, install, *blocks('README.md', 'Train on your own folders')],
        tests=blocks('CONTRIBUTING.md', 'Set-up'),
    )


def wheel(newest=False):
    "Commands of a user who has a wheel, and neither the repository nor make."
    pins = '' if newest else '-c dist/constraints.txt '
    return [
        'python3 -m venv env',
        f'env/bin/pip install {pins}"$(ls dist/*.whl)[app]"',
        'env/bin/stylecfm --help',
        'env/bin/stylecfm doctor',
        f'env/bin/python -c "{WHERE}"',
        'env/bin/stylecfm transfer photo.jpg from_wheel.png --target_style monet',
    ]


def beside():
    "Imports above the clone, whose folder has the package's name, and beside another such folder."
    lines = ['mkdir -p elsewhere/stylecfm']
    for python in ('stylecfm/.venv/bin/python', 'env/bin/python'):
        lines += [f'{python} -c "{WHERE}"', f'cd elsewhere && ../{python} -c "{WHERE}"']
    return lines


def offline():
    "What must work without a network once all is installed."
    return [
        'env/bin/stylecfm transfer photo.jpg offline.png --target_style chinese',
        'stylecfm/.venv/bin/stylecfm transfer photo.jpg offline_clone.png --target_style roerich',
        'stylecfm/.venv/bin/stylecfm train photos/ paintings/ --out runs/two --steps 2 '
        '--until train',
        'make -C stylecfm test PART=flow/paths',
    ]


# Stages that must have been walked before
AFTER = dict(beside=('painting', 'wheel'), offline=('painting', 'tests', 'wheel'))


class Newcomer:
    "A user with a home of their own, who types into a folder with a space in its name."

    def __init__(self):
        self.root = os.geteuid() == 0 and bool(shutil.which('useradd'))
        self.home, self.folder = HOME, HOME / 'my pictures'
        self.new = not self.folder.is_dir()
        self.folder.mkdir(parents=True, exist_ok=True)
        known = subprocess.run(['id', USER], capture_output=True).returncode == 0
        if self.root and not known:
            home = ['--no-create-home', '--home-dir', str(self.home)]
            subprocess.run(['useradd', *home, USER], check=True)

    def own(self):
        "Give all that lies in the home to the user."
        if self.root:
            subprocess.run(['chown', '-R', USER, str(self.home)], check=True)

    def close(self):
        "Remove the user and the home."
        if self.root:
            subprocess.run(['userdel', USER], check=True)
        shutil.rmtree(self.home)

    def heard(self, seconds, text):
        "Keep what a command has printed, and when, for a reader: said.txt in the home."
        with (self.home / 'said.txt').open('ab') as f:
            f.write(f'[{seconds:4.0f} s] '.encode() + text.replace(b'\r', b'\n').rstrip() + b'\n')

    def command(self, line, cut=()):
        "Arguments of the process that types a line; `cut` is what takes its network."
        kept = [f'{k}={v}' for k, v in os.environ.items() if KEPT.fullmatch(k)]
        shared = os.environ.get('STYLECFM_SHARED')
        env = [
            f'HOME={self.home}',
            'PATH=/usr/local/bin:/usr/bin:/bin',
            'LANG=C.UTF-8',
            *kept,
            *([f'STYLECFM_SHARED={shared}'] if shared else []),
            *(v for v in cut if '=' in v),
        ]
        who = ['runuser', '-u', USER, '--'] if self.root else []
        typed = f'cd {shlex.quote(str(self.folder))} && {line}'
        return [*(v for v in cut if '=' not in v), *who, 'env', '-i', *env, 'bash', '-c', typed]


def without_network():
    "What takes the network from a command: an empty namespace of it, or else proxies to nowhere."
    for prefix in (['unshare', '-n'], ['unshare', '-rn']):
        if (
            shutil.which('unshare')
            and not subprocess.run([*prefix, 'true'], capture_output=True).returncode
        ):
            return prefix
    return [f'{k}={NOWHERE}' for k in ('http_proxy', 'https_proxy', 'HTTPS_PROXY', 'ALL_PROXY')]


def used(process):
    "Processor seconds of a process and all below it."
    total = 0.0
    with contextlib.suppress(psutil.Error):
        for p in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                t = p.cpu_times()
                total += t.user + t.system + t.children_user + t.children_system
    return total


def typed(who, line, cut=()):
    "Type a line: its processor seconds, longest silence, and those until the first new picture."
    print('$', line, flush=True)
    before, out = {p for g in LOOKED for p in who.folder.glob(g)}, b''
    p = subprocess.Popen(who.command(line, cut), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ps, seconds, begun, silence, first = psutil.Process(p.pid), 0.0, time.monotonic(), 0.0, None
    spoke = begun
    who.heard(0.0, f'$ {line}\n'.encode())
    with selectors.DefaultSelector() as ready:
        ready.register(p.stdout, selectors.EVENT_READ)
        while True:
            text = os.read(p.stdout.fileno(), 65536) if ready.select(1.0) else None
            now = time.monotonic()
            seconds = max(seconds, used(ps))
            if text is not None:
                silence, spoke, out = max(silence, now - spoke), now, out + text
                who.heard(now - begun, text)
            if first is None:
                made = {q for g in LOOKED for q in who.folder.glob(g)} - before
                first = (seconds, sorted(q.name for q in made)[0]) if made else None
            if text == b'':
                break
    if p.wait():
        sys.stderr.write(out.decode(errors='replace')[-3000:])
        sys.exit(f'{line} ended with exit code {p.returncode}')
    said = out.decode(errors='replace').replace('\r', '\n').strip().splitlines()
    last = [v for v in said if not re.match(r'make(\[\d+\])?: ', v)][-1:]
    return dict(
        line=line,
        cpu_seconds=round(seconds, 1),
        longest_silence_s=round(silence),
        last_line=last[0][:200] if last else '',
        first=first,
    )


def as_here(line, hours, whole):
    "A line with this repository for the published one, a short training, a part of the tests."
    line = re.sub(r'https://github\.com/\S+', '"$HOME/stylecfm.bundle"', line)
    if ' train ' in line and ' --steps ' not in line:
        line += f' --hours {hours}'
    if re.search(r'\bmake .*test$', line) and not whole:
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
    "Pictures of the user's own: a photograph, another one, and two folders; and the repository."
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


def build(who):
    "A wheel of the repository, and the pinned versions, beside the user's pictures."
    to = who.folder / 'dist'
    if any(to.glob('*.whl')):
        return
    command = [sys.executable, '-m', 'build', '--no-isolation', '--outdir', str(to), str(ROOT)]
    if (r := subprocess.run(command, capture_output=True, text=True)).returncode:
        sys.exit(f'the wheel could not be built:\n{r.stderr[-2000:]}')
    shutil.copy(ROOT / 'constraints.txt', to)
    who.own()


def wrong(who, stage, steps):
    "What a stage's outputs say that must not be: an import that found a folder and no package."
    for s in steps:
        if WHERE in s['line'] and stage in ('wheel', 'beside'):
            env = '/env/lib/' in s['last_line']
            found = env if '/env/' in f'/{s["line"]}' else 'stylecfm/stylecfm/__' in s['last_line']
            if not found:
                yield f'{s["line"]} found {s["last_line"]}'
        if stage == 'offline' and 'failed' in s['last_line'] and ' 0 failed' not in s['last_line']:
            yield f'{s["line"]}: {s["last_line"]}'


class Diary:
    "What was typed, kept in the home after each line."

    def __init__(self, who):
        self.path = who.home / 'typed.json'
        self.rows = json.loads(self.path.read_text()) if self.path.is_file() else {}

    def type(self, who, line, cut=()):
        key = f'offline: {line}' if cut else line
        if key not in self.rows:
            self.rows[key] = typed(who, line, cut)
            self.path.write_text(json.dumps(self.rows, indent=1))
            print('  ', {k: v for k, v in self.rows[key].items() if k != 'line'}, flush=True)
        return self.rows[key]


def walk(who, diary, stage, hours, whole, newest):
    "Walk a stage; what an earlier one has typed counts, and is not typed again."
    cut = without_network() if stage == 'offline' else ()
    if stage == 'wheel':
        build(who)
    own = dict(wheel=lambda: wheel(newest), beside=beside, offline=offline)
    lines = own[stage]() if stage in own else ways()[stage]
    steps = [diary.type(who, as_here(v, hours, whole), cut) for v in lines]
    for line in (found := list(wrong(who, stage, steps))):
        print(f'{stage}: {line}')
    place = who.folder / ('env' if stage == 'wheel' else 'stylecfm/.venv')
    return dict(
        commands=len(lines),
        at_most=MOST.get(stage),
        network='none, ' + ' '.join(cut) if cut else 'as it is',
        cpu_seconds=round(sum(s['cpu_seconds'] for s in steps), 1),
        installed_mb=size_of(place),
        first_result=first_result(steps),
        wrong=found,
        steps=[
            {k: v for k, v in s.items() if k != 'first'} | dict(typed=n)
            for n, s in zip(lines, steps, strict=True)
        ],
    )


def keep(who, rows, hours, images, whole):
    "Put stages beside those that are stored; what readers noted, `stumbles`, stays."
    from stylecfm.evaluation.metrics import machine

    about = json.loads(STORE.read_text(encoding='utf-8')) if STORE.exists() else {}
    how = dict(
        command=f'python tools/first_hour.py {" ".join(rows)} --hours {hours} --images {images}'
        + ' --whole' * whole,
        machine=machine(),
        user='new' if who.root else 'the same',
        installer='uv' if shutil.which('uv', path='/usr/local/bin:/usr/bin:/bin') else 'pip',
        tests='all' if whole else 'flow/paths',
    )
    rows = about.get('ways', {}) | {k: v | how for k, v in rows.items()}
    ways = {k: rows[k] for k in STAGES if k in rows}
    kept = dict(ways=ways, stumbles=about.get('stumbles', []))
    text = json.dumps(kept, indent=1).replace(str(who.home), 'HOME').replace(str(ROOT), 'HERE')
    STORE.write_text(text + '\n', encoding='utf-8')


def main():
    p = argparse.ArgumentParser(description='Walk the ways of a new user.')
    p.add_argument('stages', nargs='*', help=f'of {", ".join(STAGES)}; default: all')
    p.add_argument('--whole', action='store_true', help='all tests, and not those of flow/paths')
    p.add_argument('--hours', type=float, default=0.05, help='training time, hours')
    p.add_argument('--images', type=int, default=40, help='images of each folder')
    p.add_argument(
        '--newest',
        action='store_true',
        help='the wheel with the newest packages there are, and not those of constraints.txt',
    )
    p.add_argument('--again', action='store_true', help='begin with a new home')
    p.add_argument('--clean', action='store_true', help='remove the user and the home at the end')
    a = p.parse_args()
    if unknown := [v for v in a.stages if v not in STAGES]:
        p.error(f'no stage {unknown[0]}; there are {", ".join(STAGES)}')
    if a.again and HOME.is_dir():
        shutil.rmtree(HOME)
    who, bad = Newcomer(), False
    diary, done = Diary(who), who.home / 'done.json'
    if who.new:
        prepare(who, a.images)
    for stage in a.stages or STAGES:
        stored = json.loads(done.read_text()) if done.is_file() else []
        if missing := [v for v in AFTER.get(stage, ()) if v not in stored]:
            sys.exit(f'{stage} needs what {" and ".join(missing)} installs; walk these first')
        row = walk(who, diary, stage, a.hours, a.whole, a.newest)
        keep(who, {stage: row}, a.hours, a.images, a.whole)
        done.write_text(json.dumps(sorted({*stored, stage})))
        most = f' (at most {row["at_most"]})' if row['at_most'] else ''
        bad |= bool(row['wrong']) or row['commands'] > (row['at_most'] or row['commands'])
        print(
            f'{stage}: {row["commands"]} commands{most}, {row["cpu_seconds"]} s of the processor, '
            f'{row["installed_mb"]} MB installed; first: {row["first_result"]}'
        )
    if a.clean:
        who.close()
    sys.exit(bad)


if __name__ == '__main__':
    main()

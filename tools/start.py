"""How long it takes until something happens.

`python tools/start.py` measures imports, --help, one wrong line of each command of `stylecfm`, and
a picture of 128 pixels in two steps, into nbs/results/start.json. An error must take at most 0.3 s
of the processor.

Each is a process of its own, from its start to its end: seconds on the clock, and of the processor,
which others at work lengthen less. The rounds go through all of them, so that a slow moment meets
all alike. Where others keep the cores busy nothing is stored, but for --force. Bytecode is kept
between the rounds, as pip keeps it for an installed package, even where PYTHONDONTWRITEBYTECODE
forbids it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from dist import commands
from notebooks import ROOT

try:
    import resource
except ImportError:
    resource = None  # Windows tells the clock alone

ROUNDS = 5
IMPORTS = {
    'python': 'pass',
    'torch': 'import torch',
    'torch and stylecfm': 'import torch, stylecfm',
    'stylecfm': 'import stylecfm',
    'every public name': 'import stylecfm\nfor name in stylecfm.__all__: getattr(stylecfm, name)',
}
PAINT = """import sys
from stylecfm.cli.main import main
sys.exit(main(['transfer', 'photo.png', 'out.png', '--num_steps', '2', '--overwrite']))"""
PAINTINGS = {  # {how: source}: as the command does it, and with all imports of diffusers
    'a picture in two steps': PAINT,
    'with all imports': 'import contextlib\nfrom stylecfm.cli import flags\n'
    f'flags.light_imports = contextlib.nullcontext\n{PAINT}',
}
MOST_ERROR = 0.3  # seconds of the processor until a wrong line is refused
WRONG = {  # {command: arguments that it refuses}
    'transfer': 'nowhere.jpg out.png',
    'train': 'nowhere/ elsewhere/',
    'preprocess': '--raw_data_root nowhere',
    'plan': 'nowhere/ elsewhere/',
    'evaluate': 'nowhere',
    'export': 'nowhere out.pt2',
    'app': '--port 99999999',
    'demo': '--steps -1',
    'doctor': '--bench nowhere',
    'profile': '--budget -1',
    'add-style': 'vermeer nowhere/',
    'train-painter': 'nowhere/ elsewhere/',
    'train-codec': 'nowhere/',
    'hold-out': 'nowhere/ elsewhere/',
    'brain demo': '--minutes -1',
    'brain slices': 'nowhere/',
    'brain train': '--root nowhere',
    'brain evaluate': 'nowhere/',
    'brain translate': 'nowhere/ out.nii.gz',
    'radar demo': '--steps -1',
    'radar train': 'nowhere/ elsewhere/',
    'radar enhance': 'nowhere.pcd out.pcd',
    'radar evaluate': 'nowhere --radar a/ --lidar b/',
    'radar export': 'nowhere out.onnx',
    'users demo': '--minutes -1',
    'users train': 'nowhere/',
    'users generate': '--checkpoint nowhere --output out',
    'users evaluate': '--checkpoint nowhere',
    'users check': '--nothing',
    'users memory': '--budget -1',
}


def load():
    "Processes at work in the last minute, and cores for them; 0 where the system does not tell."
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    return os.getloadavg()[0] if hasattr(os, 'getloadavg') else 0.0, cores


def quiet(force):
    "End the program where others are at work, unless it is forced."
    busy, cores = load()
    if busy > cores and not force:
        sys.exit(
            f'not stored: the load is {busy:.1f} on {cores} cores, '
            'so the figures would be of the others; wait, or --force'
        )


def of_children():
    "Seconds of the processor that ended processes took, to the microsecond."
    if not resource:
        return 0.0
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def keeping_bytecode(folder):
    "The environment of processes that keep the bytecode of their modules in a folder."
    kept = {k: v for k, v in os.environ.items() if k != 'PYTHONDONTWRITEBYTECODE'}
    return kept | {'PYTHONPYCACHEPREFIX': str(folder)}


def seconds(command, folder, code=0, env=None):
    "The time of one process: on the clock, and of the processor."
    start, before = time.perf_counter(), of_children()
    r = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env)
    took = time.perf_counter() - start, of_children() - before
    if r.returncode != code or (code and r.stderr.count('\n') != 1):
        sys.exit(f'{" ".join(command)} should end with code {code}, got {r.returncode}: {r.stderr}')
    return took


def spread(v):
    return dict(median=median(v), min=min(v), max=max(v), runs=v)


def main():
    p = argparse.ArgumentParser(description='Measure how long imports, --help and errors take.')
    p.add_argument(
        '--force', action='store_true', help='store the figures, however busy the machine is'
    )
    a = p.parse_args()
    quiet(a.force)
    from PIL import Image
    from skimage.data import astronaut

    from stylecfm.cli.main import every_command
    from stylecfm.data.images import save_image
    from stylecfm.evaluation.metrics import keep_results

    if missing := {*every_command()} ^ {*WRONG}:
        sys.exit(f'WRONG should name each command once, and differs in {", ".join(missing)}')
    jobs = {k: [sys.executable, '-c', v] for k, v in (IMPORTS | PAINTINGS).items()}
    jobs |= {
        f'{name} --help': [str(Path(sys.executable).with_name(name)), '--help']
        for name in commands()
    }
    program = str(Path(sys.executable).with_name('stylecfm'))
    jobs |= {f'stylecfm {k}: error': [program, *k.split(), *v.split()] for k, v in WRONG.items()}
    code = {k: 2 if k.endswith(': error') else 0 for k in jobs}
    clock, work = ({k: [] for k in jobs} for _ in range(2))
    with tempfile.TemporaryDirectory() as d:
        save_image(Image.fromarray(astronaut()[:128, 164:292]), Path(d) / 'photo.png')
        env = keeping_bytecode(Path(d) / 'bytecode')
        # what is on the disk comes into memory first, and modules are compiled
        for k, command in jobs.items():
            seconds(command, d, code[k], env)
        for _ in range(ROUNDS):
            for k, command in jobs.items():
                for kept, v in zip((clock, work), seconds(command, d, code[k], env), strict=True):
                    kept[k].append(v)
    if not resource:
        work = clock  # what there is
    added = [b - a for a, b in zip(work['torch'], work['torch and stylecfm'], strict=True)]
    slowest = max((k for k in work if k.endswith('--help')), key=lambda k: median(work[k]))
    middle = {k: median(v) for k, v in work.items()}
    slowest_error = max((k for k in work if code[k]), key=lambda k: middle[k])

    def every(times):
        return {k: spread(v) for k, v in times.items()}

    found = dict(
        clock=every(clock),
        processor=every(work) if resource else None,
        added_to_torch=spread(added),
    )
    found |= dict(
        ratio_to_torch=middle['torch and stylecfm'] / middle['torch'],
        slowest_help=slowest,
        slowest_error=slowest_error,
        load=load()[0],
    )
    for k, v in work.items():
        print(
            f'{k:34} {middle[k]:.2f} s of processor ({min(v):.2f} to {max(v):.2f}), '
            f'{median(clock[k]):.2f} by clock'
        )
    print(f'the slowest error: {slowest_error}, {middle[slowest_error]:.2f} s of processor')
    print(
        f'import stylecfm adds {median(added):.3f} s to import torch; the slowest help is {slowest}'
    )
    quiet(a.force)  # others may have come meanwhile
    keep_results(ROOT / 'nbs' / 'results' / 'start.json', 'tools/start.py', **found)
    if middle[slowest_error] > MOST_ERROR:
        sys.exit(f'an error should take at most {MOST_ERROR} s of the processor')


if __name__ == '__main__':
    main()

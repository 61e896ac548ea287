"""How long it takes until something happens.

`python tools/start.py` measures imports and --help, into nbs/results/start.json.

Each is a process of its own, from its start to its end: seconds on the clock, and of the processor,
which others at work lengthen less. The rounds go through all of them, so that a slow moment meets
all alike. Where others keep the cores busy nothing is stored, but for --force.
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


def seconds(command, folder):
    "The time of one process: on the clock, and of the processor."
    start, before = time.perf_counter(), of_children()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    return time.perf_counter() - start, of_children() - before


def spread(v):
    return dict(median=median(v), min=min(v), max=max(v), runs=v)


def main():
    p = argparse.ArgumentParser(description='Measure how long imports and --help take.')
    p.add_argument(
        '--force', action='store_true', help='store the figures, however busy the machine is'
    )
    a = p.parse_args()
    quiet(a.force)
    from stylecfm.metrics import keep_results

    jobs = {k: [sys.executable, '-c', v] for k, v in IMPORTS.items()}
    jobs |= {
        f'{name} --help': [str(Path(sys.executable).with_name(name)), '--help']
        for name in commands()
    }
    clock, work = ({k: [] for k in jobs} for _ in range(2))
    with tempfile.TemporaryDirectory() as d:
        # what is on the disk comes into memory first
        for command in jobs.values():
            seconds(command, d)
        for _ in range(ROUNDS):
            for k, command in jobs.items():
                for kept, v in zip((clock, work), seconds(command, d), strict=True):
                    kept[k].append(v)
    if not resource:
        work = clock  # what there is
    added = [b - a for a, b in zip(work['torch'], work['torch and stylecfm'], strict=True)]
    slowest = max((k for k in work if k.endswith('--help')), key=lambda k: median(work[k]))
    middle = {k: median(v) for k, v in work.items()}

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
        load=load()[0],
    )
    for k, v in work.items():
        print(
            f'{k:34} {middle[k]:.2f} s of processor ({min(v):.2f} to {max(v):.2f}), '
            f'{median(clock[k]):.2f} by clock'
        )
    print(
        f'import stylecfm adds {median(added):.3f} s to import torch; the slowest help is {slowest}'
    )
    quiet(a.force)  # others may have come meanwhile
    keep_results(ROOT / 'nbs' / 'results' / 'start.json', 'tools/start.py', **found)


if __name__ == '__main__':
    main()

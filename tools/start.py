"""How long it takes until something happens: `python tools/start.py` measures imports and --help, into nbs/results/start.json.

Each is a process of its own, from its start to its end: seconds on the clock, and of the processor, which others at work lengthen less.
The rounds go through all of them, so that a slow moment meets all alike.
"""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from dist import commands
from notebooks import ROOT

ROUNDS = 5
IMPORTS = {'python': 'pass', 'torch': 'import torch', 'torch and stylecfm': 'import torch, stylecfm', 'stylecfm': 'import stylecfm',
           'every public name': 'import stylecfm\nfor name in stylecfm.__all__: getattr(stylecfm, name)'}


def seconds(command, folder):
    "The time of one process: on the clock, and of the processor."
    start, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    after = os.times()
    return time.perf_counter() - start, after.children_user + after.children_system - before.children_user - before.children_system


def spread(v): return dict(median=median(v), min=min(v), max=max(v), runs=v)


def main():
    from stylecfm.metrics import keep_results
    jobs = {k: [sys.executable, '-c', v] for k, v in IMPORTS.items()}
    jobs |= {f'{name} --help': [str(Path(sys.executable).with_name(name)), '--help'] for name in commands()}
    clock, work = ({k: [] for k in jobs} for _ in range(2))
    with tempfile.TemporaryDirectory() as d:
        for command in jobs.values(): seconds(command, d)      # what is on the disk comes into memory first
        for _ in range(ROUNDS):
            for k, command in jobs.items():
                for kept, v in zip((clock, work), seconds(command, d), strict=True): kept[k].append(v)
    added = [b - a for a, b in zip(work['torch'], work['torch and stylecfm'], strict=True)]
    slowest = max((k for k in work if k.endswith('--help')), key=lambda k: median(work[k]))
    middle = {k: median(v) for k, v in work.items()}
    every = lambda times: {k: spread(v) for k, v in times.items()}
    found = dict(clock=every(clock), processor=every(work), added_to_torch=spread(added))
    found |= dict(ratio_to_torch=middle['torch and stylecfm']/middle['torch'], slowest_help=slowest, load=os.getloadavg()[0])
    keep_results(ROOT/'nbs'/'results'/'start.json', 'tools/start.py', **found)
    for k, v in work.items(): print(f'{k:34} {middle[k]:.2f} s of processor ({min(v):.2f} to {max(v):.2f}), {median(clock[k]):.2f} by clock')
    print(f'import stylecfm adds {median(added):.3f} s to import torch; the slowest help is {slowest}')


if __name__ == '__main__': main()

"""How long it takes until something happens: `python tools/start.py` measures imports and --help, into nbs/results/start.json.

Each is a process of its own, from its start to its end; the rounds go through all of them, so that a slow moment meets all alike.
"""
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from dist import commands
from notebooks import ROOT

ROUNDS = 7
IMPORTS = {'python': 'pass', 'torch': 'import torch', 'torch and stylecfm': 'import torch, stylecfm', 'stylecfm': 'import stylecfm',
           'every public name': 'import stylecfm\nfor name in stylecfm.__all__: getattr(stylecfm, name)'}


def seconds(command, folder):
    "The time of one process."
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    return time.perf_counter() - start


def spread(v): return dict(median=median(v), min=min(v), max=max(v), runs=v)


def main():
    from stylecfm.metrics import keep_results
    jobs = {k: [sys.executable, '-c', v] for k, v in IMPORTS.items()}
    jobs |= {f'{name} --help': [str(Path(sys.executable).with_name(name)), '--help'] for name in commands()}
    times = {k: [] for k in jobs}
    with tempfile.TemporaryDirectory() as d:
        for command in jobs.values(): seconds(command, d)      # what is on the disk comes into memory first
        for _ in range(ROUNDS):
            for k, command in jobs.items(): times[k].append(seconds(command, d))
    added = [b - a for a, b in zip(times['torch'], times['torch and stylecfm'], strict=True)]
    slowest = max((k for k in times if k.endswith('--help')), key=lambda k: median(times[k]))
    keep_results(ROOT/'nbs'/'results'/'start.json', 'tools/start.py', seconds={k: spread(v) for k, v in times.items()}, added_to_torch=spread(added),
                 ratio_to_torch=median(times['torch and stylecfm'])/median(times['torch']), slowest_help=slowest)
    for k, v in times.items(): print(f'{k:34} {median(v):.2f} s ({min(v):.2f} to {max(v):.2f})')
    print(f'import stylecfm adds {median(added):.3f} s to import torch ({min(added):.3f} to {max(added):.3f}); the slowest help is {slowest}')


if __name__ == '__main__': main()

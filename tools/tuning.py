"""How far the automatic choice is from the fastest way of all.

`python tools/tuning.py` sweeps types, layouts and numbers of threads for the bundled network and
for a U-Net, and compares the automatic choice, into nbs/results/tuning.json.

The choice is measured again, as on a machine without a stored one. Ways take turns within one
process, and ratios are of medians: of processor time with one thread, else of the clock.
"""

import argparse
import math
import sys
import time

import torch
from notebooks import ROOT
from torch import nn

from stylecfm.evaluation.metrics import keep_results
from stylecfm.models.threads import FastestThreads
from stylecfm.models.tuning import WAYS, call_in, measure_ways, time_calls
from stylecfm.models.unet import UNet
from stylecfm.training.checkpoints import load_model, pretrained_model

MOST = 1.05  # The choice takes at most this many times as long as the fastest way


class At(nn.Module):
    "A velocity network at a fixed time and style."

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x, torch.full((len(x),), 0.5), torch.zeros(len(x), dtype=torch.long))


def with_threads(f, n):
    "The call with a number of threads."

    def call():
        torch.set_num_threads(n)
        f()

    return call


def sweep(net, x, rounds, clock):
    "Median seconds of every way and number of threads, and of the automatic choice."
    most = torch.get_num_threads()
    counts = FastestThreads(net).counts
    way = measure_ways(clock)
    own = call_in(way, At(net), x)
    by = FastestThreads(lambda x: own(), again=rounds + 100, clock=clock)
    calls = {(*w, n): with_threads(call_in(w, At(net), x), n) for w in WAYS for n in counts}
    try:
        for _ in range(4 + len(counts)):  # until the number of threads is chosen
            by(x)
        calls['choice'] = lambda: (torch.set_num_threads(most), by(x))
        found = time_calls(calls, rounds, clock)
    finally:
        torch.set_num_threads(most)
    best = min((k for k in found if k != 'choice'), key=found.get)
    ms = {
        ' '.join(map(str, k)): 1e3 * v if v < math.inf else None
        for k, v in found.items()
        if k != 'choice'
    }
    ratio = found['choice'] / found[best]
    return dict(way=list(way), best=list(best), ratio=ratio, choice_ms=1e3 * found['choice'], ms=ms)


def main():
    p = argparse.ArgumentParser(description='Compare the automatic choice with every other.')
    p.add_argument('--rounds', type=int, default=60, help='measurements of each way')
    a = p.parse_args()
    painter = load_model(pretrained_model()).net.eval()
    c = painter.config.latent_channels + painter.config.condition_channels
    jobs = dict(
        bundled=(painter, torch.randn(1, c, 32, 32)),
        unet=(UNet(8, 64, 1).eval(), torch.randn(1, 8, 32, 32)),
    )
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    found = {k: sweep(*job, a.rounds, clock) for k, job in jobs.items()}
    for k, v in found.items():
        print(f'{k}: {v["ratio"]:.3f} times the fastest, {v["best"]}; chosen {v["way"]}')
    keep_results(
        ROOT / 'nbs' / 'results' / 'tuning.json',
        f'tools/tuning.py --rounds {a.rounds}',
        networks=found,
        clock=clock.__name__,
    )
    if any(v['ratio'] > MOST for v in found.values()):
        sys.exit(f'the choice should take at most {MOST} times as long as the fastest way')


if __name__ == '__main__':
    main()

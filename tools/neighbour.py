"""What a busy neighbour costs.

`python tools/neighbour.py` times the pretrained network alone and beside a process that never
rests, and `--transfer` the whole command `stylecfm transfer`, alone and beside one such process on
each core.

One evaluation of the network in each of four ways: as the package sets OpenMP and chooses threads,
with two threads, with two that spin (a user's own setting), and with one. Alone and beside
alternate within one process, and a ratio is of two medians. Nobody else may work on the machine
meanwhile; `--priority -20`, as root, is nearly that, for the minute that it takes.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from anywhere import STORE, neighbours
from notebooks import WAITING
from PIL import Image
from runs import run_python

WAYS = {
    'as the package sets it': {},
    'two threads': dict(OMP_NUM_THREADS='2'),
    'threads that spin': dict(OMP_NUM_THREADS='2', OMP_WAIT_POLICY='ACTIVE'),
    'one thread': dict(OMP_NUM_THREADS='1'),
}
ROUNDS, EVALUATIONS, SIDE, MOST = 4, 12, 32, 1.5  # MOST: what the package promises
SCRIPT = """
import json, os, signal, subprocess, sys, time

rounds, evaluations, side, priority = {0}
if priority:
    os.setpriority(
        os.PRIO_PROCESS, 0, priority
    )  # now, since it holds for this thread and those that it begins later
import stylecfm
import torch
from stylecfm.training.checkpoints import load_model, pretrained_model
from stylecfm.models.threads import FastestThreads

net = load_model(pretrained_model()).net.eval()
chosen = FastestThreads(net, evaluations)
x, t, style = (
    torch.randn(1, net.config.latent_channels + net.config.condition_channels, side, side),
    torch.full((1,), 0.5),
    torch.zeros(1).long(),
)
busy = subprocess.Popen([sys.executable, '-c', 'while True: pass'])
times = dict(alone=[], beside=[])
try:
    with torch.no_grad():
        for _ in range(rounds):
            for where, what in (('alone', signal.SIGSTOP), ('beside', signal.SIGCONT)):
                busy.send_signal(what)
                chosen.seen.clear()  # as at the first step of a painting
                for _ in range(evaluations):
                    start = time.perf_counter()
                    chosen(x, t, style)
                    times[where].append(1e3 * (time.perf_counter() - start))
finally:
    busy.kill()
print(json.dumps(times))
"""


MOST_TRANSFER, MOST_IDLE = 2.5, 1.03  # what a transfer may cost beside others, and alone


def transfers(rounds, priority):
    """Seconds of `stylecfm transfer` of a photograph of 256 pixels, in turns.

    As the package sets it, alone and beside; and alone with all threads, which spin, as PyTorch
    would do by itself.
    """
    from skimage.data import astronaut

    from stylecfm.data.images import save_image

    cores = len(os.sched_getaffinity(0))
    plain = {k: v for k, v in os.environ.items() if k not in (*WAITING, 'OMP_NUM_THREADS')}
    spin = plain | dict(OMP_NUM_THREADS=str(cores), OMP_WAIT_POLICY='ACTIVE')
    if priority:
        os.setpriority(os.PRIO_PROCESS, 0, priority)  # and of what is begun later
    times = dict(alone=[], beside=[], spinning=[])
    with neighbours(cores) as busy, tempfile.TemporaryDirectory() as d:
        save_image(Image.fromarray(astronaut()[:256, 100:356]), Path(d) / 'photo.png')
        program = str(Path(sys.executable).with_name('stylecfm'))
        words = [program, 'transfer', 'photo.png', 'out.png', '--overwrite']
        for k in range(rounds + 1):  # the first brings files into memory
            for where, env in (('alone', plain), ('beside', plain), ('spinning', spin)):
                for b in busy:
                    b.send_signal(signal.SIGCONT if where == 'beside' else signal.SIGSTOP)
                start = time.perf_counter()
                subprocess.run(words, cwd=d, env=env, check=True, capture_output=True)
                if k:
                    times[where].append(time.perf_counter() - start)
    middle = {k: median(v) for k, v in times.items()}
    return dict(
        seconds=times,
        ratio=middle['beside'] / middle['alone'],
        idle=middle['alone'] / middle['spinning'],
        cores=cores,
        load=os.getloadavg()[0],
        priority=priority,
    )


def main():
    from stylecfm.evaluation.metrics import keep_results

    p = argparse.ArgumentParser(
        description='Time the pretrained network alone and beside a busy process.'
    )
    p.add_argument(
        '--transfer', action='store_true', help='time the whole command instead (some minutes)'
    )
    p.add_argument('--rounds', type=int, default=5, help='rounds of --transfer')
    p.add_argument(
        '--priority',
        type=int,
        default=0,
        help='priority of the evaluations and of the busy process; below 0 for root alone',
    )
    a = p.parse_args()
    if a.transfer:
        found = transfers(a.rounds, a.priority)
        print(
            f'stylecfm transfer: {found["ratio"]:.2f} times as long beside a busy process on each '
            f'core; alone {found["idle"]:.2f} times that of all threads, which spin'
        )
        keep_results(STORE, 'make anywhere', transfer=found)
        if found['ratio'] > MOST_TRANSFER or found['idle'] > MOST_IDLE:
            sys.exit(f'more than {MOST_TRANSFER} or {MOST_IDLE} times')
        return
    found = {}
    for name, more in WAYS.items():
        env = {k: v for k, v in os.environ.items() if k not in (*WAITING, 'OMP_NUM_THREADS')} | more
        v = json.loads(run_python(SCRIPT.format((ROUNDS, EVALUATIONS, SIDE, a.priority)), env))
        v |= dict(median_alone=median(v['alone']), median_beside=median(v['beside']))
        found[name] = v | dict(ratio=v['median_beside'] / v['median_alone'])
        print(
            f"{name:24} {v['median_alone']:6.1f} ms alone, {v['median_beside']:6.1f} ms beside a "
            f"busy process: {found[name]['ratio']:.2f} times"
        )
    keep_results(
        STORE,
        'make anywhere',
        evaluation=dict(found, latent=SIDE, load=os.getloadavg()[0], priority=a.priority),
    )
    if found['as the package sets it']['ratio'] > MOST:
        sys.exit(f'more than {MOST} times')


if __name__ == '__main__':
    main()

"""What a compiled network costs and saves on this machine, and whether its memory is forecast.

`python tools/compiled.py` compiles the pretrained network for the processor and times one
evaluation of it beside the eager one, by turns, and compares the memory of compiled training steps
with the forecast, into nbs/results/compiled.json.

Ratios are of medians, of the processor's time in one thread. With a GPU, `make card` is to measure
the same there; this tool does not.
"""

import sys
import time
from itertools import accumulate
from statistics import median

import torch
from notebooks import ROOT

from stylecfm.config import Config, DataConfig, ModelConfig, TrainingConfig
from stylecfm.evaluation.metrics import keep_results
from stylecfm.models.compiled import compile_network
from stylecfm.training.checkpoints import load_model, pretrained_model
from stylecfm.training.compiled_memory import profile_compiled
from stylecfm.training.memory import MemoryOptions, network_from_config

ROUNDS, SIDE, BATCH, LATENT = 15, 32, 8, 32
# Largest relative difference of the memory and its forecast, without recomputed blocks
MOST_APART = 0.05
MOST_VALUE = 1e-4  # Largest difference of values, relative to the largest


def evaluation():
    "Times of an eager and of a compiled evaluation."
    net = load_model(pretrained_model()).net.eval()
    c = net.config.latent_channels + net.config.condition_channels
    inputs = torch.randn(1, c, SIDE, SIDE), torch.full((1,), 0.5), torch.zeros(1).long()
    torch.compiler.reset()
    graph = compile_network(net, sampling=True)
    start = time.perf_counter(), time.process_time()
    with torch.no_grad():
        a, b = net(*inputs), graph(*inputs)
        cost = time.perf_counter() - start[0], time.process_time() - start[1]
        taken = dict(eager=[], compiled=[])
        for _ in range(ROUNDS):
            for name, f in (('eager', net), ('compiled', graph)):
                begun = time.process_time()
                f(*inputs)
                taken[name].append(1e3 * (time.process_time() - begun))
    ms = {k: median(v) for k, v in taken.items()}
    return dict(
        ms=ms,
        runs=taken,
        ratio=ms['compiled'] / ms['eager'],
        apart=((a - b).abs().max() / a.abs().max()).item(),
        seconds_to_compile=cost[0],
        processor_to_compile=cost[1],
        latent=SIDE,
    )


def allocated(net, inputs):
    "Peak of the memory that a forward and backward pass of a compiled network allocates."
    torch.compiler.reset()
    graph = compile_network(net)

    def step():
        graph(*inputs).square().mean().backward()
        net.zero_grad(set_to_none=True)

    step()
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as p:
        step()
    events = [e for e in p.profiler.kineto_results.events() if e.name() == '[memory]']
    return max(accumulate(n for _, n in sorted((e.start_ns(), e.nbytes()) for e in events)))


def memory(width, layers, checkpointing):
    "Measured and forecast memory of a step without its weights and batch."
    config = Config(
        ModelConfig(4, width, layers, 2, 7, 64, 64),
        TrainingConfig(BATCH, precision='fp32'),
        data=DataConfig(codec='dct:8', target_size=8 * LATENT),
    )
    options = MemoryOptions(BATCH, checkpointing)
    net = network_from_config(config).target_device('cuda').save_memory(*options[1:]).train()
    inputs = torch.randn(BATCH, 4, LATENT, LATENT), torch.rand(BATCH), torch.zeros(BATCH).long()
    measured = allocated(net, inputs)
    torch.compiler.reset()
    m = profile_compiled(config, options)
    weights = 4 * sum(p.numel() for p in net.parameters())
    # xt, ut, t, style and weight of each sample, which the step holds before
    batch = 2 * inputs[0].nbytes + BATCH * (4 + 8 + 4)
    forecast = m.peak - 4 * weights - batch
    return dict(
        measured=measured,
        forecast=forecast,
        ratio=forecast / measured,
        kept=m.kept,
        where=m.where,
        eager=m.eager - 4 * weights - batch,
    )


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    store, command = ROOT / 'nbs' / 'results' / 'compiled.json', 'tools/compiled.py'
    jobs = (48, 3, 'none'), (64, 4, 'none'), (48, 3, 'all')
    steps = {' '.join(map(str, job)): memory(*job) for job in jobs}
    keep_results(store, command, memory=steps)
    for k, v in steps.items():
        print(f'{k}: forecast {v["ratio"]:.3f} of the measured {v["measured"] / 1e6:.1f} MB')
    found = evaluation()
    keep_results(store, command, evaluation=found)
    print(
        f'evaluation: {found["ratio"]:.2f} times the eager one, {found["apart"]:.1e} apart, after '
        f'{found["processor_to_compile"]:.0f} s of the processor'
    )
    plain = {k: v for k, v in steps.items() if 'none' in k}
    wrong = [k for k, v in plain.items() if abs(v['ratio'] - 1) > MOST_APART]
    if wrong or found['apart'] > MOST_VALUE:
        sys.exit(f'the forecast should be within {MOST_APART:.0%}, values within {MOST_VALUE}')


if __name__ == '__main__':
    main()

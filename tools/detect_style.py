"""How well and how fast the style of an image is detected.

`python tools/detect_style.py` measures the style probe on held-out pictures of two styles, three
splits each, and beside it the losses of a network that it trains for `--steps`, into
nbs/results/detection.json. STYLECFM_SHARED names the pictures.

A third of the pictures is held out. Times are those of the processor in one process, interleaved,
as shares of the network evaluations of a transfer.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from notebooks import ROOT

from stylecfm.codecs.base import LatentStats, load_codec
from stylecfm.config import Config, DataConfig, ModelConfig, TrainingConfig, with_keys
from stylecfm.data.images import fit_square, load_image, to_tensor
from stylecfm.evaluation.metrics import keep_results
from stylecfm.latents.cache import LatentCache, cache_latents
from stylecfm.latents.style_probe import fit_probe, probe_of_cache
from stylecfm.pipeline import transfer
from stylecfm.pipeline.transfer import StyleTransferPipeline
from stylecfm.training.trainer import OTCFMTrainer

PAIRS = [('monet2photo/photo', 'monet2photo/monet'), ('photos', 'paintings/van_gogh')]
MOST, REPEATS = 350, 3  # Pictures of a style; splits
EARLIER = [(t, seed) for t in (0.3, 0.5, 0.7, 0.9) for seed in range(4)]


def files(folder):
    "The first pictures of a folder, by name."
    root = Path(os.environ.get('STYLECFM_SHARED') or ROOT.parent / 'shared') / 'data'
    if not root.is_dir():
        sys.exit(f'no images at {root}; set STYLECFM_SHARED to the folder that holds data/')
    return sorted(p for p in (root / folder).iterdir() if p.suffix == '.jpg')[:MOST]


def latents(codec, paths, side):
    "Latents of pictures, squares of a side."
    out = []
    for k in range(0, len(paths), 16):
        part = [fit_square(load_image(p), side) for p in paths[k : k + 16]]
        out.append(codec.encode(to_tensor(part)))
    return torch.cat(out)


def split(n, seed):
    "Numbers of the pictures to fit to, two thirds, and of those held out."
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return order[: n * 2 // 3], order[n * 2 // 3 :]


def accuracy(probe, held):
    "Share of held-out latents that are classified rightly, mean over the styles."
    p = [probe.probabilities(z).argmax(1) == k for k, z in enumerate(held)]
    return torch.stack([v.double().mean() for v in p]).mean().item()


def probes(spec, side, pair):
    "Accuracy of probes on five splits."
    codec = load_codec(spec, 'cpu')
    with torch.no_grad():
        z = [latents(codec, files(p), side) for p in pair]
    found = []
    for seed in range(REPEATS):
        rows = [split(len(v), seed) for v in z]
        seen = torch.cat([v[a] for v, (a, _) in zip(z, rows, strict=True)])
        stats = LatentStats(seen.mean((0, 2, 3)), seen.std((0, 2, 3)))
        parts = [
            [stats.standardise(v[r[k]]) for v, r in zip(z, rows, strict=True)] for k in range(2)
        ]
        found.append(accuracy(fit_probe(parts[0]), parts[1]))
    name = Path(spec).parent.name if os.sep in spec else spec
    row = dict(codec=name, side=side, styles=list(pair), pictures=[len(v) for v in z])
    print(row, f'{median(found):.3f}', flush=True)
    return row | dict(held_out=sum(len(v) // 3 for v in z), accuracy=median(found), runs=found)


def trained(folder, steps, side=64):
    "A pipeline trained on two thirds of the first pair, its cache, and latents held out."
    held = []
    for name in PAIRS[0]:
        paths = files(name)
        seen, other = split(len(paths), 0)
        (folder / 'raw' / Path(name).name).mkdir(parents=True)
        for k in seen.tolist():
            (folder / 'raw' / Path(name).name / paths[k].name).symlink_to(paths[k])
        held.append([paths[k] for k in other.tolist()])
    codec = load_codec('dct:4', 'cpu')
    cache_latents(folder / 'raw', folder / 'latents', codec, side)
    cache = LatentCache(folder / 'latents')
    config = Config(
        ModelConfig(48, 96, 6, style_dim=128, time_dim=128),
        TrainingConfig(16, 1e-3),
        data=DataConfig(target_size=side),
    )
    keys = {
        'training.max_steps': steps,
        'checkpoint.save_dir': str(folder / 'run'),
        'checkpoint.samples': 0,
    }
    trainer = OTCFMTrainer(with_keys(config, keys), cache)
    pipe = StyleTransferPipeline.from_pretrained(trainer.fit(), 'cpu')
    order = dict(zip((Path(p).name for p in PAIRS[0]), held, strict=True))
    z = [cache.stats.standardise(latents(codec, order[s], side)) for s in cache.styles]
    return pipe, cache, z


def detected(pipe, probe, points, held, whole=False):
    "Accuracy of the pipeline's detection with a probe or with draws."
    pipe.model = pipe.model._replace(probe=probe)
    before = transfer.DETECTION_POINTS, transfer.LEAST_DETECTION_SIDE
    transfer.DETECTION_POINTS = points
    if whole:
        transfer.LEAST_DETECTION_SIDE = 1 << 20
    try:
        right = [[pipe.detect_style(v[None]).style == k for v in z] for k, z in enumerate(held)]
    finally:
        transfer.DETECTION_POINTS, transfer.LEAST_DETECTION_SIDE = before
    return sum(sum(r) / len(r) for r in right) / len(right)


def shares(pipe, probe, z, rounds=15):
    "Time of a detection over that of the evaluations of a transfer, medians of interleaved runs."
    n, t, s = pipe.model.inference.num_inference_steps, torch.tensor([0.5]), torch.tensor([0])

    def by(p):
        pipe.model = pipe.model._replace(probe=p)
        pipe.detect_style(z)

    jobs = dict(
        evaluation=lambda: pipe.evaluate(z, t, s), probe=lambda: by(probe), draws=lambda: by(None)
    )
    taken = {k: [] for k in jobs}
    with torch.no_grad():
        for _ in range(rounds):
            for k, job in jobs.items():
                start = time.process_time()
                job()
                taken[k].append(time.process_time() - start)
    ms = {k: 1e3 * median(v) for k, v in taken.items()}
    of = 2 * n * ms['evaluation']
    return dict(ms=ms, evaluations=2 * n, probe=ms['probe'] / of, draws=ms['draws'] / of)


def main():
    p = argparse.ArgumentParser(description='Measure how the style of an image is detected.')
    p.add_argument('--steps', type=int, default=300, help='steps of the small network')
    a = p.parse_args()
    bundled = str(ROOT / 'checkpoints' / 'painter' / 'codec')
    store, command = (
        ROOT / 'nbs' / 'results' / 'detection.json',
        f'tools/detect_style.py --steps {a.steps}',
    )
    jobs = ('dct:4', 128, PAIRS[0]), (bundled, 192, PAIRS[0]), ('dct:4', 128, PAIRS[1])
    rows = []
    for job in jobs:
        rows.append(probes(*job))
        keep_results(store, command, probes=rows)
    with tempfile.TemporaryDirectory() as d:
        pipe, cache, held = trained(Path(d), a.steps)
        probe = probe_of_cache(cache)
        small = dict(
            steps=a.steps,
            side=64,
            held_out=sum(map(len, held)),
            probe=detected(pipe, probe, EARLIER, held),
            probe_said=probe.accuracy.item(),
            two_draws=detected(pipe, None, transfer.DETECTION_POINTS, held),
            sixteen_draws=detected(pipe, None, EARLIER, held, whole=True),
        )
        print(small, flush=True)
        times = {}
        for side in (64, 256):
            z = torch.randn(1, 48, side // 4, side // 4)
            times[f'{side} px'] = shares(pipe, probe, z)
    print(times)
    keep_results(store, command, network=small, times=times)


if __name__ == '__main__':
    main()

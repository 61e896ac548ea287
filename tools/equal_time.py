"""Which network has the lower loss after the same time: IsoNext or diffusers' U-Net?

`python tools/equal_time.py` trains both on photographs and paintings by Monet (STYLECFM_SHARED),
with as many parameters, for the same minutes, each on one thread and both at once, with each of two
learning rates; the held-out losses go into nbs/results/equal_time.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from notebooks import ROOT

STORE = ROOT / 'nbs' / 'results' / 'equal_time.json'
RATES = (1e-3, 3e-4)
SIZE, CODEC, HELD = 64, 'dct:4', 30
# sections of the config: 1.5 and 1.6 million parameters
NETWORKS = {
    'IsoNext': dict(hidden_dim=88, num_layers=5, norm='pixel'),
    'U-Net of diffusers': dict(network='unet', hidden_dim=16, num_layers=1),
}


def config(folder, name, rate, minutes):
    "Configuration of one run."
    from stylecfm.config import (
        CheckpointConfig,
        Config,
        DataConfig,
        InferenceConfig,
        ModelConfig,
        TrainingConfig,
    )

    training = TrainingConfig(
        16,
        rate,
        stage1_epochs=10_000,
        max_minutes=minutes,
        warmup_steps=50,
        dynamic_epsilon=False,
        ema_decay=0.99,
        ema_count=1,
        validation_share=0.1,
        num_workers=0,
    )
    return Config(
        ModelConfig(48, **NETWORKS[name]),
        training,
        InferenceConfig(10, 1.0),
        DataConfig(str(folder / 'train'), str(folder / 'latents'), codec=CODEC, target_size=SIZE),
        CheckpointConfig(str(folder / f'{name}-{rate}'), save_every_epochs=10_000, samples=0),
    )


def run(folder, name, rate, minutes):
    "Train one network and print what it reached."
    import torch

    from stylecfm.training.trainer import OTCFMTrainer

    torch.set_num_threads(1)
    trainer = OTCFMTrainer(config(Path(folder), name, float(rate), float(minutes)))
    trainer.fit()
    print(
        json.dumps(
            dict(
                network=name,
                rate=float(rate),
                parameters=sum(p.numel() for p in trainer.model().net.parameters()),
                steps=trainer.done,
                seconds=trainer.seconds,
                held_out_loss=trainer.validate()[0],
            )
        )
    )


def prepare(folder):
    "Latents of the training pictures."
    from stylecfm.codecs.base import load_codec
    from stylecfm.latents.cache import cache_latents
    from stylecfm.latents.sources import hold_out

    data = Path(os.environ.get('STYLECFM_SHARED', ROOT.parent / 'shared')) / 'data' / 'monet2photo'
    if not data.is_dir():
        sys.exit(f'no pictures at {data}; set STYLECFM_SHARED')
    hold_out(data, folder, HELD)
    cache_latents(folder / 'train', folder / 'latents', load_codec(CODEC), SIZE, workers=2)


def compare(minutes, folder):
    "Train both networks at once, one learning rate after the other."
    rows = []
    for rate in RATES:
        jobs = [
            subprocess.Popen(
                [sys.executable, __file__, '--run', str(folder), name, str(rate), str(minutes)],
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | dict(OMP_NUM_THREADS='1'),
            )
            for name in NETWORKS
        ]
        for job in jobs:
            out, _ = job.communicate()
            if job.returncode:
                sys.exit(f'a training ended with code {job.returncode}')
            rows.append(json.loads(out.splitlines()[-1]))
            print(rows[-1], flush=True)
    return rows


def main():
    p = argparse.ArgumentParser(description='Compare networks after the same training time.')
    p.add_argument('--minutes', type=float, default=6, help='training time of each run')
    p.add_argument('--run', nargs=4, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.run:
        return run(*a.run)
    from stylecfm.evaluation.metrics import keep_results

    with tempfile.TemporaryDirectory() as d:
        prepare(Path(d))
        rows = compare(a.minutes, Path(d))
    best = {k: min(r['held_out_loss'] for r in rows if r['network'] == k) for k in NETWORKS}
    keep_results(
        STORE,
        f'tools/equal_time.py --minutes {a.minutes:g}',
        minutes=a.minutes,
        size=SIZE,
        codec=CODEC,
        rows=rows,
        best=best,
        load=os.getloadavg()[0],
    )
    print({k: f'{v:.4f}' for k, v in best.items()})


if __name__ == '__main__':
    main()

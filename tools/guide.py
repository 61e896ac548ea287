"""What autoguidance does to the texture of paintings: python tools/guide.py STRONG WEAK.

Two folders of structure-conditioned models, the second an earlier state of the first (`git archive
COMMIT checkpoints/painter` writes one). 16 photographs that settings are chosen on are painted by
the first, plain and led away from the second, into nbs/results/guide.json.
"""

import argparse
import json
import os
from pathlib import Path

import torch
from PIL import Image
from train_pretrained import SHARED, as_tensor, split

from stylecfm.evaluation.metrics import keep_results, sliced_wasserstein
from stylecfm.evaluation.painting_metrics import composition_agreement
from stylecfm.pipeline.job import TransferOptions
from stylecfm.pipeline.repaint import Brush
from stylecfm.pipeline.transfer import StyleTransferPipeline

STORE = Path(__file__).resolve().parent.parent / 'nbs' / 'results' / 'guide.json'
# guide scale, temperature; 1: no guide
SETTINGS = ((1, 1.04), (1, 1.0), (1, 0.95), (1.5, 1.0), (2, 1.0), (2, 1.02))


def read(part, style, count):
    "Pictures of a style from a part of the split, 256 x 256."
    names = split()[style][part][:count]
    return [Image.open(SHARED / 'data' / n).convert('RGB').resize((256, 256)) for n in names]


def fine_contrast(images):
    "Standard deviation of brightness (n, 3, h, w) around its mean over 3 x 3 pixels."
    grey = images.mean(1, keepdim=True)
    fine = grey - torch.nn.functional.avg_pool2d(grey, 3, 1, 1)
    return round(float(fine[..., 2:-2, 2:-2].std()), 4)


def lead(network, weak):
    "Autoguidance (Karras et al. 2024) of a velocity network; the scale is the answer's `scale`."
    at = argparse.Namespace(scale=1.0)

    def away(_, given, v):
        return v if at.scale == 1 else v + (at.scale - 1) * (v - weak(*given))

    network.register_forward_hook(away)
    return at


def main():
    p = argparse.ArgumentParser(description='Paint with and without a guide, and measure.')
    p.add_argument('strong', help='folder of a model')
    p.add_argument('weak', help='folder of an earlier state of it')
    p.add_argument('--note', default='', help='which states these are')
    a = p.parse_args()
    pipe = StyleTransferPipeline.from_pretrained(a.strong)
    pipe.set_progress_bar_config(disable=True)
    led = lead(pipe.network, StyleTransferPipeline.from_pretrained(a.weak).network)
    photos, monets = read('choose', 'photo', 16), as_tensor(read('choose', 'monet', None))
    before, rows = as_tensor(photos), []
    for scale, temperature in SETTINGS:
        led.scale = scale
        options = TransferOptions(brush=Brush(temperature=temperature))
        made = as_tensor(pipe(photos, source='photo', target='monet', options=options).images)
        rows.append(
            dict(
                guide_scale=scale,
                temperature=temperature,
                fine_contrast=fine_contrast(made),
                patches=round(sliced_wasserstein(made, monets), 1),
                ssim=round(float(composition_agreement(made * 2 - 1, before * 2 - 1)[0].mean()), 3),
            )
        )
        print(json.dumps(rows[-1]), flush=True)
    keep_results(
        STORE,
        'python tools/guide.py STRONG WEAK',
        note=a.note,
        photographs=dict(fine_contrast=fine_contrast(before)),
        paintings=dict(fine_contrast=fine_contrast(monets)),
        rows=rows,
    )


if __name__ == '__main__':
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    main()

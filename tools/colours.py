"""Measure how far paintings keep the colours of held-out photographs.

The figures go into `nbs/results/colours.json`.

    python tools/colours.py [--count N] [--style STYLE] [--steps N] [--choices NAME ...]

For each choice of colours: the mean colour difference CIEDE2000 of the blurred painting to the
blurred photograph, over photographs that no training has seen.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from notebooks import ROOT
from paint_table import interleaved

from stylecfm.checkpoints import pretrained_model
from stylecfm.files import digest, read_json
from stylecfm.images import to_tensor
from stylecfm.metrics import keep_results
from stylecfm.painting_table import held_out
from stylecfm.perceptual import COLOUR_MODES, blurred_difference
from stylecfm.repaint import Brush
from stylecfm.transfer import StyleTransferPipeline, TransferOptions

SIGMA, SIZE = 8.0, 256  # blur and side of the photographs, pixels
RESULTS = ROOT / 'nbs' / 'results'


def arguments():
    "Parse the command line."
    p = argparse.ArgumentParser(
        description='Measure how far paintings keep the colours of photographs.'
    )
    p.add_argument('--count', type=int, default=24, help='number of held-out photographs')
    p.add_argument('--style', default='monet', help='style to paint in')
    p.add_argument('--steps', type=int, default=12, help='steps of the solver')
    p.add_argument('--choices', nargs='+', default=list(COLOUR_MODES), help='choices of colours')
    p.add_argument('--model', type=Path, default=pretrained_model(), help='folder of the model')
    p.add_argument('--out', type=Path, default=RESULTS / 'colours.json', help='file of the figures')
    return p.parse_args()


def differences(pipe, photos, style, steps, colours):
    "Return the colour difference of each painting to its photograph."
    options = TransferOptions(brush=Brush(colours=colours, steps=steps))
    made = [pipe(im, target=style, options=options).images[0] for im in photos]
    x, y = ((to_tensor(images) + 1) / 2 for images in (photos, made))
    return blurred_difference(x, y, SIGMA)


def main():
    "Measure every choice, and store the means and the largest values."
    a = arguments()
    root = Path(os.environ.get('STYLECFM_SHARED') or ROOT.parent / 'shared') / 'data'
    if not root.is_dir():
        sys.exit(f'no images at {root}; set STYLECFM_SHARED to the folder that holds data/')
    names = interleaved(read_json(RESULTS / 'split.json')['photo']['test'])[: a.count]
    photos = held_out(root, names, SIZE)
    pipe = StyleTransferPipeline.from_pretrained(a.model, 'cpu')
    pipe.set_progress_bar_config(disable=True)
    asked = dict(
        style=a.style,
        steps=a.steps,
        photographs=len(photos),
        blur=SIGMA,
        side=SIZE,
        model=digest(a.model / 'manifest.json'),
    )
    old = read_json(a.out) if a.out.is_file() else {}
    rows = old.get('rows', {}) if old.get('asked') == asked else {}
    for colours in a.choices:
        found = differences(pipe, photos, a.style, a.steps, colours)
        rows[colours] = dict(mean=float(np.mean(found)), largest=float(np.max(found)))
        print(
            f'{colours:10} mean CIEDE2000 {np.mean(found):.2f}, largest {np.max(found):.2f}',
            flush=True,
        )
        keep_results(a.out, 'make colours', asked=asked, rows=rows)


if __name__ == '__main__':
    main()

"""Measure how steady a painted video is, into `nbs/results/video.json`.

    python tools/video.py [--seconds N] [--steps N]

The video is made here: a window that moves over a photograph of scikit-image by a known number of
pixels a frame, 320 x 240, with a tone. Flicker is the mean difference of each frame to the one
before it, warped by the known movement, in levels of 255, inside the border.
"""

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from notebooks import ROOT
from skimage import data

from stylecfm.data.images import save_image, to_pil
from stylecfm.evaluation.metrics import keep_results, peak_memory_mb
from stylecfm.files import digest
from stylecfm.pipeline.clips import Frame, read_frames, write_clip
from stylecfm.pipeline.repaint import Brush
from stylecfm.pipeline.transfer import StyleTransferPipeline, TransferOptions
from stylecfm.pipeline.video import ANCHOR, HOLD, ClipPlan, flicker, paint_clip, warp
from stylecfm.training.checkpoints import pretrained_model

HEIGHT, WIDTH, RATE, STEP = 240, 320, 5, (0.65, 2.3)  # pixels, frames a second, pixels a frame
BORDER, ALONE = 16, 6  # pixels left out; frames painted one by one


def arguments():
    "Parse the command line."
    p = argparse.ArgumentParser(description='Measure how steady a painted video is.')
    p.add_argument('--seconds', type=float, default=5.0, help='length of the video')
    p.add_argument('--style', default='monet', help='style to paint in')
    p.add_argument('--steps', type=int, default=6, help='steps of the solver')
    p.add_argument(
        '--out',
        type=Path,
        default=ROOT / 'nbs' / 'results' / 'video.json',
        help='file of the figures',
    )
    p.add_argument('--keep', type=Path, help='folder for the last frames, to look at')
    return p.parse_args()


def pan(frames):
    "Yield frames of a window that moves over a photograph."
    scene = torch.from_numpy(data.rocket()).permute(2, 0, 1)[None].float() / 255
    for k in range(frames):
        shift = (
            torch.tensor([60 + k * STEP[0], 20 + k * STEP[1]])
            .view(1, 2, 1, 1)
            .expand(1, 2, *scene.shape[-2:])
        )
        x = warp(scene, shift).clamp(0, 1)[..., :HEIGHT, :WIDTH]
        yield Frame(np.asarray(to_pil(x * 2 - 1)[0]), k / RATE)


def numbers(frames):
    "Return pictures as tensors in [0, 1]."
    return [torch.from_numpy(np.array(f)).permute(2, 0, 1)[None].float() / 255 for f in frames]


def unsteadiness(frames):
    "Return the flicker of frames of the pan."
    n = len(frames) - 1
    flow = torch.tensor(STEP).view(1, 2, 1, 1).expand(1, 2, HEIGHT, WIDTH)
    inside = torch.zeros(1, 1, HEIGHT, WIDTH)
    inside[..., BORDER:-BORDER, BORDER:-BORDER] = 1.0
    return flicker(numbers(frames), [flow] * n, [inside] * n)


def main():
    "Make the video, paint it, and measure."
    a = arguments()
    torch.set_num_threads(1)
    pipe = StyleTransferPipeline.from_pretrained(None, 'cpu')
    pipe.set_progress_bar_config(disable=True)
    brush = Brush(steps=a.steps)
    plan = ClipPlan((pipe.style('photo'), pipe.style(a.style)), brush, factor=pipe.coder.factor)
    with tempfile.TemporaryDirectory() as folder:
        source, painted = Path(folder) / 'pan.mp4', Path(folder) / 'painted.mp4'
        write_clip(source, pan(round(a.seconds * RATE)), Fraction(RATE))
        begun = time.process_time()
        n = paint_clip(
            pipe.painter(),
            source,
            painted,
            plan,
            callback=lambda k: print(f'{k} frames', flush=True),
        )
        seconds, memory = time.process_time() - begun, peak_memory_mb()
        before, after = ([f.image for f in read_frames(p)] for p in (source, painted))
    alone = [
        np.asarray(
            pipe(to_pil(x * 2 - 1)[0], target=a.style, options=TransferOptions(brush=brush)).images[
                0
            ]
        )
        for x in numbers(before[:ALONE])
    ]
    whole = dict(source=unsteadiness(before), painted=unsteadiness(after))
    part = dict(
        source=unsteadiness(before[:ALONE]),
        painted=unsteadiness(after[:ALONE]),
        frame_by_frame=unsteadiness(alone),
    )
    asked = dict(
        style=a.style,
        steps=a.steps,
        frames=n,
        size=[HEIGHT, WIDTH],
        step=STEP,
        hold=HOLD,
        anchor=ANCHOR,
        model=digest(pretrained_model() / 'manifest.json'),
    )
    keep_results(
        a.out,
        'make video',
        asked=asked,
        flicker=whole,
        first_frames=part | dict(frames=ALONE),
        of_source=whole['painted'] / whole['source'],
        of_frame_by_frame=part['painted'] / part['frame_by_frame'],
        peak_memory_mb=memory,
        seconds_a_frame=seconds / n,
    )
    print(whole, part, f'{memory:.0f} MB, {seconds / n:.2f} s a frame')
    if a.keep:
        for name, im in (
            ('source', before[ALONE - 1]),
            ('painted', after[ALONE - 1]),
            ('alone', alone[-1]),
            ('last', after[-1]),
        ):
            save_image(to_pil(numbers([im])[0] * 2 - 1)[0], a.keep / f'{name}.png')


if __name__ == '__main__':
    main()

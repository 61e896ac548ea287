"""Learn a style from one large painting and measure it, into `nbs/results/one_painting.json`.

    python tools/one_painting.py [--painting FILE] [--steps N]

A quarter of the painting is held out. Stored are the training loss on its squares under the new
style and under each other one, and Gram distances of paintings to them: made of held-out
photographs in the new style, in the best other one, and of the photographs as they are.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import torch
from notebooks import ROOT
from paint_table import interleaved
from PIL import Image

from stylecfm.cli.add_style import compared, held_out_losses, learn_style, pieces_of, read_paintings
from stylecfm.codecs.base import load_codec
from stylecfm.data.images import grid, save_image, to_tensor
from stylecfm.evaluation.metrics import keep_results
from stylecfm.evaluation.painting_metrics import compute_features, gram_distance, load_squeezenet
from stylecfm.evaluation.painting_table import held_out
from stylecfm.files import digest, read_json
from stylecfm.pipeline.transfer import StyleTransferPipeline
from stylecfm.training.checkpoints import load_model, pretrained_model

RESULTS = ROOT / 'nbs' / 'results'


def arguments():
    "Parse the command line."
    p = argparse.ArgumentParser(description='Learn a style from one large painting and measure it.')
    p.add_argument(
        '--painting',
        type=Path,
        help='painting; default: a part of the scroll under STYLECFM_SHARED',
    )
    p.add_argument('--steps', type=int, default=120, help='training steps')
    p.add_argument('--batch', type=int, default=8, help='crops a step')
    p.add_argument('--minutes', type=float, default=60.0, help='training time, at most')
    p.add_argument('--count', type=int, default=6, help='number of held-out photographs')
    p.add_argument(
        '--out', type=Path, default=RESULTS / 'one_painting.json', help='file of the figures'
    )
    p.add_argument(
        '--figure', type=Path, default=ROOT / 'build' / 'one_painting.jpg', help='picture to write'
    )
    return p.parse_args()


def squares(pieces):
    "Return pieces as pictures."
    return [Image.fromarray(p.permute(1, 2, 0).numpy()) for p in pieces]


def gram(net, images, others):
    "Return the Gram distance of two lists of pictures of one size."
    x, y = (
        compute_features(net, to_tensor([im.resize((256, 256)) for im in v]))
        for v in (images, others)
    )
    return float(gram_distance(x, y))


def main():
    "Train, measure, and store figures and a picture."
    a = arguments()
    root = Path(os.environ.get('STYLECFM_SHARED') or ROOT.parent / 'shared') / 'data'
    if not root.is_dir():
        sys.exit(f'no images at {root}; set STYLECFM_SHARED to the folder that holds data/')
    torch.set_num_threads(1)
    path = a.painting or root / 'scroll' / '05.jpg'
    model = load_model(pretrained_model())
    codec = load_codec(model.spec, 'cpu')
    pieces = pieces_of(read_paintings(path, 256)[0])
    begun = time.process_time()
    new = learn_style(
        model, 'one', pieces.train, codec, a.steps, a.minutes, batch_size=a.batch, seed=0
    )
    seconds = time.process_time() - begun
    losses = held_out_losses(new, pieces.held, codec)
    print(compared(losses), f'{seconds:.0f} s', flush=True)
    pipe = StyleTransferPipeline.from_model(new, 'cpu')
    pipe.set_progress_bar_config(disable=True)
    photos = held_out(
        root, interleaved(read_json(RESULTS / 'split.json')['photo']['test'])[: a.count], 256
    )
    best = min((k for k in losses if k not in ('one', 'photo')), key=losses.get)
    made = {s: [pipe(im, 'photo', s, steps=8).images[0] for im in photos] for s in ('one', best)}
    held, net = squares(pieces.held), load_squeezenet()
    distances = dict(new=gram(net, made['one'], held), untouched=gram(net, photos, held)) | {
        best: gram(net, made[best], held)
    }
    asked = dict(
        painting=path.name,
        steps=a.steps,
        batch=a.batch,
        squares=len(pieces.train),
        held_out=len(held),
        photographs=len(photos),
        model=digest(pretrained_model() / 'manifest.json'),
    )
    keep_results(
        a.out, 'make one-painting', asked=asked, loss=losses, gram=distances, seconds=seconds
    )
    print(distances)

    def small(im):
        return im.resize((144, 144))

    table = [
        [small(held[k]) for k in (0, len(held) // 2)],
        *([small(im) for im in v[:2]] for v in (photos, made[best], made['one'])),
    ]
    save_image(
        grid(
            [list(r) for r in zip(*table, strict=True)],
            col_labels=['held-out part', 'photograph', best, 'learned'],
        ),
        a.figure,
    )


if __name__ == '__main__':
    main()

"""Measure ways to paint on held-out images, into `nbs/results/paint.json`.

    python tools/paint_table.py [--model FOLDER] [--previous FOLDER] [--sheet] [--votes FOLDER]

Paintings are kept under `build/paint`, so a stopped run can be resumed, and a method that was
measured under the same conditions is not measured again. With `--sheet`, unlabelled pages for
blind votes and their key are written into `build/paint/votes`; `--votes FOLDER` counts ballots,
one JSON file a reader beside `key.json`, into `nbs/results/votes.json`, or the file of `--into`.
A setting is chosen on the photographs of `--part choose`, which the table does not contain.
"""

import argparse
import os
import sys
from pathlib import Path

from notebooks import ROOT

from stylecfm.data.images import save_image, to_tensor
from stylecfm.evaluation.baselines import flow_painters, pipeline_painter, simple_painters
from stylecfm.evaluation.metrics import keep_results, sliced_wasserstein
from stylecfm.evaluation.painting_metrics import load_squeezenet
from stylecfm.evaluation.painting_table import (
    held_out,
    measure_method,
    paint_missing,
    patch_figure,
    read_votes,
    shared_images,
    vote_sheet,
)
from stylecfm.files import digest, read_json, tensors_digest, write_json
from stylecfm.pipeline.repaint import Brush
from stylecfm.pipeline.transfer import StyleTransferPipeline, TransferOptions
from stylecfm.training.checkpoints import pretrained_model

SMOOTH = 'calm 0.35'  # the model with less noise where the photograph has no detail
SIZE = 256  # side of the held-out paintings, pixels
RESULTS = ROOT / 'nbs' / 'results'
COMMAND = 'make paint'
QUESTION = 'which would you rather hang on your wall as a painting of this photograph?'


def arguments():
    "Parse the command line."
    p = argparse.ArgumentParser(description='Measure ways to paint on held-out images.')
    p.add_argument(
        '--model',
        type=Path,
        default=pretrained_model(),
        help='folder of the model to measure; default: the pretrained one',
    )
    p.add_argument(
        '--previous',
        type=Path,
        help='folder of the model that shipped before; the plain flow is measured with it',
    )
    p.add_argument('--style', default='monet', help='style of the paintings')
    p.add_argument('--split', type=Path, default=RESULTS / 'split.json', help='names of the sets')
    p.add_argument('--out', type=Path, default=RESULTS / 'paint.json', help='file of the figures')
    p.add_argument(
        '--cache', type=Path, default=ROOT / 'build' / 'paint', help='folder of paintings'
    )
    p.add_argument('--sizes', type=int, nargs='+', default=[256, 512], help='sides, in pixels')
    p.add_argument('--count', type=int, default=100, help='number of photographs')
    p.add_argument('--draws', type=int, default=200, help='number of bootstrap repetitions')
    p.add_argument('--ways', nargs='+', help='names of the methods to measure; default: all')
    p.add_argument(
        '--sheet',
        type=int,
        nargs='?',
        const=24,
        default=0,
        help='number of photographs on the pages for votes',
    )
    p.add_argument(
        '--part', default='test', choices=('test', 'choose'), help='set of the photographs'
    )
    p.add_argument('--votes', type=Path, help='folder of ballots and key; only they are counted')
    p.add_argument('--into', default='votes.json', help='name of the file of counts')
    p.add_argument('--readers', default='not stated', help='description of the readers')
    return p.parse_args()


def painters(a, paintings):
    "Return all methods by name, and the checksums of the models behind them."

    def load(folder):
        return StyleTransferPipeline.from_pretrained(folder, 'cpu')

    pipe, plain = load(a.model), load(a.previous) if a.previous else None
    found = simple_painters(pipe, paintings)
    models = dict.fromkeys(found) | dict(AdaIN=pipe.codec.fingerprint)
    if plain:
        more = flow_painters(plain, 'photo', a.style)
        more['previous model'] = pipeline_painter(plain, 'photo', a.style)
        models |= dict.fromkeys(more, digest(a.previous / 'manifest.json'))
        found |= more
    found['model'] = pipeline_painter(pipe, 'photo', a.style)
    models['model'] = digest(a.model / 'manifest.json')
    if pipe.student is not None:
        few = {f'student {n}': pipeline_painter(pipe, 'photo', a.style, steps=n) for n in (1, 2, 4)}
        weights = tensors_digest(pipe.student.state_dict())
        models |= dict.fromkeys(few, f'{models["model"]}, {weights}')
        found |= few
    if SMOOTH in (a.ways or ()):  # a setting, measured only where it is asked for
        options = TransferOptions(brush=Brush(calm=0.35))
        found[SMOOTH] = pipeline_painter(pipe, 'photo', a.style, options=options)
        models[SMOOTH] = f'{models["model"]}, {SMOOTH}'
    return found, models


def interleaved(names):
    "Order names by taking the folders in turn, so that the first few come from all of them."
    folders = {}
    for n in names:
        folders.setdefault(str(Path(n).parent), []).append(n)
    longest = max(map(len, folders.values()))
    return [v[i] for i in range(longest) for v in folders.values() if i < len(v)]


def images(a):
    "Read the held-out photographs and paintings, and the training paintings, as squares."
    split = read_json(a.split)
    root = Path(os.environ.get('STYLECFM_SHARED') or ROOT.parent / 'shared') / 'data'
    if not root.is_dir():
        sys.exit(f'no images at {root}; set STYLECFM_SHARED to the folder that holds data/')
    photos = held_out(root, interleaved(split['photo'][a.part])[: a.count], SIZE)
    paintings, train = (held_out(root, split[a.style][k], SIZE) for k in ('test', 'train'))
    return photos, paintings, train


def reference(paintings, train, draws):
    "Return the patch distance of two halves of the paintings, and that of training paintings."
    x, y = to_tensor(paintings), to_tensor(train[: len(paintings)])
    halves = sliced_wasserstein(x[::2], x[1::2])
    return dict(halves=halves, train=patch_figure(y, x, max(2, draws // 6))._asdict())


def figures(net, images, b, draws):
    "Measure images, as plain dictionaries."
    return {k: v._asdict() for k, v in measure_method(net, images, b, draws).items()}


def other_paintings(net, train, b, draws):
    "Measure training paintings, as many as photographs; they have no composition to keep."
    some = (train * len(b.photos))[: len(b.photos)]
    found = figures(net, some, b, draws)
    return {k: v for k, v in found.items() if k not in ('ssim', 'edges')}


def folder_of(a, name, size):
    "Return the folder of a method's paintings."
    part = '' if a.part == 'test' else f'_{a.part}'
    return a.cache / a.style / f'{size}{part}' / name.replace(' ', '_')


def shown(key, r):
    "Print a row in short."

    def value(k):
        return f'{r[k]["value"]:.2f}'

    print(
        f'{key:24} KID {value("kid_ratio")} and Gram {value("gram_ratio")} of the photographs, '
        f'patches {r["patches"]["value"]:.0f}, SSIM {value("ssim")}, borders {value("border16")}',
        flush=True,
    )


def rows(a, net, photos, b, found, models):
    "Paint and measure method by method, storing each at once."
    stored = read_json(a.out).get('rows', {}) if a.out.is_file() else {}
    for size in a.sizes:
        for name in a.ways or found:
            asked = dict(
                way=name,
                size=size,
                count=len(photos),
                model=models[name],
                split=digest(a.split),
                style=a.style,
            )
            if name.startswith(('model', 'student')):  # defaults are a part of the method
                steps = int(name.split()[1]) if name.startswith('student') else Brush().steps
                asked['brush'] = Brush(steps=steps)._asdict()
            p = paint_missing(found[name], photos, size, folder_of(a, name, size), asked)
            if a.part != 'test':  # only painted, for a sheet
                continue
            asked['draws'] = a.draws
            key = f'{name}, {size} px'
            if stored.get(key, {}).get('asked') != asked:
                found_row = figures(net, p.images, b, a.draws)
                stored[key] = dict(asked=asked, seconds=p.seconds, **found_row)
                keep_results(a.out, COMMAND, rows=stored)
            shown(key, stored[key])


def votes(a, photos, found):
    "Write the pages and the key of a vote on the paintings of the smallest size."
    size, n = min(a.sizes), min(a.sheet, len(photos))
    names = a.ways or [k for k in found if k != 'untouched']
    files = {k: [folder_of(a, k, size) / f'{i:03}.png' for i in range(n)] for k in names}
    ways = {k: held_out('.', v, size, 0) for k, v in files.items()}
    sheet = vote_sheet(photos[:n], ways)
    folder = a.cache / 'votes'
    for k, page in enumerate(sheet.pages, 1):
        save_image(page, folder / f'page{k}.jpg')
    write_json(folder / 'key.json', sheet.key)
    print(f'{len(sheet.pages)} pages and their key in {folder}')


def count_votes(folder, readers, into):
    "Count ballots, and store the counts with the ballots themselves."
    t, names = read_votes(folder), sorted(p for p in folder.glob('*.json') if p.name != 'key.json')
    share = {a: {b: t.share(a, b) for b in t.preferred if b != a} for a in t.preferred}
    keep_results(
        RESULTS / into,
        f'python tools/paint_table.py --votes FOLDER --into {into}',
        readers=t.readers,
        rows=len(read_json(folder / 'key.json')),
        readers_are=readers,
        question=QUESTION,
        first=t.first,
        preferred=share,
        key=read_json(folder / 'key.json'),
        ballots=[read_json(p) for p in names],
    )
    for a, v in t.first.items():
        print(
            f'{a:16} first in {v:.0%}; preferred to',
            ', '.join(f'{b} {w:.0%}' for b, w in share[a].items()),
        )


def main():
    "Measure, store, and write the pages for votes if asked to."
    a = arguments()
    if a.votes:
        return count_votes(a.votes, a.readers, a.into)
    photos, paintings, train = images(a)
    net = load_squeezenet()
    b = shared_images(net, photos, paintings)
    found, models = painters(a, to_tensor(train))
    asked = dict(split=digest(a.split), style=a.style, count=len(photos), draws=a.draws)
    if not a.out.is_file() or read_json(a.out).get('asked') != asked:
        keep_results(
            a.out,
            COMMAND,
            asked=asked,
            paintings=len(paintings),
            reference=reference(paintings, train, a.draws),
            other_paintings=other_paintings(net, train, b, a.draws),
        )
    rows(a, net, photos, b, found, models)
    if a.sheet:
        votes(a, photos, found)


if __name__ == '__main__':
    main()

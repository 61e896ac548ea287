"""Paint README's first picture.

`python tools/painter.py [--model FOLDER] [--photos FILE ...]` writes nbs/figures/painter.jpg.

Held-out photographs in a row, and below each what the model makes of it in every style. The
photographs are named relative to the folder data/ in STYLECFM_SHARED; one that is not in the test
set of the split is refused.
"""

import argparse
import os
import sys
from io import BytesIO
from pathlib import Path

from notebooks import NBS, ROOT
from PIL import Image, ImageOps

from stylecfm.data.images import grid, load_image
from stylecfm.files import read_json, write_bytes
from stylecfm.pipeline.transfer import StyleTransferPipeline
from stylecfm.training.checkpoints import pretrained_model

# Chosen by their subjects, before any of them was painted.
PHOTOS = (
    'monet2photo/photo/044c1653cf.jpg',
    'monet2photo/photo/0f3ed210c0.jpg',
    'photos/11bb560e3c.jpg',
    'photos/49ae5b8c50.jpg',
    'photos/66fd2da17f.jpg',
)
STYLES = {
    'monet': 'Monet',
    'van_gogh': 'van Gogh',
    'roerich': 'Roerich',
    'chinese': 'Chinese landscape',
}
# side of each painting, and of its copy in the picture, pixels; size of the file, bytes
SIDE, SHOWN, LARGEST = 256, 208, 170_000


def arguments():
    p = argparse.ArgumentParser(description="Paint README's first picture.")
    p.add_argument('--model', type=Path, help='folder of the model; default: the pretrained one')
    p.add_argument(
        '--photos', nargs='+', default=PHOTOS, help='names of photographs in the test set'
    )
    p.add_argument(
        '--split',
        type=Path,
        default=NBS / 'results' / 'split.json',
        help='file with the names of the sets',
    )
    p.add_argument(
        '--out', type=Path, default=NBS / 'figures' / 'painter.jpg', help='picture to write'
    )
    return p.parse_args()


def photographs(names, split):
    "The photographs as squares; ends the program where one is missing or was not held out."
    root = Path(os.environ.get('STYLECFM_SHARED') or ROOT.parent / 'shared') / 'data'
    held = set(read_json(split)['photo']['test'])
    for name in names:
        if name not in held:
            sys.exit(f'{name} is not in the test set of {split}; name a photograph that is')
        if not (root / name).is_file():
            sys.exit(
                f'no photograph at {root / name}; set STYLECFM_SHARED to the folder that holds '
                'data/'
            )
    return [
        ImageOps.fit(load_image(root / name), (SIDE, SIDE), Image.Resampling.LANCZOS)
        for name in names
    ]


def sheet(pipe, photos):
    "The photographs in a row, and a row for each style."
    made = [pipe(photos, source='photo', target=style).images for style in STYLES]
    small = [
        [im.resize((SHOWN, SHOWN), Image.Resampling.LANCZOS) for im in row]
        for row in (photos, *made)
    ]
    return grid(small, row_labels=['photograph', *STYLES.values()])


def as_jpeg(image, largest=LARGEST):
    "A picture as JPEG of at most the given number of bytes, as good as that allows."
    for quality in range(92, 29, -3):
        image.save(out := BytesIO(), 'JPEG', quality=quality, optimize=True, progressive=True)
        if out.tell() <= largest:
            return out.getvalue()
    sys.exit(f'the picture does not fit into {largest} bytes; name fewer photographs')


def main():
    a = arguments()
    pipe = StyleTransferPipeline.from_pretrained(a.model or pretrained_model(), 'cpu')
    pipe.set_progress_bar_config(disable=True)
    write_bytes(a.out, as_jpeg(sheet(pipe, photographs(a.photos, a.split))))
    print(f'{a.out}: {a.out.stat().st_size / 1000:.0f} KB')


if __name__ == '__main__':
    main()

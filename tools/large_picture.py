"""Time and memory of a phone's photograph.

`python tools/large_picture.py` paints 12 megapixels by the command, into
nbs/results/large_picture.json.

A photograph that comes with scikit-learn, enlarged to 4032 x 3024 pixels; the painting's shorter
side has 1,248. Runs in a process of its own, three times.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from notebooks import ROOT
from PIL import Image

from stylecfm.images import save_image
from stylecfm.metrics import keep_results
from stylecfm.painters import sample_photos

# width and height of the photograph; side of the painting, pixels
SIZE, SHORTER, RUNS = (4032, 3024), 1248, 3


def paint(photo, to):
    "Paint by the command; wall-clock and processor seconds, and the size of the painting."

    def of_children():
        return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])

    line = [
        Path(sys.executable).with_name('stylecfm_transfer'),
        '--input',
        photo,
        '--output',
        to,
        '--target_style',
        'monet',
        '--size',
        str(SHORTER),
        '--device',
        'cpu',
        '--overwrite',
    ]
    before, begun = of_children(), time.monotonic()
    subprocess.run(line, check=True, capture_output=True)
    return time.monotonic() - begun, of_children() - before, Image.open(to).size


def main():
    with tempfile.TemporaryDirectory() as folder:
        photo, to = Path(folder) / 'photo.jpg', Path(folder) / 'painting.png'
        pixels = (sample_photos()['china'] * 255).round().astype('uint8')
        save_image(Image.fromarray(pixels).resize(SIZE, Image.Resampling.LANCZOS), photo)
        wall, processor, sizes = zip(*(paint(photo, to) for _ in range(RUNS)), strict=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000  # kB on Linux
    keep_results(
        ROOT / 'nbs' / 'results' / 'large_picture.json',
        'python tools/large_picture.py',
        photograph=SIZE,
        painting=sizes[0],
        seconds=[round(v, 1) for v in wall],
        processor_seconds=[round(v, 1) for v in processor],
        peak_mb=round(peak),
    )
    print(
        f'{sizes[0]}: {sorted(wall)[RUNS // 2]:.0f} s, {sorted(processor)[RUNS // 2]:.0f} s of '
        f'the processor, {peak:.0f} MB'
    )


if __name__ == '__main__':
    main()

"""The page that paints in a browser.

`python tools/paint_page.py [--may-skip]` writes build/html/paint from web/paint and the bundled
model: exports it to ONNX, paints the pictures of the styles, and puts onnxruntime-web (from npm,
pinned) beside them. The folder is static: any server will do. Without npm the exit code is 3, or 0
with --may-skip.
"""

import argparse
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from notebooks import ROOT

SOURCE, BUILD = ROOT / 'web' / 'paint', ROOT / 'build'
PAGE, LARGEST_MB, MISSING = BUILD / 'html' / 'paint', 25, 3
RUNTIME = 'onnxruntime-web@1.30.0'
SCRIPTS = 'ort.wasm.bundle.min.mjs', 'ort.webgpu.bundle.min.mjs'
BINARIES = 'ort-wasm-simd-threaded.wasm', 'ort-wasm-simd-threaded.asyncify.wasm'
EXAMPLES, HERO = ('coffee', 'rocket', 'chelsea'), ('coffee', 'van_gogh')
SHOWN = 'chelsea'  # example of which each style's thumbnail is painted
CHECK = dict(side=8, time=0.5, style=0, every=37)  # one evaluation that the page repeats


def add_flag(parser):
    parser.add_argument(
        '--may-skip', action='store_true', help=f'without npm end with exit code 0, not {MISSING}'
    )


def runtime(may_skip):
    "Folder of onnxruntime-web's files; installs it where it is not there in this version."
    at = BUILD / 'node_modules' / 'onnxruntime-web'
    about = at / 'package.json'
    version = RUNTIME.partition('@')[2]
    if about.is_file() and json.loads(about.read_text(encoding='utf-8'))['version'] == version:
        return at / 'dist'
    npm = shutil.which('npm')
    if npm is None:
        print('skipped: no npm, so no page that paints in a browser')
        sys.exit(0 if may_skip else MISSING)
    command = [npm, 'install', '--silent', '--no-save', '--ignore-scripts', '--prefix', BUILD]
    try:
        subprocess.run([*map(str, command), RUNTIME], check=True, timeout=600)
    except (subprocess.SubprocessError, OSError) as e:
        print(f'skipped: npm did not get {RUNTIME} ({type(e).__name__}), so no page that paints')
        sys.exit(0 if may_skip else MISSING)
    return at / 'dist'


def evaluation(model):
    "One evaluation of the network, at every 37th number, for the page to compare with."
    import torch

    c = model.net.config
    k, side = c.latent_channels + c.condition_channels, CHECK['side']
    x = torch.sin(0.7 * torch.arange(k * side * side, dtype=torch.float64)).float()
    with torch.no_grad():
        v = model.net(
            x.view(1, k, side, side), torch.tensor([CHECK['time']]), torch.tensor([CHECK['style']])
        )
    return CHECK | dict(velocity=v.flatten()[:: CHECK['every']].tolist())


def graphs(model, to):
    "The three graphs and the facts that the page reads: potentials of photographs' palettes only."
    from stylecfm.pipeline.onnx_export import export_onnx

    to.mkdir()
    with tempfile.TemporaryDirectory() as d:
        off = export_onnx(model, Path(d) / 'model')
        for name in ('encoder', 'network', 'decoder'):
            shutil.copy(Path(d) / 'model' / f'{name}.onnx', to)
        facts = json.loads((Path(d) / 'model' / 'model.json').read_text(encoding='utf-8'))
    facts['potentials'] = {'photo': facts['potentials']['photo']}
    facts['check'] = evaluation(model)
    (to / 'model.json').write_text(json.dumps(facts, separators=(',', ':')), encoding='utf-8')
    return off


def pictures(model, to):
    "Example photographs, one of them painted in each style for the thumbnails, and one large."
    from PIL import Image
    from skimage import data

    from stylecfm.codecs.base import load_codec
    from stylecfm.data.images import crop_back, pad_to, to_pil, to_tensor
    from stylecfm.models.data_prediction import LEAST_REMAINING
    from stylecfm.pipeline.repaint import Brush, StructurePainter, paint_images

    to.mkdir()
    codec, styles = load_codec(model.spec, 'cpu'), model.styles
    painter = StructurePainter(
        model.net,
        lambda x: model.stats.standardise(codec.encode(x)),
        lambda z: codec.decode(model.stats.restore(z)),
        model.net.libraries(),
        LEAST_REMAINING,
    )

    def painted(image, style):
        x, size = pad_to((to_tensor([image]) + 1) / 2, codec.factor)
        y = paint_images(painter, x, styles.index('photo'), styles.index(style), Brush()).images
        return to_pil(crop_back(y, size) * 2 - 1)[0]

    def kept(image, name, quality=88):
        image.save(to / f'{name}.jpg', quality=quality, optimize=True)

    images = {n: Image.fromarray(getattr(data, n)()) for n in EXAMPLES}
    for name, image in images.items():
        image.thumbnail((640, 640), Image.Resampling.LANCZOS)
        kept(image, name)
    name, style = HERO
    kept(painted(images[name], style), 'hero', 90)
    square = images[SHOWN].resize((336, 224), Image.Resampling.LANCZOS).crop((56, 0, 280, 224))
    for style in styles:
        if style != 'photo':
            kept(painted(square, style), style)


def size_of(folder):
    return sum(p.stat().st_size for p in folder.rglob('*') if p.is_file())


def finish(page):
    "Write the sizes of what is loaded, and the version of the service worker."
    sizes = {
        p.relative_to(page).as_posix(): p.stat().st_size for p in page.rglob('*') if p.is_file()
    }
    (page / 'files.json').write_text(json.dumps(sizes), encoding='utf-8')
    h = hashlib.sha256()
    for p in sorted(p for p in page.rglob('*') if p.is_file()):
        h.update(p.relative_to(page).as_posix().encode() + p.read_bytes())
    worker = page / 'sw.js'
    text = worker.read_text(encoding='utf-8')
    assert "VERSION = 'dev'" in text
    worker.write_text(text.replace("'dev'", f"'{h.hexdigest()[:12]}'"), encoding='utf-8')


def main():
    p = argparse.ArgumentParser(description='Build the page that paints in a browser.')
    add_flag(p)
    dist, begun = runtime(p.parse_args().may_skip), time.perf_counter()
    from stylecfm.training.checkpoints import load_model

    model = load_model(ROOT / 'checkpoints' / 'painter')
    shutil.rmtree(PAGE, ignore_errors=True)
    shutil.copytree(SOURCE, PAGE)
    (PAGE / 'ort').mkdir()
    for name in SCRIPTS:
        shutil.copy(dist / name, PAGE / 'ort')
    for name in BINARIES:
        packed = gzip.compress((dist / name).read_bytes(), 9, mtime=0)
        (PAGE / 'ort' / f'{name}.gzipped').write_bytes(packed)
    off = graphs(model, PAGE / 'model')
    pictures(model, PAGE / 'pictures')
    finish(PAGE)
    size = size_of(PAGE) / 1e6
    if size > LARGEST_MB:
        sys.exit(f'the page has {size:.1f} MB, more than {LARGEST_MB}')
    print(
        f'error of the graphs at most {max(off.values()):.0e}, {size:.1f} MB, '
        f'{time.perf_counter() - begun:.0f} s: build/html/paint/index.html (over HTTP)'
    )


if __name__ == '__main__':
    main()

"""Whether files of an earlier version load: `python tools/previous.py COMMIT [--store]`.

With the code of COMMIT: latents of 16 small images, a model trained for 30 steps, a picture, the
run trained to 36 steps, and a picture by the model that COMMIT bundled. With this code: the same
pictures from the same run, its checkpoint, its model and the bundled one, to the byte; the run
resumed to 36 steps, with the same losses and weights; the latents found up to date.

`--store` writes what the earlier code made as nbs/faults/earlier_files.zip.
"""

import argparse
import configparser
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / 'nbs' / 'faults' / 'earlier_files.zip'
SMALL = dict(
    model=dict(latent_channels=12, hidden_dim=8, num_layers=2, style_dim=8, time_dim=8),
    training=dict(batch_size=4, learning_rate=0.01, max_steps=30, warmup_steps=2, precision='fp32'),
    data=dict(raw_data_root='raw', data_root='latents', codec='dct:2', target_size=16),
    checkpoint=dict(save_dir='run', save_every_epochs=1000, samples=0, keep_last=1),
)
PAINT = (
    'stylecfm_transfer --input raw/photo/0.png --num_steps 4 '
    '--source_style photo --target_style monet --checkpoint'
)
TRAIN = 'stylecfm_train --config config.json'


def prepare(folder, tree):
    "Images of two styles, and a small config in the words of the earlier version."
    config = json.loads((tree / 'config.cpu.json').read_text())
    for part, values in SMALL.items():
        config[part].update(values)
    (folder / 'config.json').write_text(json.dumps(config))
    for k, style in enumerate(('photo', 'monet')):
        (folder / 'raw' / style).mkdir(parents=True)
        for i in range(8):
            x = np.random.default_rng(i + 10 * k).integers(0, 256, (6, 6, 3)).astype(np.uint8)
            Image.fromarray(x).resize((24, 20), Image.BICUBIC).save(
                folder / 'raw' / style / f'{i}.png'
            )


def script(code, name, folder):
    "A console script of a tree, as its settings.ini names module and function: its path."
    settings = configparser.ConfigParser(delimiters=['='])
    settings.read(code / 'settings.ini')
    scripts = (line.split('=') for line in settings['DEFAULT']['console_scripts'].splitlines())
    module, function = dict(scripts)[name].strip().split(':')
    path = folder / name
    path.write_text(f'from {module} import {function} as f\nf()\n')
    return path


def run(code, folder, line):
    "A command with the code of a tree; its last line."
    name, *words = line.split()
    r = subprocess.run(
        [sys.executable, script(code, name, folder.parent), *words],
        cwd=folder,
        env=os.environ | dict(PYTHONPATH=str(code), OMP_NUM_THREADS='1'),
        capture_output=True,
        text=True,
    )
    if r.returncode:
        sys.exit(f'{line}: {(r.stderr or r.stdout)[-500:]}')
    return (r.stdout.strip().splitlines() or [''])[-1]


def losses(run_folder):
    "{step: loss} of a run's log."
    rows = map(json.loads, (run_folder / 'log.jsonl').read_text().splitlines())
    return {r['step']: r['loss'] for r in rows if 'loss' in r}


def bundled(tree):
    "The model of photographs and Monets that earlier commits had."
    return tree / 'checkpoints' / 'monet256'


def write(tree, folder):
    "What the earlier code makes: latents, a run, a picture, and the run trained further."
    prepare(folder, tree)
    for line in (
        'stylecfm_preprocess --config config.json',
        TRAIN,
        f'{PAINT} run --output run.png',
    ):
        run(tree, folder, line)
    if bundled(tree).is_dir():
        run(tree, folder, f'{PAINT} {bundled(tree)} --output bundled.png')
    shutil.copytree(folder / 'run', folder / 'further')
    run(tree, folder, f'{TRAIN} --save_dir further --max_steps 36')


def difference(a, b):
    "Largest difference of two pictures, levels of 255."
    a, b = (np.asarray(Image.open(p)).astype(int) for p in (a, b))
    return int(np.abs(a - b).max())


def weights(run_folder):
    "Tensors of the model that a run exported."
    (path,) = (run_folder / 'export').glob('**/network/*.safetensors')
    return load_file(path)


def compare(tree, folder):
    "What this code makes of them, by name."
    shutil.copytree(folder / 'run', folder / 'resumed')
    (checkpoint,) = (folder / 'run' / 'checkpoints').iterdir()
    found = {}
    for name in ('run', 'run/export', str(checkpoint.relative_to(folder))):
        run(ROOT, folder, f'{PAINT} {name} --output now.png')
        found[f'{name}: picture differs by'] = difference(folder / 'run.png', folder / 'now.png')
    if bundled(tree).is_dir():
        run(ROOT, folder, f'{PAINT} {bundled(tree)} --output now.png')
        found['bundled model: picture differs by'] = difference(
            folder / 'bundled.png', folder / 'now.png'
        )
    run(ROOT, folder, f'{TRAIN} --save_dir resumed --max_steps 36')
    before, now = (folder / name for name in ('further', 'resumed'))
    found['losses before'], found['losses now'] = losses(before), losses(now)
    a, b = weights(before), weights(now)
    found['weights differ by'] = max(float(np.abs(a[k] - b[k]).max()) for k in a.keys() | b.keys())
    found['latents'] = run(ROOT, folder, 'stylecfm_preprocess --config config.json')
    return found


def store(folder):
    "The earlier code's files as an archive, without the run trained further: its losses alone."
    (folder / 'expected.json').write_text(json.dumps(losses(folder / 'further')))
    with zipfile.ZipFile(STORE, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for f in sorted(v for v in folder.rglob('*') if v.is_file()):
            if not f.is_relative_to(folder / 'further') and f.name != 'bundled.png':
                z.write(f, f.relative_to(folder))


def main():
    p = argparse.ArgumentParser(description='Load the files of an earlier version.')
    p.add_argument('commit', help='commit whose code writes them')
    p.add_argument('--store', action='store_true', help=f'write them as {STORE.name}, no more')
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as d:
        tree, folder = Path(d, 'tree'), Path(d, 'files')
        folder.mkdir()
        packed = subprocess.run(
            ['git', 'archive', a.commit], cwd=ROOT, capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as t:
            t.extractall(tree, filter='data')
        write(tree, folder)
        if a.store:
            return store(folder)
        found = compare(tree, folder)
    print(json.dumps(found, indent=1))
    same = found['losses before'] == found['losses now']
    if not same or any(v for k, v in found.items() if k.endswith('by')):
        sys.exit("an earlier version's files give something else")


if __name__ == '__main__':
    main()

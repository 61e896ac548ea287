"""Whether files of an earlier version load: `python tools/previous.py COMMIT`.

With the code of COMMIT, in a work tree of its own: latents of 16 small images, a model trained for
3 steps, a picture, and the run trained to 6 steps. With this code: the same picture from the same
checkpoint, to the byte; the run resumed to 6 steps, with the same losses; the latents brought up to
date.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SMALL = dict(
    model=dict(hidden_dim=16, num_layers=2, style_dim=16, time_dim=16),
    training=dict(batch_size=4, max_steps=3, warmup_steps=2, precision='fp32'),
    data=dict(raw_data_root='raw', data_root='latents', target_size=32),
    checkpoint=dict(save_dir='run', save_every_epochs=1, samples=0),
)


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
            Image.fromarray(x).resize((48, 40), Image.BICUBIC).save(
                folder / 'raw' / style / f'{i}.png'
            )


def run(code, folder, line):
    "A command with the code of a work tree; its last line."
    words = line.split()
    r = subprocess.run(
        [Path(sys.executable).with_name(words[0]), *words[1:]],
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


def compare(tree, folder):
    "What came of it, by name."
    prepare(folder, tree)
    paint = 'stylecfm_transfer --checkpoint run --input raw/photo/0.png --num_steps 4 --output'
    for line in (
        'stylecfm_preprocess --config config.json',
        'stylecfm_train --config config.json',
        f'{paint} before.png',
    ):
        run(tree, folder, line)
    for name in ('run_before', 'run_now'):
        shutil.copytree(folder / 'run', folder / name)
    run(tree, folder, 'stylecfm_train --config config.json --save_dir run_before --max_steps 6')
    run(ROOT, folder, f'{paint} now.png')
    run(ROOT, folder, 'stylecfm_train --config config.json --save_dir run_now --max_steps 6')
    a, b = (
        np.asarray(Image.open(folder / f'{name}.png')).astype(int) for name in ('before', 'now')
    )
    return dict(
        picture_differs_by=int(np.abs(a - b).max()),
        losses_before=losses(folder / 'run_before'),
        losses_now=losses(folder / 'run_now'),
        latents=run(ROOT, folder, 'stylecfm_preprocess --config config.json'),
    )


def main():
    p = argparse.ArgumentParser(description='Load the files of an earlier version.')
    p.add_argument('commit', help='commit whose code writes them')
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as d:
        tree, folder = Path(d) / 'tree', Path(d) / 'files'
        folder.mkdir()
        subprocess.run(
            ['git', 'worktree', 'add', '--detach', '--quiet', tree, a.commit], cwd=ROOT, check=True
        )
        try:
            found = compare(tree, folder)
        finally:
            subprocess.run(['git', 'worktree', 'remove', '--force', tree], cwd=ROOT, check=True)
    print(json.dumps(found, indent=1))
    if found['picture_differs_by'] or found['losses_before'] != found['losses_now']:
        sys.exit('an earlier version\'s files give something else')


if __name__ == '__main__':
    main()

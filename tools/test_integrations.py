"""The integrations work as their hosts use them."""

import ast
import configparser
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import types
import unittest
from pathlib import Path
from unittest.mock import patch

from notebooks import ROOT

HERE = ROOT / 'integrations'


def node_module():
    "Load the ComfyUI node as ComfyUI does: from its file."
    spec = importlib.util.spec_from_file_location(
        'stylecfm_nodes', HERE / 'comfyui' / 'stylecfm_nodes.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Bar:
    "ComfyUI's progress bar."

    moved = []

    def __init__(self, total):
        self.total = total

    def update(self, n):
        Bar.moved.append((n, self.total))


class Comfy(unittest.TestCase):
    """A stand-in for ComfyUI.

    It reads the mappings, fills the inputs with their defaults, and calls the function.
    """

    @classmethod
    def setUpClass(cls):
        import torch

        from stylecfm.models.data_prediction import DataIsoNext
        from stylecfm.pipeline.transfer import StyleTransferPipeline

        cls.torch, cls.module = torch, node_module()
        torch.manual_seed(0)
        net = DataIsoNext(
            latent_channels=12,
            condition_channels=13,
            hidden_dim=16,
            num_layers=2,
            num_styles=3,
            style_dim=16,
            time_dim=16,
        )
        # untrained: it predicts the coarse picture
        cls.pipe = StyleTransferPipeline(net, 'pixels:2', styles=['monet', 'photo', 'ink'])
        cls.pipe.set_progress_bar_config(disable=True)
        cls.images = torch.rand(2, 24, 36, 3).round(decimals=2)

    def run_node(self, **given):
        "What the node returns, called with its defaults and the given inputs."
        node = self.module.NODE_CLASS_MAPPINGS['PaintStylecfm']
        asked = node.INPUT_TYPES()
        values = {}
        for name, (kind, *more) in (asked['required'] | asked['optional']).items():
            if isinstance(kind, list):
                values[name] = (more[0] if more else {}).get('default', kind[0])
            elif more:
                values[name] = more[0]['default']
        host = types.ModuleType('comfy.utils')
        host.ProgressBar = Bar
        with (
            patch.object(self.module, 'pipeline', lambda name: self.pipe),
            patch.dict(sys.modules, {'comfy': types.ModuleType('comfy'), 'comfy.utils': host}),
        ):
            return getattr(node(), node.FUNCTION)(
                **values | dict(style='ink', image=self.images, steps=2) | given
            )

    def test_interface(self):
        node = self.module.NODE_CLASS_MAPPINGS['PaintStylecfm']
        self.assertEqual(node.RETURN_TYPES, ('IMAGE',))
        self.assertEqual(
            self.module.NODE_DISPLAY_NAME_MAPPINGS.keys(), self.module.NODE_CLASS_MAPPINGS.keys()
        )
        asked = node.INPUT_TYPES()
        for kind, *more in (*asked['required'].values(), *asked['optional'].values()):
            if kind in ('FLOAT', 'INT'):
                self.assertTrue(more[0]['min'] <= more[0]['default'] <= more[0]['max'])
        styles = asked['required']['style'][0]
        self.assertEqual(styles[-1], 'photo')
        self.assertIn('monet', styles)

    def test_paints(self):
        Bar.moved.clear()
        (made,) = self.run_node(coarseness=1.0)
        self.assertEqual(made.shape, self.images.shape)
        self.assertEqual(Bar.moved, [(1, 2)] * 2)
        self.assertTrue(0 <= made.min() and made.max() <= 1)
        self.assertGreater((made - self.images).abs().mean().item(), 0.02)  # noise, simplified

    def test_strength_0_and_mask(self):
        (same,) = self.run_node(strength=0.0)
        self.assertLess((same - self.images).abs().max().item(), 1 / 255 + 1e-6)
        mask = self.torch.zeros(1, 24, 36)
        mask[:, :, :18] = 1.0
        (part,) = self.run_node(mask=mask, colours='photo')
        self.assertLess((part - self.images)[:, :, 18:].abs().max().item(), 1 / 255 + 1e-6)
        self.assertGreater((part - self.images)[:, :, :18].abs().mean().item(), 0.02)


class Files(unittest.TestCase):
    def test_space(self):
        import inspect

        from stylecfm.app.page import stylecfm_app

        front = (HERE / 'space' / 'README.md').read_text().split('---')[1]
        meta = dict(line.split(': ', 1) for line in front.strip().splitlines())
        self.assertEqual(meta['sdk'], 'gradio')
        self.assertLessEqual(len(meta['short_description']), 60)
        pins = (ROOT / 'constraints.txt').read_text()
        self.assertIn(f'gradio=={meta["sdk_version"]}', pins)
        app = (HERE / 'space' / meta['app_file']).read_text()
        call = next(
            n
            for n in ast.walk(ast.parse(app))
            if isinstance(n, ast.Call) and getattr(n.func, 'id', '') == 'stylecfm_app'
        )
        known = inspect.signature(stylecfm_app.__wrapped__).parameters
        self.assertLessEqual({k.arg for k in call.keywords}, known.keys())

    def test_docker(self):
        config = configparser.ConfigParser(delimiters=['='])
        config.read(ROOT / 'settings.ini')
        text = (HERE / 'docker' / 'Dockerfile').read_text()
        for line in re.findall(r'^COPY (.+)$', text, re.M):
            for name in line.split()[:-1]:
                self.assertTrue((ROOT / name).exists(), name)
        for extra in re.search(r'/src\[([\w,]+)\]', text)[1].split(','):
            self.assertIn(f'{extra}_requirements', config['DEFAULT'])
        self.assertIn('USER painter', text)
        command = json.loads(re.search(r'^CMD (.+)$', text, re.M)[1])
        self.assertIn(f'{command[0]}=', config['DEFAULT']['console_scripts'])


class Cluster(unittest.TestCase):
    "The batch script and the task; `faults/sharded_runs` runs them."

    def settings(self):
        "{name: value} of the lines for sbatch, which stand before all commands."
        lines = (HERE / 'cluster' / 'train.sbatch').read_text().splitlines()
        self.assertEqual(lines[0], '#!/bin/bash')
        first = next(i for i, line in enumerate(lines) if line and not line.startswith('#'))
        asked = [line for line in lines if line.startswith('#SBATCH')]
        self.assertEqual(asked, lines[1 : 1 + len(asked)])
        self.assertLess(len(asked), first)
        found = [re.fullmatch(r'#SBATCH --([a-z-]+)(?:=(\S+))?', line) for line in asked]
        return {m[1]: m[2] for m in found}

    def test_sbatch(self):
        asked = self.settings()
        # in the time before the end a step and a checkpoint must fit, and torchrun waits for them
        kind, seconds = re.fullmatch(r'B:(\w+)@(\d+)', asked['signal']).groups()
        text = (HERE / 'cluster' / 'train.sbatch').read_text()
        self.assertIn(kind, re.search(r"^trap '.+' (.+)$", text, re.M)[1].split())
        self.assertLess(int(re.search(r'--shutdown-timeout=(\d+)', text)[1]), int(seconds))
        self.assertIsNone(asked['requeue'])
        self.assertEqual((asked['ntasks-per-node'], asked['open-mode']), ('1', 'append'))
        self.assertRegex(asked['time'], r'^\d\d:\d\d:\d\d$')
        if bash := shutil.which('bash'):
            script = str(HERE / 'cluster' / 'train.sbatch')
            subprocess.run([bash, '-n', script], check=True)

    def test_skypilot(self):
        import yaml

        task = yaml.safe_load((HERE / 'cluster' / 'train.sky.yaml').read_text())
        known = {'name', 'resources', 'num_nodes', 'volumes', 'envs', 'setup', 'run'}
        self.assertEqual(task.keys(), known)
        self.assertRegex(task['resources']['accelerators'], r'^\w+:\d+$')
        used = {*re.findall(r'\$\{?(\w+)', task['run'])}
        own = {k for k in used if not k.startswith('SKYPILOT_')}
        self.assertEqual(own - {'WORK'}, {*task['envs']})
        self.assertEqual(list(task['volumes']), [re.search(r'WORK:-([^}]+)', task['run'])[1]])
        if bash := shutil.which('bash'):
            for part in ('setup', 'run'):
                subprocess.run([bash, '-n'], input=task[part], text=True, check=True)

    def test_shards(self):
        "The script for preprocessing encodes two parts and merges them."
        from PIL import Image

        from stylecfm.latents.cache import LatentCache

        script = HERE / 'cluster' / 'preprocess.sbatch'
        asked = [line for line in script.read_text().splitlines() if line.startswith('#SBATCH')]
        self.assertIn('#SBATCH --array=1-8', asked)
        bash = shutil.which('bash')
        if not bash:
            return
        env = os.environ | dict(
            PATH=f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
        )
        with tempfile.TemporaryDirectory() as d:
            for k in range(4):
                path = Path(d) / 'shards' / ('monet', 'photo')[k % 2] / f'{k}.tar'
                path.parent.mkdir(parents=True, exist_ok=True)
                noise = [Image.effect_noise((64, 64), 64) for _ in 'RGB']
                Image.merge('RGB', noise).save(Path(d) / f'{k}.png')
                with tarfile.open(path, 'w') as tar:
                    tar.add(Path(d) / f'{k}.png', f'{k}.png')
            said = []
            for k, last in ((1, 2), (2, 2), (0, 0)):
                task = dict(
                    SLURM_ARRAY_TASK_ID=str(k),
                    SLURM_ARRAY_TASK_MIN=str(min(k, 1)),
                    SLURM_ARRAY_TASK_MAX=str(last),
                )
                words = [bash, str(script), 'shards', 'latents', '--target_size', '32']
                r = subprocess.run(words, cwd=d, env=env | task, capture_output=True, text=True)
                self.assertEqual(r.returncode, 0, r.stderr)
                said.append(r.stdout)
            self.assertIn('part 1 of 2: 2 images', said[0])
            self.assertIn('4 written, 0 kept, 0 skipped', said[2])
            self.assertEqual(LatentCache(Path(d) / 'latents').count, dict(monet=4, photo=4))

    def test_commands(self):
        import inspect

        from stylecfm.cli.own_folders import train_command

        known = inspect.signature(train_command.__wrapped__).parameters
        for name in ('train.sbatch', 'train.sky.yaml'):
            text = (HERE / 'cluster' / name).read_text()
            self.assertIn('ACCELERATE_USE_FSDP=true FSDP_VERSION=2', text)
            given = re.search(r'-m stylecfm train (.+)', text)[1]
            flags = re.findall(r'--(\w+)', given)
            self.assertTrue(flags and {*flags} <= known.keys(), given)


if __name__ == '__main__':
    unittest.main()

"""Train the bundled model: codec, network, palettes.

On a GPU within nine minutes, on a processor for as long as it is given; run again, it resumes.

python tools/train_pretrained.py pack [--limit_mb 60]
    pictures of STYLECFM_SHARED into build/pictures.zip, for a machine without it
python tools/train_pretrained.py codec [--steps N]
    -> build/pretrained/codec
python tools/train_pretrained.py network --minutes 110
    -> build/pretrained/painter, network.json, samples.jpg; continues from checkpoints/painter
"""

import argparse
import io
import json
import math
import os
import shutil
import sys
import time
import zipfile
from pathlib import Path

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
os.environ.setdefault('GOMP_SPINCOUNT', '0')
import numpy as np
import torch
from PIL import Image

from stylecfm.codecs.base import load_codec, moments, pick_device, pooled
from stylecfm.codecs.lapped import CodecRecipe, fit_lapped, random_crops
from stylecfm.config import TrainingConfig
from stylecfm.data.images import save_image
from stylecfm.evaluation.metrics import machine, sliced_wasserstein
from stylecfm.files import atomic_folder, write_json, write_tensors
from stylecfm.models.data_prediction import DataIsoNext
from stylecfm.pipeline.transfer import StyleTransferPipeline
from stylecfm.training.checkpoints import load_model, write_model
from stylecfm.training.optim import make_optimizer
from stylecfm.training.painting import PaintingRecipe, PaintingTrainer, Pictures, painting_model

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get('STYLECFM_SHARED') or ROOT.parent / 'shared')
BUILD, SPLIT, BUNDLED = (
    ROOT / 'build',
    ROOT / 'nbs' / 'results' / 'split.json',
    ROOT / 'checkpoints' / 'painter',
)
# cezanne is left for a user's own style
STYLES = ('monet', 'photo', 'van_gogh', 'impressionist', 'roerich', 'chinese')
SHARES = dict(monet=0.30, photo=0.08, van_gogh=0.18, impressionist=0.18, roerich=0.13, chinese=0.13)
NETWORK = dict(
    latent_channels=40,
    hidden_dim=144,
    num_layers=8,
    style_dim=128,
    time_dim=64,
    share_every=2,
    norm='pixel',
    condition_channels=41,
    num_palettes=192,
)


# drawings in one tone teach no palette; ink landscapes are meant to be so
MANY_COLOURS, ANY_COLOURS = 10.0, ('photo', 'chinese')


def split():
    "Names of pictures by style and part."
    return json.loads(SPLIT.read_text(encoding='utf-8'))


def read(name):
    "Bytes of a picture: from the packed file, or the shared folder."
    packed = BUILD / 'pictures.zip'
    if packed.exists():
        with zipfile.ZipFile(packed) as z:
            return z.read(name)
    return (SHARED / 'data' / name).read_bytes()


def colourfulness(im):
    "Standard deviation of the opponent colours of a picture (3, h, w), levels; 0 for any one tint."
    r, g, b = im.float()
    return math.hypot(float((r - g).std()), float(((r + g) / 2 - b).std()))


def pictures(part, most=None):
    """Pictures of all styles in one part of the split, large enough for a crop.

    Drawings are left out where a style is one of colours.
    """
    packed = BUILD / 'pictures.zip'
    z = zipfile.ZipFile(packed) if packed.exists() else None
    there, images, style = set(z.namelist()) if z else None, [], []
    for k, s in enumerate(STYLES):
        for name in split()[s][part][:most]:
            if there is not None and name not in there:
                continue
            raw = z.read(name) if z else (SHARED / 'data' / name).read_bytes()
            im = torch.from_numpy(np.array(Image.open(io.BytesIO(raw)).convert('RGB'))).permute(
                2, 0, 1
            )
            few = s not in ANY_COLOURS and colourfulness(im) < MANY_COLOURS
            if min(im.shape[1:]) < 128 or few:
                continue
            images.append(im)
            style.append(k)
    return Pictures(images, torch.tensor(style))


def pack(limit_mb):
    """Training and choosing pictures in one file.

    Photographs are left out where it would be too large.
    """
    names = [
        n
        for s in sorted(STYLES, key=lambda s: s == 'photo')
        for part in ('choose', 'train')
        for n in split()[s][part]
    ]
    BUILD.mkdir(exist_ok=True)
    size, count = 0, 0
    with zipfile.ZipFile(BUILD / 'pictures.zip', 'w', zipfile.ZIP_STORED) as z:
        for name in names:
            data = (SHARED / 'data' / name).read_bytes()
            if size + len(data) > limit_mb * 1e6:
                continue
            z.writestr(name, data)
            size, count = size + len(data) + 200, count + 1
    print(f'{count} of {len(names)} pictures, {size / 1e6:.0f} MB, in {BUILD / "pictures.zip"}')


def train_codec(steps, device):
    "The lapped autoencoder, from all styles."
    images, begun = pictures('train').images, time.monotonic()

    def say(step, loss, net):
        if step % 250 == 0:
            print(
                f'codec step {step}, loss {loss:.5f}, {time.monotonic() - begun:.0f} s', flush=True
            )

    net = fit_lapped(images, CodecRecipe(steps=steps), str(device), say).net.cpu()
    to = BUILD / 'pretrained' / 'codec'
    write_json(to / 'config.json', dict(_class_name='LappedAutoencoder', **net.config))
    write_tensors(
        to / 'diffusion_pytorch_model.safetensors',
        {k: v.half() for k, v in net.state_dict().items()},
    )
    print(f'codec in {to}, {time.monotonic() - begun:.0f} s')


def begin(train, device):
    "Codec, statistics and network: those of the bundled model where it is, else new ones."
    made = BUILD / 'pretrained' / 'codec'
    if (BUNDLED / 'manifest.json').is_file() and not made.exists():
        old = load_model(BUNDLED)
        return load_codec(old.spec, device), old.stats, old.net.to(device), True
    codec = load_codec(str(made), device)
    g = torch.Generator().manual_seed(0)

    def rows():
        return torch.randint(len(train.images), (64,), generator=g).tolist()

    z = torch.cat(
        [
            codec.encode(random_crops(train.images, rows(), 128, g) / 127.5 - 1).cpu()
            for _ in range(6)
        ]
    )
    torch.manual_seed(0)
    return (
        codec,
        pooled(*moments(z)),
        DataIsoNext(num_styles=len(STYLES), **NETWORK).to(device),
        False,
    )


def shown(pipe, photos, to):
    "A sheet: photographs, and below them a version in each style."
    rows = [photos] + [
        pipe(photos, source='photo', target=s).images for s in STYLES if s != 'photo'
    ]
    sheet = Image.new('RGB', (256 * len(photos), 256 * len(rows)))
    for i, row in enumerate(rows):
        for j, im in enumerate(row):
            sheet.paste(im.resize((256, 256)), (256 * j, 256 * i))
    save_image(sheet, to)


def as_tensor(images):
    "PIL pictures of one size in [0, 1]."
    return torch.stack(
        [
            torch.from_numpy(np.asarray(im.resize((256, 256))) / 255.0).permute(2, 0, 1).float()
            for im in images
        ]
    )


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for matrices (Jordan et al. 2024, "Muon"), in the weights' precision.

    `torch.optim.Muon` does the same in bf16, which many processors have no instructions for.
    Updates are scaled to the size of Adam's (Liu et al. 2025, arXiv 2502.16982), so that both
    take one learning rate.
    """

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.01):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in (p for p in group['params'] if p.grad is not None):
                mean = self.state[p].setdefault('mean', torch.zeros_like(p))
                mean.lerp_(p.grad, 1 - group['momentum'])
                u = orthogonalised(p.grad.lerp(mean, group['momentum']))
                p.mul_(1 - group['lr'] * group['weight_decay'])
                p.add_(u, alpha=-group['lr'] * 0.2 * max(u.shape) ** 0.5)


def orthogonalised(u):
    "The nearest matrix of singular values about 1, by five Newton-Schulz iterations (Jordan 2024)."
    tall = u.shape[0] > u.shape[1]
    x = u.T if tall else u
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if tall else x


class Optimizers:
    "Several optimizers that step together."

    def __init__(self, *each):
        self.each = each

    @property
    def param_groups(self):
        return [g for o in self.each for g in o.param_groups]

    def step(self):
        for o in self.each:
            o.step()

    def zero_grad(self, set_to_none=True):
        for o in self.each:
            o.zero_grad(set_to_none=set_to_none)


def with_muon(net, rate):
    "Muon for the matrices of blocks and modulation, AdamW for all else."
    parts = ('expand', 'project', 'fuse', 'mod')
    named = [(k, p) for k, p in net.named_parameters() if p.requires_grad]
    inner = [p for k, p in named if p.ndim == 2 and any(s in k for s in parts)]
    rest = [p for k, p in named if not any(p is q for q in inner)]
    adam = make_optimizer(rest, TrainingConfig(learning_rate=rate), rest[0].device)
    return Optimizers(Muon(inner, rate), adam)


def train_network(minutes, device, batch, rate, compiled, weak=None, scale=1.0):
    "The network, for the given number of minutes; measures of pictures along the way."
    train, held = pictures('train'), pictures('choose', 16)
    codec, stats, net, goes_on = begin(train, device)
    photos = [
        Image.open(io.BytesIO(read(n))).convert('RGB') for n in split()['photo']['choose'][:24]
    ]
    monets = as_tensor(
        [Image.open(io.BytesIO(read(n))).convert('RGB') for n in split()['monet']['choose'][:24]]
    )
    recipe = PaintingRecipe(
        batch_size=batch,
        learning_rate=rate,
        warmup_steps=100,
        ema_decay=0.998,
        validate_every=100,
        precision='bf16' if device.type == 'cuda' else 'fp32',
    )
    t = PaintingTrainer(
        net,
        train,
        codec,
        stats,
        10**6,
        held,
        recipe,
        shares={STYLES.index(k): v for k, v in SHARES.items()},
        max_minutes=minutes,
        guide=load_model(weak).net.to(device).eval() if weak else None,
        guide_scale=scale,
    )
    t.opt = with_muon(net, rate)
    if compiled:
        net.compile()
    curve, begun, out = [], time.monotonic(), BUILD / 'pretrained'

    def snapshot():
        "Averaged weights as a model, and its distance to held-out paintings."
        with t.averages.used(t.params, 0):
            copy = DataIsoNext(**{k: v for k, v in net.config.items() if not k.startswith('_')})
            copy.load_state_dict({k: v.detach().cpu() for k, v in net.state_dict().items()})
        model = painting_model(copy, train, stats, list(STYLES), codec)
        shutil.rmtree(out / 'painter', ignore_errors=True)
        with atomic_folder(out / 'painter', 'model', dict(step=t.done)) as tmp:
            write_model(tmp, model, codec)
        pipe = StyleTransferPipeline.from_pretrained(out / 'painter', device)
        pipe.set_progress_bar_config(disable=True)
        made = pipe(photos, source='photo', target='monet').images
        curve.append(
            dict(
                step=t.done,
                seconds=round(time.monotonic() - begun),
                validation=t.log[-1].get('validation') if t.log else None,
                swd_to_monet=round(sliced_wasserstein(as_tensor(made), monets), 2),
            )
        )
        shown(pipe, photos[:6], out / 'samples.jpg')
        print(json.dumps(curve[-1]), flush=True)

    def after(trainer, loss):
        if trainer.done % 100 == 0:
            spent = time.monotonic() - begun
            print(
                f'step {trainer.done} of {trainer.total}, {trainer.done * batch / spent:.0f} '
                f'crops/s, loss {loss:.3f}',
                flush=True,
            )
        if trainer.done in (250, 1000) or trainer.done % 2000 == 0:
            snapshot()

    fitted = t.fit(after)
    snapshot()
    about = dict(
        command=' '.join(['python tools/train_pretrained.py', *sys.argv[1:]]),
        machine=machine(),
        device=str(device),
        goes_on_from_bundled=goes_on,
        pictures=len(train.images),
        steps=fitted.step,
        crops_per_second=round(fitted.step * batch / fitted.seconds, 1),
        minutes=round(fitted.seconds / 60, 1),
        curve=curve,
        log=fitted.log,
    )
    write_json(out / 'network.json', about)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument('what', choices=('pack', 'codec', 'network'))
    p.add_argument(
        '--limit_mb', type=float, default=60, help='largest size of the packed pictures, MB'
    )
    p.add_argument('--steps', type=int, default=1500, help='steps of the codec')
    p.add_argument('--minutes', type=float, default=110, help='training time of the network')
    p.add_argument('--device', default=None, help='device; a GPU if there is one')
    p.add_argument(
        '--batch_size', type=int, default=0, help='crops of a step; 16 on a processor, 512 on a GPU'
    )
    p.add_argument(
        '--learning_rate',
        type=float,
        default=1e-3,
        help='largest learning rate; lower to continue from trained weights',
    )
    p.add_argument('--guide', help='folder of an earlier, weaker model to be led away from')
    p.add_argument(
        '--guide_scale', type=float, default=1.8, help='weight of the network against its guide'
    )
    p.add_argument('--no_compile', action='store_true', help='do not compile the network on a GPU')
    a = p.parse_args()
    device = pick_device(a.device)
    gpu = device.type == 'cuda'
    if a.what == 'pack':
        pack(a.limit_mb)
    elif a.what == 'codec':
        train_codec(a.steps, device)
    else:
        train_network(
            a.minutes,
            device,
            a.batch_size or (512 if gpu else 16),
            a.learning_rate,
            gpu and not a.no_compile,
            a.guide,
            a.guide_scale,
        )


if __name__ == '__main__':
    main()

"""States that an earlier commit wrote: `python tools/earlier_states.py b969601`.

Runs `write_all` with the code of that commit, in its words: caches, checkpoints in mid-training,
models, codecs, and states of the applications, each with what that code makes of it. They are
stored as nbs/faults/earlier_states.tar.xz. Arrays are in expected.npz, losses in expected.json.
"""

import argparse
import contextlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / 'nbs' / 'faults' / 'earlier_states.tar.xz'
# {run: keys that differ from `SMALL`}, in the words of the earlier commit
SMALL = dict(
    model=dict(
        latent_channels=12, hidden_dim=4, num_layers=1, style_dim=4, time_dim=4, kernel_size=3
    ),
    training=dict(
        batch_size=4,
        learning_rate=0.03,
        max_steps=10,
        warmup_steps=2,
        use_amp=False,
        validation_share=0.25,
        stage1_epochs=20,
        epsilon_warmup_epochs=1,
    ),
    inference=dict(num_inference_steps=4),
    data=dict(raw_data_root='raw', data_root='latents', codec='dct:2', target_size=8),
    checkpoint=dict(save_every_epochs=1, samples=0, keep_last=1),
)
ONE = dict(codec='dct:1', data_root='latents_one', mirror=False)  # three channels: a small network
RUNS = dict(
    plain=dict(checkpoint=dict(samples=2)),
    context=dict(
        data=ONE,
        model=dict(
            latent_channels=3,
            num_layers=2,
            norm='pixel',
            grn=True,
            context_dim=4,
            context_every=1,
            shared_adagn_mlp=False,
            factors=2,
        ),
        training=dict(
            path='bridge',
            time_sampling='mixture',
            epsilon_schedule='falling',
            use_avg_style_for_uncond=False,
            loss_weighting='data',
        ),
        inference=dict(cfg_scale=1.5, cfg_decay=False, method='heun', match='moments', fresh=0.2),
    ),
    schedulefree=dict(
        data=ONE,
        model=dict(latent_channels=3),
        training=dict(
            optimizer='schedulefree',
            epsilon_is='start',
            epsilon_schedule='cosine',
            lr_schedule='constant',
            label_drop_prob=0.3,
        ),
        inference=dict(method='euler', adaptive_step_size=True, step_threshold=0.05),
    ),
    semidiscrete=dict(
        training=dict(
            coupling='semidiscrete',
            path='lipman',
            time_sampling='logit_normal',
            loss_weighting='cosmap',
        ),
        data=ONE | dict(data_root='latents_crops', crops=2),
        model=dict(latent_channels=3),
        inference=dict(method='bs32', match='spectrum'),
    ),
    grouped=dict(
        data=ONE,
        model=dict(latent_channels=3),
        training=dict(
            coupling_batches=3,
            ema_count=3,
            grad_clip=0.3,
            patience=2,
            micro_batch=2,
            checkpointing='middle',
            mlp_chunks=2,
        ),
    ),
    noise=dict(
        data=ONE,
        model=dict(latent_channels=3, predicts='noise'),
        training=dict(
            time_sampling='ddpm_cosine',
            loss_weighting='noise',
            path='linear',
            coupling='independent',
            batch_size='auto',
        ),
    ),
    third=dict(
        model=dict(num_styles=3),
        training=dict(init_from='plain/checkpoints/step-0000005', freeze='old'),
        data=dict(raw_data_root='raw3', data_root='latents3', num_classes=3),
    ),
    tiles=dict(
        model=dict(latent_channels=5),
        data=dict(codec='codec', data_root='latents_tiles', mirror=False),
    ),
)
# {call: arguments of a pipeline}; options are a dictionary here
CALLS = dict(
    default=dict(),
    heun=dict(steps=3, solver='heun', guidance_scale=2.0),
    fireflow=dict(solver='fireflow', options=dict(inversion='mean')),
    same=dict(solver='reversible_heun', target='photo'),
    alf=dict(solver='alf', strength=0.6),
    midpoint=dict(solver='midpoint', options=dict(mode='sdedit', seed=3)),
    flowedit=dict(options=dict(mode='flowedit', seed=3)),
    spectrum=dict(
        solver='rk4',
        guidance_scale=1.7,
        options=dict(match='spectrum', fresh=0.3, seed=2, decay=False),
    ),
    mix=dict(target=dict(monet=2, photo=1), solver='bs32'),
)
STOP = 5  # step at which a run is stopped


def kernels():
    "What decides on the kernels of PyTorch on a processor: its name, vectors, and settings."
    import torch

    return [
        torch.cpu.get_capabilities().get('cpu_name') or platform.processor(),
        torch.backends.cpu.get_cpu_capability(),
        torch.__version__,
        os.environ.get('ONEDNN_MAX_CPU_ISA', ''),
    ]


class Enough(Exception):
    "Ends a run between two checkpoints."


def stop(trainer, result):
    "End a run at step 5."
    if trainer.done == STOP:
        raise Enough


def stopped(fit):
    "Call a training until it is stopped."
    with contextlib.suppress(Enough), contextlib.redirect_stderr(io.StringIO()):
        fit()
        raise AssertionError('the run ended')


def losses(trainer):
    "Numbers of a log as `[step, name, value]`."
    names = ('loss', 'validation', 'grad_norm', 'learning_rate')
    return [[r['step'], k, r[k]] for r in trainer.log for k in names if k in r]


def sums(net):
    "Sum and absolute sum of each tensor of a network, `(n, 2)`."
    import numpy as np

    found = (v.double().numpy() for v in net.state_dict().values())
    return np.array([(v.sum(), np.abs(v).sum()) for v in found])


def write_images():
    "Small images of three styles."
    import numpy as np
    from PIL import Image

    for k, style in enumerate(('monet', 'photo', 'third')):
        for root in ('raw', 'raw3')[style == 'third' :]:
            Path(root, style).mkdir(parents=True)
            for i in range(8):
                x = np.random.default_rng(i + 10 * k).integers(0, 256, (4, 5, 3)).astype(np.uint8)
                Image.fromarray(x).resize((14, 12), Image.BICUBIC).save(f'{root}/{style}/{i}.png')


def write_caches():
    "Caches of latents: by codecs without weights and with, with crops, and of ready latents."
    import torch
    from stylecfm.sources import import_latents
    from stylecfm.tiles import TileAutoencoder

    from stylecfm.codecs import Autoencoder, load_codec, write_codec
    from stylecfm.latents import cache_latents

    torch.manual_seed(0)
    net = TileAutoencoder(5, 4, 1, 2, ())
    for p in net.parameters():
        p.data = (torch.randn_like(p) / 4).half().float()
    Path('net').mkdir()
    write_codec(Path('made'), Autoencoder(net, 'net', 'cpu', 'fp32', 512))
    os.replace('made/codec', 'codec')
    dct, one = load_codec('dct:2'), dict(workers=0)
    cache_latents('raw', 'latents', dct, 8, **one)
    single = load_codec('dct:1')
    cache_latents('raw', 'latents_one', single, 8, mirror=False, **one)
    cache_latents('raw', 'latents_crops', single, 8, mirror=False, crops=2, **one)
    cache_latents('raw3', 'latents3', dct, 8, **one)
    cache_latents('raw', 'latents_tiles', load_codec('codec', 'cpu'), 8, mirror=False, **one)
    for i in range(4):
        Path('ready', 'ab'[i % 2]).mkdir(parents=True, exist_ok=True)
        torch.save(torch.randn(12, 2, 2), Path('ready', 'ab'[i % 2], f'{i}.pt'))
    import_latents('ready', 'latents_ready', dct)


def note_caches(expected, arrays):
    "Fingerprints of all caches, and some of their latents."
    from stylecfm.latents import LatentCache

    expected['caches'] = {}
    for p in sorted(Path().glob('**/styles')):
        name, cache = p.parent.as_posix(), LatentCache(p.parent)
        expected['caches'][name] = cache.fingerprint
        arrays[f'{name}/picked'] = cache.pick([0, 1, len(cache) - 1])[0].numpy()


def write_config(name):
    "The config of a run as a file of the earlier commit, and the config."
    from stylecfm.config import config_from_dict

    d = {s: SMALL[s] | RUNS[name].get(s, {}) for s in SMALL}
    config = config_from_dict(d | dict(checkpoint=d['checkpoint'] | dict(save_dir=name)))
    Path(f'{name}.json').write_text(config.to_json())
    return config


def whole_run(make, expected, arrays, name):
    "Train a run to its end elsewhere, and note its losses and weights; then stop one."
    from dataclasses import replace

    def trainer(folder):
        c = make()
        return trainer_of(replace(c, checkpoint=replace(c.checkpoint, save_dir=folder)))

    from stylecfm.train import OTCFMTrainer as trainer_of

    whole = trainer(f'{name}_whole')
    with contextlib.redirect_stderr(io.StringIO()):
        whole.fit(log_every=1)
    expected[name] = losses(whole)
    arrays[f'{name}/weights'] = sums(whole.model().net)
    part = trainer(name)
    stopped(lambda: part.fit(log_every=1, callback=stop))
    for p in Path(name, 'checkpoints').iterdir():
        if p.name != f'step-{STOP:07}':
            shutil.rmtree(p)
    for p in Path(name).glob('samples'):
        shutil.rmtree(p)


def pictures(pipe, arrays, name, calls):
    "Paint an image in several ways; note pixels and inverted latents."
    import numpy as np
    from stylecfm.transfer import Options

    pipe.set_progress_bar_config(disable=True)
    for k in calls:
        call = dict(source='photo', target='monet') | CALLS[k]
        r = pipe('raw/photo/0.png', **call | dict(options=Options(**call.get('options', {}))))
        arrays[f'{name}/pixels/{k}'] = np.asarray(r.images[0])
        if k == 'default' and r.structure[0] is not None:
            arrays[f'{name}/inverted/{k}'] = r.structure[0].numpy()


def write_runs(expected, arrays):
    "Runs of the trainer of latents, each stopped, with pictures of the checkpoint."
    from stylecfm.transfer import StyleTransferPipeline

    for name in RUNS:
        whole_run(lambda name=name: write_config(name), expected, arrays, name)
        pipe = StyleTransferPipeline.from_pretrained(name, 'cpu')
        pictures(pipe, arrays, name, CALLS if name == 'plain' else ('default', 'mix'))
    shutil.move('plain_whole/export', 'export')
    pipe = StyleTransferPipeline.from_pretrained('export', 'cpu')
    pictures(pipe, arrays, 'export', ['default'])
    StyleTransferPipeline.from_pretrained('tiles', 'cpu').save_pretrained('diffusers')


def write_pairs(expected, arrays):
    "Runs on pairs in memory, by flow matching and EDM: one file each."
    import torch
    from stylecfm.isonext import IsoNext
    from stylecfm.pairs import Pairs, PairTrainer, Phase, Recipe, translate

    given = ((torch.arange(16 * 2 * 4 * 4) * 37 % 101).view(16, 2, 4, 4) - 50) / 50
    data = Pairs(given[:, :1] * 2 - given[:, 1:], given, given[:, :1])
    for objective in ('flow', 'edm'):
        recipe = Recipe(
            objective=objective,
            source='given' if objective == 'flow' else 'noise',
            batch_size=4,
            learning_rate=0.01,
            warmup_steps=2,
            validate_every=2,
        )
        phases = [Phase(6, data), Phase(4, data.pick(slice(8, 16)))]

        def trainer(folder, recipe=recipe, phases=phases):
            torch.manual_seed(0)
            net = IsoNext(1, 4, 1, 1, 3, 4, 4, norm='pixel', condition_channels=2)
            return PairTrainer(net, phases, data.pick(slice(4)), recipe, folder)

        name = f'pairs_{objective}'
        whole = trainer(None)
        with contextlib.redirect_stderr(io.StringIO()):
            fitted = whole.fit()
        expected[name] = [[r['step'], k, r[k]] for r in whole.log for k in ('loss', 'validation')]
        made = translate(fitted.net, data.given[:2], data.start[:2], recipe)
        arrays[f'{name}/made'] = made.x.numpy()
        part = trainer(name)
        stopped(lambda part=part: part.fit(stop))


def write_brain(expected, arrays):
    "A brain network on phantoms, and what differences are usual in healthy slices."
    from stylecfm.transfer import StyleTransferPipeline

    import stylecfm.apps.brain as brain
    from stylecfm.codecs import load_codec
    from stylecfm.config import config_from_dict
    from stylecfm.latents import make_cache

    train = brain.draw('train', 2, 4, 16)
    brain.seal_phantoms(Path('brain/slices'), train)
    make_cache(brain.slice_source('brain/slices', load_codec('dct:2:4')), 'brain/latents')
    d = {s: SMALL[s] for s in ('training', 'inference', 'checkpoint')}
    d |= dict(
        model=SMALL['model'] | dict(latent_channels=16, norm='pixel', context_dim=4),
        data=dict(
            raw_data_root='brain/slices', data_root='brain/latents', codec='dct:2:4', target_size=16
        ),
    )

    def make():
        config = config_from_dict(d | dict(checkpoint=d['checkpoint'] | dict(save_dir='brain/run')))
        Path('brain/config.json').write_text(config.to_json())
        return config

    whole_run(make, expected, arrays, 'brain/run')
    pipe = StyleTransferPipeline.from_pretrained('brain/run', 'cpu')
    pipe.set_progress_bar_config(disable=True)
    kept = brain.keep_usual('brain/run', pipe, train.image[2:], brain.Smooth(0.5, 2.0), 1.5)
    few = train.image[:1]
    made = brain.repainted(pipe, few, kept.scale)
    arrays['brain/repainted'] = made
    arrays['brain/evidence'] = brain.evidence(few - made, few, kept.usual, kept.how)
    arrays['brain/translated'] = brain.translated(pipe, few, steps=3)


def write_users(expected, arrays):
    "Networks of users, on users alone and on users and classes."
    import torch
    from stylecfm.checkpoints import load_model

    from stylecfm.apps import users
    from stylecfm.codecs import load_codec
    from stylecfm.config import config_from_dict
    from stylecfm.latents import make_cache

    x = (torch.arange(32 * 64) * 37 % 101).view(32, 1, 8, 8) / 50 - 1
    user, digit = torch.arange(32) % 2, torch.arange(32) // 2 % 2
    users.save_users('users/png', x, user, digit)
    for predicts, classes in (('velocity', True), ('noise', False)):
        name = f'users/{predicts}'
        codec, styles = load_codec('dct:2:1'), 4 if classes else 2
        source = users.users_source('users/png', codec, 8, classes)
        make_cache(source, f'{name}_latents')
        d = dict(
            SMALL,
            model=SMALL['model']
            | dict(latent_channels=4, num_styles=styles, predicts=predicts, num_layers=1),
            data=dict(
                raw_data_root='users/png',
                data_root=f'{name}_latents',
                num_classes=styles,
                codec='dct:2:1',
                target_size=8,
                mirror=False,
            ),
        )
        if predicts == 'noise':
            d['training'] = d['training'] | RUNS['noise']['training'] | dict(batch_size=4)

        def make(d=d, name=name):
            config = config_from_dict(d | dict(checkpoint=d['checkpoint'] | dict(save_dir=name)))
            Path(f'{name}.json').write_text(config.to_json())
            return config

        whole_run(make, expected, arrays, name)
        style = torch.arange(styles).repeat(2)
        for sampler in users.SAMPLERS[: 3 if predicts == 'noise' else 1]:
            made = users.generated(load_model(name), style, 3, 1.5, sampler, 1, 8)
            arrays[f'{name}/{sampler}'] = made.numpy()


def write_radar(expected, arrays):
    "A radar model, with a cloud that it enhanced; of its rounded weights the archive is small."
    import torch

    from stylecfm.apps import radar
    from stylecfm.apps.clouds import Grid

    grid = Grid((0.0, -4.8, radar.GROUND), (1.6, 1.6, 1.0), (4, 6, 6))
    effort = radar.Effort(steps=4, size=radar.Size(4, 1, 3, 4), grid=grid)
    scenes, held = radar.drawn('train', 4, 0), radar.drawn('choose', 2, 0)
    with contextlib.redirect_stderr(io.StringIO()):
        m = radar.train_radar('flow from the radar', scenes, held, effort)
    for p in m.net.parameters():
        p.data = (16 * p.data).round() / 16
    head = m.net.core.head.weight.data  # nearly zero after so few steps
    head.copy_((torch.arange(head.numel()) * 37 % 13 - 6).view(head.shape) / 16)
    made = radar.volumes_by(m, radar.volumes_of([held[0].radar], grid))
    m = m._replace(threshold=float(made[0, 0].quantile(0.8)))
    radar.save_radar('radar', m)
    arrays['radar/volume'] = made.numpy()
    arrays['radar/cloud'] = radar.enhanced(m, held[0].radar).xyz
    arrays['radar/given'] = held[0].radar.xyz
    expected['radar'] = [m.steps, m.threshold]


def write_all():
    "Write all states to the current directory, and what this code makes of them."
    import numpy as np
    import torch

    torch.set_num_threads(1)
    expected, arrays = dict(kernels=kernels()), {}
    write_images()
    write_caches()
    for write in (write_runs, write_pairs, write_brain, write_users, write_radar):
        write(expected, arrays)
    note_caches(expected, arrays)
    for p in [*Path().glob('**/*_whole')]:
        shutil.rmtree(p)
    Path('net').rmdir()
    Path('made').rmdir()
    Path('expected.json').write_text(json.dumps(expected))
    np.savez_compressed('expected.npz', **arrays)


def nobody(info):
    "A file of an archive, without names and numbers of a user."
    info.uid, info.gid, info.uname, info.gname = 0, 0, '', ''
    return info


def main():
    p = argparse.ArgumentParser(description='Store states that an earlier commit wrote.')
    p.add_argument('commit', help='commit whose code writes them')
    p.add_argument('--store', default=STORE, help='archive to write', type=Path)
    p.add_argument('--here', action='store_true', help='write them here, with the code on the path')
    a = p.parse_args()
    if a.here:
        return write_all()
    with tempfile.TemporaryDirectory() as d:
        tree, out = Path(d, 'tree'), Path(d, 'out')
        out.mkdir()
        packed = subprocess.run(
            ['git', 'archive', a.commit, 'stylecfm'], cwd=ROOT, capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as t:
            t.extractall(tree, filter='data')
        env = os.environ | dict(PYTHONPATH=str(tree), OMP_NUM_THREADS='1')
        command = [sys.executable, '-W', 'ignore', __file__, a.commit, '--here']
        subprocess.run(command, cwd=out, env=env, check=True)
        with tarfile.open(a.store, 'w:xz', preset=9) as t:
            for f in sorted(v for v in out.rglob('*') if v.is_file()):
                t.add(f, f.relative_to(out), filter=nobody)


if __name__ == '__main__':
    main()

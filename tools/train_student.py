"""A student of the bundled painter that needs few evaluations, by Lagrangian distillation.

python tools/train_student.py train [--minutes 25]     resumes where it was, in build/student
python tools/train_student.py measure [--count 24]     both at 1, 2, 4 evaluations, into
                                                       nbs/results/student.json
python tools/train_student.py round-trips --count 80   photographs inverted and generated again
python tools/train_student.py keep                     the averaged weights in 16 bits, into
                                                       checkpoints/student
python tools/train_student.py show                     photographs painted by both, into
                                                       nbs/figures/student.jpg

Without build/student, training continues from checkpoints/student.

`make paint` (tools/paint_table.py) measures the student beside the other ways to paint.
The pictures are those of tools/train_pretrained.py (STYLECFM_SHARED).
"""

import argparse
import copy
import io
import json
import sys
import time

import numpy as np
import torch
from painter import PHOTOS, as_jpeg, photographs
from PIL import Image
from train_pretrained import BUILD, BUNDLED, ROOT, SHARES, STYLES, pictures, read, split

from stylecfm.codecs.base import load_codec
from stylecfm.data.images import grid
from stylecfm.evaluation.metrics import keep_results, psnr, sliced_wasserstein
from stylecfm.files import digest, read_json, read_tensors, write_bytes
from stylecfm.flow.flow_maps import lagrangian_residual, sample_map, student_of
from stylecfm.flow.solvers import ODESolver, solve
from stylecfm.models.data_prediction import LEAST_REMAINING, sample_data_prediction
from stylecfm.pipeline.files import Student, write_student
from stylecfm.pipeline.repaint import (
    Brush,
    StructurePainter,
    conditional_data,
    conditional_field,
    conditions,
)
from stylecfm.pipeline.transfer import StyleTransferPipeline
from stylecfm.training.checkpoints import load_model
from stylecfm.training.optim import generator
from stylecfm.training.painting import Condition, PaintingRecipe, PaintingTrainer

STORE = ROOT / 'nbs' / 'results' / 'student.json'
STATE, SIZE, DECAY = BUILD / 'student' / 'state.pt', 96, 0.99
KEPT = ROOT / 'checkpoints' / 'student'
# ways of a round trip of 8 + 8 evaluations: the student's flow map, its velocity by the solvers ab2
# and alf (which carries its slope, and so is exact), and the teacher's velocity by Euler
TRIPS = 'flow_map', 'ab2', 'alf', 'teacher_euler'
MOST = 100  # pictures of a style
TARGETS = tuple(s for s in STYLES if s != 'photo')


def end_times(s, g):
    "End times: the end of the path, an eighth to a half further, or anywhere after the start."
    u, kind = torch.rand(len(s), generator=g), torch.randint(3, (len(s),), generator=g)
    some = torch.stack([torch.ones_like(s), s + 0.125 + 0.375 * u, s + (1 - s) * u])
    return some.gather(0, kind[None])[0].clamp(max=1.0)


def start_times(b, g):
    "Start times: the beginning of the path for a third, else the quarters and all between."
    u, kind = torch.rand(b, generator=g), torch.randint(3, (b,), generator=g)
    some = torch.stack([torch.zeros(b), torch.randint(4, (b,), generator=g) / 4, 0.95 * u])
    return some.gather(0, kind[None])[0]


def loss_of(student, teacher, batch, weight, g):
    "Squared residual of the Lagrangian equation, in units of the data's error."
    c = student.config.latent_channels
    x1 = batch.xt[:, :c] + (1 - batch.t).view(-1, 1, 1, 1) * batch.ut
    condition, style = batch.xt[:, c:], batch.style
    s = start_times(len(x1), g)
    t = end_times(s, g)
    x0 = x1 - batch.ut
    x = torch.lerp(x0, x1, s.view(-1, 1, 1, 1))

    def v(x, t):
        return teacher(torch.cat([x, condition], 1), t, style)

    u = student.average_velocity(condition, style)
    off = lagrangian_residual(u, v, x, s, t)
    remaining = (1 - t).clamp_min(2 * LEAST_REMAINING).view(-1, 1, 1, 1)
    return (weight * (remaining * off).square()).mean()


def batches_of(model):
    "Source of training batches: crops under their coarse pictures, as the teacher has seen them."
    return PaintingTrainer(
        copy.deepcopy(model.net).requires_grad_(True),
        pictures('train', MOST),
        load_codec(model.spec, 'cpu'),
        model.stats,
        10**6,
        recipe=PaintingRecipe(batch_size=8, precision='fp32'),
        condition=Condition(size=SIZE),
        shares={STYLES.index(k): v for k, v in SHARES.items()},
    )


def begin():
    "Teacher's model, and the student as it was left."
    model = load_model(BUNDLED)
    teacher = model.net.eval().requires_grad_(False)
    student = student_of(teacher)
    if KEPT.is_dir():
        student.load_state_dict(read_tensors(KEPT / 'diffusion_pytorch_model.safetensors'))
    student.requires_grad_(True).eval()  # eval: no custom backward
    average = copy.deepcopy(student).requires_grad_(False)
    optimizer = torch.optim.AdamW(student.parameters(), 3e-4, (0.9, 0.99), weight_decay=0)
    state = dict(step=0, seconds=0.0, losses=[], teacher='')
    if STATE.is_file():
        kept = torch.load(STATE, weights_only=True)
        student.load_state_dict(kept['student'])
        average.load_state_dict(kept['average'])
        optimizer.load_state_dict(kept['optimizer'])
        state = dict(teacher='') | kept['state']
    return model, student, average, optimizer, state


def keep(student, average, optimizer, state):
    "Write the state beside its old one, then in its place."
    STATE.parent.mkdir(parents=True, exist_ok=True)
    parts = dict(
        student=student.state_dict(),
        average=average.state_dict(),
        optimizer=optimizer.state_dict(),
        state=state,
    )
    torch.save(parts, new := STATE.with_suffix('.new'))
    new.replace(STATE)


def keep_weights():
    "The averaged weights in 16 bits, for the next training and for use."
    model, _, average, _, state = begin()
    write_student(KEPT, Student(average.half(), state['teacher']), model)
    print(f'averaged weights in {KEPT}')


def mean(values):
    return sum(values) / len(values) if values else None


def train(minutes):
    "Distil for some minutes."
    model, student, average, optimizer, state = begin()
    source, teacher = batches_of(model), model.net
    state['teacher'] = digest(BUNDLED / 'network' / 'diffusion_pytorch_model.safetensors')
    begun, saved, before = time.monotonic(), time.monotonic(), state['seconds']
    while (spent := time.monotonic() - begun) < 60 * minutes:
        i = state['step']
        g = generator(1, i, 21)
        left = 1 - spent / (60 * minutes)
        optimizer.param_groups[0]['lr'] = 3e-4 * min(1, (i + 1) / 50) * min(1, 0.05 + 3 * left)
        loss = loss_of(student, teacher, source.batch(i), source.weight, g)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for a, p in zip(average.parameters(), student.parameters(), strict=True):
                a.lerp_(p, 1 - min(DECAY, (i + 1) / (i + 10)))
        state['step'], state['seconds'] = i + 1, before + time.monotonic() - begun
        state['losses'].append(loss.item())
        if state['step'] % 20 == 0:
            recent = mean(state['losses'][-20:])
            print(f'step {state["step"]}, {state["seconds"]:.0f} s, loss {recent:.4f}', flush=True)
        if time.monotonic() - saved > 120:
            keep(student, average, optimizer, state)
            saved = time.monotonic()
    keep(student, average, optimizer, state)


def held_out(style, count, side=128, part='choose'):
    "Centres of held-out pictures, `(n, 3, side, side)` in [0, 1]."
    found = []
    for name in split()[style][part]:
        if len(found) == count:
            break
        im = Image.open(io.BytesIO(read(name))).convert('RGB')
        if min(im.size) < side:
            continue
        w, h = ((n - side) // 2 for n in im.size)
        found.append(np.asarray(im.crop((w, h, w + side, h + side))).copy())
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).float() / 255


def detail(x):
    "Deviation of what a blur of one pixel removes."
    from stylecfm.data.abstraction import gaussian_blur

    return (x - gaussian_blur(x, 1.0)).std().item()


def round_trip_of(way, u, v, z):
    "Invert latents in 8 evaluations and generate them again in as many: a way of `TRIPS`."
    if way == 'flow_map':
        return sample_map(u, sample_map(u, z, 8, 1.0, 0.0), 8)
    if way == 'teacher_euler':
        euler = ODESolver('euler', 8)
        return euler.solve(v, euler.solve(v, z, 1.0, 0.0).x, 0.0, 1.0).x

    def now(x, t):
        return u(x, t, t)

    back = solve(now, z, 1.0, 0.0, 7, way)  # the first of 7 steps takes two evaluations
    carry = back.carry if way == 'alf' else None
    return solve(now, back.x, 0.0, 1.0, 7, way, carry=carry).x


def round_trips(painter, student, photos, ways):
    "Similarity of photographs and their round trips, dB, by each way and by the codec alone."
    source, db = STYLES.index('photo'), {}
    for x in photos.split(16):
        here, _ = conditions(painter, x, source, Brush(), source)
        z, style = painter.encode(x * 2 - 1), torch.full((len(x),), source)
        u, v = student.average_velocity(here, style), conditional_field(painter, here, source)
        latents = dict(codec=z) | {k: round_trip_of(k, u, v, z) for k in ways}
        for name, latent in latents.items():
            db.setdefault(name, []).append(psnr(painter.decode(latent), x, width=1.0))
        print(f'{sum(map(len, db["codec"]))} of {len(photos)}', flush=True)
    db = {name: torch.cat(v) for name, v in db.items()}
    return {name: dict(psnr=v.mean().item(), deviation=v.std().item()) for name, v in db.items()}


def painter_of(model, codec):
    "The teacher's painter, which takes and gives pictures in [0, 1]."
    return StructurePainter(
        model.net,
        lambda x: model.stats.standardise(codec.encode(x)),
        lambda z: ((codec.decode(model.stats.restore(z)) + 1) / 2).clamp(0, 1),
        model.net.libraries(),
        LEAST_REMAINING,
    )


@torch.no_grad()
def measure(count):
    "Paint held-out photographs by both from the same noise; compare with the teacher's many steps."
    model, _, student, _, state = begin()
    codec, brush = load_codec(model.spec, 'cpu'), Brush()
    painter = painter_of(model, codec)
    photos, rows = held_out('photo', count), {}
    paintings = held_out('monet', 48)
    target, g = STYLES.index('monet'), torch.Generator().manual_seed(0)
    _, there = conditions(painter, photos, target, brush, STYLES.index('photo'))
    c = codec.latent_channels
    x0 = brush.temperature * torch.randn(there[:, :c].shape, generator=g)
    style = torch.full((len(x0),), target)

    def by_teacher(n):
        return sample_data_prediction(conditional_data(painter, there, target), x0, n)

    def by_student(n):
        return sample_map(student.average_velocity(there, style), x0, n)

    limit = painter.decode(by_teacher(48))

    def row(latent):
        y = painter.decode(latent)
        return dict(
            levels=255 * (y - limit).square().mean().sqrt().item(),
            detail=detail(y) / detail(limit),
            swd=sliced_wasserstein(y, paintings),
        )

    for name, of, counts in (
        ('teacher', by_teacher, (1, 2, 4, 12)),
        ('student', by_student, (1, 2, 4)),
    ):
        for n in counts:
            rows[f'{name}_{n}'] = row(of(n))
            print(name, n, {k: round(v, 3) for k, v in rows[f'{name}_{n}'].items()}, flush=True)
    rows['teacher_48'] = row(by_teacher(48))
    trained = dict(
        steps=state['step'],
        minutes=state['seconds'] / 60,
        loss_first=mean(state['losses'][:20]),
        loss_last=mean(state['losses'][-20:]),
    )
    keep_results(
        STORE,
        f'python tools/train_student.py measure --count {count}',
        count=count,
        **trained if state['step'] else {},  # else those of the run that trained it stay
        rows=rows,
    )
    print(json.dumps(rows['teacher_48']))


@torch.no_grad()
def measure_round_trips(count, ways):
    "Round trips alone, on photographs of the test set; the rest of the results stays."
    model, _, student, _, _ = begin()
    painter = painter_of(model, load_codec(model.spec, 'cpu'))
    rows = round_trips(painter, student, held_out('photo', count, 256, 'test'), ways)
    stored = read_json(STORE)
    old = stored['round_trip']
    kept = {k: v for k, v in old['rows'].items() if k in TRIPS and old['count'] == count}
    trip = dict(
        evaluations=8,
        count=count,
        side=256,
        rows=kept | rows,
        command=f'python tools/train_student.py round-trips --count {count}',
    )
    keep_results(STORE, stored['command'], round_trip=trip)


def show():
    "Paint photographs of the test set by the student and by the painter, side by side."
    photos = photographs(PHOTOS[:4], ROOT / 'nbs' / 'results' / 'split.json')
    pipe = StyleTransferPipeline.from_pretrained(BUNDLED, 'cpu')
    pipe.set_progress_bar_config(disable=True)
    counts = (1, 2, 4, 12)
    made = [pipe(photos, source='photo', target='monet', steps=n).images for n in counts]
    small = [
        [im.resize((168, 168), Image.Resampling.LANCZOS) for im in row]
        for row in zip(photos, *made, strict=True)
    ]
    heads = ['photograph', *(f'student, {n}' for n in counts[:-1]), f'painter, {counts[-1]}']
    write_bytes(
        to := ROOT / 'nbs' / 'figures' / 'student.jpg',
        as_jpeg(grid(small, col_labels=heads), 115_000),
    )
    print(f'written to {to}')


def main():
    p = argparse.ArgumentParser(description='Distil a student of the bundled painter.')
    p.add_argument('what', choices=('train', 'measure', 'round-trips', 'keep', 'show'))
    p.add_argument('--minutes', type=float, default=25, help='training time')
    p.add_argument('--count', type=int, default=24, help='held-out photographs to measure with')
    p.add_argument('--ways', nargs='*', choices=TRIPS, default=TRIPS, help='of the round trips')
    a = p.parse_args()
    torch.set_num_threads(1)
    if a.what in ('keep', 'show'):
        return keep_weights() if a.what == 'keep' else show()
    if a.what == 'round-trips':
        return measure_round_trips(a.count, a.ways)
    return train(a.minutes) if a.what == 'train' else measure(a.count)


if __name__ == '__main__':
    sys.exit(main())

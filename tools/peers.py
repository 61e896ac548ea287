"""diffusers' common tests of models and pipelines, restated.

`python tools/peers.py [NAMES]` writes nbs/results/peers_diffusers.json.

The cases are those of diffusers' ModelTesterMixin, its training, memory, attention and compile
mixins, and of PipelineTesterMixin with its offloading and from_pipe mixins. The installed package
does not ship them, so each is written here in a few lines. A case that needs what this machine or
these models do not have raises `Skip` with the reason in one line.
"""

import argparse
import contextlib
import inspect
import io
import json
import sys
import tempfile
import traceback
from pathlib import Path

import diffusers
import numpy as np
import torch
from accelerate.utils import compute_module_sizes
from diffusers import DiffusionPipeline
from diffusers.training_utils import EMAModel
from notebooks import ROOT

from stylecfm.models.isonext import IsoNext
from stylecfm.pipeline.transfer import StyleTransferPipeline

RESULT = ROOT / 'nbs' / 'results' / 'peers_diffusers.json'
SIZES = dict(
    latent_channels=48, hidden_dim=32, num_layers=4, num_styles=2, style_dim=16, time_dim=16
)
MODEL, PIPELINE = {}, {}  # {name: case}


class Skip(Exception):
    "Why a case does not apply."


def model_case(f):
    MODEL[f.__name__] = f


def pipeline_case(f):
    PIPELINE[f.__name__] = f


def skipped(cases, reason, *names):
    "Cases that do not apply, for one reason."

    def skip():
        raise Skip(reason)

    cases.update(dict.fromkeys(names, skip))


def network(seed=0, **kw):
    "A small network whose velocity depends on everything."
    torch.manual_seed(seed)
    net = IsoNext(**SIZES | kw)
    for p in net.parameters():
        if not p.abs().sum():
            torch.nn.init.normal_(p, std=0.05)
    return net.eval()


def inputs(dtype=torch.float32, size=4):
    g = torch.Generator().manual_seed(1)
    return dict(
        sample=torch.randn(2, 48, size, size, generator=g).to(dtype),
        timestep=torch.tensor([0.3, 0.7]),
        class_labels=torch.tensor([0, 1]),
    )


@torch.no_grad()
def run(net, **kw):
    return net(**inputs(**kw), return_dict=False)[0]


def close(a, b, most=1e-4):
    a, b = (
        torch.as_tensor(np.asarray(v) if not isinstance(v, torch.Tensor) else v).float()
        for v in (a, b)
    )
    assert a.shape == b.shape and (a - b).abs().max() <= most, (
        f'{tuple(a.shape)} and {tuple(b.shape)} differ by {(a - b).abs().max():.1e}'
    )


def refused(f, kind, words):
    try:
        f()
    except kind as e:
        assert words in str(e), f'{words!r} is not in {str(e)!r}'
    else:
        raise AssertionError(f'nothing was refused; wanted {words!r}')


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as d:
        yield d


# Models: saving and loading


@model_case
def from_save_pretrained():
    with folder() as d:
        network().save_pretrained(d)
        close(run(IsoNext.from_pretrained(d)), run(network()), 5e-5)


@model_case
def from_save_pretrained_variant():
    with folder() as d:
        network().save_pretrained(d, variant='fp16')
        refused(
            lambda: IsoNext.from_pretrained(d), OSError, 'no file named diffusion_pytorch_model.bin'
        )
        close(run(IsoNext.from_pretrained(d, variant='fp16')), run(network()), 5e-5)


for _dtype in (torch.float32, torch.float16, torch.bfloat16):

    def _case(dtype=_dtype):
        with folder() as d:
            network().to(dtype).save_pretrained(d)
            assert IsoNext.from_pretrained(d, torch_dtype=dtype).dtype == dtype

    MODEL[f'from_save_pretrained_dtype_{_dtype}'.replace('torch.', '')] = _case
    if _dtype == torch.float32:
        continue

    def _case(dtype=_dtype):
        with folder() as d:
            network().save_pretrained(d)
            net = IsoNext.from_pretrained(d, torch_dtype=dtype)
            out = run(net, dtype=dtype)
            assert out.dtype == dtype
            close(out, run(network()), 0.05)
            net.save_pretrained(d, variant='half')
            close(
                run(IsoNext.from_pretrained(d, variant='half', torch_dtype=dtype), dtype=dtype), out
            )

    MODEL[f'from_save_pretrained_dtype_inference_{_dtype}'.replace('torch.', '')] = _case


def _shards(variant=None, parallel=False):
    from diffusers.utils import constants

    kept, constants.HF_ENABLE_PARALLEL_LOADING = constants.HF_ENABLE_PARALLEL_LOADING, parallel
    try:
        with folder() as d:
            net = network()
            net.save_pretrained(
                d,
                variant=variant,
                max_shard_size=f'{int(0.75 * compute_module_sizes(net)[""] / 1024)}KB',
            )
            [index] = Path(d).glob('*.index*.json')
            assert (
                len({*json.loads(index.read_text())['weight_map'].values()})
                == len(list(Path(d).glob('*.safetensors')))
                > 1
            )
            close(run(IsoNext.from_pretrained(d, variant=variant)), run(net), 1e-5)
    finally:
        constants.HF_ENABLE_PARALLEL_LOADING = kept


@model_case
def sharded_checkpoints():
    _shards()


@model_case
def sharded_checkpoints_with_variant():
    _shards('fp16')


@model_case
def sharded_checkpoints_with_parallel_loading():
    _shards(parallel=True)


@model_case
def keep_in_fp32_modules():
    with folder() as d:
        network().save_pretrained(d)
        for name, p in IsoNext.from_pretrained(d, torch_dtype=torch.float16).named_parameters():
            kept = any(k in name.split('.') for k in IsoNext._keep_in_fp32_modules)
            assert p.dtype == (torch.float32 if kept else torch.float16), name


@model_case
def to_keep_in_fp32_modules_warns():
    log = diffusers.utils.logging.get_logger('diffusers.models.modeling_utils')
    with caught(log) as text:
        network().to(torch.float16)
    assert 'should be kept in float32' in text()


@contextlib.contextmanager
def caught(log, level='WARNING'):
    "What a logger says meanwhile."
    import logging

    stream = io.StringIO()
    handler, old = logging.StreamHandler(stream), log.level
    log.addHandler(handler)
    log.setLevel(level)
    try:
        yield stream.getvalue
    finally:
        log.removeHandler(handler)
        log.setLevel(old)


# Models: outputs


@model_case
def determinism():
    net = network()
    assert torch.equal(run(net), run(net))


@model_case
def output():
    assert run(network()).shape == inputs()['sample'].shape


@model_case
@torch.no_grad()
def outputs_equivalence():
    net, i = network(), inputs()
    named, plain = net(**i), net(**i, return_dict=False)
    for a, b in zip(plain, named.values(), strict=True):
        close(a, b, 0.0)
    assert torch.equal(named.sample, named[0]) and torch.equal(
        net(i['sample'], i['timestep'], i['class_labels']), named.sample
    )


@model_case
def getattr_is_correct():
    import warnings

    net = network()
    net.own = 5
    net.register_to_config(test_attribute=5)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        assert net.own == 5 and net.test_attribute == 5
    assert any(w.category is FutureWarning for w in said)
    refused(
        lambda: net.does_not_exist,
        AttributeError,
        "'IsoNext' object has no attribute 'does_not_exist'",
    )


# Models: training


def _loss(net, **kw):
    return (net(**inputs(**kw), return_dict=False)[0] - 1).square().mean()


@model_case
def training():
    net = network().train()
    _loss(net).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@model_case
def training_with_ema():
    net = network().train()
    ema = EMAModel(net.parameters())
    _loss(net).backward()
    ema.step(net.parameters())


@model_case
def gradient_checkpointing():
    net = network()
    states = [net.is_gradient_checkpointing]
    for switch in (net.enable_gradient_checkpointing, net.disable_gradient_checkpointing):
        switch()
        states.append(net.is_gradient_checkpointing)
    assert states == [False, True, False], states


@model_case
def gradient_checkpointing_is_applied():
    net = network()
    net.enable_gradient_checkpointing()
    assert {
        type(m).__name__ for m in net.modules() if getattr(m, 'gradient_checkpointing', False)
    } == {'IsoNext'}


@model_case
def gradient_checkpointing_equivalence():
    grads = []
    for on in (False, True):
        net = network().train()
        if on:
            net.enable_gradient_checkpointing()
        grads.append(torch.autograd.grad(_loss(net), list(net.parameters())))
    for a, b in zip(*grads, strict=True):
        close(a, b, 5e-5)


@model_case
def mixed_precision_training():
    net = network().train()
    with torch.autocast('cpu', torch.bfloat16):
        loss = _loss(net)
    loss.backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


# Models: memory


def _apart(**save):
    with folder() as d:
        net = network()
        size, want = compute_module_sizes(net)[''], run(net)
        net.save_pretrained(d, **save)
        for part in (0.5, 0.7):
            half = IsoNext.from_pretrained(
                d, device_map='auto', max_memory={'cpu': int(part * size)}, offload_folder=d
            )
            assert {*half.hf_device_map.values()} == {'cpu', 'disk'}, half.hf_device_map
            close(run(half), want, 1e-5)


@model_case
def disk_offload_with_safetensors():
    _apart()


@model_case
def disk_offload_without_safetensors():
    _apart(safe_serialization=False)


@model_case
def cpu_offload():
    from accelerate import cpu_offload as offload

    net = network()
    want = run(net)
    offload(net, 'cpu')
    assert {p.device.type for p in net.parameters()} == {'meta'}
    close(run(net), want, 1e-5)


def _grouped(cast=False, disk=False, **how):
    with folder() as d:
        net = network()
        want = run(net)
        if disk:
            how['offload_to_disk_path'] = d
        net.enable_group_offload('cpu', **how)
        if disk:
            assert list(Path(d).glob('*.safetensors'))
        if cast:
            net.enable_layerwise_casting(torch.float16, torch.float32)
        close(run(net), want, 1e-2 if cast else 1e-5)


BLOCK, LEAF = (
    dict(offload_type='block_level', num_blocks_per_group=1),
    dict(offload_type='leaf_level'),
)


@model_case
def group_offloading():
    for how in (BLOCK, BLOCK | dict(non_blocking=True), LEAF):
        _grouped(**how)


for _level, _how in dict(block=BLOCK, leaf=LEAF).items():
    MODEL[f'group_offloading_with_layerwise_casting_{_level}'] = lambda how=_how: _grouped(
        cast=True, **how
    )
    MODEL[f'group_offloading_with_disk_{_level}'] = lambda how=_how: _grouped(disk=True, **how)


@model_case
def layerwise_casting_memory():
    sizes = []
    for storage, compute in (
        (None, torch.float32),
        (torch.float8_e4m3fn, torch.float32),
        (torch.float8_e4m3fn, torch.bfloat16),
    ):
        net = network().to(compute)
        if storage:
            net.enable_layerwise_casting(storage, compute)
        run(net, dtype=compute)
        sizes.append(net.get_memory_footprint())
    assert sizes[2] < sizes[1] < sizes[0], sizes


@model_case
def layerwise_casting_training():
    for storage in (torch.float16, torch.float8_e4m3fn, torch.float8_e5m2):
        net = network().train()
        net.enable_layerwise_casting(storage, torch.float32)
        with torch.autocast('cpu'):
            loss = _loss(net)
        loss.backward()
        assert net.stem.weight.grad.isfinite().all()


# Models: compilation, without generating code for the processor, which takes minutes


@model_case
def torch_compile_recompilation_and_graph_break():
    torch.compiler.reset()
    net = torch.compile(network(), fullgraph=True, backend='eager')
    with torch._dynamo.config.patch(error_on_recompile=True):
        close(run(net), run(net), 0.0)


@model_case
def torch_compile_repeated_blocks():
    torch.compiler.reset()
    net = network()
    want = run(net)
    net.compile_repeated_blocks(fullgraph=True, backend='eager')
    with torch._dynamo.config.patch(recompile_limit=1):
        close(run(net), want, 1e-5)


@model_case
def compile_on_different_shapes():
    torch.compiler.reset()
    net = network()
    fast = torch.compile(net, fullgraph=True, dynamic=True, backend='eager')
    for size in (4, 6, 9):
        close(run(fast, size=size), run(net, size=size), 1e-5)


@model_case
def compile_works_with_aot():
    net = network()
    program = torch.export.export(net, args=(), kwargs=inputs())
    close(program.module()(**inputs()).sample, run(net), 1e-5)


@model_case
def push_to_hub():
    with folder() as d, local_hub(d):
        network().push_to_hub('me/net')
        close(run(IsoNext.from_pretrained(Path(d) / 'me/net')), run(network()), 0.0)


skipped(
    MODEL,
    'there is no GPU stream here',
    'compile_with_group_offloading',
    'group_offloading_stream',
    'group_offloading_record_stream',
    *(
        f'group_offloading_with_{what}_{level}_stream'
        for what in ('layerwise_casting', 'disk')
        for level in ('block', 'leaf')
    ),
)
skipped(MODEL, 'there are no two GPUs here', 'model_parallelism')
skipped(
    MODEL,
    'the network has no attention processors of diffusers',
    'fuse_unfuse_qkv_projections',
    'get_set_processor',
    'attention_processor_dict',
    'attention_processor_count_mismatch_raises_error',
)


# Pipelines


def parts(**kw):
    p = StyleTransferPipeline(network(**kw), styles=['photo', 'painting'])
    return {k: v for k, v in p.components.items()}


def pipeline(**kw):
    p = StyleTransferPipeline(**parts(**kw), styles=['photo', 'painting'])
    p.set_progress_bar_config(disable=True)
    return p


IMAGE = np.random.default_rng(0).random((16, 16, 3), dtype=np.float32)


def asked(**kw):
    "Inputs of a call; guided, with noise in the structures, so that the generator counts."
    from stylecfm.pipeline.transfer import TransferOptions

    return (
        dict(
            image=IMAGE,
            source=0,
            target=1,
            num_inference_steps=2,
            guidance_scale=2.0,
            output_type='pt',
            options=TransferOptions(fresh=0.2),
            generator=torch.Generator().manual_seed(0),
        )
        | kw
    )


def painted(p, **kw):
    return p(**asked(**kw))[0]


@contextlib.contextmanager
def local_hub(at):
    "A hub that is a folder: what is uploaded is copied to it."
    import shutil

    from diffusers.pipelines import pipeline_utils
    from diffusers.utils import hub_utils

    old = (
        {m: m.create_repo for m in (hub_utils, pipeline_utils)},
        hub_utils.PushToHubMixin._upload_folder,
    )
    for m in old[0]:
        m.create_repo = lambda name, **kw: argparse.Namespace(repo_id=name)
    cards = {k: getattr(hub_utils, k) for k in ('load_or_create_model_card', 'populate_model_card')}
    hub_utils.load_or_create_model_card = lambda *a, **kw: argparse.Namespace(
        save=lambda to: Path(to).write_text('card')
    )
    hub_utils.populate_model_card = lambda card, **kw: card
    hub_utils.PushToHubMixin._upload_folder = lambda self, d, name, **kw: shutil.copytree(
        d, Path(at) / name, dirs_exist_ok=True
    )
    try:
        yield
    finally:
        for m, f in old[0].items():
            m.create_repo = f
        for k, f in cards.items():
            setattr(hub_utils, k, f)
        hub_utils.PushToHubMixin._upload_folder = old[1]


@pipeline_case
def save_load_local():
    p = pipeline()
    with (
        folder() as d,
        caught(
            diffusers.utils.logging.get_logger('diffusers.pipelines.pipeline_utils'), 'INFO'
        ) as text,
    ):
        p.save_pretrained(d, safe_serialization=False)
        again = StyleTransferPipeline.from_pretrained(d)
        assert all(f'Loaded {k} ' in text() for k in ('network', 'codec', 'scheduler'))
        close(painted(again), painted(p), 0.0)


@pipeline_case
def pipeline_output():
    assert painted(pipeline())[0].shape == (3, 16, 16)


@pipeline_case
def pipeline_call_signature():
    given = inspect.signature(StyleTransferPipeline.__call__).parameters
    wanted = {
        'image',
        'num_inference_steps',
        'num_images_per_prompt',
        'generator',
        'latents',
        'output_type',
        'return_dict',
        'guidance_scale',
        'callback_on_step_end',
        'callback_on_step_end_tensor_inputs',
    }
    assert wanted <= {k for k, v in given.items() if v.default is not inspect.Parameter.empty}


@pipeline_case
def inference_batch_consistent():
    each = [torch.Generator().manual_seed(i) for i in range(2)]
    assert len(painted(pipeline(), image=[IMAGE] * 2, generator=each)) == 2


@pipeline_case
def inference_batch_single_identical():
    each = [torch.Generator().manual_seed(i) for i in range(3)]
    many = painted(pipeline(), image=[IMAGE] * 3, generator=each)
    close(many[0], painted(pipeline())[0])
    assert len(many) == 3 and (many[0] - many[1]).abs().max() > 1e-3


@pipeline_case
def dict_tuple_outputs_equivalent():
    a, b = pipeline()(**asked()), pipeline()(**asked(return_dict=False))
    assert isinstance(b, tuple)
    for x in (a.images, a[0], b[0]):
        close(x, a.to_tuple()[0], 0.0)


@pipeline_case
def components_function():
    assert {*pipeline().components} == {*parts()} == {'network', 'codec', 'scheduler'}


for _dtype in (torch.float16, torch.bfloat16):

    def _case(dtype=_dtype):
        out = painted(pipeline().to(dtype))
        assert out.isfinite().all()
        close(out, painted(pipeline()), 0.2)

    PIPELINE[f'half_precision_inference_no_nan_{_dtype}'.replace('torch.', '')] = _case


@pipeline_case
def save_load_float16():
    p = pipeline().to(torch.float16)
    with folder() as d:
        p.save_pretrained(d)
        again = StyleTransferPipeline.from_pretrained(d, torch_dtype=torch.float16)
        assert {v.dtype for v in again.components.values() if hasattr(v, 'dtype')} == {
            torch.float16
        }
        close(painted(again), painted(p), 1e-2)


@pipeline_case
def save_load_optional_components():
    p = pipeline()
    for k in p._optional_components:
        setattr(p, k, None)
    with folder() as d:
        p.save_pretrained(d)
        again = StyleTransferPipeline.from_pretrained(d)
        assert all(getattr(again, k) is None for k in p._optional_components)
        close(painted(again), painted(p))


@pipeline_case
def to_dtype():
    p = pipeline()
    kinds = [
        {v.dtype for v in p.to(dtype=d).components.values() if hasattr(v, 'dtype')}
        for d in (torch.float32, torch.float16)
    ]
    assert kinds == [{torch.float32}, {torch.float16}]


@pipeline_case
def num_images_per_prompt():
    for b in (1, 2):
        for n in (1, 2):
            assert painted(pipeline(), image=[IMAGE] * b, num_images_per_prompt=n).shape[0] == b * n


@pipeline_case
def cfg():
    a, b = (painted(pipeline(), guidance_scale=w) for w in (1.0, 7.5))
    assert a.shape == b.shape and (a - b).abs().max() > 1e-3


@pipeline_case
def callback_inputs():
    p, names = pipeline(), []

    def see(p, i, t, tensors):
        names.append(sorted(tensors))
        assert {*tensors} <= {*p._callback_tensor_inputs}
        return tensors

    def zero(p, i, t, tensors):
        return (
            dict(latents=torch.zeros_like(tensors['latents']))
            if i == p.num_timesteps - 1
            else tensors
        )

    for wanted in (['latents'], p._callback_tensor_inputs):
        painted(
            p,
            callback_on_step_end=see,
            callback_on_step_end_tensor_inputs=wanted,
            output_type='latent',
        )
    assert names == [['latents']] * 4
    assert not painted(p, callback_on_step_end=zero, output_type='latent').any()
    refused(
        lambda: painted(p, callback_on_step_end=see, callback_on_step_end_tensor_inputs=['prompt']),
        ValueError,
        'tensor_inputs must be of',
    )


@pipeline_case
def callback_cfg():
    p = pipeline()

    def more(p, i, t, tensors):
        p._guidance_scale += 1.0
        return tensors

    out = painted(p, callback_on_step_end=more)
    assert p.guidance_scale == 2.0 + p.num_timesteps
    assert (out - painted(p)).abs().max() > 1e-4  # the scale holds from the next step on


@pipeline_case
def serialization_with_variants():
    with folder() as d:
        pipeline().save_pretrained(d, variant='fp16')
        for k in ('network', 'codec'):
            assert any(p.name.split('.')[1] == 'fp16' for p in (Path(d) / k).iterdir()), k


@pipeline_case
def loading_with_variants():
    p = pipeline()
    with folder() as d:
        p.save_pretrained(d, variant='fp16')
        again = StyleTransferPipeline.from_pretrained(d, variant='fp16')
    for a, b in zip(p.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(a, b)


@pipeline_case
def loading_with_incorrect_variants_raises_error():
    with folder() as d:
        pipeline().save_pretrained(d)
        refused(
            lambda: StyleTransferPipeline.from_pretrained(d, variant='fp16'),
            ValueError,
            'load the model files of the `variant=fp16`',
        )


@pipeline_case
def torch_dtype_dict():
    with folder() as d:
        pipeline().save_pretrained(d)
        p = StyleTransferPipeline.from_pretrained(
            d, torch_dtype={'codec': torch.bfloat16, 'default': torch.float16}
        )
        assert (p.codec.dtype, p.network.dtype) == (torch.bfloat16, torch.float16)


def _hooked(switch, where, twice=False):
    p, want = pipeline(), painted(pipeline())
    for _ in range(1 + twice):
        getattr(p, switch)(device='cpu')
        assert p._execution_device.type == 'cpu'
        close(painted(p), want)
    modules = [v for v in p.components.values() if isinstance(v, torch.nn.Module)]
    assert {m.device.type for m in modules} == {where} and all(
        hasattr(m, '_hf_hook') for m in modules
    )


@pipeline_case
def sequential_cpu_offload_forward_pass():
    _hooked('enable_sequential_cpu_offload', 'meta')


@pipeline_case
def model_cpu_offload_forward_pass():
    _hooked('enable_model_cpu_offload', 'cpu')


@pipeline_case
def sequential_offload_forward_pass_twice():
    _hooked('enable_sequential_cpu_offload', 'meta', True)


@pipeline_case
def cpu_offload_forward_pass_twice():
    _hooked('enable_model_cpu_offload', 'cpu', True)


@pipeline_case
def pipeline_with_accelerator_device_map():
    with folder() as d:
        pipeline().save_pretrained(d)
        close(
            painted(StyleTransferPipeline.from_pretrained(d, device_map='cpu')), painted(pipeline())
        )


@pipeline_case
def layerwise_casting_inference():
    p = pipeline()
    p.network.to(torch.bfloat16).enable_layerwise_casting(torch.float8_e4m3fn, torch.bfloat16)
    assert painted(p).isfinite().all()


@pipeline_case
def group_offloading_inference():
    for how in (BLOCK, LEAF):
        p = pipeline()
        p.network.enable_group_offload(torch.device('cpu'), **how)
        close(painted(p), painted(pipeline()))


@pipeline_case
def pipeline_level_group_offloading_inference():
    for how in (BLOCK, LEAF):
        p = pipeline()
        p.enable_group_offload(onload_device=torch.device('cpu'), **how)
        close(painted(p), painted(pipeline()))


@pipeline_case
def pipeline_level_group_offloading_sanity_checks():
    p = pipeline()
    p.enable_group_offload(onload_device=torch.device('cpu'), **LEAF, exclude_modules=['network'])
    on = {
        k: any(hasattr(m, '_diffusers_hook') for m in v.modules())
        for k, v in p.components.items()
        if isinstance(v, torch.nn.Module)
    }
    assert not on['network']


@pipeline_case
def from_pipe_consistent_config():
    p = pipeline()
    again = StyleTransferPipeline.from_pipe(StyleTransferPipeline.from_pipe(p))
    a, b = ({k: v for k, v in q.config.items() if not k.startswith('_')} for q in (p, again))
    assert a == b and again.network is p.network


@pipeline_case
def from_pipe_consistent_forward_pass():
    p = pipeline()
    want = painted(p)
    close(painted(StyleTransferPipeline.from_pipe(p)), want, 0.0)
    close(painted(p), want, 0.0)


@pipeline_case
def from_pipe_consistent_forward_pass_cpu_offload():
    p = StyleTransferPipeline.from_pipe(pipeline())
    p.enable_model_cpu_offload(device='cpu')
    close(painted(p), painted(pipeline()))


@pipeline_case
def progress_bar():
    p = pipeline()
    for disable, wanted in ((False, True), (True, False)):
        p.set_progress_bar_config(disable=disable)
        with io.StringIO() as text, contextlib.redirect_stderr(text):
            painted(p)
            assert ('4/4' in text.getvalue()) == wanted, text.getvalue()


@pipeline_case
def pipeline_push_to_hub():
    p = pipeline()
    with folder() as d, local_hub(d):
        p.push_to_hub('me/pipe')
        p.save_pretrained(Path(d) / 'here', push_to_hub=True, repo_id='me/other')
        for name in ('me/pipe', 'me/other'):
            close(painted(StyleTransferPipeline.from_pretrained(Path(d) / name)), painted(p), 0.0)


@pipeline_case
def custom_pipeline_by_plain_diffusers():
    from diffusers.utils import dynamic_modules_utils

    p = pipeline()
    with folder() as d:
        p.save_pretrained(d)
        dynamic_modules_utils.HF_MODULES_CACHE = str(Path(d) / 'modules')
        refused(lambda: DiffusionPipeline.from_pretrained(d), ValueError, 'trust_remote_code=True')
        for how in (dict(), dict(custom_pipeline=str(Path(d) / 'pipeline.py'))):
            close(
                painted(DiffusionPipeline.from_pretrained(d, trust_remote_code=True, **how)),
                painted(p),
                0.0,
            )


@pipeline_case
def schedulers_are_exchanged():
    p = pipeline()
    euler = painted(p, solver='euler', num_inference_steps=8)
    p.scheduler = diffusers.FlowMatchEulerDiscreteScheduler()
    theirs = painted(p, num_inference_steps=8)
    assert theirs.isfinite().all() and (theirs - euler).abs().mean() < 0.2
    with folder() as d:
        p.save_pretrained(d)
        again = StyleTransferPipeline.from_pretrained(d)
        assert type(again.scheduler) is diffusers.FlowMatchEulerDiscreteScheduler
        close(painted(again, num_inference_steps=8), theirs)


skipped(PIPELINE, 'there is no GPU here', 'to_device')
skipped(PIPELINE, 'the pipeline has no text', 'encode_prompt_works_in_isolation')
skipped(
    PIPELINE,
    "the network has no attention of diffusers' kind",
    'attention_slicing_forward_pass',
    'xformers_attention_forward_pass',
)
skipped(PIPELINE, 'the pipeline is no Stable Diffusion', 'StableDiffusionMixin_component')


def outcome(case):
    "'' where a case passes, or what went wrong; raises `Skip`."
    try:
        case()
    except Skip:
        raise
    except Exception as e:
        last = traceback.extract_tb(e.__traceback__)[-1]
        return (
            f'{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ""} '
            f'({Path(last.filename).name}, line {last.lineno})'
        )
    return ''


def suite(cases, names, found, store):
    """Run the cases of one suite, and note each outcome.

    '' where it passes, what went wrong, or why it does not apply.
    """
    for name, case in cases.items():
        if names and not any(n in name for n in names) or name in found:
            continue
        try:
            found[name] = dict(problem=outcome(case))
        except Skip as e:
            found[name] = dict(not_applicable=str(e))
        else:
            print(
                f'{"FAIL" if found[name]["problem"] else "ok  "} {name} {found[name]["problem"]}',
                flush=True,
            )
        store()


def counted(found):
    "Counts of one suite, with the names of what failed and the reasons of what does not apply."
    failed = {k: v['problem'] for k, v in found.items() if v.get('problem')}
    left_out = {k: v['not_applicable'] for k, v in found.items() if 'not_applicable' in v}
    return dict(
        cases=len(found),
        applicable=len(found) - len(left_out),
        passed=len(found) - len(left_out) - len(failed),
        failed=failed,
        not_applicable=left_out,
        names=[k for k, v in found.items() if v.get('problem') == ''],
    )


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('names', nargs='*', help='parts of names; default: all cases')
    p.add_argument(
        '--resume',
        action='store_true',
        help='keep stored outcomes of cases that passed or do not apply, and run the others',
    )
    a = p.parse_args()
    diffusers.utils.logging.set_verbosity_error()
    old = json.loads(RESULT.read_text(encoding='utf-8')) if a.resume and RESULT.exists() else {}
    found = {
        k: {n: dict(problem='') for n in old.get(k, {}).get('names', [])}
        for k in ('model', 'pipeline')
    }
    about = dict(
        made_by='python tools/peers.py',
        diffusers=diffusers.__version__,
        torch=torch.__version__.partition('+')[0],
    )

    def store():
        text = json.dumps(about | {k: counted(v) for k, v in found.items()}, indent=1)
        if a.resume or not a.names:
            RESULT.write_text(text + '\n', encoding='utf-8')

    for k, cases in dict(model=MODEL, pipeline=PIPELINE).items():
        suite(cases, a.names, found[k], store)
    for k, v in found.items():
        s = counted(v)
        print(
            f'{k}: {s["passed"]} of {s["applicable"]} applicable cases pass, '
            f'{len(s["not_applicable"])} do not apply'
        )
    return any(counted(v)['failed'] for v in found.values())


if __name__ == '__main__':
    sys.exit(main())

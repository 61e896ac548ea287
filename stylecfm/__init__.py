"""Style transfer by conditional flow matching: what is public, imported when it is first used."""

import os as _os

__version__ = "0.1.0"

# OpenMP's threads wait for one another by spinning. Where another program wants the processor, too, the one they wait for may not run,
# and all of them burn their time. Asleep they lose little. PyTorch's OpenMP reads this once, when it is loaded; a setting that is there stays.
if not _os.environ.keys() & {'OMP_WAIT_POLICY', 'GOMP_SPINCOUNT', 'KMP_BLOCKTIME'}:
    _os.environ.update(OMP_WAIT_POLICY='PASSIVE', GOMP_SPINCOUNT='0')

# Public names and where they live. They are imported when first used, so `import stylecfm` costs nothing.
_NAMES = {
    'config': 'Config InputError load_config',
    'codecs.base': 'load_codec',
    'training.memory': 'profile',
    'training.memory_plan': 'plan',
    'latents.cache': 'cache_latents LatentCache',
    'models.norms': 'AdaptiveGroupNorm',
    'models.isonext': 'IsoNext StyleEmbedding',
    'flow.paths': 'dynamic_epsilon',
    'flow.couplings': 'ot_pair',
    'flow.losses': 'otcfm_loss',
    'flow.solvers': 'ODESolver solve',
    'flow.trajectories': 'odeint',
    'flow.likelihood': 'log_likelihood',
    'flow.guidance': 'cfg_scale',
    'training.trainer': 'OTCFMTrainer',
    'pipeline.transfer': 'StyleTransferPipeline StructurePreservingInference',
    'evaluation.metrics': 'psnr',
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = list(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(
            f'stylecfm has no {name!r}; public names are {", ".join(sorted(_HOME))}'
        )
    from importlib import import_module

    from stylecfm._help import with_parameters

    return with_parameters(getattr(import_module(f'stylecfm.{_HOME[name]}'), name))


def __dir__():
    return sorted([*globals(), *_HOME])


from . import _moved as _moved  # noqa: E402, F401  modules that have moved, by their earlier names

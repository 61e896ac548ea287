"""Modules by their earlier names: `stylecfm.solvers` is `stylecfm.flow.solvers`, the same object, with a warning."""

import sys
import warnings
from importlib import import_module
from importlib.machinery import ModuleSpec

# Earlier name: present one. No notebook is the source of this file.
MOVED = {
    'abstraction': 'data.abstraction',
    'adagn': 'models.norms',
    'add_style': 'cli.add_style',
    'advice': 'cli.advice',
    'backward': 'models.block_gradient',
    'baselines': 'evaluation.baselines',
    'checkpoints': 'training.checkpoints',
    'clips': 'pipeline.clips',
    'codec_model': 'codecs.component',
    'colour': 'data.colour',
    'command': 'cli.main',
    'compat': 'flow.compat',
    'coupling': 'flow.couplings',
    'data_prediction': 'models.data_prediction',
    'ddpm': 'flow.ddpm',
    'deception': 'evaluation.classifier',
    'decoding': 'data.decoding',
    'demo': 'apps.demo',
    'editing': 'flow.editing',
    'edm': 'flow.edm',
    'evaluate': 'evaluation.report',
    'export': 'pipeline.export',
    'fields': 'flow.fields',
    'flags': 'cli.flags',
    'folders': 'data.folders',
    'guidance': 'flow.guidance',
    'images': 'data.images',
    'isonext': 'models.isonext',
    'lapped': 'codecs.lapped',
    'latent_files': 'latents.files',
    'likelihood': 'flow.likelihood',
    'masks': 'flow.masks',
    'memory': 'training.memory',
    'metrics': 'evaluation.metrics',
    'notes': 'cli.notes',
    'optim': 'training.optim',
    'otcfm': 'flow.losses',
    'own_folders': 'cli.own_folders',
    'page_parts': 'app.parts',
    'painters': 'data.painters',
    'painting': 'training.painting',
    'painting_metrics': 'evaluation.painting_metrics',
    'painting_table': 'evaluation.painting_table',
    'pairs': 'training.paired',
    'palettes': 'data.palettes',
    'paths': 'flow.paths',
    'perceptual': 'data.perceptual',
    'pipeline_call': 'pipeline.call',
    'pipeline_files': 'pipeline.files',
    'pipeline_job': 'pipeline.job',
    'planning': 'training.memory_plan',
    'plans': 'flow.plans',
    'progress': 'training.progress',
    'pt': 'data.torch_files',
    'rankone': 'models.context',
    'repaint': 'pipeline.repaint',
    'results': 'data.results',
    'scheduler': 'flow.scheduler',
    'solvers': 'flow.solvers',
    'sources': 'latents.sources',
    'splits': 'data.splits',
    'structure': 'flow.inversion',
    'threads': 'models.threads',
    'tiles': 'codecs.tiles',
    'train': 'training.trainer',
    'train_painter': 'cli.train_painter',
    'trajectories': 'flow.trajectories',
    'transfer': 'pipeline.transfer',
    'unet': 'models.unet',
    'velocity': 'models.velocity',
    'video': 'pipeline.video',
    'volumes': 'codecs.tiling',
    'watch': 'training.validation',
}


# without the base classes of importlib.abc, which imports half of the standard library
class _Alias:
    "Gives the module that is there already, as it is."

    def __init__(self, name):
        self.name = name

    def create_module(self, spec):
        "The present module; the import system will write the alias's spec into it."
        module = import_module(self.name)
        self.spec = module.__spec__
        return module

    def exec_module(self, module):
        "The module has run; its own spec is put back."
        module.__spec__ = self.spec


class _Finder:
    "Finds modules by the names that they had before they were sorted into packages."

    def find_spec(self, name, path=None, target=None):
        "The spec of an alias; None for all other names."
        package, _, module = name.partition('.')
        if package != __package__ or module not in MOVED:
            return None
        home = f'{package}.{MOVED[module]}'
        warnings.warn(f'{name} is now {home}', DeprecationWarning, stacklevel=2)
        return ModuleSpec(name, _Alias(home))  # type: ignore - import needs no base class


if not any(type(f).__name__ == '_Finder' and type(f).__module__ == __name__ for f in sys.meta_path):
    sys.meta_path.insert(0, _Finder())

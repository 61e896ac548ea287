"""What a notebook leaves behind in its process.

Settings that it changed, and names of other modules that it replaced.

`nbdev_test` runs one notebook after another in the same process, so whatever one leaves, the next
one finds. `notebooks.py` looks after each notebook.
"""

import importlib.machinery
import os
import signal
import sys
import tempfile
import types
import warnings

# what libraries note down in the environment for themselves
OF_LIBRARIES = 'ACCELERATE_', 'KMP_', 'TORCHINDUCTOR_', 'TRITON_', 'TF_', 'XLA_'
# these change names of their own
INTERNAL = (
    '__main__',
    '__mp_main__',
    'torch._',
    'torch.compiler',
    'importlib',
    'IPython',
    'ipykernel',
    'traitlets',
    'matplotlib_inline',
    'execnb',
)


def _of_the_system():
    "Settings of the process."
    yield from {
        'working folder': os.getcwd(),
        'folder of temporary files': tempfile.gettempdir(),
        'sys.path': tuple(sys.path),
        'recursion limit': sys.getrecursionlimit(),
        'sys.excepthook': sys.excepthook,
        'warnings.showwarning': warnings.showwarning,
    }.items()
    for f in warnings.filters:
        if f[1:4] == (None, Warning, None):
            yield f'warnings: {f[0]} all', True
        if f[2].__module__.partition('.')[0] == 'stylecfm':  # libraries have filters of their own
            yield f'warnings: {f[0]} {f[2].__name__}', True
    for s in signal.valid_signals():
        yield (
            f'handler of {signal.Signals(s).name if s in iter(signal.Signals) else s}',
            signal.getsignal(s),
        )
    for k, v in os.environ.items():
        if not k.startswith(OF_LIBRARIES):
            yield f'os.environ[{k!r}]', v


def _of_torch():
    import torch

    yield from {
        'recording of gradients': torch.is_grad_enabled(),
        'threads of torch': torch.get_num_threads(),
        'default dtype': torch.get_default_dtype(),
        'default device': torch.get_default_device(),
        'deterministic algorithms': torch.are_deterministic_algorithms_enabled(),
        'precision of fp32 products': torch.get_float32_matmul_precision(),
        'anomaly detection': torch.is_anomaly_enabled(),
        'autocast': torch.is_autocast_enabled('cpu'),
        'print options of torch': repr(vars(torch._tensor_str.PRINT_OPTS)),
    }.items()


def _of_figures():
    import matplotlib
    import numpy as np

    yield from {
        'errors of numpy': str(np.geterr()),
        'print options of numpy': str(np.get_printoptions()),
    }.items()
    for k, v in matplotlib.rcParams.items():
        if k not in ('backend', 'backend_fallback'):
            yield f'rcParams[{k!r}]', repr(v)


def settings():
    "{name: value} of all that is looked at."
    return {k: v for part in (_of_the_system, _of_torch, _of_figures) for k, v in part()}


def _names(module):
    """Functions and classes of a module, and the attributes of its classes.

    `{(module, class, name): value}`.
    """
    for k, v in list(vars(module).items()):
        if not issubclass(type(v), (types.FunctionType, types.BuiltinFunctionType, type)):
            continue
        yield (module.__name__, '', k), v
        if not issubclass(type(v), type) or v.__module__ != module.__name__:
            continue
        for name, w in list(vars(v).items()):
            if isinstance(w, (types.FunctionType, classmethod, staticmethod, property)):
                yield (module.__name__, k, name), w


def _values(module):
    """The same with the constants of a module; of tables what is in them.

    What begins with an underscore may be a store that fills.
    """
    yield from _names(module)
    for k, v in list(vars(module).items()):
        if not k.startswith('_'):
            yield (module.__name__, '', k), v.copy() if type(v) in (dict, list, set) else v


class Recorder:
    "Notes what each module of a package holds when it has just been imported."

    def __init__(self, package):
        self.package, self.seen = package, {}

    def find_spec(self, name, path, target=None):
        if name.partition('.')[0] != self.package:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and hasattr(spec.loader, 'exec_module'):
            run = spec.loader.exec_module

            def noted(module):
                run(module)
                self.seen |= dict(_values(module))

            spec.loader.exec_module = noted
        return spec


def _same(a, b):
    return a is b or (
        type(a) is type(b)
        and type(a) in (dict, list, set, str, int, float, bool, tuple, bytes)
        and a == b
    )


def _of_a_library(v):
    """Whether a value is defined in some library.

    It may have replaced a name of its own or of another while it was loaded.
    """
    home = getattr(v, '__module__', None)
    return isinstance(home, str) and home.partition('.')[0] not in (
        '__main__',
        'builtins',
        'unittest',
        'stylecfm',
    )


def _now(where, owner, name):
    "The value that stands at a name now; None where there is none."
    holder = sys.modules.get(where)
    if owner:
        holder = getattr(holder, owner, None)
    return vars(holder).get(name) if hasattr(holder, '__dict__') else None


class Before:
    "The state of the process; `left` says later what has changed."

    def __init__(self, package='stylecfm'):
        self.settings, self.recorder = settings(), Recorder(package)
        sys.meta_path.insert(0, self.recorder)
        there = [
            m
            for k, m in list(sys.modules.items())
            if isinstance(m, types.ModuleType) and m.__name__ == k and not k.startswith(INTERNAL)
        ]
        self.names = {k: v for m in there for k, v in _names(m)}

    def left(self):
        "What is not as it was, as text."
        if self.recorder in sys.meta_path:
            sys.meta_path.remove(self.recorder)
        now = settings()
        for k in sorted(self.settings.keys() | now.keys()):
            a, b = self.settings.get(k), now.get(k)
            if a is not b and a != b:
                yield f'{k} was {repr(a):.60}, and is {repr(b):.60}'
        for key, was in (self.names | self.recorder.seen).items():
            if _same(v := _now(*key), was) or (key in self.names and _of_a_library(v)):
                continue
            yield f'{".".join(filter(None, key))} was replaced'

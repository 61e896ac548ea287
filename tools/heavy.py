"""The imports that most notebooks share.

`runs.py` has them done once, in a process from which runs are forked; nothing of stylecfm is among
them.
"""

import os
import sys

for module in (
    'torch._dynamo',
    'torch._subclasses.fake_tensor',
    'torch.utils.flop_counter',
    'diffusers.pipelines.pipeline_utils',
    'accelerate',
    'scipy.optimize',
    'scipy.ndimage',
    'skimage.metrics',
    'matplotlib.pyplot',
    'matplotlib_inline.backend_inline',
    'fastcore.all',
    'execnb.shell',
    'nbdev.process',
    'tqdm.auto',
):
    __import__(module)

# a driver that was asked about its card does not survive a fork
CARDS = 'nvidiactl', 'kfd', 'dxg'


def fresh():
    """Whether a fork of this process is as good as a new one.

    One thread, no card, and nothing in it that is to be tested.
    """
    tested = {'stylecfm', 'torchvision'} & {m.partition('.')[0] for m in sys.modules}
    return (
        len(os.listdir('/proc/self/task')) == 1
        and not tested
        and not any(os.path.exists(f'/dev/{c}') for c in CARDS)
    )


FRESH = fresh()

"""A ComfyUI node that paints images with stylecfm.

Install: copy this file into `ComfyUI/custom_nodes/` and run `pip install stylecfm` with the Python
that starts ComfyUI. The node is under *image/style* as *Paint (stylecfm)*.

It takes images (`IMAGE`: `(b, h, w, 3)`, float in [0, 1]) and, optionally, a mask (`MASK`:
`(b, h, w)`, 1 where to paint), and returns images of the same sizes. It needs no CLIP, VAE or
checkpoint of ComfyUI: the pretrained model comes with the package, and `checkpoint` names another
structure-conditioned one, such as `stylecfm add-style` writes.
"""

import json
from functools import lru_cache

import numpy as np
import torch
from PIL import Image

from stylecfm.data.images import to_pil
from stylecfm.data.perceptual import COLOUR_MODES
from stylecfm.pipeline.repaint import Brush
from stylecfm.pipeline.transfer import StyleTransferPipeline, TransferOptions
from stylecfm.training.checkpoints import pretrained_model


def bundled_styles():
    "Return the names of the pretrained model's styles, that of photographs last."
    names = json.loads((pretrained_model() / 'model_index.json').read_text())['styles']
    return sorted(names, key=lambda n: n == 'photo')


@lru_cache(maxsize=1)
def pipeline(checkpoint):
    "Load a model once; the pretrained one for an empty name."
    pipe = StyleTransferPipeline.from_pretrained(checkpoint or None)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def progress(total):
    "Return a function that moves ComfyUI's progress bar by one step, and does nothing elsewhere."
    try:
        from comfy.utils import ProgressBar
    except ImportError:
        return lambda: None
    bar = ProgressBar(total)
    return lambda: bar.update(1)


class PaintStylecfm:
    "Paint images in a style, everywhere or within a mask."

    CATEGORY, FUNCTION = 'image/style', 'paint'
    RETURN_TYPES, RETURN_NAMES = ('IMAGE',), ('painting',)
    DESCRIPTION = 'Photographs to paintings by a structure-conditioned flow.'

    @classmethod
    def INPUT_TYPES(cls):
        "Return inputs with their ranges, as ComfyUI asks for them."
        share, usual = dict(default=1.0, min=0.0, max=1.0, step=0.05), Brush()
        required = dict(
            image=('IMAGE',),
            style=(bundled_styles(),),
            colours=(list(COLOUR_MODES), dict(default='painting')),
            coarseness=('FLOAT', dict(default=usual.coarseness, min=1.0, max=8.0, step=0.5)),
            temperature=('FLOAT', dict(default=usual.temperature, min=0.0, max=1.2, step=0.01)),
            strength=('FLOAT', share),
            steps=('INT', dict(default=usual.steps, min=1, max=100)),
            seed=('INT', dict(default=0, min=0, max=2**32 - 1)),
        )
        own = (
            'STRING',
            dict(default='', tooltip='Folder or hub name of another model; its style is own_style'),
        )
        return dict(
            required=required,
            optional=dict(mask=('MASK',), checkpoint=own, own_style=('STRING', dict(default=''))),
        )

    def paint(  # noqa: PLR0913 - inputs of the node
        self,
        image,
        style,
        colours,
        coarseness,
        temperature,
        strength,
        steps,
        seed,
        mask=None,
        checkpoint='',
        own_style='',
    ):
        "Return a tuple with the painted images, `(b, h, w, 3)`."
        pipe = pipeline(checkpoint.strip())
        brush = Brush(coarseness=coarseness, colours=colours, temperature=temperature, steps=steps)
        moved, made = progress(len(image)), []
        for k, x in enumerate(image):
            where = None if mask is None else as_mask(mask[min(k, len(mask) - 1)])
            options = TransferOptions(seed=seed, brush=brush, mask=where)
            done = pipe(
                to_pil(x[None].movedim(-1, 1) * 2 - 1)[0],
                target=own_style.strip() or style,
                strength=strength,
                options=options,
            )
            made.append(torch.from_numpy(np.array(done.images[0].convert('RGB'))).float() / 255)
            moved()
        return (torch.stack(made),)


def as_mask(mask):
    "Return a mask `(h, w)` in [0, 1] as a grey picture."
    return Image.fromarray((mask.clamp(0, 1) * 255).round().byte().cpu().numpy(), 'L')


NODE_CLASS_MAPPINGS = dict(PaintStylecfm=PaintStylecfm)
NODE_DISPLAY_NAME_MAPPINGS = dict(PaintStylecfm='Paint (stylecfm)')

# What stylecfm uses of diffusers where its own annotations would mislead: results that are an
# object or a tuple, by an argument, are stated as a tuple; settings are attributes of `config`, a
# `FrozenDict`, and are stated as a plain `dict`; `to` is stated without the tensors it takes.
from typing import Any, Self

from diffusers.configuration_utils import ConfigMixin as ConfigMixin
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL as _AutoencoderKL
from diffusers.models.modeling_utils import ModelMixin as ModelMixin
from diffusers.models.unets.unet_2d import UNet2DModel as UNet2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel as _UNet2DConditionModel
from diffusers.pipelines.pipeline_utils import DiffusionPipeline as DiffusionPipeline
from diffusers.schedulers.scheduling_utils import SchedulerMixin as SchedulerMixin
from torch import Tensor

__version__: str

class AutoencoderKL(_AutoencoderKL):
    config: Any
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def decode(self, z: Tensor, *args: Any, **kwargs: Any) -> Any: ...
    def encode(self, x: Tensor, *args: Any, **kwargs: Any) -> Any: ...
    @classmethod
    def load_config(cls, *args: Any, **kwargs: Any) -> Any: ...
    def to(self, *args: Any, **kwargs: Any) -> Self: ...

class UNet2DConditionModel(_UNet2DConditionModel):
    config: Any

class DDPMScheduler(SchedulerMixin, ConfigMixin):
    config: Any
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor: ...
    def step(self, *args: Any, **kwargs: Any) -> Any: ...

def __getattr__(name: str) -> Any: ...

"""Unconditional diffusion models from diffusers folders: a U-Net and its noise schedule, latent ones with their decoder (Ho 2020, Rombach 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganapps.networks import load_strictly
from ganapps.networks.torchvision_ops import ensure_torchvision

DECODERS = {"vqvae": "VQModel", "vae": "AutoencoderKL"}


class Diffusion(nn.Module):
    """x_t -> what the U-Net predicts of it, and latents -> x.

    `schedule` is the published scheduler's configuration (betas, prediction type): whoever samples makes a scheduler of it.
    `shape` [C, h, w] is what the noise has; `resolution` the picture's side in pixels.
    """

    value_range = (-1.0, 1.0)

    def __init__(self, unet: nn.Module, decoder: nn.Module | None, schedule: Mapping[str, Any]) -> None:
        super().__init__()
        self.unet, self.decoder, self.schedule = unet, decoder, dict(schedule)
        side = unet.config.sample_size
        self.shape = (unet.config.in_channels, side, side)
        self.resolution = side * (2 ** (len(decoder.config.block_out_channels) - 1) if decoder is not None else 1)

    def forward(self, x_t: Tensor, t: Tensor | int | float) -> Tensor:
        """x_t [N, C, h, w] and a timestep -> the prediction [N, C, h, w]: noise, v or x_0, as the schedule says."""
        return self.unet(x_t, t).sample

    def decode(self, x_0: Tensor) -> Tensor:
        """x_0 [N, C, h, w] -> x [N, 3, H, W] in -1 to 1; the same thing where the model is not a latent one."""
        if self.decoder is None:
            return x_0
        return self.decoder.decode(x_0 / self.decoder.config.scaling_factor).sample


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """A folder's tensors, each under the name of its part."""
    return "unet.conv_in.weight" in shapes and "unet.time_embedding.linear_1.weight" in shapes


def build(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Diffusion:
    """The model of a folder's `unet.*` (and `vqvae.*` or `vae.*`) tensors; `settings` holds each part's config under its name.

    Raises ValueError where a config or a tensor is missing, left over or of the wrong shape, or the parts are of another kind.
    """
    if "unet" not in settings or "scheduler" not in settings:
        raise ValueError("the folder lacks unet/config.json or scheduler/scheduler_config.json")
    parts = {name.split(".")[0] for name in tensors}
    strange = parts - {"unet", *DECODERS}
    if strange or len(parts) > 2:
        raise ValueError(f"the folder holds parts of another kind of model: {', '.join(sorted(strange or parts))}")
    decoder = next((_part(DECODERS[p], p, tensors, settings) for p in DECODERS if p in parts), None)
    network = Diffusion(_part("UNet2DModel", "unet", tensors, settings), decoder, settings["scheduler"])
    return network.eval().requires_grad_(False)


def _part(kind: str, name: str, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> nn.Module:
    """One part, by the class we expect there: what the folder's own config calls itself is compared, never imported."""
    ensure_torchvision()
    import diffusers
    config = settings.get(name)
    if not isinstance(config, Mapping) or config.get("_class_name") != kind:
        raise ValueError(f"{name} should be a {kind}, but is {config.get('_class_name') if isinstance(config, Mapping) else None}")
    try:
        with torch.device("meta"):
            module = getattr(diffusers, kind).from_config(dict(config))
    except (TypeError, KeyError, AttributeError, ZeroDivisionError) as e:
        raise ValueError(f"the config of {name} makes no {kind}: {e}") from e
    module = load_strictly(module, {k.removeprefix(name + "."): t for k, t in tensors.items() if k.startswith(name + ".")})
    return module

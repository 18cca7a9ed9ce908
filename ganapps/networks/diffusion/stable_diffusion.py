"""Latent diffusion guided by text (Rombach 2022): a prompt to a picture, also in one or four steps
(Sauer 2023, Luo 2023), and a picture edited as a text says (Brooks 2023).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.networks.contracts import TextDenoiser
from ganapps.networks.diffusion import folder_parts, text_encoder
from ganapps.networks.diffusion.lowered import Lowered

PARTS = ("unet", "vae", "text_encoder")
SWATCH = 64  # pixels a side of the plain pictures that the quick look at latents is fitted to
# of the largest singular value: directions of the latents that plain colours don't tell apart
DOUBTFUL = 0.02


class StableDiffusion(TextDenoiser):
    """A text and noise -> latents, step by step -> x [1, 3, H, W].

    `schedule` is the published scheduler's configuration; `shape` [C, h, w] is what the noise has,
    `factor` how many pixels a latent is wide, `resolution` the picture's side. An editor's U-Net
    reads the latents of a picture too (`edits`). `distilled`: the strength of guidance is an input
    of the network, not a second call.
    """

    minimum = 64  # of a picture to edit
    text: text_encoder.TextEncoder
    precisions = ("float16",)
    swatches: Tensor  # see `glance`

    def __init__(
        self,
        unet: folder_parts.Part,
        vae: folder_parts.Decoder,
        text: text_encoder.TextEncoder,
        schedule: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.unet, self.vae, self.text = unet, vae, text
        self._lowered = Lowered()
        channels: int = vae.config.latent_channels
        self.edits: bool = unet.config.in_channels == 2 * channels
        self.distilled = unet.config.time_cond_proj_dim is not None
        # as the pipelines do: latents have no bounds to clip them to, and the first step is off by
        # one
        self.schedule = {**schedule, "clip_sample": False} | (
            {} if self.edits else {"steps_offset": 1}
        )
        self.multiple = self.factor = 2 ** (len(vae.config.block_out_channels) - 1)
        side = folder_parts.side_of(unet)
        self.shape = (channels, side, side)
        self.resolution = side * self.factor
        self.register_buffer("swatches", _colours_of_latents(vae), persistent=False)

    def read(self, text: str) -> Tensor:
        """What the U-Net is given of a text: [1, tokens, C]."""
        return self.text(text)

    def forward(
        self, x_t: Tensor, t: Tensor | int, words: Tensor, guidance: float | None = None
    ) -> Tensor:
        """x_t [N, C, h, w], a timestep and words [N, tokens, C] -> the prediction [N, C, h, w].

        `guidance` only of a distilled network.
        """
        strength = None
        if guidance is not None:
            strength = (
                _waves(guidance - 1, self.unet.config.time_cond_proj_dim)
                .to(x_t)
                .expand(len(x_t), -1)
            )
        unet = self._lowered.of(self.unet, x_t)
        return unet(x_t, t, encoder_hidden_states=words, timestep_cond=strength, return_dict=False)[
            0
        ]

    def encode(self, x: Tensor) -> Tensor:
        """x [N, 3, H, W], sides multiples of `factor` -> its most likely latents [N, C, h, w], as
        the encoder scales them.
        """
        return self.vae.encode(x).latent_dist.mode()

    def decode(self, x_0: Tensor) -> Tensor:
        """Latents [N, C, h, w] -> x [N, 3, H, W]; in float32, for half precision overflows in
        there.
        """
        with torch.autocast(x_0.device.type, enabled=False):
            return self.vae.decode(x_0.float() / self.vae.config.scaling_factor, return_dict=False)[
                0
            ]

    def glance(self, x: Tensor) -> Tensor:
        """Latents [N, C, h, w], also noisy ones -> roughly their picture [N, 3, 4 * h, 4 * w], in
        no time: each latent's colour, the one that fits plain pictures best. Noise is brought to
        the spread that latents have.
        """
        x = x.float() / x.float().std().clamp(min=1.0)
        colours = (
            torch.einsum("nchw,cd->ndhw", x, self.swatches[:-1]) + self.swatches[-1][:, None, None]
        )
        return F.interpolate(colours, scale_factor=4, mode="bilinear").clamp(-1, 1)


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """A folder's tensors: a U-Net that reads words, and the encoder of them; an upscaler's U-Net
    also reads how noisy the picture is.
    """
    words = "unet.conv_in.weight" in shapes and any(
        name.startswith("text_encoder.") for name in shapes
    )
    return words and "unet.class_embedding.weight" not in shapes


def build(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> StableDiffusion:
    """The model of a folder's `unet.*`, `vae.*` and `text_encoder.*` tensors; `settings` holds each
    part's config and the tokenizer's files under their names.

    Raises ValueError where a config or a tensor is missing, left over or of the wrong shape, or a
    part is of another kind.
    """
    folder_parts.expect(tensors, PARTS)
    schedule = folder_parts.schedule(settings)
    if schedule["_class_name"] == folder_parts.CONSISTENCY:
        raise ValueError("its scheduler is that of another kind of model")
    unet = folder_parts.part("UNet2DConditionModel", "unet", tensors, settings)
    vae = folder_parts.part("AutoencoderKL", "vae", tensors, settings)
    channels = vae.config.latent_channels
    if (
        unet.config.in_channels not in (channels, 2 * channels)
        or unet.config.out_channels != channels
    ):
        raise ValueError(
            f"unet takes {unet.config.in_channels} channels, which fits neither texts nor edits"
        )
    network = StableDiffusion(unet, vae, text_encoder.build(tensors, settings), schedule)
    return network.eval().requires_grad_(False)


def _waves(value: float, width: int) -> Tensor:
    """A number as [1, width] sines and cosines, as a distilled network reads its guidance."""
    rates = torch.exp(
        torch.arange(width // 2, dtype=torch.float32) * -(math.log(10000.0) / (width // 2 - 1))
    )
    angles = torch.tensor([value])[:, None] * 1000.0 * rates[None]
    return F.pad(torch.cat([angles.sin(), angles.cos()], dim=1), (0, width % 2))


@torch.no_grad()
def _colours_of_latents(vae: folder_parts.Decoder) -> Tensor:
    """[C + 1, 3]: how much of red, green and blue each latent channel is, and what is left where
    all are 0; least squares over nine plain pictures that the model's own encoder reads.
    """
    colours = torch.tensor([(0.0, 0.0, 0.0), *product((-0.8, 0.8), repeat=3)])
    plain = colours[:, :, None, None].expand(-1, -1, SWATCH, SWATCH)
    latents = vae.encode(plain).latent_dist.mode() * vae.config.scaling_factor
    middle = [slice(side // 4, max(side // 4 + 1, 3 * side // 4)) for side in latents.shape[2:]]
    inside = latents[:, :, middle[0], middle[1]].mean((2, 3))
    known = torch.cat([inside, torch.ones(len(inside), 1)], dim=1)
    return torch.linalg.pinv(known, rtol=DOUBTFUL) @ colours

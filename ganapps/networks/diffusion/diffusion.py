"""Diffusion models without a text from diffusers folders: a U-Net and its noise schedule, latent
ones with their decoder, consistency models (Ho 2020, Rombach 2022, Song 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ganapps.networks.contracts import Denoiser
from ganapps.networks.diffusion import folder_parts

DECODERS = {"vqvae": "VQModel", "vae": "AutoencoderKL"}


class Diffusion(Denoiser):
    """x_t -> what the U-Net predicts of it, and latents -> x.

    `schedule` is the published scheduler's configuration (betas, prediction type): whoever samples
    makes a scheduler of it. `shape` [C, h, w] is what the noise has; `resolution` the picture's
    side in pixels; `label_dim` counts classes, 0 without.
    """

    def __init__(
        self,
        unet: folder_parts.Part,
        decoder: folder_parts.Decoder | None,
        schedule: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.unet, self.decoder, self.schedule = unet, decoder, dict(schedule)
        side = folder_parts.side_of(unet)
        self.shape = (unet.config.in_channels, side, side)
        self.resolution = side * (
            2 ** (len(decoder.config.block_out_channels) - 1) if decoder is not None else 1
        )
        self.label_dim: int = unet.config.num_class_embeds or 0

    def forward(self, x_t: Tensor, t: Tensor | int | float, row: Tensor | None = None) -> Tensor:
        """x_t [N, C, h, w] and a timestep -> the prediction [N, C, h, w]: noise, v or x_0, as the
        schedule says.

        `row` [N, label_dim] is 1 at each picture's class.
        """
        return self.unet(x_t, t, class_labels=None if row is None else row.argmax(1)).sample

    def decode(self, x_0: Tensor) -> Tensor:
        """x_0 [N, C, h, w] -> x [N, 3, H, W] in -1 to 1; the same thing where the model is not a
        latent one.
        """
        if self.decoder is None:
            return x_0
        return self.decoder.decode(x_0 / self.decoder.config.scaling_factor).sample


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """A folder's tensors, each under the name of its part."""
    return (
        "unet.conv_in.weight" in shapes
        and "unet.time_embedding.linear_1.weight" in shapes
        and not any(n.startswith("text_encoder.") for n in shapes)
    )


def build(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Diffusion:
    """The model of a folder's `unet.*` (and `vqvae.*` or `vae.*`) tensors; `settings` holds each
    part's config under its name.

    Raises ValueError where a config or a tensor is missing, left over or of the wrong shape, or the
    parts are of another kind.
    """
    parts = folder_parts.expect(tensors, ("unet", *DECODERS))
    if len(parts) > 2:
        raise ValueError(f"the folder holds more decoders than one: {', '.join(sorted(parts))}")
    schedule = folder_parts.schedule(settings)
    decoder = next(
        (folder_parts.part(DECODERS[p], p, tensors, settings) for p in DECODERS if p in parts), None
    )
    unet = folder_parts.part("UNet2DModel", "unet", tensors, settings)
    if unet.config.in_channels != unet.config.out_channels:
        raise ValueError(
            f"unet takes {unet.config.in_channels} channels and makes {unet.config.out_channels}: "
            "it is no model of pictures alone"
        )
    return Diffusion(unet, decoder, schedule).eval().requires_grad_(False)

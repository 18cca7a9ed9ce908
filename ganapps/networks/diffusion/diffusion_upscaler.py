"""Pictures enlarged four times by diffusion: latents as large as the small picture, which the U-Net
sees beside them (Rombach 2022; the upscaler of Stable Diffusion 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganapps.networks.contracts import NoisyUpscaler
from ganapps.networks.diffusion import folder_parts, text_encoder
from ganapps.networks.diffusion.lowered import Lowered

BYTES = 12_000  # per pixel of the small picture at work: what the decoder holds of the large one
NOISIEST = 350  # the highest noise level that the published model is meant for
SCALING = 0.08333  # of that model's latents, whatever its decoder's config says


class DiffusionUpscaler(NoisyUpscaler):
    """A small picture x [N, 3, H, W] in 0 to 1 and noise -> latents [N, C, H, W], step by step ->
    [N, 3, scale * H, scale * W].

    `noises` is the schedule by which the small picture itself is made noisy first, up to the level
    `noise_levels`; None and 0 for models without. `words` [1, tokens, C] is what the U-Net reads in
    place of a text: an empty one.
    """

    channels = 3
    reach = None  # it looks at all of its picture
    tile = 128
    memory = BYTES
    precisions = ("float16",)
    words: Tensor | None

    def __init__(
        self,
        unet: folder_parts.Part,
        decoder: folder_parts.Decoder,
        schedule: Mapping[str, Any],
        noises: Mapping[str, Any] | None,
        words: Tensor | None,
    ) -> None:
        super().__init__()
        self.unet, self.decoder, self.schedule, self.noises = (
            unet,
            decoder,
            {**schedule, "clip_sample": False},
            noises,
        )
        self._lowered = Lowered()
        self.scale = 2 ** (len(decoder.config.block_out_channels) - 1)
        self.multiple = self.minimum = self.step = 2 ** (len(unet.config.block_out_channels) - 1)
        self.latent_channels: int = decoder.config.latent_channels
        self.noise_levels = 0 if noises is None else min(NOISIEST, unet.config.num_class_embeds - 1)
        self.register_buffer("words", words, persistent=False)

    def forward(
        self, x_t: Tensor, t: Tensor | int, small: Tensor, level: int | None = None
    ) -> Tensor:
        """x_t [N, C, h, w], a timestep and the small picture [N, 3, h, w] in -1 to 1, noisy by
        `level` -> the prediction [N, C, h, w].
        """
        both = torch.cat([x_t, small], dim=1)
        unet = self._lowered.of(self.unet, both)
        if self.words is None:
            return unet(both, t).sample
        assert level is not None, "how noisy is the small picture?"
        levels = torch.full((len(both),), level, dtype=torch.long, device=both.device)
        words = self.words.expand(len(both), -1, -1)
        return unet(both, t, encoder_hidden_states=words, class_labels=levels, return_dict=False)[0]

    def decode(self, x_0: Tensor) -> Tensor:
        """Latents [N, C, h, w] -> [N, 3, scale * h, scale * w] in 0 to 1; in float32, for half
        precision overflows in there.
        """
        with torch.autocast(x_0.device.type, enabled=False):
            latents = x_0.float() if self.words is None else x_0.float() / SCALING
            return (self.decoder.decode(latents, return_dict=False)[0] / 2 + 0.5).clamp(0, 1)


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """A folder's U-Net that takes more channels than it makes, and reads no text of a person's."""
    taken, made = shapes.get("unet.conv_in.weight", ()), shapes.get("unet.conv_out.weight", ())
    return (
        len(taken) == len(made) == 4
        and taken[1] in (2 * made[0], made[0] + 3)
        and (
            "unet.class_embedding.weight" in shapes
            or any(name.startswith("vqvae.") for name in shapes)
        )
    )


def build(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> DiffusionUpscaler:
    """The model of a folder: U-Net and VQ decoder, or those of Stable Diffusion with its text
    encoder, which is asked once and not kept.

    Raises ValueError where a config or a tensor is missing, left over or of the wrong shape, or a
    part is of another kind.
    """
    parts = folder_parts.expect(tensors, ("unet", "vqvae", "vae", "text_encoder"))
    schedule = folder_parts.schedule(settings)
    if "text_encoder" in parts:
        with torch.no_grad():
            words = text_encoder.build(tensors, settings)("")
        unet = folder_parts.part("UNet2DConditionModel", "unet", tensors, settings)
        decoder = folder_parts.part("AutoencoderKL", "vae", tensors, settings)
        noises = folder_parts.schedule(settings, "low_res_scheduler")
    else:
        unet = folder_parts.part("UNet2DModel", "unet", tensors, settings)
        decoder, words, noises = (
            folder_parts.part("VQModel", "vqvae", tensors, settings),
            None,
            None,
        )
    channels = decoder.config.latent_channels
    if (unet.config.in_channels, unet.config.out_channels) != (channels + 3, channels):
        raise ValueError(
            f"unet takes {unet.config.in_channels} channels where {channels} latent ones and a "
            "picture's 3 are expected"
        )
    if words is not None and unet.config.num_class_embeds is None:
        raise ValueError("unet does not read how noisy its picture is")
    return DiffusionUpscaler(unet, decoder, schedule, noises, words).eval().requires_grad_(False)

"""A tiny random diffusion model as published folders hold it, and an engine over it."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from ganapps.networks.torchvision_ops import ensure_torchvision

ensure_torchvision()

from diffusers import CMStochasticIterativeScheduler, DDIMScheduler, UNet2DModel, VQModel

UNET = dict(
    sample_size=8,
    in_channels=3,
    out_channels=3,
    layers_per_block=1,
    block_out_channels=(8, 16),
    norm_num_groups=4,
    down_block_types=("DownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "UpBlock2D"),
)


def unet(seed: int = 0, classes: int = 0) -> UNet2DModel:
    torch.manual_seed(seed)
    return UNet2DModel(**UNET, num_class_embeds=classes or None).eval()


def decoder(seed: int = 1) -> VQModel:
    torch.manual_seed(seed)
    return VQModel(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=3,
        num_vq_embeddings=16,
        norm_num_groups=4,
    ).eval()


def scheduler(prediction: str = "epsilon") -> DDIMScheduler:
    return DDIMScheduler(num_train_timesteps=100, prediction_type=prediction, clip_sample=True)


def folder(
    place: Path,
    prediction: str = "epsilon",
    latent: bool = False,
    safe: bool = True,
    consistency: bool = False,
    classes: int = 0,
) -> tuple[str, ...]:
    """Writes the parts as diffusers does; the files, as a Source names them."""
    ending = "safetensors" if safe else "bin"
    unet(classes=classes).save_pretrained(place / "unet", safe_serialization=safe)
    (CMStochasticIterativeScheduler() if consistency else scheduler(prediction)).save_pretrained(
        place / "scheduler"
    )
    (place / "model_index.json").write_text(
        json.dumps(
            {
                "_class_name": "DDIMPipeline",
                "unet": ["diffusers", "UNet2DModel"],
                "scheduler": ["diffusers", "DDIMScheduler"],
            }
        )
    )
    files = [
        "unet/config.json",
        f"unet/diffusion_pytorch_model.{ending}",
        "scheduler/scheduler_config.json",
    ]
    if latent:
        decoder().save_pretrained(place / "vqvae", safe_serialization=safe)
        files += ["vqvae/config.json", f"vqvae/diffusion_pytorch_model.{ending}"]
    return tuple(files)

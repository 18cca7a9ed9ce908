"""Tiny random text-to-image models, editors and diffusion upscalers as published folders hold
them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from ganapps import engine as engines
from ganapps.engine import Engine
from ganapps.networks.torchvision_ops import ensure_torchvision

ensure_torchvision()

from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    UNet2DConditionModel,
    UNet2DModel,
    VQModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

LENGTH = 16  # tokens that the tiny encoder reads
FILES = (
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "scheduler/scheduler_config.json",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer_config.json",
    "tokenizer/special_tokens_map.json",
)
BETAS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
}


def vocabulary() -> dict[str, int]:
    """Every printable letter, alone and at the end of a word, two joined pieces, and the two
    marks.
    """
    letters = [chr(code) for code in range(33, 127)]
    pieces = [
        *letters,
        *(letter + "</w>" for letter in letters),
        "ca",
        "cat</w>",
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    return {piece: number for number, piece in enumerate(pieces)}


def tokenizer(place: Path) -> None:
    """Writes the tokenizer's files; the padding differs between two of them, as in Stable Diffusion
    2.
    """
    place.mkdir(parents=True)
    marks = {
        "bos_token": {
            "content": "<|startoftext|>",
            "lstrip": False,
            "normalized": True,
            "rstrip": False,
            "single_word": False,
        },
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "!",
    }
    (place / "vocab.json").write_text(json.dumps(vocabulary()))
    (place / "merges.txt").write_text("#version: 0.2\nc a\nca t</w>\n")
    (place / "special_tokens_map.json").write_text(json.dumps(marks))
    (place / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "model_max_length": LENGTH,
                "pad_token": "<|endoftext|>",
                "tokenizer_class": "CLIPTokenizer",
            }
        )
    )


def text_encoder(width: int = 16) -> CLIPTextModel:
    torch.manual_seed(2)
    config = CLIPTextConfig(
        vocab_size=len(vocabulary()),
        hidden_size=width,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        bos_token_id=190,
        eos_token_id=191,
        pad_token_id=0,
    )
    return CLIPTextModel(config).eval()


def unet(channels: int = 4, distilled: bool = False, **more: Any) -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        time_cond_proj_dim=8 if distilled else None,
        **more,
    ).eval()


def vae(levels: int = 2) -> AutoencoderKL:
    torch.manual_seed(1)
    return AutoencoderKL(
        block_out_channels=(8,) * levels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=16,
    ).eval()


def schedule(kind: type = DDIMScheduler, prediction: str = "epsilon", **more: Any) -> Any:
    return kind(**BETAS, prediction_type=prediction, **more)


def folder(
    place: Path, scheduler: Any = None, channels: int = 4, distilled: bool = False
) -> tuple[str, ...]:
    """Writes a text-to-image folder, or with 8 channels an editor's; the files, as a Source names
    them.
    """
    unet(channels, distilled).save_pretrained(place / "unet")
    vae().save_pretrained(place / "vae")
    text_encoder().save_pretrained(place / "text_encoder")
    tokenizer(place / "tokenizer")
    (scheduler or schedule(steps_offset=1, clip_sample=False)).save_pretrained(place / "scheduler")
    return FILES


def upscaler(place: Path) -> tuple[str, ...]:
    """Writes a folder as Stable Diffusion's x4 upscaler has it; its decoder's config says nothing
    of the latents' scale.
    """
    unet(7, num_class_embeds=400).save_pretrained(place / "unet")
    vae(3).save_pretrained(place / "vae")
    text_encoder().save_pretrained(place / "text_encoder")
    tokenizer(place / "tokenizer")
    schedule(prediction="v_prediction", steps_offset=1, clip_sample=False).save_pretrained(
        place / "scheduler"
    )
    DDPMScheduler(beta_schedule="squaredcos_cap_v2").save_pretrained(place / "low_res_scheduler")
    return (*FILES, "low_res_scheduler/scheduler_config.json")


def latent_upscaler(place: Path) -> tuple[str, ...]:
    """Writes a folder as the upscaler of latent diffusion has it: no text, a VQ decoder."""
    torch.manual_seed(0)
    UNet2DModel(
        sample_size=8,
        in_channels=6,
        out_channels=3,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
    ).save_pretrained(place / "unet")
    VQModel(
        block_out_channels=(8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=3,
        num_vq_embeddings=16,
        norm_num_groups=4,
    ).save_pretrained(place / "vqvae")
    schedule(steps_offset=1, clip_sample=False).save_pretrained(place / "scheduler")
    return (
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vqvae/config.json",
        "vqvae/diffusion_pytorch_model.safetensors",
        "scheduler/scheduler_config.json",
    )


def theirs(place: Path) -> dict[str, Any]:
    """The parts as transformers and diffusers read them from the folder, for a pipeline of
    theirs.
    """
    return {
        "unet": UNet2DConditionModel.from_pretrained(place / "unet").eval(),
        "vae": AutoencoderKL.from_pretrained(place / "vae").eval(),
        "text_encoder": CLIPTextModel.from_pretrained(place / "text_encoder").eval(),
        "tokenizer": CLIPTokenizer.from_pretrained(place / "tokenizer"),
    }


UNCHECKED = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


ROW = """
[[checkpoint]]
id = "{id}"
title = "{title}"
task = "{task}"
network = "{network}"
kind = "diffusion"
sources = [{{ file = "{id}", files = {files} }}]
format = "diffusers"
licence = "CC0-1.0"
commercial = "yes"
trained_on = "nothing"
paper = "none"
parameters = 0
data = "nothing"
defaults = {{ {defaults} }}
"""
OWN = {
    "quick": (
        "Quick",
        "text",
        "stable_diffusion",
        folder,
        'steps = 1, guidance = 0.0, scheduler = "euler"',
    ),
    "slow": (
        "Slow",
        "text",
        "stable_diffusion",
        folder,
        'steps = 6, guidance = 7.5, scheduler = "dpm++"',
    ),
    "enlarger": (
        "Enlarger",
        "upscale",
        "diffusion_upscaler",
        upscaler,
        "steps = 4, noise_level = 20",
    ),
    "editor": (
        "Editor",
        "translate",
        "stable_diffusion",
        lambda place: folder(place, channels=8),
        "steps = 4, guidance = 7.5, image_guidance = 1.5",
    ),
}


def rows(folder: Path) -> str:
    """The path of a catalogue of one tiny model of each kind, all written into `folder`."""
    found = []
    for name, (title, task, network, write, defaults) in OWN.items():
        found.append(
            ROW.format(
                id=name,
                title=title,
                task=task,
                network=network,
                files=json.dumps(list(write(folder / name))),
                defaults=defaults,
            )
        )
    (folder / "rows.toml").write_text("".join(found))
    return str(folder / "rows.toml")


@contextmanager
def found(folder: Path) -> Iterator[None]:
    """While the files of these rows are found."""
    with patch.dict(os.environ, GANAPPS_WEIGHTS=str(folder)):
        yield


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """An engine over the shipped rows and those of `rows`."""
    with found(folder):
        yield engines.start("cpu", own_catalog=rows(folder))

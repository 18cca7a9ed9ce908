"""Pictures in and out: picture <-> tensor, and files that people can keep."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganapps.recipe import Recipe, png_info
from ganapps.report import Kept


def from_tensor(x: torch.Tensor, value_range: tuple[float, float] = (-1.0, 1.0)) -> list[Image.Image]:
    """Pictures of a batch [N, 1 or 3, H, W] with values in `value_range`, clamped.

    From (-1, 1) the byte is `trunc(x * 127.5 + 128)`, as the official StyleGAN scripts make it, so known seeds give the known bytes.
    """
    low, high = value_range
    scaled = (x.float() - low) * (255.0 / (high - low)) + 0.5
    bytes_ = scaled.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(np.ascontiguousarray(p[..., 0] if p.shape[-1] == 1 else p)) for p in bytes_]


def keep(kept: Kept, folder: Path, index: int) -> Path:
    """The file in `folder` that a finished picture is kept as, its recipe inside: a PNG, or a WebP film.

    Its name tells what it is (`heads-64-seed-7.png`); `index`, the picture's place in its run, keeps other tasks' names apart.
    """
    words = f"{kept.recipe.checkpoint.split('/')[-1].split(':')[0]}-{kept.caption}"
    words = "".join(c if c.isalnum() or c in ".-" else "-" for c in words)[:80] + ("" if kept.recipe.task == "faces" else f"-{index}")
    if kept.frames:
        return save_film(kept.frames, folder / f"{words}.webp", kept.frames_per_second, kept.recipe)
    return save_png(kept.picture, folder / f"{words}.png", kept.recipe)


def save_png(picture: Image.Image, path: Path, recipe: Recipe) -> Path:
    """`path`, written without loss, the recipe inside."""
    picture.save(path, format="PNG", pnginfo=png_info(recipe), compress_level=4)
    return path


def save_film(frames: Sequence[Image.Image], path: Path, frames_per_second: int, recipe: Recipe) -> Path:
    """`path`, an endless animated WebP; the recipe stands in its XMP block."""
    first, *others = frames
    first.save(path, format="WEBP", save_all=True, append_images=others, duration=round(1000 / frames_per_second), loop=0,
               quality=90, method=2, xmp=recipe.to_json().encode())
    return path


def save_zip(files: Iterable[Path], path: Path, texts: dict[str, str]) -> Path:
    """`path`, a ZIP of `files` under their own names and of `texts` by name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, file.name)
        for name, text in texts.items():
            archive.writestr(name, text)
    return path


def as_json(values: dict[str, Any]) -> str:
    """Plain values as indented JSON, for the files that go with pictures."""
    return json.dumps(values, indent=1, ensure_ascii=False)

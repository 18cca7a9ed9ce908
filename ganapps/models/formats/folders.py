"""A diffusers folder -> tensors and settings by part, never code: its configs are JSON, its weights
go through formats.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from torch import Tensor

from ganapps.errors import WeightsError
from ganapps.models import formats

LARGEST = 4 << 20  # bytes of a config; a real one has a few thousand, a vocabulary one million


def read(path: Path, files: Sequence[str], name: str) -> formats.Contents:
    """The `files` of a folder, `unet/config.json` and the like; tensors under their part's name
    (`unet.conv_in.weight`), configs as settings (`{"unet": {...}, "scheduler": {...}}`); a
    tokenizer's are tables and lines of text by name (`{"tokenizer": {"vocab": {...}, "merges":
    [...]}}`). Files at the top belong to the U-Net, as in the first diffusers repositories, unless
    they have a name of their own, which is then their part's.

    `name` is how sentences call it. Raises WeightsError.
    """
    tensors: dict[str, Tensor] = {}
    settings: dict[str, Any] = {}
    for file in files:
        part, stem = _part(file), PurePosixPath(file).stem
        if part == "tokenizer":
            settings.setdefault(part, {})[stem] = (
                _config(path / file, name) if file.endswith(".json") else _lines(path / file, name)
            )
        elif file.endswith(".json"):
            settings[part] = _config(path / file, name)
        else:
            contents = formats.read(path / file, name)
            tensors |= {f"{part}.{key}": tensor for key, tensor in contents.tensors.items()}
    return formats.Contents(tensors, settings)


def _part(file: str) -> str:
    path = PurePosixPath(file)
    return path.parent.name or (
        "scheduler"
        if "scheduler" in file
        else "unet"
        if path.stem in ("config", "diffusion_pytorch_model")
        else path.stem
    )


def _config(path: Path, name: str) -> dict:
    try:
        text = _read(path)
        config = None if text is None else json.loads(text)
    except (OSError, ValueError, RecursionError) as e:
        raise WeightsError(
            "{part} of {file} can't be read as JSON. Delete it and fetch it again.",
            part=path.name,
            file=name,
        ) from e
    if not isinstance(config, dict):
        raise WeightsError(
            "{part} of {file} is not a table of settings. Delete it and fetch it again.",
            part=path.name,
            file=name,
        )
    return config


def _lines(path: Path, name: str) -> list[str]:
    try:
        text = _read(path)
        lines = None if text is None else text.decode().splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise WeightsError(
            "{part} of {file} can't be read as text. Delete it and fetch it again.",
            part=path.name,
            file=name,
        ) from e
    if lines is None:
        raise WeightsError(
            "{part} of {file} is too large. Delete it and fetch it again.",
            part=path.name,
            file=name,
        )
    return lines


def _read(path: Path) -> bytes | None:
    """The whole file, None where it is larger than any that is meant to be read so."""
    with path.open("rb") as f:
        text = f.read(LARGEST + 1)
    return text if len(text) <= LARGEST else None

"""Halve a checkpoint: python -m ganapps.training.whole_numbers IN.safetensors OUT.safetensors

Large convolutions are kept as whole numbers of -127..127, with a scale for each output channel:
`NAME.weight` and `NAME.weight_scale`, as compressed-tensors names them. `ganapps.models.formats`
reads that. Look at what it does to the pictures before you ship it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

# numbers of a convolution from which on it is worth it; the largest whole number
LARGE, MOST = (
    500_000,
    127,
)
# of a channel's largest weight: the one with the least square error is taken
CLIPS = (
    1.0,
    0.95,
    0.9,
    0.85,
    0.8,
)


def whole(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A weight [O, ...] -> int8 [O, ...] and float16 [O, 1]; their product is near it."""
    rows = weight.float().flatten(1)
    largest = rows.abs().amax(1, keepdim=True).clamp_min(1e-6)
    tries = []
    for clip in CLIPS:
        scale = (largest * clip / MOST).half()
        numbers = (rows / scale.float()).round().clamp(-MOST, MOST)
        tries.append((numbers, scale, (numbers * scale.float() - rows).square().sum(1)))
    best = torch.stack([error for *_, error in tries]).argmin(0)
    of_channel = torch.arange(len(rows))
    numbers, scales = (
        torch.stack(part)[best, of_channel]
        for part in ([n for n, *_ in tries], [s for _, s, _ in tries])
    )
    return numbers.to(torch.int8).view(weight.shape), scales


def halved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """All tensors, the large convolutions among them as two."""
    made: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith(".weight") and tensor.dim() == 4 and tensor.numel() >= LARGE:
            made[name], made[f"{name}_scale"] = whole(tensor)
        else:
            made[name] = tensor
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Keep a checkpoint's large convolutions as whole numbers."
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    chosen = parser.parse_args()
    with safe_open(chosen.source, framework="pt") as opened:
        about = opened.metadata()
    save_file(halved(load_file(chosen.source)), chosen.target, metadata=about)


if __name__ == "__main__":
    main()

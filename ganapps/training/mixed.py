"""Mix two finished networks of one layout: python -m ganapps.training.mixed --close
weights/srresnet-x4-ours.safetensors --lively weights/srgan-x4-ours.safetensors --out
weights/srgan-x4-calm-ours.safetensors

Deep network interpolation (Wang 2019): where a network for looks went on from one for closeness,
numbers between theirs draw between them, too. The specks that a critic taught go sooner than the
sharpness.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

SHARE = 0.75  # of the lively one


def mixed(close: dict[str, Tensor], lively: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Each number this share of the way from `close` to `lively`, in float16. Raises ValueError
    where their layouts differ.
    """
    if {name: t.shape for name, t in close.items()} != {
        name: t.shape for name, t in lively.items()
    }:
        raise ValueError("two files of different layouts can't be mixed")
    return {
        name: close[name].float().lerp(lively[name].float(), share).half().contiguous()
        for name in close
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Mix two finished networks of one layout.")
    parser.add_argument("--close", type=Path, required=True, help="trained for closeness")
    parser.add_argument("--lively", type=Path, required=True, help="and what went on from it")
    parser.add_argument(
        "--share", type=float, default=SHARE, help="of the lively one (default %(default)s)"
    )
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    chosen = parser.parse_args()
    tensors = mixed(load_file(chosen.close), load_file(chosen.lively), chosen.share)
    with safe_open(chosen.lively, "pt") as file:
        save_file(tensors, chosen.out, metadata=file.metadata())


if __name__ == "__main__":
    main()

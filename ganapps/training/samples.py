"""Pictures by seed from the files that ship, in batches, as the app makes them one by one.

`python -m ganapps.training.samples --data DIR --file weights/heads-128.safetensors` writes the
card's sheet beside a face generator: seeds 0 to 15 at variety 0.7, not selected.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganapps.networks.torchvision_ops import ensure_torchvision
from ganapps.training import loop
from ganapps.training.data import load
from ganapps.training.label_file import read_generator

SHEET, PSI, COLUMNS = 16, 0.7, 8

Sample = Callable[[np.ndarray], Tensor]


def from_generator(path: Path, psi: float, labels: np.ndarray) -> Sample:
    """Faces by seed, as the app makes them: z and a label row from the seed's own random state."""
    generator = read_generator(path)

    def sample(seeds: np.ndarray) -> Tensor:
        states = [np.random.RandomState(seed) for seed in seeds]
        z = np.concatenate([state.randn(1, generator.z_dim) for state in states]).astype(np.float32)
        c = np.stack([labels[state.randint(len(labels))] for state in states])
        return generator(torch.from_numpy(z), torch.from_numpy(c), psi)

    return sample


def from_diffusion(folder: Path, steps: int, eta: float = 0) -> Sample:
    """Samples of a diffusers folder by DDIM, noise by seed; `eta` of a step's noise is drawn anew
    (0: none, 1: all, as DDPM does).
    """
    ensure_torchvision()
    from diffusers import DDIMScheduler, UNet2DModel

    network, scheduler = (
        UNet2DModel.from_pretrained(folder / "unet").eval(),
        DDIMScheduler.from_pretrained(folder / "scheduler"),
    )
    scheduler.set_timesteps(steps)
    network.to(memory_format=torch.channels_last)  # a third quicker in float32
    shape = (network.config.in_channels, network.config.sample_size, network.config.sample_size)

    def sample(seeds: np.ndarray) -> Tensor:
        fresh = torch.Generator().manual_seed(int(seeds[0]))
        x = torch.from_numpy(
            np.stack([np.random.RandomState(seed).randn(*shape) for seed in seeds])
        ).float()
        for t in scheduler.timesteps:
            x = scheduler.step(network(x, t).sample, t, x, eta=eta, generator=fresh).prev_sample
        return x

    return sample


def main() -> None:
    parser = argparse.ArgumentParser(description="The sheet of a face generator's card.")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder of heads128-*.tar, whose labels the faces take",
    )
    parser.add_argument("--file", type=Path, required=True)
    chosen = parser.parse_args()
    with torch.inference_mode():
        faces = from_generator(chosen.file, PSI, load(chosen.data, 64).labels)(np.arange(SHEET))
    loop.write_sheet(faces, chosen.file.with_suffix(".png"), COLUMNS)


if __name__ == "__main__":
    main()

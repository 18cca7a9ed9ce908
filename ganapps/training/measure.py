"""How good and how varied made faces are, against the portraits that were held back.

python -m ganapps.training.measure --data DIR --generator weights/heads-128.safetensors [--psi 0.8]
python -m ganapps.training.measure --data DIR --diffusion weights/heads-ddpm-64 [--steps 25]

Distances are in EfficientNet-Lite0's features, so none of them is a FID; and the face generator's critic looked through the same
network, which favours it. The sliced Wasserstein distance needs no network. Everything is compared at 64 px.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.networks.torchvision_ops import ensure_torchvision
from ganapps.training import loop
from ganapps.training.data import Portraits, load
from ganapps.training.features import FeatureNetwork
from ganapps.training.label_file import read_generator

SIDE, NEIGHBOURS, CHUNK = 64, 3, 50
PATCH, PATCHES, PROJECTIONS = 7, 64, 256  # a side; a picture; directions
LEVELS = (64, 32, 16)

Sample = Callable[[np.ndarray], Tensor]


def measure(made: Tensor, held_back: Tensor, learned: Tensor, features: torch.nn.Module) -> dict[str, float]:
    """Pictures [N, 3, 64, 64] in -1..1: made ones, held-back ones and those that were learned from. Names and numbers:

    `frechet` (Heusel 2017, other features), `precision` and `recall` (Kynkäänniemi 2019), `diversity` (mean distance between two
    made faces, real = 1), `wasserstein_R` (Karras 2018, x 1000), `nearest` (median distance of a made face to the nearest learned
    one, over that of a held-back one: much below 1 is learned by heart).
    """
    ours, real, known = (pooled(features, x) for x in (made, held_back, learned))
    found = {"frechet": frechet(ours, real), "precision": inside(ours, real), "recall": inside(real, ours),
             "diversity": float(torch.pdist(ours).mean() / torch.pdist(real).mean())}
    found |= {f"wasserstein_{level}": 1000 * sliced_wasserstein(made, held_back, level) for level in LEVELS}
    nearest = [float(torch.cdist(x, known).min(1).values.median()) for x in (ours, real)]
    return found | {"nearest": nearest[0] / nearest[1]}


def pooled(features: torch.nn.Module, pictures: Tensor) -> Tensor:
    """[N, 3, S, S] -> the means of the last two feature maps, [N, 432]."""
    with torch.no_grad():
        rows = [torch.cat([m.float().mean((2, 3)) for m in features(x)[2:]], 1) for x in pictures.split(CHUNK)]
    return torch.cat(rows)


def frechet(a: Tensor, b: Tensor) -> float:
    """Fréchet distance of two sets [N, D], [M, D] taken as Gaussians: |mean difference|^2 + tr(A + B - 2 (A B)^(1/2))."""
    cov_a, cov_b = torch.cov(a.double().T), torch.cov(b.double().T)
    cross = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0).sqrt().sum()
    return float((a.double().mean(0) - b.double().mean(0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross)


def inside(points: Tensor, others: Tensor, k: int = NEIGHBOURS) -> float:
    """Share of `points` [N, D] that lie within reach of `others` [M, D]: nearer to one than its k-th neighbour among them."""
    reach = torch.cdist(others, others).kthvalue(k + 1, dim=1).values  # the first is the point itself
    return float((torch.cdist(points, others) <= reach).any(1).float().mean())


def sliced_wasserstein(a: Tensor, b: Tensor, level: int) -> float:
    """Mean distance of the sorted projections of 7x7 patches, of one level of a Laplacian pyramid (Karras 2018, section 5)."""
    random = torch.Generator().manual_seed(0)
    patches = [_patches(_laplacian(x, level), random) for x in (a, b)]
    count = min(len(p) for p in patches)
    directions = F.normalize(torch.randn(3 * PATCH**2, PROJECTIONS, generator=random), dim=0)
    sorted_a, sorted_b = ((p[torch.randperm(len(p), generator=random)[:count]] @ directions).sort(0).values for p in patches)
    return float((sorted_a - sorted_b).abs().mean())


def _laplacian(x: Tensor, level: int) -> Tensor:
    """What the pictures hold at this size and not at half of it; at the smallest level, all that is left."""
    x = F.interpolate(x, size=level, mode="area")
    if level == LEVELS[-1]:
        return x
    return x - F.interpolate(F.avg_pool2d(x, 2), size=level, mode="bilinear", align_corners=False)


def _patches(x: Tensor, random: torch.Generator) -> Tensor:
    """Patches at random places, every channel brought to mean 0 and spread 1: [N * PATCHES, 3 * 49]."""
    n, c, size, _ = x.shape
    rows, columns = (torch.randint(size - PATCH + 1, (n, PATCHES, 1, 1), generator=random) for _ in range(2))
    across = torch.arange(PATCH)
    picked = x[torch.arange(n)[:, None, None, None], :, rows + across[:, None], columns + across]  # [N, P, 7, 7, 3]
    picked = picked.permute(0, 1, 4, 2, 3).reshape(-1, c, PATCH**2)
    spread = picked.std((0, 2), keepdim=True)
    return ((picked - picked.mean((0, 2), keepdim=True)) / spread).flatten(1)


def from_generator(path: Path, psi: float, labels: np.ndarray) -> Sample:
    """Faces by seed, as the app makes them: z and a label row from the seed's own random state."""
    generator = read_generator(path)

    def sample(seeds: np.ndarray) -> Tensor:
        states = [np.random.RandomState(seed) for seed in seeds]
        z = np.concatenate([state.randn(1, generator.z_dim) for state in states]).astype(np.float32)
        c = np.stack([labels[state.randint(len(labels))] for state in states])
        return generator(torch.from_numpy(z), torch.from_numpy(c), psi)

    return sample


def from_diffusion(folder: Path, steps: int) -> Sample:
    """Samples of a diffusers folder, noise by seed."""
    ensure_torchvision()
    from diffusers import DDIMScheduler, UNet2DModel

    network, scheduler = UNet2DModel.from_pretrained(folder / "unet").eval(), DDIMScheduler.from_pretrained(folder / "scheduler")
    scheduler.set_timesteps(steps)
    shape = (network.config.in_channels, network.config.sample_size, network.config.sample_size)

    def sample(seeds: np.ndarray) -> Tensor:
        x = torch.from_numpy(np.stack([np.random.RandomState(seed).randn(*shape) for seed in seeds])).float()
        for t in scheduler.timesteps:
            x = scheduler.step(network(x, t).sample, t, x).prev_sample
        return x

    return sample


def _tensor(portraits: Portraits) -> Tensor:
    return torch.from_numpy(portraits.pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure made faces against those that were held back.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--generator", type=Path)
    parser.add_argument("--diffusion", type=Path)
    parser.add_argument("--psi", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--sheet", type=Path, help="also write the first 32 as a PNG")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    learned, held_back = load(chosen.data, SIDE), _tensor(load(chosen.data, SIDE, held_back=True))
    sample = (from_generator(chosen.generator, chosen.psi, learned.labels) if chosen.generator
              else from_diffusion(chosen.diffusion, chosen.steps))
    with torch.no_grad():
        made = torch.cat([sample(seeds).clamp(-1, 1) for seeds in np.array_split(np.arange(chosen.count), max(1, chosen.count // CHUNK))])
    if chosen.sheet:
        loop.write_sheet(made[:32], chosen.sheet)
    for name, number in measure(F.interpolate(made, size=SIDE, mode="area"), held_back, _tensor(learned), FeatureNetwork()).items():
        print(f"{name:15} {number:.3f}")


if __name__ == "__main__":
    main()

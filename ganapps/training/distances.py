"""How far made pictures are from real ones: distances of two sets, in a frozen network's features
and without one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

NEIGHBOURS, CHUNK = 3, 50
PATCH, PATCHES, PROJECTIONS = 7, 64, 256  # a side; a picture; directions
LEVELS = (64, 32, 16)


def pooled(features: torch.nn.Module, pictures: Tensor) -> Tensor:
    """[N, 3, S, S] -> the means of the last two feature maps, [N, 432] for EfficientNet-Lite0."""
    with torch.no_grad():
        rows = [
            torch.cat([m.float().mean((2, 3)) for m in features(x)[-2:]], 1)
            for x in pictures.split(CHUNK)
        ]
    return torch.cat(rows)


def frechet(a: Tensor, b: Tensor) -> float:
    """Fréchet distance of two sets [N, D], [M, D] taken as Gaussians: |mean difference|^2 + tr(A +
    B - 2 (A B)^(1/2)).
    """
    cov_a, cov_b = torch.cov(a.double().T), torch.cov(b.double().T)
    cross = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0).sqrt().sum()
    return float(
        (a.double().mean(0) - b.double().mean(0)).square().sum()
        + cov_a.trace()
        + cov_b.trace()
        - 2 * cross
    )


def inside(points: Tensor, others: Tensor, k: int = NEIGHBOURS) -> float:
    """Share of `points` [N, D] that lie within reach of `others` [M, D]: nearer to one than its
    k-th neighbour among them.
    """
    # the first is the point itself
    reach = torch.cdist(others, others).kthvalue(k + 1, dim=1).values
    return float((torch.cdist(points, others) <= reach).any(1).float().mean())


def diversity(ours: Tensor, real: Tensor) -> float:
    """Mean distance between two of ours, over that between two real ones."""
    return float(torch.pdist(ours).mean() / torch.pdist(real).mean())


def sliced_wasserstein(a: Tensor, b: Tensor, level: int) -> float:
    """Mean distance of the sorted projections of 7x7 patches, of one level of a Laplacian pyramid
    (Karras 2018, section 5).
    """
    random = torch.Generator().manual_seed(0)
    patches = [_patches(_laplacian(x, level), random) for x in (a, b)]
    count = min(len(p) for p in patches)
    directions = F.normalize(torch.randn(3 * PATCH**2, PROJECTIONS, generator=random), dim=0)
    sorted_a, sorted_b = (
        (p[torch.randperm(len(p), generator=random)[:count]] @ directions).sort(0).values
        for p in patches
    )
    return float((sorted_a - sorted_b).abs().mean())


def _laplacian(x: Tensor, level: int) -> Tensor:
    """What the pictures hold at this size and not at half of it; at the smallest level, all that is
    left.
    """
    x = F.interpolate(x, size=level, mode="area")
    if level == LEVELS[-1]:
        return x
    return x - F.interpolate(F.avg_pool2d(x, 2), size=level, mode="bilinear", align_corners=False)


def _patches(x: Tensor, random: torch.Generator) -> Tensor:
    """Patches at random places, every channel brought to mean 0 and spread 1: [N * PATCHES, 3 *
    49].
    """
    n, c, size, _ = x.shape
    rows, columns = (
        torch.randint(size - PATCH + 1, (n, PATCHES, 1, 1), generator=random) for _ in range(2)
    )
    across = torch.arange(PATCH)
    # [N, P, 7, 7, 3]
    picked = x[torch.arange(n)[:, None, None, None], :, rows + across[:, None], columns + across]
    picked = picked.permute(0, 1, 4, 2, 3).reshape(-1, c, PATCH**2)
    spread = picked.std((0, 2), keepdim=True)
    return ((picked - picked.mean((0, 2), keepdim=True)) / spread).flatten(1)

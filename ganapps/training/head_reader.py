"""Fits the reader of heads: python -m ganapps.training.head_reader --data DIR --days DIR --out DIR

Nothing is trained by steps: the first blocks of EfficientNet-Lite0 stay as they are, and two linear
maps are found in closed form. Labels by a ridge regression on portraits and made faces; likeness by
Fisher's discriminant (1936), which finds what differs most between people and least between the
days of one. Its people are made: faces of one z whose labels of pose, light, clothes and expression
differ. It is measured on rendered ones that were held back, whose other days DIR of `--days` holds
(`ganapps.training.heads --day 1`).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from ganapps.networks.find.reader import BLOCKS, SIDE, HeadReader
from ganapps.training import data, features, precision
from ganapps.training.encoder import GENERATOR
from ganapps.training.generator import Generator
from ganapps.training.heads import people
from ganapps.training.label_file import read_generator
from ganapps.training.labels import MIRRORED, NAMES

NAME = "heads.reader.safetensors"
CHUNK = 50
MADE, PEOPLE, DAYS = 2000, 1500, 3  # made faces to read; made people, and their days
HELD_BACK = 300  # made people to measure with
PSI = (0.7, 1.0)
RIDGE = 3000.0
LIKENESS = 48  # numbers that say who it is
SHRINKS = (
    1.0  # times the mean variance within one person is added to each: few people, many numbers
)
# labels that change from day to day; the others are the person
OF_THE_DAY = [
    NAMES.index(name)
    for name in NAMES
    if name in ("smile", "yaw", "pitch", "roll", "light_az", "exposure", "contrast")
    or name.startswith(("background_", "shirt_", "glasses_"))
]


@dataclass(frozen=True)
class Crowd:
    """Pictures' rows [N, SEEN], who each is [N], and their labels [N, K] where they are known."""

    seen: Tensor
    who: Tensor
    labels: Tensor | None = None


def eyes() -> HeadReader:
    """The reader with Lite0's blocks and maps that are not fitted yet."""
    network = precision.channels_last(HeadReader(NAMES, LIKENESS).eval().requires_grad_(False))
    frozen = features.FeatureNetwork()
    pairs: list[tuple[Any, Any]] = [(network.stem, frozen.stem)]
    for own, theirs in zip(network.blocks, frozen.blocks[: len(BLOCKS)], strict=True):
        if isinstance(own.expand, nn.Conv2d):
            pairs.append((own.expand, theirs._expand_conv))
        pairs += [(own.depthwise, theirs._depthwise_conv), (own.project, theirs._project_conv)]
    for own, theirs in pairs:
        own.weight.copy_(theirs.weight)
        own.bias.copy_(theirs.bias)
    return network


def described(network: HeadReader, pictures: Tensor) -> Tensor:
    """Pictures [N, 3, S, S] in -1..1 -> rows [N, SEEN]."""
    with torch.no_grad():
        return torch.cat([network.describe(x) for x in pictures.split(CHUNK)])


def planes(pictures: np.ndarray) -> Tensor:
    """uint8 [N, S, S, 3] -> [N, 3, S, S] in -1..1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def of_portraits(network: HeadReader, portraits: data.Portraits) -> Crowd:
    """The portraits."""
    seen = described(network, planes(portraits.pictures))
    return Crowd(seen, torch.from_numpy(portraits.indices), torch.from_numpy(portraits.labels))


def mirrored(network: HeadReader, portraits: data.Portraits) -> Crowd:
    """Their mirror images."""
    seen = described(network, planes(portraits.pictures).flip(3))
    labels = torch.from_numpy(portraits.labels * MIRRORED)
    return Crowd(seen, torch.from_numpy(portraits.indices), labels)


def of_days(network: HeadReader, folder: Path) -> Crowd:
    """What is there of other days."""
    files = sorted(path for path in folder.glob("*-*.jpg") if path.with_suffix(".json").exists())
    pictures = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in files])
    who = torch.tensor([int(path.stem.partition("-")[0]) for path in files])
    return Crowd(described(network, planes(pictures)), who)


def of_made(
    network: HeadReader, generator: Generator, rows: np.ndarray, count: int, days: int, seed: int
) -> Crowd:
    """`count` made people, each on so many `days`; who they are begins at a million."""
    random = np.random.RandomState(seed)
    seen, who, labels = [], [], []
    for person in range(count):
        z = torch.from_numpy(random.randn(1, generator.z_dim).astype(np.float32)).expand(days, -1)
        chosen = np.repeat(rows[random.randint(len(rows))][None], days, 0)
        for day in range(1, days):
            chosen[day, OF_THE_DAY] = rows[random.randint(len(rows)), OF_THE_DAY]
        c = torch.from_numpy(chosen)
        with torch.no_grad():
            x = generator(z, c, float(random.uniform(*PSI))).clamp(-1, 1)
        seen.append(described(network, x))
        labels.append(c)
        who += [1_000_000 + person] * days
    return Crowd(torch.cat(seen), torch.tensor(who), torch.cat(labels))


def ridge(seen: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Weight [K, SEEN] and bias [K] that read labels [N, K] off rows [N, SEEN]."""
    mean, spread = seen.mean(0), seen.std(0) + 1e-5
    scaled, centre = (seen - mean) / spread, labels.mean(0)
    inner = scaled.T @ scaled + RIDGE * torch.eye(len(mean))
    weight = torch.linalg.solve(inner, scaled.T @ (labels - centre)).T / spread
    return weight, centre - weight @ mean


def discriminant(crowd: Crowd) -> tuple[Tensor, Tensor]:
    """Weight [LIKENESS, SEEN] and bias: the ways in which people differ most, measured by how much
    one differs from day to day.
    """
    mean, spread = crowd.seen.mean(0), crowd.seen.std(0) + 1e-5
    every = (crowd.seen - mean) / spread
    within = _apart_from_own_mean(every, crowd.who)
    inside = within.T @ within / len(within)
    inside += SHRINKS * inside.diagonal().mean() * torch.eye(len(inside))
    root = torch.linalg.cholesky(inside)
    white = torch.linalg.solve_triangular(root, every.T @ every / len(every), upper=False)
    white = torch.linalg.solve_triangular(root, white.T, upper=False)
    sizes, ways = torch.linalg.eigh(white)
    # a way counts by how much of it is between people
    best = ways[:, -LIKENESS:] * (1 - 1 / sizes[-LIKENESS:]).clamp(min=0).sqrt()
    weight = torch.linalg.solve_triangular(root.T, best, upper=True).T / spread
    return weight, -weight @ mean


def area(alike: Tensor, strangers: Tensor) -> float:
    """How often a pair of one person [N] is more alike than one of strangers [M]."""
    both = torch.cat([alike, strangers])
    ranks = both.argsort().argsort()[: len(alike)].double() + 1
    return float((ranks.sum() - len(alike) * (len(alike) + 1) / 2) / (len(alike) * len(strangers)))


def separation(likeness: Tensor, who: Tensor, kind: Tensor) -> dict[str, float]:
    """How well rows [N, D] tell who is who: `area` over all pairs and over `close` strangers, those
    of one `kind` [N]; and the median likeness of one person's days and of strangers.
    """
    products = likeness @ likeness.T
    pairs = torch.ones_like(products, dtype=torch.bool).triu(1)
    same = who[:, None] == who
    alike, strangers = products[pairs & same], products[pairs & ~same]
    close = products[pairs & ~same & (kind[:, None] == kind)]
    return {
        "area": area(alike, strangers),
        "close": area(alike, close),
        "alike": float(alike.median()),
        "strangers": float(strangers.median()),
    }


def read_share(network: HeadReader, crowd: Crowd) -> Tensor:
    """The share of each label's variance that is read right, [K]."""
    assert crowd.labels is not None
    wrong = (network.labels(crowd.seen) - crowd.labels).square().sum(0)
    return 1 - wrong / (crowd.labels - crowd.labels.mean(0)).square().sum(0).clamp(min=1e-8)


def fit(network: HeadReader, labelled: list[Crowd], several: Crowd) -> None:
    """Set both maps: labels from portraits and made faces, likeness from people of several days."""
    known = [crowd.labels for crowd in labelled if crowd.labels is not None]
    weight, bias = ridge(torch.cat([crowd.seen for crowd in labelled]), torch.cat(known))
    network.labels.weight.copy_(weight)
    network.labels.bias.copy_(bias)
    weight, bias = discriminant(several)
    network.likeness.weight.copy_(weight)
    network.likeness.bias.copy_(bias)


def together(first: Crowd, others: Crowd) -> Crowd:
    """Rendered people of `first` of whom there are other days, on all of their days."""
    known, there = set(first.who.tolist()), set(others.who.tolist())
    own = torch.tensor([who in there for who in first.who.tolist()])
    other = torch.tensor([who in known for who in others.who.tolist()])
    seen = torch.cat([first.seen[own], others.seen[other]])
    return Crowd(seen, torch.cat([first.who[own], others.who[other]]))


def report(network: HeadReader, portraits: Crowd, days: Crowd, made: Crowd) -> None:
    """Figures of people that were held back, and of made ones that were not learned from."""
    for title, crowd in (("portraits", portraits), ("made faces", made)):
        shares = read_share(network, crowd)
        print(title, {name: round(float(share), 2) for name, share in zip(NAMES, shares)})
    descriptions = {int(who): people.describe(int(who)) for who in days.who}
    named = [(descriptions[who]["sex"], descriptions[who]["hair"]) for who in days.who.tolist()]
    kinds = torch.tensor([sorted(set(named)).index(name) for name in named])
    for title, crowd, kind in (("rendered", days, kinds), ("made", made, made.who * 0)):
        likeness = nn.functional.normalize(network.likeness(crowd.seen), dim=1)
        told = separation(likeness, crowd.who, kind)
        count = len(crowd.who.unique())
        print(f"{count} {title} people:", {name: round(value, 3) for name, value in told.items()})


def write(network: HeadReader, path: Path) -> None:
    """The whole network in float16."""
    tensors = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, path, metadata={"names": json.dumps(NAMES), "license": "Apache-2.0"})
    path.chmod(0o644)


def _apart_from_own_mean(x: Tensor, who: Tensor) -> Tensor:
    """Of those of whom there are several days: rows less their person's mean."""
    _, number, count = who.unique(return_inverse=True, return_counts=True)
    sums = torch.zeros(len(count), x.shape[1]).index_add_(0, number, x)
    return (x - (sums / count[:, None])[number])[count[number] > 1]


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the reader of heads.")
    parser.add_argument("--data", type=Path, required=True, help="folder of heads128-*.tar")
    parser.add_argument("--days", type=Path, required=True, help="the same people on other days")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network, generator = eyes(), read_generator(GENERATOR)
    learned, held_back = (data.load(chosen.data, SIDE, held_back=which) for which in (False, True))
    portraits = [of_portraits(network, learned), mirrored(network, learned)]
    made = of_made(network, generator, learned.labels, MADE, 1, seed=1)
    crowd = of_made(network, generator, learned.labels, PEOPLE, DAYS, seed=2)
    fit(network, [*portraits, made, crowd], crowd)
    write(network, chosen.out / NAME)
    first = of_portraits(network, held_back)
    others = of_made(network, generator, learned.labels, HELD_BACK, DAYS, seed=3)
    report(network, first, together(first, of_days(network, chosen.days)), others)


if __name__ == "__main__":
    main()

"""Train the finder of scratches: python -m ganapps.training.scratches --data DIR --out DIR

Scratches, hairs, dust, folds and tears are drawn onto photographs and portraits, some of them faded
first, and a U-Net (Ronneberger 2015) says where. Crops are looked at as if cut from pictures up to
`Wear.larger` times their size, or wide damage would never be met; and some bear letters, which are
no damage. Nobody marked real damage for it: it knows what is drawn here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from torch import Tensor
from torch.nn import functional as F

from ganapps.networks.repair.scratches import ScratchDetector
from ganapps.training import averaged, loop, precision
from ganapps.training.averaged import AveragedTrainer, Heap, gathered, repeatable

FADED, GREY, GRAINY = 0.4, 0.3, 0.5  # how often: old pictures are; it is no damage to be filled
FINE = 4  # times the size that shapes are drawn in, so that a scratch may be half a pixel wide
VISIBLE = 0.25  # of a pixel that damage covers, from which on it counts as damaged
SHEET = 8

LETTERS = "ABCDEFGHIKLMNOPRSTUVWabcdefghiklmnoprstuvw0123456789.,-"

Draw = Callable[[ImageDraw.ImageDraw, int, np.random.RandomState], None]


@dataclass(frozen=True)
class Wear:
    """How pictures are damaged."""

    unhurt: float = 0.1  # of the pictures have no damage at all
    larger: float = 1.0  # a crop's whole picture is up to so many times its size, and so is damage
    tears: int = 0  # at most
    lettering: float = 0.0  # of the pictures bear letters


PLAIN = Wear()  # thin damage alone
ALL = Wear(unhurt=0.3, larger=5.0, tears=2, lettering=0.2)


@dataclass(frozen=True)
class Settings(averaged.Settings):
    """What a run may change."""

    widths: tuple[int, ...] = (16, 32, 64, 128)
    looks: int = 4  # distances from which a picture is looked at
    overlap_weight: float = 1.0  # beside the cross entropy: damage is a hundredth of a picture


class ScratchTrainer(AveragedTrainer):
    """The detector."""

    name = "scratches-wide-ours"
    settings: Settings

    def __init__(self, heaps: tuple[Heap, Heap], settings: Settings, pictures: int) -> None:
        network = ScratchDetector(settings.widths, settings.looks)
        super().__init__(network, heaps, settings, pictures)

    def judge(self, whole: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Cross entropy, and how little found and true damage overlap (Milletari 2016); the share
        found and the share right.
        """
        damaged, truth = scratched(whole, ALL)
        with precision.quick():
            said = self.network(damaged).float()
        entropy = F.binary_cross_entropy_with_logits(said, truth)
        both, found = (said.sigmoid() * truth).sum(), said.sigmoid().sum()
        overlap = 1 - (2 * both + 1) / (found + truth.sum() + 1)
        hits = ((said > 0) * truth).sum().item()
        losses = {
            "entropy": entropy.item(),
            "found": hits / max(1.0, truth.sum().item()),
            "right": hits / max(1.0, (said > 0).sum().item()),
        }
        return entropy + self.settings.overlap_weight * overlap, losses

    def sheet(self) -> Tensor:
        """Rows of eight: scratched, where it says, where they are; -1..1."""
        damaged, truth = repeatable(7, lambda: scratched(self.pick(SHEET), ALL))
        with torch.no_grad():
            said = self.average(damaged).sigmoid()
        return torch.cat([damaged, said.expand(-1, 3, -1, -1), truth.expand(-1, 3, -1, -1)]) * 2 - 1


def scratched(whole: Tensor, wear: Wear = PLAIN) -> tuple[Tensor, Tensor]:
    """Pictures [N, 3, S, S] in 0..1 -> damaged ones, and where: [N, 1, S, S], 1 or 0."""
    seeds = torch.randint(2**31 - 1, (len(whole),)).tolist()
    made = [damage(x, np.random.RandomState(seed), wear) for x, seed in zip(whole, seeds)]
    damaged, truth = (
        torch.stack(part).contiguous(memory_format=torch.channels_last) for part in zip(*made)
    )
    return damaged, truth


def damage(x: Tensor, random: np.random.RandomState, wear: Wear = PLAIN) -> tuple[Tensor, Tensor]:
    """One picture [3, H, W]: aged, then scratched -> itself and where it is damaged [1, H, W]."""
    x = aged(x, random)
    height, width = x.shape[1:]
    hurt = torch.zeros(1, height, width)
    larger = wear.larger ** random.rand() if wear.larger > 1 else 1.0
    if wear.lettering and random.rand() < wear.lettering:
        x = _lettered(x, larger, random)
    if random.rand() >= wear.unhurt:
        kinds: list[tuple[Draw, int]] = [(_scratch, 6), (_hair, 3), (_dust, 25), (_fold, 1)]
        for draw, most in [*kinds, (_tear, wear.tears)] if wear.tears else kinds:
            cover = _cover(height, width, draw, random.randint(most + 1), larger, random)
            x = x * (1 - cover) + cover * _colour(random)
            hurt = torch.maximum(hurt, cover)
    return (x.clamp(0, 1) * 255).round() / 255, (hurt > VISIBLE).float()


def aged(x: Tensor, random: np.random.RandomState) -> Tensor:
    """Faded, brownish or grey, with grain: what an old picture is without being damaged."""
    if random.rand() < GREY:
        x = (
            x.mean(0, keepdim=True)
            * torch.tensor([1.0, random.uniform(0.85, 1), random.uniform(0.65, 1)]).float()[
                :, None, None
            ]
        )
    if random.rand() < FADED:
        x = random.uniform(0.05, 0.3) + x * random.uniform(0.4, 0.7)
    if random.rand() < GRAINY:
        x = x + torch.from_numpy(random.normal(0, random.uniform(0, 0.06), x.shape)).float()
    return x


def _lettered(x: Tensor, larger: float, random: np.random.RandomState) -> Tensor:
    """One picture [3, H, W] with a line of writing, as captions and signs have it."""
    height, width = x.shape[1:]
    sheet = Image.new("L", (width, height))
    words = "".join(random.choice(list(LETTERS + "    "), 40))
    place = random.uniform(-0.2, 0.6) * width, random.uniform(0, 0.9) * height
    size = random.uniform(0.05, 0.12) * min(height, width) * larger
    ImageDraw.Draw(sheet).text(place, words, 255, ImageFont.load_default(size))
    cover = torch.from_numpy(np.asarray(sheet).copy())[None].float() / 255
    return x * (1 - cover) + cover * _colour(random)


def _cover(
    height: int,
    width: int,
    draw: Draw,
    count: int,
    larger: float,
    random: np.random.RandomState,
) -> Tensor:
    """So many shapes of a kind: [1, H, W], 1 where nothing of the picture is left."""
    sheet = Image.new("L", (width * FINE, height * FINE))
    if larger > 1:  # of longer lines as many cross a crop when they are fewer
        count = random.binomial(count, 1 / larger)
    for _ in range(count):
        draw(ImageDraw.Draw(sheet), round(FINE * min(height, width) * larger), random)
    small = sheet.filter(ImageFilter.GaussianBlur(random.uniform(0, 0.6) * FINE)).resize(
        (width, height), Image.Resampling.BOX
    )
    return torch.from_numpy(np.asarray(small).copy())[None].float() / 255 * random.uniform(0.6, 1)


def _colour(random: np.random.RandomState) -> Tensor:
    """Of damage: paper that shows, seldom dirt."""
    bright = random.uniform(0.75, 1) if random.rand() < 0.7 else random.uniform(0, 0.25)
    return torch.from_numpy(np.clip(bright + random.normal(0, 0.03, 3), 0, 1)).float()[
        :, None, None
    ]


def _scratch(draw: ImageDraw.ImageDraw, side: int, random: np.random.RandomState) -> None:
    """A long, thin, nearly straight line, mostly upright."""
    upright = random.rand() < 0.6
    _line(
        draw,
        side,
        random,
        angle=np.pi / 2 + random.normal(0, 0.1) if upright else random.uniform(0, np.pi),
        steps=random.randint(4, 14),
        bend=0.05,
        thick=random.uniform(0.15, 0.6),
    )


def _hair(draw: ImageDraw.ImageDraw, side: int, random: np.random.RandomState) -> None:
    """A short curl."""
    _line(
        draw,
        side,
        random,
        angle=random.uniform(0, 2 * np.pi),
        steps=random.randint(4, 10),
        bend=0.6,
        thick=random.uniform(0.15, 0.4),
    )


def _line(
    draw: ImageDraw.ImageDraw,
    side: int,
    random: np.random.RandomState,
    angle: float,
    steps: int,
    bend: float,
    thick: float,
) -> None:
    """`thick` is in hundredths of the side."""
    point = np.array([random.uniform(0, draw.im.size[0]), random.uniform(0, draw.im.size[1])])
    points = [point]
    for _ in range(steps):
        angle += random.normal(0, bend)
        point = point + random.uniform(0.03, 0.12) * side * np.array([np.cos(angle), np.sin(angle)])
        points.append(point)
    draw.line(
        [tuple(p) for p in points], fill=255, width=max(2, round(thick * side / 40)), joint="curve"
    )


def _dust(draw: ImageDraw.ImageDraw, side: int, random: np.random.RandomState) -> None:
    """A speck."""
    x, y = random.uniform(0, draw.im.size[0]), random.uniform(0, draw.im.size[1])
    wide, high = random.uniform(0.002, 0.012, 2) * side
    draw.ellipse((x - wide, y - high, x + wide, y + high), fill=255)


def _fold(draw: ImageDraw.ImageDraw, side: int, random: np.random.RandomState) -> None:
    """A broken band from edge to edge."""
    width, height = draw.im.size
    ends = random.uniform(0, 1, 2)
    upright = random.rand() < 0.5
    for _ in range(random.randint(3, 10)):
        along = np.sort(random.uniform(0, 1, 2))
        across = ends[0] + (ends[1] - ends[0]) * along + random.normal(0, 0.003, 2)
        points = [
            (a * width, b * height) if upright else (b * width, a * height)
            for a, b in zip(across, along)
        ]
        draw.line(points, fill=255, width=max(2, round(random.uniform(0.005, 0.02) * side)))


def _tear(draw: ImageDraw.ImageDraw, side: int, random: np.random.RandomState) -> None:
    """A ragged piece that came off, often at the border."""
    middle = random.uniform(-0.05, 1.05, 2) * draw.im.size
    turns = np.sort(random.uniform(0, 2 * np.pi, random.randint(7, 25)))
    reach = random.uniform(0.01, 0.06) * side * random.uniform(0.6, 1, len(turns))
    flat = random.uniform(0.4, 1)
    draw.polygon(
        [
            (middle[0] + r * np.cos(a), middle[1] + flat * r * np.sin(a))
            for a, r in zip(turns, reach)
        ],
        fill=255,
    )


def main() -> None:
    chosen = loop.arguments("Train the finder of scratches.", pictures=100_000)
    loop.run(
        ScratchTrainer(gathered(chosen.data), Settings(), chosen.pictures),
        chosen.out,
        chosen.pictures,
        chosen.start,
    )


if __name__ == "__main__":
    main()

"""What there is to look at in a run of the Lab, whatever it is that learns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from PIL import Image
from safetensors.torch import save

from ganapps.learning import kept, packed, seen, seen_pictures
from ganapps.learning.dirac import Dirac
from ganapps.learning.game import Game
from ganapps.learning.points import Points
from ganapps.learning.rivals import Lesson
from ganapps.learning.sets import Pictures
from ganapps.tasks import learn_picture

SHOWN = 256  # points that are drawn of what is real, and of what one or two runs make
LATEST = 300  # places of the Dirac GAN's way in one update
DRAWN = 1_000  # points of each kind in a picture that is kept


class View(Protocol):
    """Where a run stands: `numbers` for curves and drawings, of all of them `runs` share 20 kB."""

    def numbers(self, runs: int) -> dict[str, Any]: ...

    def picture(self) -> Image.Image: ...

    def at_the_end(self) -> dict[str, Any]: ...

    def weights(self) -> bytes | None: ...


@dataclass
class PlaneView:
    """A game over points."""

    game: Game
    real: Points

    def numbers(self, runs: int) -> dict[str, Any]:
        with self.game.looked_at():
            return seen.of_points(self.game, self.real, SHOWN if runs <= 2 else SHOWN // 2)

    def picture(self) -> Image.Image:
        with self.game.looked_at():
            opinion, low, high = seen.opinion(self.game)
            real = self.real.sample(DRAWN, self.game.chance)
            made = self.game.made(self.game.noise(DRAWN))
        share = (opinion - low) / max(high - low, 1e-30)
        return learn_picture.plane(share, real, made)

    def at_the_end(self) -> dict[str, Any]:
        return {}

    def weights(self) -> bytes | None:
        return None


@dataclass
class WallView:
    """A game over pictures."""

    game: Game
    real: Pictures
    wall: torch.Tensor = field(init=False)

    def numbers(self, runs: int) -> dict[str, Any]:
        with self.game.looked_at():
            told, self.wall = seen_pictures.of_pictures(self.game, self.real)
        return told

    def picture(self) -> Image.Image:
        return learn_picture.wall(self.wall)

    def at_the_end(self) -> dict[str, Any]:
        with self.game.looked_at():
            return seen_pictures.probed(self.game, self.real) | seen_pictures.looks(self.game)

    def nearest(self) -> Image.Image:
        """Beside each made picture the nearest real one."""
        return learn_picture.wall(seen_pictures.nearest_real(self.wall, self.real))

    def weights(self) -> bytes | None:
        # one entry alone: of two, the order would be another one every time
        return save(kept.kept(self.game), {"format": "pt"})


@dataclass
class RivalView:
    """A model that learns from the same points by likelihood, without an opponent."""

    lesson: Lesson
    real: Points

    def numbers(self, runs: int) -> dict[str, Any]:
        chance = torch.Generator().manual_seed(0)
        made = self.lesson.model.sample(seen.MANY, chance)
        told, _ = seen.distance(self.real.sample(seen.MANY, chance), made)
        told |= seen.modes(self.real, made)
        told["loss"] = seen.finite(self.lesson.loss)
        told["upward"] = self.lesson.trend.upward
        told["calls a sample"] = self.lesson.model.calls
        told["made"] = packed.points(made[: SHOWN if runs <= 2 else SHOWN // 2])
        return told

    def picture(self) -> Image.Image:
        chance = torch.Generator().manual_seed(0)
        made = self.lesson.model.sample(DRAWN, chance)
        return learn_picture.plane(None, self.real.sample(DRAWN, chance), made)

    def at_the_end(self) -> dict[str, Any]:
        return {}

    def weights(self) -> bytes | None:
        return None


@dataclass
class CircleView:
    """The Dirac GAN: its two numbers, and the way they took since the last look."""

    dirac: Dirac
    whole: list[tuple[float, float]] = field(default_factory=list)

    def numbers(self, runs: int) -> dict[str, Any]:
        way, self.dirac.way = self.dirac.way, []
        every = max(1, len(way) * runs // LATEST)
        latest = way[::every]
        self.whole = (self.whole + latest)[-10 * LATEST :]
        return {
            "theta": seen.finite(self.dirac.theta),
            "psi": seen.finite(self.dirac.psi),
            "from rest": seen.finite(self.dirac.distance),
            "way": [[round(theta, 3), round(psi, 3)] for theta, psi in latest],
        }

    def picture(self) -> Image.Image:
        return learn_picture.circle(self.whole)

    def at_the_end(self) -> dict[str, Any]:
        return {}

    def weights(self) -> bytes | None:
        return None

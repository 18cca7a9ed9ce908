"""What is seen of a game of pictures: a wall of the same noise, what the critic says of each, what
it learned besides, and where attention looks.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.learning import packed, seen
from ganapps.learning.game import Game
from ganapps.learning.sets import Pictures, nearest, scaled
from ganapps.networks.faces.lab import SelfAttention

MADE, REAL = 40, 8  # pictures on the wall, the real ones last
JUDGED = 32  # real ones, and held-back ones, by which the critic is judged
LOOKERS = 8  # places a side of a picture from which attention is shown
RIDGE = 1e-2  # of the linear probe, beside features of unit spread


def of_pictures(game: Game, pictures: Pictures) -> tuple[seen.Numbers, Tensor]:
    """Numbers of a game of pictures, and its wall [MADE + REAL, C, S, S] in -1 to 1: what the
    averaged generator makes of the same noise every time, then real ones. The critic is judged on
    just these, and on as many real and held-back ones.

    Call it inside `game.looked_at()`.
    """
    made = game.made(game.noise(MADE), averaged=True)
    real = pictures.sample(JUDGED, game.chance)
    unseen = pictures.unseen(JUDGED, game.chance)
    scores = game.scores(torch.cat([made, real, unseen]))
    of_made, of_real, of_unseen = scores.split([len(made), len(real), len(unseen)])
    told = seen.curves(game)
    told |= seen.judged(game.objective, of_real, of_made, of_unseen)
    verdicts = torch.cat([of_made, of_real[:REAL]])[:, 0]
    if game.objective.probability:
        verdicts = verdicts.sigmoid()
    told["verdicts"] = [round(float(verdict), 3) for verdict in verdicts]
    told["augmented"] = round(game.augmentation, 4)
    return told, torch.cat([made, real[:REAL]])


def nearest_real(wall: Tensor, pictures: Pictures) -> Tensor:
    """Beside each made picture of a wall the nearest of those that were learned from: [MADE, C, S,
    S] in -1 to 1.
    """
    return scaled(pictures.learning[nearest(wall[:MADE], pictures.learning)])


def probed(game: Game, pictures: Pictures) -> seen.Numbers:
    """How many held-back digits a linear reader names rightly: from the critic's features, and from
    the raw pixels. Nothing where the data has no classes.
    """
    if pictures.classes is None:
        return {}
    assert pictures.held_back_classes is not None
    learned, unseen = scaled(pictures.learning), scaled(pictures.held_back)
    with torch.no_grad():
        features = game.critic.features(learned), game.critic.features(unseen)
    pixels = learned.flatten(1), unseen.flatten(1)
    truth = pictures.classes, pictures.held_back_classes
    return {
        "probe of features": seen.share(_read(*features, truth[0]) == truth[1]),
        "probe of pixels": seen.share(_read(*pixels, truth[0]) == truth[1]),
    }


def _read(learned: Tensor, unseen: Tensor, classes: Tensor) -> Tensor:
    """The classes [M] of unseen features [M, C] by ridge regression on learned ones [N, C]."""
    mean, spread = learned.mean(0), learned.std(0) + 1e-3
    x = F.pad((learned - mean) / spread, (0, 1), value=1.0).double()
    y = F.one_hot(classes).double()
    weights = RIDGE * len(x) * torch.eye(x.shape[1], dtype=torch.double)
    solved = torch.linalg.solve(x.T @ x + weights, x.T @ y)
    new = F.pad((unseen - mean) / spread, (0, 1), value=1.0).double()
    return (new @ solved).argmax(1)


def looks(game: Game) -> seen.Numbers:
    """Of the wall's first picture, where each of LOOKERS x LOOKERS places looks, as so many maps of
    as many bytes, each from none to its own most; how far all look on average, as a share of the
    side; and the weight of what they see. Nothing where there is no attention.
    """
    layers = [m for m in game.average.modules() if isinstance(m, SelfAttention)]
    if not layers:
        return {}
    layers[0].keeps = True
    game.made(game.noise(MADE), averaged=True)
    layers[0].keeps = False
    asked, layers[0].looks = layers[0].looks, None
    assert asked is not None
    side = round(asked.shape[1] ** 0.5)
    step = side // LOOKERS
    maps = asked[0].unflatten(1, (side, side))  # [side * side, side, side]
    maps = maps.unflatten(0, (side, side))[::step, ::step].flatten(0, 1)
    maps = F.avg_pool2d(maps, step).flatten(1)
    most = maps.amax(1, keepdim=True)
    return {
        "looks": packed.bytes_between((maps / most).flatten(), 0, 1),
        "far": round(float((asked * _distances(side)).sum(2).mean()), 4),
        "gamma": seen.finite(float(layers[0].gamma)),
    }


def _distances(side: int) -> Tensor:
    """How far each place of a square is from each, as a share of its side: [side^2, side^2]."""
    steps = torch.arange(side) / side
    places = torch.cartesian_prod(steps, steps)
    return torch.cdist(places, places)

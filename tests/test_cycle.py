"""The cycle check: what returns of a picture, where it differs, and the paper's losses, with tiny
networks too.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_networks_translate import made, resnet

from ganapps import networks
from ganapps.device import Device
from ganapps.pictures.uploads import Upload
from ganapps.tasks import cycle, translate

NOISE = np.random.default_rng(1).integers(0, 256, (40, 32, 3), np.uint8)


def test_what_returns_is_a_share_of_the_pictures_variance() -> None:
    assert (
        cycle.returned(NOISE, NOISE).percent == 100.0 and cycle.returned(NOISE, NOISE).loss == 0.0
    )
    grey = np.full_like(NOISE, round(NOISE.mean()))
    assert cycle.returned(NOISE, grey).percent == pytest.approx(0, abs=0.5)
    half = ((NOISE.astype(float) + NOISE.mean()) / 2).astype(np.uint8)
    nearer = cycle.returned(NOISE, half)
    assert nearer.percent == pytest.approx(75, abs=1)  # half the distance, a quarter of its square
    assert nearer.loss == pytest.approx(np.abs(half.astype(float) - NOISE).mean() / 127.5, abs=1e-3)


def test_where_it_differs_is_light() -> None:
    source = NOISE // 2
    back = source.copy()
    back[10:20, 5:9] += 64
    levels = np.array(cycle.returned(source, back).map)
    assert (levels[10:20, 5:9] >= 254).all() and levels.sum() == levels[10:20, 5:9].sum()


def test_the_distance_is_that_of_values_from_minus_one_to_one() -> None:
    black, white = np.zeros((5, 7, 3), np.uint8), np.full((5, 7, 3), 255, np.uint8)
    assert cycle.distance(black, white) == 2.0 and cycle.distance(black, black) == 0.0
    assert cycle.distance(white, np.full((5, 7, 1), 65535, np.uint16)) == 0.0, (
        "grey of 16 bits beside colours of 8"
    )
    assert cycle.distance(black, np.full((5, 7, 4), 51, np.uint8)) == pytest.approx(0.4), (
        "alpha is not counted"
    )


def test_the_losses_are_those_of_the_networks() -> None:
    """G and F of random weights: the pictures' distances beside the paper's sums over the networks'
    own numbers.
    """
    weights = made(resnet())
    there, back = (
        networks.build("cyclegan", weights, {}),
        networks.build("cyclegan", {name: tensor.flip(0) for name, tensor in weights.items()}, {}),
    )
    upload = Upload(NOISE, (32, 40), "0" * 64)

    def run(network: torch.nn.Module, picture: Upload) -> Upload:
        *_, last = translate.translate(network, Device("cpu"), None, picture)
        return Upload(last.made[0].picture, picture.size, "0" * 64)

    x = torch.from_numpy(NOISE.transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    with torch.inference_mode():
        y = there(x)
        cycle_loss, identity = ((z - x).abs().mean().item() for z in (back(y), back(x)))
        quiet = (there(y) - y).abs().mean().item()
    made_y = run(there, upload)
    assert cycle.distance(NOISE, run(back, made_y).pixels) == pytest.approx(cycle_loss, abs=0.02)
    assert cycle.distance(NOISE, run(back, upload).pixels) == pytest.approx(identity, abs=0.005)
    assert cycle.distance(made_y.pixels, run(there, made_y).pixels) == pytest.approx(
        quiet, abs=0.02
    )

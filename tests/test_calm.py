"""What a network can't do, it does not ruin: hard edges that would drown in specks are made again,
and transparency only goes through what keeps it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps import networks
from ganapps.device import Device
from ganapps.errors import Message
from ganapps.models import formats
from ganapps.models.catalog import WEIGHTS
from ganapps.networks.contracts import Upscaler
from ganapps.pictures.uploads import Upload
from ganapps.report import Made
from ganapps.tasks import alpha, calm, figures, resample, upscale

CPU = Device("cpu")
LARGE = 4


@pytest.fixture(scope="module")
def span() -> nn.Module:
    tensors = formats.read(WEIGHTS / "spanx4.safetensors").tensors
    return networks.build("span", tensors, {})


def run(
    network: nn.Module, pixels: np.ndarray, **settings: object
) -> tuple[Made, list[Message], int]:
    """The result, what was said, and how many calls it took."""
    upload = Upload(pixels, pixels.shape[1::-1], "0" * 64)
    steps = list(upscale.upscale(network, CPU, None, upload, **{"inspect": False, **settings}))
    said = [message for step in steps for message in step.changes]
    return steps[-1].made[0], said, sum(step.network_calls for step in steps)


def raw(network: nn.Module, pixels: np.ndarray) -> np.ndarray:
    """What the network says by itself: [H, W, 3], not clipped."""
    with torch.inference_mode():
        y = network(torch.from_numpy(pixels.transpose(2, 0, 1)[None] / np.float32(255)))
    return y[0].permute(1, 2, 0).numpy()


def text(width: int = 120, height: int = 60) -> np.ndarray:
    """A screenshot: letters of ten pixels, white on blue and black on white, and a hard frame."""
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width, 18), fill=(30, 58, 160))
    font = ImageFont.load_default(11)
    draw.fontmode = "1"
    draw.text((6, 3), "File  Edit  View", "white", font)
    draw.text((6, 24), "The quick brown fox", "black", font)
    draw.text((6, 40), "jumps over |#@%|", "black", font)
    return np.array(picture)


def photograph() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[40:100, 150:230])


def resized(pixels: np.ndarray) -> np.ndarray:
    """`pixels` LARGE times as large, bicubic, as floats."""
    size = (pixels.shape[1] * LARGE, pixels.shape[0] * LARGE)
    return resample.rows(pixels, size, 0, size[1]).clip(0, np.iinfo(pixels.dtype).max)


def agreement(large: np.ndarray, small: np.ndarray) -> float:
    """dB: how well the result, shrunk again, is the picture that it was made of."""
    return float(figures.consistency(large, small).db)


def test_hard_edges_do_not_drown_in_specks(span: nn.Module) -> None:
    pixels = text()
    alone = raw(span, pixels)
    assert alone.min() < -2 and alone.max() > 3, "what these weights do to hard edges"
    specks = np.rint(alone.clip(0, 1) * 255).astype(np.uint8)
    bicubic = np.rint(resized(pixels)).astype(np.uint8)
    made, said, _ = run(span, pixels)
    assert agreement(made.picture, pixels) > agreement(specks, pixels) + 5
    assert agreement(made.picture, pixels) > agreement(bicubic, pixels)
    again = said[0]
    assert "made again at lower contrast" in again.template
    assert 1 < again.values["share"] < 99
    assert again.values["low"] < -2 and again.values["high"] > 3


def test_what_stays_in_its_range_stays_as_it_is(span: nn.Module) -> None:
    """No photograph changes, and beside an edge only what lies near it."""
    pixels = photograph()
    made, said, calls = run(span, pixels)
    own = np.rint(raw(span, pixels).clip(0, 1) * 255)
    assert np.abs(made.picture - own).max() <= 1 and not said and calls == 1
    pixels = np.concatenate([pixels, text(80, 60)], axis=1)
    made, said, _ = run(span, pixels)
    own = np.rint(raw(span, pixels).clip(0, 1) * 255)
    assert said and np.abs(made.picture - own)[:, : 4 * 70].max() <= 1


def test_tiles_agree_on_what_is_made_again(span: nn.Module) -> None:
    whole, _, _ = run(span, text(), tile=512)
    tiled, _, _ = run(span, text(), tile=80)
    assert tiled.figures["tiles"] > 1
    apart = np.abs(tiled.picture.astype(int) - whole.picture.astype(int))
    assert apart.max() <= 2


class Gained(Upscaler):
    """Four times the size, every pixel sixteen times, its contrast to grey by a power of itself."""

    scale, channels, reach = LARGE, 3, 4
    tile, memory = 512, 4 * 64 * 3 * LARGE**2

    def __init__(self, gain: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return self.gain(F.interpolate(x, scale_factor=LARGE, mode="nearest"))


def test_what_no_contrast_mends_is_resized() -> None:
    pixels = text()
    made, said, _ = run(Gained(lambda x: x + 20), pixels)
    assert np.abs(made.picture - resized(pixels)).max() <= 1
    assert [m.values["share"] for m in said] == [100, 100]
    assert "whatever is tried" in said[-1].template


def test_every_upscaler_that_leaves_its_range_is_asked_at_lower_contrast() -> None:
    """This one is right between a fifth and four fifths, and wild beyond."""
    calmly = Gained(lambda x: torch.where((x - 0.5).abs() > 0.4, 9 * x, x))
    made, said, calls = run(calmly, text())
    assert calls == 2 and len(said) == 1
    assert np.abs(made.picture.astype(int) - text().repeat(4, 0).repeat(4, 1)).max() <= 1


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_alpha_goes_around_what_spoils_it(span: nn.Module, kind: type) -> None:
    opaque = np.where(text()[..., :1] > 100, np.iinfo(kind).max, 0).astype(kind)
    colours = np.full((*opaque.shape[:2], 3), 90 * (257 if kind == np.uint16 else 1), kind)
    pixels = np.concatenate([colours, opaque], axis=2)
    made, said, _ = run(span, pixels)
    assert np.abs(made.picture[..., 3:] - resized(opaque)).max() <= 1
    assert said.count(alpha.SAID) == 1


def test_what_is_seen_to_keep_alpha_gets_it_and_it_stays_exact() -> None:
    """A network may be a few levels off: what was invisible stays so, what was opaque too."""
    opaque = np.where(text()[..., :1] > 100, 255, 0).astype(np.uint8)
    pixels = np.concatenate([np.full((60, 120, 3), 90, np.uint8), opaque], axis=2)
    made, said, _ = run(Gained(lambda x: 0.02 + 0.96 * x), pixels)
    assert alpha.SAID not in said
    flat = np.zeros((60, 120), bool)
    flat[21:22, :] = True  # so far under the bar, so far above the letters
    around = opaque[19:24, :, 0]
    assert around.min() == around.max() == 255
    assert made.picture[..., 3][flat.repeat(4, 0).repeat(4, 1)].min() == 255
    assert {5, 250} <= set(np.unique(made.picture[..., 3])), "near edges it is the network's"


def test_a_result_without_a_change_says_so() -> None:
    told = calm.Calm()
    x = torch.rand(2, 3, 8, 8)
    y = F.interpolate(x, scale_factor=2.0)
    assert told.calmed(x, y, 2, None) is y and told.changes() == ()

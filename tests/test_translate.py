"""The translate task: any size, every kind of picture, whole or in strips."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_networks_translate import made, resnet, stargan, unet
from torch import nn

from ganapps import networks
from ganapps.device import Device
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.networks.contracts import Translator
from ganapps.networks.translate.layered import Layered
from ganapps.pictures.uploads import Upload
from ganapps.recipe import Recipe
from ganapps.report import Made, Step
from ganapps.tasks import labels, resample, translate
from ganapps.tasks.table import TASKS

CPU = Device("cpu")


@pytest.fixture(scope="module")
def network() -> Layered:
    return networks.build("cyclegan", made(resnet()), {})


@pytest.fixture
def strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every picture were too large to go through whole."""
    monkeypatch.setattr(translate, "WHOLE", 0)


def upload(*shape: int, kind: type = np.uint8, **more: object) -> Upload:
    pixels = np.random.default_rng(1).integers(
        0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True
    )
    return Upload(pixels, shape[1::-1], "0" * 64, **more)


def steps(
    network: nn.Module,
    picture: Upload,
    table: labels.Labels | None = None,
    device: Device = CPU,
    **settings: object,
) -> list[Step]:
    return list(translate.translate(network, device, table, picture, **settings))


def result(
    network: nn.Module,
    picture: Upload,
    table: labels.Labels | None = None,
    device: Device = CPU,
    **settings: object,
) -> Made:
    return steps(network, picture, table, device, **settings)[-1].made[0]


# Any size, any kind.


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 2), (37, 51), (64, 64), (300, 9), (9, 301)])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "strips"])
def test_the_result_is_as_large_as_the_picture(
    network: Layered, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], whole: bool
) -> None:
    monkeypatch.setattr(translate, "WHOLE", 1 << 40 if whole else 0)
    made = result(network, upload(*size, 3))
    assert made.picture.shape == (*size, 3) and made.picture.dtype == np.uint8
    assert made.caption == f"{size[1]} x {size[0]}" and ("strips" in made.figures) is not whole


def test_a_side_that_fits_is_not_padded_and_strips_equal_the_whole(
    network: Layered, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = upload(96, 40, 3)
    x = torch.from_numpy(picture.pixels.transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    with torch.inference_mode():
        expected = ((network(x)[0].permute(1, 2, 0) + 1) * 127.5 + 0.5).numpy().astype(np.uint8)
    whole = result(network, picture).picture
    monkeypatch.setattr(translate, "WHOLE", 0)
    made = result(network, picture)
    assert (
        np.abs(whole.astype(int) - expected).max() <= 1
        and np.abs(made.picture.astype(int) - whole).max() <= 1
    )
    assert made.figures["untiled_difference"] < 0.1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_kind_of_picture(network: Layered, channels: int, kind: type) -> None:
    picture = upload(20, 24, channels, kind=kind)
    made = result(network, picture).picture
    assert made.dtype == kind and made.shape == (20, 24, 3 if channels in (1, 3) else 4)
    if channels in (2, 4):
        assert np.array_equal(made[..., 3], picture.pixels[..., -1])
        assert result(network, picture, keep_alpha=False).picture.shape == (20, 24, 3)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_brush_size_is_the_size_at_which_the_network_works(
    network: Layered, channels: int
) -> None:
    picture = upload(90, 120, channels)
    last = steps(network, picture, brush=64)[-1]
    assert last.made[0].picture.shape == (90, 120, max(channels, 3))
    assert "64 x 48 pixels, the brush size" in " ".join(map(str, last.changes))
    if channels == 4:
        assert np.array_equal(last.made[0].picture[..., 3], picture.pixels[..., 3])
    if channels == 3:
        small = Upload(resample.resize(picture.pixels, (64, 48)), (64, 48), "0" * 64)
        again = resample.resize(result(network, small).picture, (120, 90))
        assert np.array_equal(last.made[0].picture, again)
    # a picture that is no larger stays what it is
    plain = result(network, picture, brush=120).picture
    assert np.array_equal(plain, result(network, picture).picture)


def test_what_is_worked_on_small_costs_as_little(engine: Engine) -> None:
    checked, _ = engine.checked(Recipe("translate", "photo-to-painting", {"brush": 512}))
    own, _ = engine.checked(Recipe("translate", "photo-to-painting", {}))
    size = {"size": [2048, 1024]}
    task = TASKS["translate"]
    assert task.units(replace(checked, pictures=(size,))) == pytest.approx(512 * 256 / 1e6)
    assert task.units(replace(own, pictures=(size,))) == pytest.approx(2048 * 1024 / 1e6)


def test_sixteen_bits_are_finer_than_eight(network: Layered) -> None:
    eight = upload(20, 24, 3)
    sixteen = Upload(eight.pixels.astype(np.uint16) * 257, eight.size, eight.sha256)
    fine, coarse = result(network, sixteen).picture, result(network, eight).picture
    assert np.abs(fine / 257 - coarse).max() < 1 and len(np.unique(fine)) > len(np.unique(coarse))


def test_grey_networks_make_grey_pictures() -> None:
    line_art = networks.build("pix2pix", made(unet(7, 1, "plain")), {})
    assert result(line_art, upload(100, 90, 3)).picture.shape == (100, 90, 1)
    assert result(line_art, upload(100, 90, 4)).picture.shape == (100, 90, 2), "alpha stays"


def test_what_stays_in_the_file(network: Layered) -> None:
    picture = upload(8, 8, 3, icc=b"profile", date="2024:05:31 18:02:07", gps=b"place")
    assert result(network, picture).about == {
        "icc": b"profile",
        "date": "2024:05:31 18:02:07",
        "gps": None,
    }
    assert result(network, picture, keep_place=True).about["gps"] == b"place"


# Steps, Stop and failures.


@pytest.mark.usefixtures("strips")
def test_every_strip_is_a_step(network: Layered) -> None:
    got = steps(network, upload(300, 64, 3))
    assert [s.done for s in got] == list(range(1, len(got) + 1)) and {s.total for s in got} == {
        len(got)
    }
    assert [len(s.made) for s in got] == [0] * (len(got) - 1) + [1] and sum(
        s.network_calls for s in got
    ) == 3


@pytest.mark.usefixtures("strips")
def test_it_can_be_stopped(network: Layered) -> None:
    stream = translate.translate(network, CPU, None, upload(200, 40, 3))
    next(stream), next(stream)
    assert torch.is_inference_mode_enabled() is False, "nothing is held between two steps"
    stream.close()


class Failing(Translator):
    """A translator that fails, once or always, the way it is told."""

    def __init__(
        self,
        network: Layered,
        whole: Exception | None = None,
        strip: Exception | None = None,
        value: float | None = None,
    ) -> None:
        super().__init__()
        self.network, self.whole, self.strip, self.value = network, whole, strip, value
        self.multiple, self.minimum = network.multiple, network.minimum
        self.value_range, self.output_range = network.value_range, network.output_range

    def memory(self, height: int, width: int) -> int:
        return self.network.memory(height, width)

    def forward(self, *given: object) -> torch.Tensor:
        error, self.whole = self.whole, None
        if error:
            raise error
        y = self.network(*given)
        return (
            y
            if self.value is None or (self.value == 1.0 and not torch.is_autocast_enabled("cpu"))
            else y * float("nan")
        )

    def in_strips(self, *given: object, **more: object) -> Iterator:
        if self.strip:
            raise self.strip
        return (yield from self.network.in_strips(*given, **more))


def test_a_full_memory_means_strips_and_is_told(network: Layered) -> None:
    picture = upload(40, 40, 3)
    got = steps(Failing(network, whole=torch.OutOfMemoryError("full")), picture)
    assert [c[0] for s in got for c in s.changes] == [
        "Out of memory for the whole picture: in strips instead."
    ]
    assert np.abs(got[-1].made[0].picture.astype(int) - result(network, picture).picture).max() <= 1
    with pytest.raises(
        UserError,
        match="^The memory is not enough for this picture and this model: make the picture "
        "smaller, ",
    ):
        steps(
            Failing(network, torch.OutOfMemoryError("full"), torch.OutOfMemoryError("full")),
            picture,
        )
    with pytest.raises(RuntimeError, match="a bug"):
        steps(Failing(network, RuntimeError("a bug")), picture)


@pytest.mark.usefixtures("strips")
def test_a_full_disk_is_a_sentence(network: Layered) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(
        UserError,
        match=r"needs room for temporary files, and there is none \(No space left on device\): "
        r"make it smaller",
    ):
        steps(Failing(network, strip=full), upload(40, 40, 3))


def test_what_is_not_finite_is_made_again_in_float32(network: Layered) -> None:
    got = steps(
        Failing(network, value=1.0), upload(16, 16, 3), device=CPU.with_precision("bfloat16")
    )
    assert [c[0] for s in got for c in s.changes] == [
        "Not finite in {precision}: made again in float32."
    ]
    with pytest.raises(UserError, match="its output is not finite"):
        steps(Failing(network, value=2.0), upload(16, 16, 3))


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(UserError, match="does not translate pictures: choose a translator"):
        steps(nn.Conv2d(3, 3, 1), upload(8, 8, 3))


# Labels, styles, seeds.


def test_attributes_go_by_name() -> None:
    network, names = (
        networks.build("stargan", made(stargan()), {}),
        ("Black hair", "Blond hair", "Brown hair", "Male", "Young"),
    )
    table, picture = labels.from_classes(names, 5), upload(16, 16, 3)
    plain, blond = (
        result(network, picture, table),
        result(network, picture, table, labels={"Blond hair": 1}),
    )
    assert not np.array_equal(plain.picture, blond.picture)
    by_number = result(network, picture, None, labels={"1": 1.0})
    assert np.array_equal(by_number.picture, blond.picture)
    with pytest.raises(
        UserError, match="The label Red hair is unknown to this model: accepted are Black hair, "
    ):
        steps(network, picture, table, labels={"Red hair": 1})
    with pytest.raises(UserError, match="The label Young is 2: from 0 to 1.0 is accepted."):
        steps(network, picture, table, labels={"Young": 2})


def test_styles_are_shares_of_one() -> None:
    shapes = {
        "contract.0.w": (4, 3, 9, 9),
        "contract.1.w": (4, 4, 3, 3),
        "contract.2.w": (4, 4, 3, 3),
        "res.0.0.w": (4, 4, 3, 3),
        "res.0.1.w": (4, 4, 3, 3),
        "expand.0.w": (4, 4, 3, 3),
        "expand.1.w": (4, 4, 3, 3),
        "expand.2.w": (3, 4, 9, 9),
    }
    for name in list(shapes):
        shapes |= {f"{name[:-2]}.norm.{leaf}": (6, shapes[name][0]) for leaf in ("gamma", "beta")}
    network, picture = networks.build("styles26", made(shapes), {}), upload(24, 24, 3)
    first, second = (result(network, picture, labels={n: 1}).picture for n in ("0", "4"))
    assert np.array_equal(result(network, picture).picture, first), "alone, the first style"
    assert not np.array_equal(first, second)
    mixed = result(network, picture, labels={"0": 3, "4": 1}).picture
    assert np.array_equal(
        mixed, result(network, picture, labels={"0": 0.75, "4": 0.25}).picture
    ) and not np.array_equal(mixed, first)


def test_labels_for_a_model_without_any_are_refused(network: Layered) -> None:
    with pytest.raises(UserError, match="This model has no labels"):
        steps(network, upload(8, 8, 3), labels={"Young": 1})


def test_a_seed_draws_the_dropout() -> None:
    network, picture = networks.build("pix2pix", made(unet(7, 3, "batch")), {}), upload(128, 128, 3)
    plain, one, two = (result(network, picture, seed=s).picture for s in (None, 1, "two"))
    assert not np.array_equal(plain, one) and not np.array_equal(one, two)
    assert np.array_equal(one, result(network, picture, seed="1").picture)

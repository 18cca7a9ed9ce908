"""Any picture enlarged: equal to the untiled one, in every mode, at every size; every retry told;
nothing stale.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps import device, networks
from ganapps import engine as engines
from ganapps.device import Device
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.models import formats
from ganapps.models.catalog import WEIGHTS
from ganapps.networks.contracts import TwinUpscaler, Upscaler
from ganapps.pictures import images
from ganapps.pictures.uploads import Upload
from ganapps.recipe import Recipe
from ganapps.report import Made, Step
from ganapps.tasks import tile_run, upscale
from tests import upscaler_files as files
from tests.small_generator import Small
from tests.upscaler_files import lively

CPU = Device("cpu")
TWINS = """[[checkpoint]]
id = "twins"
title = "Twins"
task = "upscale"
network = "interpolated"
settings = { denoising = "strong", faithful = "weak" }
sources = [{ repo = "me/twins", file = "", files = ["strong.pth", "weak.pth"] }]
format = "torch"
licence = "CC0-1.0"
commercial = "yes"
trained_on = "nothing"
paper = "none"
parameters = 1
data = "none"
"""


def upload(pixels: np.ndarray) -> Upload:
    return Upload(pixels, pixels.shape[1::-1], "0" * 64)


def photo(height: int = 120, width: int = 150) -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[40 : 40 + height, 150 : 150 + width])


def run(
    network: nn.Module, pixels: np.ndarray, where: Device = CPU, **settings: object
) -> tuple[Made, list[Step]]:
    steps = list(
        upscale.upscale(network, where, None, upload(pixels), **{"inspect": False, **settings})
    )
    assert steps[-1].done == steps[-1].total
    if where.name == "cpu":
        assert [s.done for s in steps] == list(range(1, len(steps) + 1)), (
            "one step a tile, and the end"
        )
    return steps[-1].made[0], steps


def shipped(name: str) -> nn.Module:
    tensors = formats.read(WEIGHTS / f"{name}.safetensors").tensors
    return networks.build("span" if "span" in name else "upscalers", tensors, {})


class Nearest(Upscaler):
    """Twice the size, every pixel four times; counts its calls and remembers the sizes it saw."""

    scale, channels, reach, precisions = 2, 3, 4, ("bfloat16",)
    tile, memory = 512, 4 * 64 * 3 * 2**2

    def __init__(self, **facts: object) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []
        self.weight = nn.Parameter(torch.ones(1), requires_grad=False)
        for name, value in facts.items():
            setattr(self, name, value)

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(tuple(x.shape))
        assert (
            x.shape[1] == self.channels
            and not any(n % self.multiple for n in x.shape[2:])
            and min(x.shape[2:]) >= self.minimum
        )
        return F.interpolate(x, scale_factor=self.scale, mode="nearest")


def doubled(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(2, 0).repeat(2, 1)


REALISTIC: dict[str, tuple[nn.Module, str]] = {
    "ESRGAN": (files.RRDB(width=16, blocks=1), "upscalers"),
    "ESRGAN x2": (files.RRDB(width=16, blocks=1, shuffle=2), "upscalers"),
    "Compact": (files.Compact(width=16, convolutions=6), "upscalers"),
    "SPAN": (files.SPAN(width=12), "span"),
    "SRGAN": (files.Lornatang(width=16, blocks=4), "srresnet"),
    "leftthomas": (files.Leftthomas(width=16), "srresnet"),
}


@pytest.mark.parametrize("name", REALISTIC)
def test_tiled_is_untiled(name: str) -> None:
    reference, kind = REALISTIC[name]
    lively(reference, 3)
    if isinstance(reference, files.RRDB):
        reference.conv_last.weight.data *= 8
        reference.conv_last.bias.data += 0.5
    network = networks.build(kind, reference.state_dict(), {})
    pixels = photo(150, 170)
    untiled, _ = run(network, pixels, tile=512, sixteen_bit=True)
    tiled, steps = run(network, pixels, tile=128)
    assert len(steps) == 5 and tiled.figures["tiles"] == 4
    assert np.abs(tiled.picture.astype(int) - untiled.picture.astype(int)).max() <= 1
    assert untiled.picture.std() > 1, "there is something to see"


@pytest.mark.parametrize(
    ("name", "tile", "size"),
    [
        ("realesr-animevideov3-x4", 80, 190),
        ("spanx4", 96, 190),
        ("realesrgan-x4plus-anime", 224, 250),
    ],
)
def test_tiled_is_untiled_with_the_weights_that_ship(name: str, tile: int, size: int) -> None:
    network, pixels = shipped(name), photo(40, size)
    untiled, _ = run(network, pixels, tile=512)
    tiled, steps = run(network, pixels, tile=tile)
    assert len(steps) > 2 and not any(s.changes for s in steps)
    assert np.abs(tiled.picture.astype(int) - untiled.picture.astype(int)).max() <= 1
    assert tiled.figures["seam"] < 2 > untiled.figures["seam"]


def test_too_little_overlap_would_be_seen() -> None:
    network, pixels = shipped("realesr-animevideov3-x4"), photo(72, 150)
    untiled, _ = run(network, pixels, tile=512)
    tiled, _ = run(network, pixels, tile=80, overlap=2)
    assert np.abs(tiled.picture.astype(int) - untiled.picture.astype(int)).max() > 3
    _, steps = run(Nearest(reach=30), photo(72, 150), tile=80)
    assert [c[0] for c in steps[0].changes] == [
        "These tiles share fewer pixels than this model looks at: faint seams are possible."
    ]


@pytest.mark.parametrize(
    "pixels",
    [
        photo(33, 21),
        photo(1, 1),
        photo(1, 40),
        photo(40, 1),
        photo(60, 50)[..., :1].copy(),
        photo(60, 50).astype(np.uint16) * 257,
        np.dstack([photo(60, 50), photo(60, 50)[..., 0]]),
        np.dstack([photo(60, 50)[..., 0], photo(60, 50)[..., 1]]),
        np.dstack([photo(60, 50), np.full((60, 50), 77, np.uint8)]),
    ],
    ids=[
        "odd",
        "one pixel",
        "one row",
        "one column",
        "grey",
        "16 bit",
        "RGBA",
        "grey and alpha",
        "even alpha",
    ],
)
@pytest.mark.parametrize("channels", [3, 1])
def test_every_kind_of_picture_stays_what_it_is(pixels: np.ndarray, channels: int) -> None:
    made, _ = run(Nearest(channels=channels), pixels, tile=24)
    assert (
        made.picture.dtype == pixels.dtype
        and np.abs(made.picture.astype(int) - doubled(pixels).astype(int)).max()
        <= pixels.dtype.itemsize - 1
    )


def test_alpha_that_is_the_same_everywhere_costs_nothing() -> None:
    network, opaque = Nearest(), np.dstack([photo(20, 20), np.full((20, 20), 255, np.uint8)])
    run(network, opaque)
    assert network.seen == [(1, 3, 20, 20)]
    run(network, np.dstack([photo(20, 20), photo(20, 20)[..., 0]]))
    assert network.seen[1:] == [(2, 3, 20, 20)]


def test_alpha_left_out_is_laid_on_white() -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:4, :, 3] = 255
    made, _ = run(Nearest(), pixels, keep_alpha=False)
    assert (
        made.picture.shape == (16, 16, 3)
        and made.picture[:8].max() == 0
        and made.picture[8:].min() == 255
    )


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, (100, 80)),
        ({"scale": 1.5}, (75, 60)),
        ({"scale": 3.0}, (150, 120)),
        ({"width": 333}, (333, 266)),
        ({"scale": 0.1}, (5, 4)),
    ],
)
def test_any_size_may_be_asked_for(settings: dict, size: tuple[int, int]) -> None:
    made, _ = run(Nearest(), photo(40, 50), **settings)
    assert made.picture.shape == (*size[::-1], 3) and made.caption == f"{size[0]} x {size[1]}"
    small = np.asarray(
        Image.fromarray(photo(40, 50)).resize(size, Image.Resampling.BICUBIC)
    ).astype(int)
    assert np.abs(made.picture - small).mean() < 6


def test_what_the_network_needs_is_padded_and_cut() -> None:
    network = Nearest(multiple=8, minimum=16)
    for pixels in (photo(3, 5), photo(21, 50), photo(70, 61)):
        made, _ = run(network, pixels, tile=32)
        assert np.array_equal(made.picture, doubled(pixels))


def test_memory_that_fills_up_makes_tiles_smaller_then_the_processor_takes_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Hungry(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            if max(x.shape[2:]) > self.limit and self.where == "gpu":
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(x)

        def to(self, *args: object, **kwargs: object) -> Hungry:
            self.where = "cpu" if args == ("cpu",) else "gpu"
            return self

    pixels = photo(150, 300)
    network = Hungry(limit=50, where="gpu")
    made, steps = run(network, pixels, tile=256)
    assert np.array_equal(made.picture, doubled(pixels)), "no hole, nothing stale"
    changes = [c for s in steps for c in s.changes]
    assert changes == [
        ("Out of memory: tiles of {count} pixels instead.", {"count": n}) for n in (81, 35)
    ]
    monkeypatch.setattr(Device, "title", "A GPU")
    monkeypatch.setattr(tile_run.Device, "free_memory", lambda self: 4 << 30)
    monkeypatch.setattr(Tensor, "to", lambda self, *a, **k: self)
    network = Hungry(limit=10, where="gpu")
    made, steps = run(network, pixels, Device("cuda:0"), tile=256)
    assert np.array_equal(made.picture, doubled(pixels)) and network.where == "gpu", (
        "the GPU's own stays there"
    )
    assert ("Out of memory on {device}: the rest is made on the CPU.", {"device": "A GPU"}) in [
        c for s in steps for c in s.changes
    ]


def test_a_memory_that_does_not_do_at_any_size_is_a_sentence() -> None:
    class Full(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(UserError, match="even with the smallest tiles"):
        run(Full(), photo(150, 300))
    with pytest.raises(RuntimeError, match="a bug"):

        class Faulty(Nearest):
            def forward(self, x: Tensor) -> Tensor:
                raise RuntimeError("a bug")

        run(Faulty(), photo(8, 8))


def test_what_is_not_finite_is_made_again_in_float32() -> None:
    class Overflowing(Nearest):
        def forward(self, x: Tensor) -> Tensor:
            y = super().forward(x)
            return y / 0 if torch.is_autocast_enabled("cpu") and len(self.seen) > 1 else y

    pixels = photo(40, 100)
    made, steps = run(Overflowing(), pixels, Device("cpu", "bfloat16"), tile=64)
    assert np.array_equal(made.picture, doubled(pixels))
    assert [s.changes for s in steps[:2]] == [
        (),
        (("Not finite in {precision}: made again in float32.", {"precision": "bfloat16"}),),
    ]
    assert [s.network_calls for s in steps] == [1, 2, 0]
    broken = Nearest()
    broken.forward = lambda x: Nearest.forward(broken, x) * float("nan")
    with pytest.raises(UserError, match="output is not finite"):
        run(broken, pixels)


def test_stopping_keeps_what_is_finished() -> None:
    pixels = photo(150, 60)
    stream = upscale.upscale(Nearest(), CPU, None, upload(pixels), tile=64, inspect=False)
    parts = [next(stream).part.rows for _ in range(2)]
    stream.close()
    rows = np.concatenate(parts)
    assert 0 < len(parts[0]) <= len(rows) < 300
    assert np.array_equal(rows, doubled(pixels)[: len(rows)])
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize(
    ("network", "settings", "said"),
    [
        (Nearest(), {"scale": 2.0, "width": 30}, "Both a scale and a width were given"),
        (Nearest(), {"scale": 60.0}, "The result would have 360000 x 360000 pixels and needs"),
        (Small(), {}, "This model does not enlarge pictures"),
        (nn.Identity(), {}, "This model does not enlarge pictures"),
    ],
)
def test_refusals(network: nn.Module, settings: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        next(
            upscale.upscale(
                network,
                CPU,
                None,
                upload(
                    np.zeros((6000, 6000, 3), np.uint8)
                    if "scale" in settings and "width" not in settings
                    else photo()
                ),
                **settings,
            )
        )


def test_the_tile_follows_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = []
    for free in (64 << 30, 1 << 30, 1 << 20):
        monkeypatch.setattr(Device, "free_memory", lambda self, free=free: free)
        sides.append(tile_run.TileRun(Nearest(memory=10_000, tile=640), CPU, photo()).tile())
    assert sides == [640, 160, 64]


def test_figures_and_maps_come_with_the_result() -> None:
    made, _ = run(Nearest(), photo(40, 50), inspect=True)
    assert {"tiles", "tile", "seam", "consistency_db", "drift", "invented"} <= set(made.figures)
    assert made.figures["consistency_db"] > 35 and made.beside["invented"].size == (50, 40)
    json.dumps({k: float(v) for k, v in made.figures.items()})


def test_the_denoise_strength_is_the_pictures_and_stands_beside_it() -> None:
    class Twins(Nearest, TwinUpscaler):
        def denoised(self, strength: float) -> nn.Module:
            between = Nearest()
            between.forward = lambda x: Nearest.forward(between, x) * strength
            return between

    pixels = photo(20, 20)
    made, _ = run(Twins(), pixels, denoise=0.5)
    assert (
        np.abs(made.picture - doubled(pixels) / 2).max() <= 0.5 and made.figures["denoise"] == 0.5
    )
    made, _ = run(Twins(), pixels)
    assert np.array_equal(made.picture, doubled(pixels)) and "denoise" not in made.figures
    with pytest.raises(UserError, match="has no denoise strength"):
        run(Nearest(), pixels, denoise=0.5)


def test_twins_in_two_files_make_one_model_through_the_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = [lively(files.Compact(), seed) for seed in (1, 2)]
    (tmp_path / "me" / "twins").mkdir(parents=True)
    for name, twin in zip(("strong", "weak"), twins, strict=True):
        torch.save({"params": twin.state_dict()}, tmp_path / "me" / "twins" / f"{name}.pth")
    (tmp_path / "own.toml").write_text(TWINS)
    monkeypatch.setenv("GANAPPS_WEIGHTS", str(tmp_path))
    engine = engines.start("cpu", offline=True, own_catalog=str(tmp_path / "own.toml"))
    Image.fromarray(photo(20, 30)).save(tmp_path / "in.png")
    built = []
    monkeypatch.setattr(
        networks, "build", lambda *a, build=networks.build: built.append(a[0]) or build(*a)
    )
    made = {}
    for strength in (0.0, 0.3, 1.0):
        *_, last = engine.run(
            Recipe("upscale", "twins", {"denoise": strength, "inspect": False}, "float32"),
            [str(tmp_path / "in.png")],
        )
        made[strength] = last.made[0].picture
        assert last.made[0].recipe.settings["denoise"] == strength
    assert built == ["interpolated"], "loaded once, mixed for each run"
    for strength, twin in ((1.0, twins[0]), (0.0, twins[1])):
        torch.save(twin.state_dict(), tmp_path / "alone.pth")
        *_, last = engine.run(
            Recipe("upscale", "file", {"inspect": False}, "float32"),
            [str(tmp_path / "in.png")],
            str(tmp_path / "alone.pth"),
        )
        assert np.abs(last.made[0].picture.astype(int) - made[strength]).max() <= 1
    assert np.abs(made[0.3].astype(int) - made[1.0]).max() > 1


def test_through_the_door(engine: Engine, tmp_path: Path) -> None:
    Image.fromarray(photo(60, 80)).save(tmp_path / "in.png")
    recipe = Recipe("upscale", "spanx4", {"width": 200}, precision="float32")
    *_, last = engine.run(recipe, [str(tmp_path / "in.png")])
    kept, report = last.made[0], last.report
    assert (
        kept.picture.shape == (150, 200, 3)
        and report.precision == "float32"
        and report.network_calls == 1
        and report.pictures == 1
    )
    images.save_pixels(kept.picture, tmp_path / "out.png", kept.recipe)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), kept.picture)
    assert kept.recipe.pictures[0]["size"] == [80, 60]
    assert engine.price(recipe, [str(tmp_path / "in.png")]).seconds is not None


def test_auto_precision_is_the_networks_and_the_processors(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(photo(30, 30)).save(tmp_path / "in.png")
    for quick, expected in (((), "float32"), (("bfloat16",), "bfloat16")):
        monkeypatch.setattr(device, "quick", lambda name, quick=quick: quick)
        *_, last = engine.run(
            Recipe("upscale", "spanx4", {"inspect": False}), [str(tmp_path / "in.png")]
        )
        assert last.report.precision == expected
    exact, _ = run(shipped("spanx4"), photo(30, 30))
    assert 0 < np.abs(last.made[0].picture.astype(int) - exact.picture).max() <= 3


def test_every_row_of_the_catalogue_names_a_network_that_enlarges(engine: Engine) -> None:
    rows = engine.models.rows("upscale")
    assert rows[0].id == "realesrgan-x4plus" and len(rows) > 20
    assert {row.network for row in rows} == {
        "upscalers",
        "interpolated",
        "span",
        "srresnet",
        "diffusion_upscaler",
    }
    offline = [row.id for row in rows if any(source.repo is None for source in row.sources)]
    assert offline == [
        "realesrgan-x4plus",
        "spanx4",
        "realesr-animevideov3-x4",
        "realesrgan-x4plus-anime",
        "srgan-x4-calm-ours",
        "srgan-x4-ours",
        "srresnet-x4-ours",
    ]
    for name in offline:
        stored = formats.read(WEIGHTS / engine.models.row(name).sources[0].file).tensors
        assert (
            sum(t.numel() for n, t in stored.items() if ".running_" not in n)
            == engine.models.row(name).parameters
        )


def test_a_face_generator_is_refused_by_its_task(engine: Engine, tmp_path: Path) -> None:
    Image.fromarray(photo(30, 30)).save(tmp_path / "in.png")
    with pytest.raises(UserError, match="is for faces, not for upscale"):
        list(engine.run(Recipe("upscale", "heads-64"), [str(tmp_path / "in.png")]))

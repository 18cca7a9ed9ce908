"""Holes filled: what is not marked stays to the level, any size, any mark, any kind of picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganapps.device import Device
from ganapps.engine import Engine, on_files
from ganapps.errors import UserError
from ganapps.networks.contracts import Inpainter
from ganapps.networks.repair.prior import DeepImagePrior
from ganapps.pictures import masks
from ganapps.pictures.inside import from_picture
from ganapps.pictures.uploads import Upload
from ganapps.recipe import Recipe, from_link
from ganapps.report import Made, Step
from ganapps.tasks.repair import REPAIR, repair
from ganapps.tasks.scratches import scratches
from tests.small_generator import Small

CPU = Device("cpu")


class Grey(Inpainter):
    """Fills with the mean of what is known, and says what it was shown."""

    tile, hole, memory = 64, 16, 100

    def __init__(self, multiple: int = 1, minimum: int = 1) -> None:
        super().__init__()
        self.multiple, self.minimum = multiple, minimum
        self.shown: list[tuple[int, int]] = []

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        self.shown.append((x.shape[2], x.shape[3]))
        assert x.shape[2] % self.multiple == x.shape[3] % self.multiple == 0
        assert set(known.unique().tolist()) <= {0.0, 1.0}
        mean = (x * known).sum((2, 3)) / known.sum((2, 3)).clamp(min=1)
        return mean[..., None, None].expand_as(x).contiguous()


def upload(pixels: np.ndarray) -> Upload:
    return Upload(pixels, pixels.shape[1::-1], "0" * 64)


def noise(height: int, width: int, channels: int = 3, kind: type = np.uint8) -> np.ndarray:
    most = np.iinfo(kind).max
    random = np.random.RandomState(3)
    return random.randint(0, most + 1, (height, width, channels)).astype(kind)


def run(network: object, pixels: np.ndarray, **settings: object) -> tuple[Made, list[Step]]:
    steps = list(repair(network, CPU, None, upload(pixels), **settings))
    assert steps[-1].done == steps[-1].total
    assert [s.done for s in steps] == sorted(s.done for s in steps)
    return steps[-1].made[0], steps


def blob(height: int, width: int, marked: slice = slice(20, 30)) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[marked, marked] = True
    return mask


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("grow", [0, 5])
def test_nothing_outside_the_mark_changes_by_a_level(channels, kind, grow):
    pixels, mask = noise(70, 90, channels, kind), blob(70, 90)
    made, _ = run(Grey(multiple=8), pixels, mask=masks.packed(mask), grow=grow)
    inside = masks.grown(mask, grow)
    assert made.picture.dtype == kind and made.picture.shape == pixels.shape
    assert np.array_equal(made.picture[~inside], pixels[~inside])
    colours = made.picture[inside][:, : 3 if channels > 2 else 1]
    assert (colours != pixels[inside][:, : colours.shape[1]]).mean() > 0.9
    if channels in (2, 4):
        assert (made.picture[inside][:, -1] == np.iinfo(kind).max).all(), "what is filled is seen"


def test_a_soft_rim_changes_what_it_says_and_no_more():
    pixels, mask = noise(70, 90), blob(70, 90)
    made, steps = run(Grey(), pixels, mask=masks.packed(mask), grow=2, feather=6)
    changed = (made.picture != pixels).any(2)
    near, far = masks.grown(mask, 2), masks.grown(mask, 8)
    assert not changed[~far].any() and changed[far & ~near].mean() > 0.5
    said = [str(change) for step in steps for change in step.changes]
    count = (far & ~near).sum()
    assert said[0] == "The mark was grown by 2 pixels."
    assert said[1] == f"Outside the mark, {count} pixels of a soft rim 6 wide changed, too."
    assert len(said) == 2


@pytest.mark.parametrize("size", [(1, 2), (3, 50), (64, 64), (65, 200), (301, 170)])
@pytest.mark.parametrize("multiple", [1, 8])
def test_any_size_is_filled_in_windows(size, multiple):
    pixels, network = noise(*size), Grey(multiple)
    mask = np.zeros(size, bool)
    mask[:, size[1] // 2 :] = True
    made, steps = run(network, pixels, mask=masks.packed(mask), grow=0)
    assert np.array_equal(made.picture[~mask], pixels[~mask])
    assert max(map(max, network.shown)) <= 64
    assert sum(step.network_calls for step in steps) == len(network.shown)
    assert made.figures["windows"] == len(network.shown)


def test_only_what_is_around_the_hole_is_looked_at():
    network = Grey()
    run(network, noise(900, 1200), box=[600, 400, 10, 10])
    assert len(network.shown) <= 16, "about 150 pixels a side, not all of it"


def test_a_wide_hole_is_begun_small():
    """What lies deep in it comes from the smaller picture, so its colours reach the middle."""
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[:, :] = np.linspace(0, 255, 200)[None, :, None]
    made, _ = run(Grey(), pixels, box=[40, 40, 120, 120], grow=0)
    assert made.figures["sizes"] > 1
    middle = made.picture[60:140, 50:150].mean((0, 2))
    assert middle.min() > 20 and middle.max() < 235


def test_what_lies_in_the_hole_has_no_say():
    first, second = noise(80, 80), noise(80, 80)
    mask = blob(80, 80, slice(20, 60))
    second[mask] = 7
    made = [run(Grey(), p, mask=masks.packed(mask))[0].picture for p in (first, second)]
    assert np.array_equal(*made)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "Nothing is marked"),
        ({"mask": masks.packed(np.zeros((40, 50), bool))}, "Nothing is marked"),
        ({"alpha": True}, "Nothing is marked"),
        ({"box": [0, 0, 50, 40]}, "Everything is marked"),
        ({"box": [4, 4, 44, 34], "grow": 10}, "Everything is marked"),
        ({"box": [90, 0, 5, 5]}, "outside the picture"),
        ({"mask": masks.packed(np.ones((40, 40), bool))}, "does not lie on it"),
        ({"mask": "nonsense"}, "This mask is damaged"),
        ({"box": [4, 4, 5, 5], "steps": 10}, "takes no steps"),
        ({"box": [4, 4, 5, 5], "does": "denoise"}, "only fills"),
    ],
)
def test_what_can_not_be_filled_is_one_sentence(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        run(Grey(), noise(40, 50), **settings)


def test_one_pixel_can_not_be_filled():
    with pytest.raises(UserError, match="Everything is marked"):
        run(Grey(), noise(1, 1), box=[0, 0, 1, 1])


def test_another_kind_of_model_is_refused():
    with pytest.raises(UserError, match="does not fill holes"):
        run(torch.nn.Identity(), noise(40, 50), box=[4, 4, 5, 5])
    with pytest.raises(UserError, match="does not look for scratches"):
        list(scratches(Grey(), CPU, None, upload(noise(40, 50))))


def test_what_is_transparent_is_filled_and_opaque_then():
    pixels = noise(60, 60, 4)
    pixels[..., 3] = 255
    pixels[10:20, 10:20, 3] = 0
    made, _ = run(Grey(), pixels, alpha=True, grow=0)
    assert (made.picture[..., 3] == 255).all()
    assert np.array_equal(made.picture[30:], pixels[30:])


def prior(**changes: object) -> DeepImagePrior:
    network = DeepImagePrior((8, 8), (8, 8), (2, 2))
    for name, value in changes.items():
        setattr(network, name, value)
    return network


def test_a_prior_is_fitted_to_what_is_known_alone():
    pixels = np.full((40, 44, 3), (200, 90, 40), np.uint8)
    mask = blob(40, 44)
    pixels[mask] = 0
    made, steps = run(prior(), pixels, mask=masks.packed(mask), grow=0, steps=120)
    assert np.array_equal(made.picture[~mask], pixels[~mask])
    assert np.abs(made.picture[mask].astype(int) - (200, 90, 40)).mean() < 40
    assert all(step.preview for step in steps[:-1]), "one sees how it goes"
    assert made.figures["steps"] == 120
    few = [run(prior(), pixels, box=[9, 9, 5, 5], steps=3)[0].picture for _ in range(2)]
    assert np.array_equal(*few), "the seed is all the chance there is"


@pytest.mark.parametrize(("does", "size"), [("denoise", (21, 30)), ("enlarge", (42, 60))])
def test_a_prior_removes_noise_and_enlarges(does, size):
    made, _ = run(prior(), noise(21, 30, 1), does=does, steps=3)
    assert made.picture.shape == (*size, 1)


def test_what_is_too_large_for_a_prior_says_what_it_would_take():
    with pytest.raises(UserError, match="at most 64 a side are: it would take 4.. times as long"):
        run(prior(longest=64), noise(140, 140), does="denoise")


def test_a_face_generator_finds_the_colour_of_a_head():
    network = Small()
    pixels = noise(40, 60)
    box = [26, 16, 6, 6]
    made, steps = run(network, pixels, box=box, steps=5, grow=0)
    mask = masks.boxed((60, 40), box)
    assert np.array_equal(made.picture[~mask], pixels[~mask])
    assert made.figures["steps"] == 5 and steps[0].preview
    far, huge = {"face": [-300_000, -300_000, 700_000]}, {"face": [0, 0, 121]}
    for wrong in ({"face": [0, 0, 8]}, {"face": [26, 16, 6]}, {"face": [1, 2]}, far, huge):
        with pytest.raises(UserError, match="head"):
            run(network, pixels, box=box, **wrong)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory) -> Iterator[tuple[Path, np.ndarray]]:
    """A smooth picture with a white scratch, and where that is."""
    across = np.linspace(40, 200, 160)
    pixels = np.repeat(np.add.outer(across, across)[..., None] / 2, 3, 2).astype(np.uint8)
    mask = np.zeros((160, 160), bool)
    for row in range(20, 140):
        mask[row, row // 3 + 40 : row // 3 + 43] = True
    pixels[mask] = 250
    path = tmp_path_factory.mktemp("damaged") / "photo.png"
    Image.fromarray(pixels).save(path)
    yield path, mask


def test_what_ships_finds_a_scratch_and_fills_it(engine: Engine, damaged, tmp_path):
    path, mask = damaged
    found = list(engine.run(Recipe("scratches", "scratches-ours"), [str(path)]))[-1].made[0]
    sure = found.picture[..., 0] > 0
    assert (sure & mask).sum() > 0.8 * mask.sum() and sure.sum() < 4 * mask.sum()
    drawn = tmp_path / "mask.png"
    Image.fromarray(found.picture[..., 0]).save(drawn)
    results = list(engine.run(Recipe("repair", "filler-ours"), [str(path), str(drawn)]))
    made = results[-1].made[0]
    assert made.recipe.settings["mask"] == masks.packed(sure), "a recipe holds a small mask"
    before, outside = np.asarray(Image.open(path)), ~masks.grown(sure, 4)
    assert np.array_equal(made.picture[outside], before[outside])
    across = np.linspace(40, 200, 160)
    true = np.add.outer(across, across) / 2
    error = np.abs(made.picture[mask].astype(float) - true[mask][:, None]).mean()
    assert error < 12, "the scratch was 100 levels off"
    assert not mask[outside].any()
    again = list(engine.run(made.recipe, [str(path)]))[-1].made[0]
    assert np.array_equal(again.picture, made.picture)


def test_a_mask_too_large_for_a_recipe_is_used_and_told(engine: Engine, tmp_path):
    Image.fromarray(noise(300, 300)).save(tmp_path / "photo.png")
    tall = np.random.RandomState(2).rand(1200, 1200) < 0.5
    Image.fromarray(tall).save(tmp_path / "mask.png")
    asked = Recipe("repair", "filler-ours", {"grow": 0})
    results = list(engine.run(asked, [str(tmp_path / "photo.png"), str(tmp_path / "mask.png")]))
    assert results[-1].made[0].recipe.settings["mask"] is None
    assert any("too large for a recipe" in str(c) for c in results[-1].report.changes)
    assert len(results[-1].recipe.pictures) == 2, "who makes it again sees whether it is the same"


def test_many_pictures_each_with_its_own_mask(damaged, tmp_path, capsys):
    from ganapps.__main__ import main

    path, mask = damaged
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("one", "two", "three"):
        (folder / f"{name}.png").write_bytes(path.read_bytes())
    Image.fromarray(mask).save(folder / "one-mask.png")
    Image.fromarray(mask.T).save(folder / "two-mask.png")
    recipe = tmp_path / "recipe.json"
    recipe.write_text(Recipe("repair", "filler-ours", {"grow": 0}).to_json())
    asked = ["run", str(recipe), "--picture", str(folder), "--out", str(tmp_path / "out")]
    assert main(asked) == 2, "one has no mask"
    assert "three.png: Nothing is marked" in capsys.readouterr().err
    before = np.asarray(Image.open(path))
    for name, own in (("one", mask), ("two", mask.T)):
        (file,) = (tmp_path / "out").glob(f"{name}-*.png")
        changed = (np.asarray(Image.open(file)) != before).any(2)
        assert changed.any() and not changed[~own].any()
    assert main([*asked, "--mask", str(folder / "two-mask.png")]) == 0


def test_a_repaired_file_tells_how_it_was_made(engine: Engine, damaged, tmp_path):
    from ganapps.__main__ import main

    path, mask = damaged
    Image.fromarray(mask).save(tmp_path / "mask.png")
    recipe = tmp_path / "recipe.json"
    recipe.write_text(Recipe("repair", "filler-ours", {"grow": 1}).to_json())
    asked = ["run", str(recipe), "--picture", str(path), "--mask", str(tmp_path / "mask.png")]
    assert main([*asked, "--out", str(tmp_path / "out")]) == 0
    (file,) = (tmp_path / "out").glob("*.png")
    kept = from_picture(file)
    assert masks.unpacked(kept.settings["mask"]).sum() == mask.sum()
    assert main(["run", str(file), "--picture", str(path), "--out", str(tmp_path / "two")]) == 0
    (again,) = (tmp_path / "two").glob("*.png")
    assert again.read_bytes() == file.read_bytes()
    assert from_link(kept.to_link()[1:]).settings["mask"] == kept.settings["mask"], (
        "it is a small one"
    )
    assert main([*asked[:2], "--mask", str(path), "--out", str(tmp_path / "three")]) == 2


def test_a_fitting_that_ends_early_is_what_fewer_steps_make():
    pixels, mask = noise(70, 90), blob(70, 90)
    asked = {"mask": masks.packed(mask), "feather": 3, "seed": 4}
    few = run(prior(steps=20), pixels, **asked)[0]
    steps = run(prior(steps=40), pixels, **asked)[1]
    left = next(step.so_far for step in steps if step.so_far.settings == {"steps": 20})
    assert left.corner == (0, 0) and np.array_equal(left.pixels, few.picture)
    curves = [step.numbers["curve"] for step in steps[:-1]]
    assert [len(curve) for curve in curves] == [1, 2, 3, 4] and curves[0] == curves[3][:1]


@pytest.mark.parametrize("does", ["denoise", "enlarge"])
def test_so_is_what_a_prior_does_with_a_whole_picture(does):
    pixels = noise(24, 24)
    few = run(prior(steps=10), pixels, does=does)[0]
    *steps, last = run(prior(steps=20), pixels, does=does)[1]
    assert np.array_equal(steps[0].so_far.pixels, few.picture) and steps[0].so_far.corner is None
    assert last.so_far is None, "it is there itself"


def test_what_is_left_of_a_stopped_run_is_a_result_of_its_own(engine: Engine, damaged, tmp_path):
    path, _ = damaged
    recipe = Recipe("repair", "deep-image-prior-small", {"box": [20, 20, 30, 30], "steps": 30})
    with closing(engine.run(recipe, [str(path)])) as results:
        stopped = next(result for result in results if result.so_far)
    kept = on_files.so_far(stopped.recipe, str(path), stopped.so_far)
    *_, again = engine.run(kept.recipe, [str(path)])
    assert kept.recipe.settings["steps"] == 10
    assert np.array_equal(kept.picture, again.made[-1].picture)
    assert kept.figures["loss"] == again.made[-1].figures["loss"]


def test_the_price_goes_by_the_hole_and_what_lies_around_it():
    def units(size: tuple[int, int], **settings: object) -> float:
        whole = {"mask": None, "box": None, "alpha": False, "grow": 4, "feather": 0, "steps": None}
        recipe = Recipe("repair", "filler-ours", {**whole, "does": "fill", **settings})
        return REPAIR.units(replace(recipe, pictures=({"size": size},)))

    large = (4000, 3000)
    hole = units(large, box=[500, 500, 60, 60])
    assert hole == pytest.approx((60 + 8 + 2 * 64) ** 2 / 1e6)
    assert units(large, mask=masks.packed(blob(3000, 4000, slice(500, 560)))) == hole
    assert units((1000, 800), box=[500, 500, 60, 60]) == hole, "whatever the picture"
    assert units(large, box=[500, 500, 60, 60], steps=50) == pytest.approx(50 * hole)
    for all_of_it in ({}, {"alpha": True, "box": [0, 0, 9, 9]}, {"mask": "damaged"}):
        assert units(large, **all_of_it) == 12
    assert units(large, does="denoise", box=[0, 0, 9, 9]) == 12


def test_a_mark_of_another_size_is_laid_over_the_picture_and_told():
    pixels = noise(60, 80)
    half = masks.packed(blob(30, 40, slice(10, 15)))
    made, steps = run(Grey(), pixels, mask=half, grow=0)
    said = [str(change) for step in steps for change in step.changes]
    assert said == ["The mark has 40 x 30 pixels and was laid over the picture's 80 x 60."]
    assert not (made.picture != pixels).any(2)[:20].any()


def test_a_mark_made_smaller_loses_no_thin_line():
    mask = np.zeros((300, 400), bool)
    mask[::31] = True
    small = masks.shrunk(mask, 1 / 3)
    assert small.shape == (100, 133) and small.any(1).sum() == mask.any(1).sum()


def test_a_head_s_square_is_for_a_face_generator():
    with pytest.raises(UserError, match="does not look for a head"):
        run(Grey(), noise(40, 40), box=[5, 5, 9, 9], face=[0, 0, 40])

"""Old photographs: every step alone and all of them, each a switch, with how it looked between."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganapps.device import Device
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.models import finder
from ganapps.networks.contracts import DamageFinder, FaceRestorer, Network, Upscaler
from ganapps.pictures import masks
from ganapps.recipe import Recipe
from ganapps.report import Made, Step
from ganapps.tasks import find_faces, mend_faces
from ganapps.tasks.restore import restore
from ganapps.tasks.table import TASKS
from ganapps.ui import api
from ganapps.ui.tabs.restore import STEPS
from tests.test_repair import Grey, noise, prior, upload

CPU = Device("cpu")
FACES = finder.shipped(), finder.likeness()


class Darker(Upscaler):
    """Takes away a tenth, and enlarges by repeating."""

    channels, multiple, minimum, reach, step, tile, memory = 3, 1, 1, 0, 1, 64, 100

    def __init__(self, scale: int = 1) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return 0.9 * x.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)


class White(DamageFinder):
    """What is nearly white is damaged."""

    tile = 64

    def forward(self, x: Tensor) -> Tensor:
        return 40 * (x.amin(1, keepdim=True) - 0.7)


class Blue(FaceRestorer):
    """Every face becomes blue."""

    side = 32

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x) + torch.tensor([0.0, 0.0, 1.0])[:, None, None]


ALL: dict[str, Network] = {
    "blocks": Darker(),
    "noise": Darker(),
    "scratches": White(),
    "enlarge": Darker(2),
    "faces": Blue(),
}


def run(pixels: np.ndarray, *names: str, **settings: object) -> tuple[Made, list[Step]]:
    others = {name: ALL[name] for name in names}
    steps = list(restore(Grey(), CPU, others, *FACES, upload(pixels), **settings))
    assert [s.done for s in steps] == sorted(s.done for s in steps)
    assert steps[-1].done == steps[-1].total
    return steps[-1].made[0], steps


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_all_steps_work_one_after_the_other(channels, kind):
    most = np.iinfo(kind).max
    pixels = np.full((70, 90, channels), most // 2, kind)
    pixels[40, :60, : min(3, channels)] = most
    if channels == 4:
        pixels[..., 3] = most
    made, _ = run(pixels, *ALL, heads=[[60, 10, 20]], fidelity=0.0, grow=0)
    assert made.picture.shape == (140, 180, channels) and made.picture.dtype == kind
    assert list(made.beside)[:-2] == [f"{n} {when}" for n in ALL for when in ("before", "after")]
    plain = made.picture[10, 10, 0] / most
    assert abs(plain - 0.5 * 0.9**3) < 0.02
    assert made.picture[80, 60, 0] / most < 0.6, "the scratch is filled"
    if channels > 2:
        face = made.picture[40, 140, :3] / most
        assert face[2] > 0.9 > 0.1 > face[0], "where the square lies after enlarging"
    assert made.figures["faces"][0]["face"] == [120, 20, 40]


@pytest.mark.parametrize("name", ["blocks", "noise", "scratches", "enlarge"])
def test_each_step_works_alone(name):
    made, _ = run(noise(50, 40), name)
    assert list(made.beside) == [f"{name} before", f"{name} after", "before", "after"]


def test_a_mark_is_filled_beside_what_is_found_and_nothing_else_changes():
    pixels, mask = noise(60, 60), np.zeros((60, 60), bool)
    mask[30:40, 30:40] = True
    made, _ = run(pixels, mask=masks.packed(mask), grow=0)
    assert np.array_equal(made.picture[~mask], pixels[~mask])
    assert (made.picture[mask] != pixels[mask]).mean() > 0.9
    assert made.figures["damaged_share"] == round(100 / 3600, 5)


def test_how_much_of_the_noise_goes():
    pixels = np.full((20, 20, 3), 200, np.uint8)
    made, _ = run(pixels, "noise", cleaning=0.5)
    assert np.abs(made.picture.astype(int) - 190).max() <= 1


def test_a_face_is_blended_into_its_place_and_half_of_it_can_stay():
    pixels = np.full((60, 60, 3), 255, np.uint8)
    made, _ = run(pixels, "faces", heads=[[20, 20, 20]], fidelity=0.5)
    assert (made.picture[:20] == 255).all() and (made.picture[40:] == 255).all()
    assert np.abs(made.picture[30, 30].astype(int) - (128, 128, 255)).max() <= 1
    assert made.figures["faces"] == [{"face": [20, 20, 20], "changed": 170.0}]
    at_the_border, _ = run(pixels, "faces", heads=[[-10, -10, 30], [50, 50, 30]])
    assert at_the_border.picture[0, 0, 2] == 255


@pytest.mark.parametrize(
    ("names", "settings", "sentence"),
    [
        ((), {}, "Every step is left out"),
        (("faces",), {}, "No face is marked"),
        (("faces",), {"heads": [[0, 0]]}, "three whole numbers"),
        (("faces",), {"heads": [[90, 0, 10]]}, "lies outside the picture of 50 x 40"),
        (("scratches",), {"mask": masks.packed(np.ones((40, 50), bool))}, "Everything is marked"),
    ],
)
def test_what_can_not_be_done_is_one_sentence(names, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        run(noise(40, 50), *names, **settings)


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("noise", Darker(2), "This model enlarges"),
        ("noise", White(), "does not work on whole pictures"),
        ("scratches", Darker(), "does not look for scratches"),
        ("faces", Darker(), "does not mend faces"),
    ],
)
def test_a_model_of_another_kind_is_one_sentence(name, wrong, sentence):
    others, photograph = {name: wrong}, upload(noise(40, 50))
    asked = restore(Grey(), CPU, others, *FACES, photograph, heads=[[0, 0, 9]])
    with pytest.raises(UserError, match=sentence):
        list(asked)


def test_the_rim_of_a_square_fades():
    own = find_faces.own_points(50)
    share = mend_faces.share(own, own, 50, 50)[..., 0]
    assert share.max() == 1 and share[0].max() < 0.1 and share[25, 25] == 1
    assert np.array_equal(share, share.T)


def test_what_ships_mends_a_damaged_photograph(engine: Engine, tmp_path):
    """Nearer to the truth than what came, and the same again from its own recipe."""
    truth = np.asarray(Image.open("ganapps/ui/examples/cat.png").convert("RGB")).astype(float)
    hurt = truth + np.random.RandomState(0).randn(*truth.shape) * 14
    for row in range(150):
        hurt[row, 60 + row // 3 : 62 + row // 3] = 255
    hurt = hurt.clip(0, 255)
    path = tmp_path / "old.png"
    Image.fromarray(hurt.astype(np.uint8)).save(path)
    made = list(engine.run(Recipe("restore", "filler-ours"), [str(path)]))[-1].made[0]
    before = ((hurt - truth) ** 2).mean()
    assert ((made.picture - truth) ** 2).mean() < 0.4 * before
    again = list(engine.run(made.recipe, [str(path)]))[-1].made[0]
    assert np.array_equal(again.picture, made.picture)


def test_what_is_hidden_under_transparency_does_not_tell(engine: Engine, tmp_path):
    """Two pictures that look the same are filled the same."""
    base = np.asarray(Image.open("ganapps/ui/examples/cat.png").convert("RGBA"))[:80, :80].copy()
    base[20:60, 20:60, 3] = 0
    mask = np.zeros((80, 80), bool)
    mask[30:50, 30:50] = True
    made = []
    for hidden in ((0, 255, 0), (255, 0, 255)):
        base[20:60, 20:60, :3] = hidden
        Image.fromarray(base).save(tmp_path / "old.png")
        asked = {"noise": "", "scratches": "", "mask": masks.packed(mask)}
        *_, last = engine.run(Recipe("restore", "filler-ours", asked), [str(tmp_path / "old.png")])
        made.append(np.asarray(last.made[0].picture)[mask])
    assert np.array_equal(*made)


def test_what_was_added_stands_behind_what_programs_give_by_place(engine: Engine):
    names = list(inspect.signature(api.endpoints(engine)["restore"]).parameters)
    assert names[7:18] == [
        *("heads", "precision", "weights", "cleaning", "mask", "grow", "fidelity", "keep_place"),
        *("format", "quality", "most_kb"),
    ]
    assert names[18:] == ["colour", "hints"]


def test_further_models_are_checked_and_priced_before_a_run(engine: Engine):
    with pytest.raises(UserError, match="is for upscale, not for restore-noise"):
        engine.checked(Recipe("restore", "filler-ours", {"noise": "spanx4"}))
    with pytest.raises(UserError, match="nobody"):
        engine.checked(Recipe("restore", "filler-ours", {"faces": "nobody"}))
    here = Recipe("restore", "filler-ours")
    there = here.with_settings(faces="gfpgan", heads=[[0, 0, 64]])
    assert engine.price(here).download == 0 and engine.price(there).download == 348_632_874
    assert not engine.fetches(here) and engine.fetches(there)


def test_every_step_that_the_window_shows_has_a_model_to_choose(engine: Engine):
    for name in STEPS:
        assert engine.models.rows(TASKS["restore"].others[name].task), name
    blocks = Recipe("restore", "filler-ours", {"blocks": "fbcnn"})
    assert engine.fetches(blocks) and not engine.fetches(Recipe("restore", "filler-ours"))


def test_steps_that_are_over_are_a_result_of_their_own():
    pixels = noise(40, 50)
    pixels[10:14, 10:40] = 255
    asked = {"mask": masks.packed(np.eye(40, 50, dtype=bool)), "hints": [[9, 9, 4, "#ff0000"]]}
    _, steps = run(pixels, "noise", "scratches", "enlarge", **asked)
    left = [step.so_far for step in steps if step.so_far]
    assert [so_far.settings for so_far in left] == [
        {"scratches": "", "mask": None, "colour": "", "hints": None, "enlarge": ""},
        {"colour": "", "hints": None, "enlarge": ""},
        {"enlarge": ""},
    ]
    alone = [run(pixels, "noise"), run(pixels, "noise", "scratches", mask=asked["mask"])]
    for so_far, (made, _) in zip(left, alone):
        assert np.array_equal(so_far.pixels, made.picture)
        assert {"before", "after"} | set(so_far.beside) == set(made.beside)


def test_the_chain_tells_that_the_mark_was_grown_and_laid_over():
    pixels, small = noise(40, 50), np.zeros((20, 25), bool)
    small[5:9, 5:9] = True
    _, steps = run(pixels, mask=masks.packed(small), grow=3)
    assert [str(change) for change in steps[-1].changes] == [
        "The mark has 25 x 20 pixels and was laid over the picture's 50 x 40.",
        "The mark was grown by 3 pixels.",
    ]


def test_transparency_is_not_called_enlarged_where_nothing_is():
    pixels = noise(64, 64, 4)
    pixels[:30, :, 3], pixels[30:, :, 3] = 0, 255
    said = [str(change) for step in run(pixels, "noise")[1] for change in step.changes]
    assert said and "transparency stays as it was" in said[0]


def test_a_prior_takes_the_noise_away_for_who_has_patience(engine: Engine):
    pixels = noise(24, 32, 1)
    others = {"noise": prior(steps=20)}
    *_, last = restore(Grey(), CPU, others, *FACES, upload(pixels), cleaning=0.5)
    made = last.made[0].picture
    assert made.shape == pixels.shape and np.abs(made.astype(int) - pixels).mean() > 0
    assert "noise after" in last.made[0].beside
    assert any(row.kind == "fitted" for row in engine.models.rows("restore-noise"))
    with pytest.raises(UserError, match="Give a smaller picture"):
        list(restore(Grey(), CPU, others, *FACES, upload(noise(4, 513))))

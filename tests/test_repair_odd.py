"""Odd pictures and odd masks, for filling and for mending alike: the right answer or one sentence;
and 12 megapixels in under 2 GB.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganapps.device import Device
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.models import finder
from ganapps.pictures import masks
from ganapps.recipe import Recipe
from ganapps.tasks.repair import repair
from ganapps.tasks.restore import restore
from tests.test_repair import Grey, noise, upload

CPU = Device("cpu")
MOST = 2_000_000_000  # bytes that 12 megapixels may take

Mend = Callable[..., np.ndarray]


def filled(pixels: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    text = None if mask is None else masks.packed(mask)
    return list(repair(Grey(), CPU, None, upload(pixels), mask=text, grow=0))[-1].made[0].picture


def mended(pixels: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    text = None if mask is None else masks.packed(mask)
    faces = finder.shipped(), finder.likeness()
    steps = restore(Grey(), CPU, {}, *faces, upload(pixels), mask=text, grow=0)
    return list(steps)[-1].made[0].picture


both = pytest.mark.parametrize("mend", [filled, mended])


@both
@pytest.mark.parametrize("side", ["top", "bottom", "left", "right", "corner"])
def test_a_hole_at_the_border(mend: Mend, side: str) -> None:
    pixels, mask = noise(50, 70), np.zeros((50, 70), bool)
    rows, columns = {
        "top": (slice(0, 6), slice(0, 70)),
        "bottom": (slice(44, 50), slice(10, 30)),
        "left": (slice(0, 50), slice(0, 5)),
        "right": (slice(20, 30), slice(60, 70)),
        "corner": (slice(45, 50), slice(65, 70)),
    }[side]
    mask[rows, columns] = True
    made = mend(pixels, mask)
    assert np.array_equal(made[~mask], pixels[~mask]) and (made[mask] != pixels[mask]).any()


@both
@pytest.mark.parametrize("size", [(40, 50), (1, 1), (1, 60)])
def test_everything_masked(mend: Mend, size: tuple[int, int]) -> None:
    with pytest.raises(UserError, match="Everything is marked"):
        mend(noise(*size), np.ones(size, bool))


@both
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_grey_transparent_and_16_bit_stay_what_they_are(
    mend: Mend, channels: int, kind: type
) -> None:
    pixels, mask = noise(40, 50, channels, kind), np.zeros((40, 50), bool)
    if channels in (2, 4):
        pixels[:, :25, -1] = 0  # half of it can't be seen
    mask[10:20, 20:30] = True
    made = mend(pixels, mask)
    assert made.dtype == kind and made.shape == pixels.shape
    assert np.array_equal(made[~mask], pixels[~mask])
    if channels in (2, 4):
        assert (made[mask][:, -1] == np.iinfo(kind).max).all(), "what is filled is seen"


@both
def test_a_picture_of_one_pixel_and_of_one_row(mend: Mend) -> None:
    row, mask = noise(1, 60), np.zeros((1, 60), bool)
    mask[0, 20:24] = True
    made = mend(row, mask)
    assert made.shape == row.shape and np.array_equal(made[~mask], row[~mask])
    with pytest.raises(UserError, match="Nothing is marked|Every step is left out"):
        mend(noise(1, 1), None)


@both
def test_a_mask_of_another_size_is_fitted_or_refused(mend: Mend) -> None:
    pixels, half = noise(60, 80), np.zeros((30, 40), bool)
    half[10:15, 10:20] = True
    changed = (mend(pixels, half) != pixels).any(axis=2)
    assert changed[20:30, 20:40].mean() > 0.9
    changed[20:30, 20:40] = False
    assert not changed.any()
    with pytest.raises(UserError, match="does not lie on it"):
        mend(pixels, np.ones((60, 60), bool))


@pytest.mark.parametrize(
    ("mend", "sentence"), [(filled, "Nothing is marked"), (mended, "Every step is left out")]
)
def test_no_mask(mend: Mend, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        mend(noise(40, 50), None)


@pytest.mark.parametrize("task", ["repair", "restore"])
def test_a_mask_longer_than_a_recipe_holds_is_refused_as_a_setting(
    engine: Engine, task: str
) -> None:
    recipe = Recipe(task, "filler-ours", {"mask": "9x9:" + "A" * masks.LONGEST})
    with pytest.raises(UserError, match=f"up to {masks.LONGEST} are accepted"):
        engine.checked(recipe)


@pytest.mark.parametrize("task", ["repair", "restore"])
def test_many_odd_pictures_each_get_their_own_answer(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ganapps.__main__ import main

    folder = tmp_path / "album"
    folder.mkdir()
    mask = np.zeros((40, 50), np.uint8)
    mask[10:15, 20:30] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    Image.fromarray(noise(40, 50)).save(folder / "colour.png")
    Image.fromarray(noise(40, 50, 1)[..., 0]).save(folder / "grey.png")
    Image.fromarray(noise(40, 50, 4)).save(folder / "clear.png")
    Image.fromarray(noise(40, 40)).save(folder / "square.png")
    (folder / "text.png").write_bytes(b"no picture")
    off = {"noise": "", "scratches": ""} if task == "restore" else {}
    recipe = tmp_path / "recipe.json"
    recipe.write_text(Recipe(task, "filler-ours", {"grow": 0, **off}).to_json())
    asked = ["run", str(recipe), "--picture", str(folder), "--mask", str(tmp_path / "mask.png")]
    assert main([*asked, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "square.png: The mask has 50 x 40 pixels" in said and "text.png: This is not" in said
    made = sorted(path.name.split("-")[0] for path in (tmp_path / "out").glob("*.png"))
    assert made == ["clear", "colour", "grey"]


LARGE = """
from pathlib import Path
import numpy as np
from ganapps.tasks.repair import repair
from ganapps.tasks.restore import restore
from tests.test_restore import ALL, FACES
from tests.test_repair import CPU, Grey, upload
pixels = np.full((3000, 4000, 3), 90, np.uint8)
pixels[:, ::7] = 160
filler = Grey()
filler.tile, filler.hole = 512, 256
# a scratch from corner to corner, so that the crop is the whole picture, and a wide hole
box = [100, 100, 3800, 1200]
made = list(repair(filler, CPU, None, upload(pixels), box=box, feather=4))[-1].made[0]
assert made.picture.shape == pixels.shape
# this program's own: what getrusage tells goes on from the process that started it
peak = next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
def test_twelve_megapixels_stay_under_two_gigabytes() -> None:
    """In a process of its own, all that it imports included."""
    done = subprocess.run(
        [sys.executable, "-c", LARGE],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MOST

"""Face -> translated -> enlarged: each picture tells the whole chain, and the chain alone makes it
again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganapps import __main__
from ganapps.engine import Engine
from ganapps.pictures import images
from ganapps.pictures.inside import from_picture
from ganapps.recipe import Recipe

FACE = Recipe("faces", "heads-64", {"seed": 7, "count": 1})
PAINTED = Recipe("translate", "styles-26", {"labels": {"3": 1}})
LARGE = Recipe("upscale", "spanx4", {"scale": 2.0, "inspect": False})


def made(engine: Engine, asked: Recipe, folder: Path, *pictures: Path) -> Path:
    *_, result = engine.run(asked, [str(p) for p in pictures])
    return images.keep(result.made[-1], folder, 0)


@pytest.fixture
def chained(engine: Engine, tmp_path: Path) -> Path:
    """The file at the end of the chain."""
    painted = made(engine, PAINTED, tmp_path, made(engine, FACE, tmp_path))
    return made(engine, LARGE, tmp_path, painted)


def test_the_last_picture_tells_the_whole_chain(chained: Path) -> None:
    large = from_picture(chained)
    (painted,) = large.before
    (face,) = painted.before
    assert (large.task, painted.task, face.task) == ("upscale", "translate", "faces")
    assert (
        face.settings["seed"] == 7
        and painted.settings["labels"] == {"3": 1}
        and len(face.sha256) == 64
        and not face.before
    )
    assert painted.pictures[0]["size"] == [64, 64]


def test_the_chain_alone_makes_it_again(chained: Path, tmp_path: Path) -> None:
    assert (
        __main__.main(
            ["run", str(chained), "--out", str(tmp_path / "again"), "--device", "cpu", "--offline"]
        )
        == 0
    )
    (again,) = (tmp_path / "again").glob("*.png")
    assert np.array_equal(
        np.asarray(Image.open(again)), np.asarray(Image.open(chained))
    ) and from_picture(again) == from_picture(chained)
    assert '"changes": []' in (tmp_path / "again" / "report.json").read_text(), (
        "the picture between was the same, byte for byte"
    )


def test_a_picture_from_elsewhere_begins_a_chain(engine: Engine, tmp_path: Path) -> None:
    Image.new("RGB", (16, 12), "teal").save(tmp_path / "holiday.png")
    assert from_picture(made(engine, PAINTED, tmp_path, tmp_path / "holiday.png")).before == ()

"""Results as JPEG and WebP: as good as asked for, or as good as a number of bytes allows; the
recipe and the mark go along.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from skimage import data

from ganapps import __main__ as main
from ganapps.engine import on_files
from ganapps.errors import UserError
from ganapps.pictures import formats, images
from ganapps.pictures.formats import Format
from ganapps.pictures.inside import from_file, from_picture
from ganapps.pictures.uploads import open_upload
from ganapps.recipe import Recipe
from ganapps.report import Kept
from tests import api
from tests.window import unfold

TABS = ("faces",)
RECIPE = Recipe("faces", "heads-64", {"seed": 7})
PHOTO = np.ascontiguousarray(data.astronaut()[:120, 150:300])


def kept(pixels: np.ndarray, place: Path, form: Format) -> Path:
    return images.keep(Kept(pixels, "photo", RECIPE), place, 0, form=form)


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
@pytest.mark.parametrize("most", [2500, 5000, 9000])
def test_a_number_of_bytes_is_used_as_well_as_it_can_be(
    tmp_path: Path, kind: str, most: int
) -> None:
    path = kept(PHOTO, tmp_path, Format(kind, 1, most))
    used = path.stat().st_size
    assert used <= most and from_picture(path) == RECIPE
    larger = [
        len(formats.encoded(Image.fromarray(PHOTO), Format(kind, quality), RECIPE, None, None))
        for quality in range(1, 101)
    ]
    assert used == max(n for n in larger if n <= most)


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_what_no_quality_makes_so_small_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UserError, match=r"lowest quality this (JPEG|WebP) has \d kB, not 1: allow"):
        kept(PHOTO, tmp_path, Format(kind, 90, 1000))
    assert not list(tmp_path.iterdir())


def test_what_a_format_has_no_room_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="A WebP has at most 16383 pixels a side, .* 16384 x 1"):
        kept(np.zeros((1, 16384, 3), np.uint8), tmp_path, Format("webp"))
    with pytest.raises(UserError, match="A JPEG has at most 65500 pixels a side"):
        kept(np.zeros((65501, 1, 3), np.uint8), tmp_path, Format("jpeg"))
    long = RECIPE.with_settings(seed="x" * 65_500)
    with pytest.raises(UserError, match="A JPEG has no room for a recipe as long as this"):
        images.keep(Kept(PHOTO, "photo", long), tmp_path, 0, form=Format("jpeg"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (("gif", 90, 0), "gif"),
        ((None, 90, 0), "None"),
        (("jpeg", 0, 0), "quality"),
        (("jpeg", "90", 0), "quality"),
        (("jpeg", True, 0), "quality"),
        (("jpeg", 90, -1), "most_kb"),
        (("jpeg", 90, 0.5), "most_kb"),
    ],
)
def test_a_format_that_there_is_not_is_one_sentence(asked: tuple, name: str) -> None:
    with pytest.raises(UserError, match=name):
        formats.asked(*asked)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_result_in_another_format(tmp_path: Path, channels: int, kind: type) -> None:
    pixels = np.full((20, 30, channels), np.iinfo(kind).max // 2, kind)
    path = images.save_pixels(pixels, tmp_path / "a.png", RECIPE, date="2020:01:02 03:04:05")
    for form in (Format("jpeg", 95), Format("webp", 100)):
        other = Path(on_files.converted(str(path), form, tmp_path))
        assert from_picture(other) == RECIPE
        assert open_upload(other).date == "2020:01:02 03:04:05"
        with Image.open(other) as picture:
            value = picture.convert("L").getpixel((5, 5))
            assert abs(value - (191 if channels in (2, 4) and form.kind == "jpeg" else 127)) <= 1


def test_the_command_line_keeps_what_it_is_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "r.json").write_text(RECIPE.with_settings(count=1).to_json())
    words = ["run", str(tmp_path / "r.json"), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main.main([*words, "--format", "jpeg", "--most-kb", "3"]) == 0
    (path,) = (tmp_path / "out").glob("*.jpg")
    assert path.stat().st_size <= 3000
    assert from_file(path).settings["seed"] == 7
    assert main.main([*words, "--format", "jpeg", "--quality", "0"]) == 2
    assert "from 1 to 100 is accepted" in capsys.readouterr().err


def test_a_program_gets_the_format_it_asks_for(url: str) -> None:
    asked = {"seed": "7", "format": "webp", "quality": 100}
    event, (files, _) = api.called(url, "faces", asked)
    assert event == "complete"
    assert from_picture(files[0]["path"]).settings["seed"] == 7
    with Image.open(files[0]["path"]) as webp:
        assert webp.format == "WEBP"
    event, said = api.called(url, "faces", {"seed": "7", "format": "bmp"})
    assert (event, "The format bmp is unknown" in str(said)) == ("error", True)


def test_the_window_makes_a_jpeg_and_takes_it_back(page: Page, tmp_path: Path) -> None:
    page.locator("#faces-archive a").wait_for(state="attached")
    unfold(page, "faces-formats")
    page.locator("#faces-most-kb input").fill("3")
    page.locator("#faces-formats-go").click()
    link = page.locator("#faces-formats-link a")
    expect(link).to_have_attribute("href", re.compile(r"pictures\.zip$"))
    with page.expect_download() as coming:
        link.click()
    coming.value.save_as(tmp_path / "pictures.zip")
    with zipfile.ZipFile(tmp_path / "pictures.zip") as archive:
        archive.extractall(tmp_path)
    made = sorted(tmp_path.glob("*.jpg"))
    assert made and all(path.stat().st_size <= 3000 for path in made)
    button = page.locator("#faces-restore").locator("xpath=..")
    button.locator("input[type=file]").set_input_files(made[0])
    expect(page.locator("#faces-line")).to_contain_text("are back")
    page.locator("#faces-go").click()
    expect(page.locator("#faces-formats-link a")).to_have_count(0)

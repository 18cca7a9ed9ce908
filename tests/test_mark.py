"""Files that a network made or changed say so to machines, in whatever format they are kept."""

from __future__ import annotations

import hashlib
import zipfile
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from ganapps.pictures import exports, images
from ganapps.pictures.inside import CHUNK, XMP, from_picture
from ganapps.pictures.uploads import open_upload
from ganapps.recipe import CHANGED, DRAWN, Recipe, source_type
from ganapps.report import Kept

TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
DRAWN_RECIPE = Recipe("faces", "heads-64", {"seed": "<a> & ]]> 种子 \U0001f600"})
SENT_ON = Recipe(
    "upscale", "spanx4", {"scale": 2}, pictures=({"size": [8, 6]},), before=(DRAWN_RECIPE,)
)
CHANGED_RECIPE = Recipe("upscale", "spanx4", {"scale": 2}, pictures=({"size": [8, 6]},))
CHAIN = Recipe("translate", "styles-26", {}, pictures=({"size": [8, 6]},), before=(CHANGED_RECIPE,))
PIXELS = np.random.RandomState(0).randint(0, 256, (6, 8, 3), np.uint8)
PICTURE = Image.fromarray(PIXELS)

FORMATS: dict[str, Callable[[Path, Recipe], Path]] = {
    "drawn.png": lambda path, recipe: images.save_png(PICTURE, path, recipe),
    "pixels.png": lambda path, recipe: images.save_pixels(PIXELS, path, recipe),
    "deep.png": lambda path, recipe: images.save_pixels(PIXELS.astype(np.uint16), path, recipe),
    "pixels.jpg": lambda path, recipe: images.save_pixels(PIXELS, path, recipe),
    "pixels.webp": lambda path, recipe: images.save_pixels(PIXELS, path, recipe),
    "view.webp": lambda path, recipe: images.save_view(
        images.save_png(PICTURE, path.with_suffix(".png"), recipe), path
    ),
    "film.webp": lambda path, recipe: images.save_film([PICTURE] * 3, path, 8, recipe),
}


def marked_as(path: Path) -> str:
    with Image.open(path) as picture:
        picture.load()
        packet = picture.info.get("xmp") or picture.info["XML:com.adobe.xmp"].encode()
    (found,) = [e for e in ElementTree.fromstring(packet).iter() if TYPE in e.attrib]
    return found.attrib[TYPE].rpartition("/")[2]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("recipe", "kind"),
    [
        (DRAWN_RECIPE, "trainedAlgorithmicMedia"),
        (SENT_ON, "trainedAlgorithmicMedia"),
        (CHANGED_RECIPE, "compositeWithTrainedAlgorithmicMedia"),
        (CHAIN, "compositeWithTrainedAlgorithmicMedia"),
    ],
    ids=["drawn", "drawn and enlarged", "brought", "brought and sent on"],
)
def test_a_file_says_what_made_it(tmp_path: Path, name: str, recipe: Recipe, kind: str) -> None:
    path = FORMATS[name](tmp_path / name, recipe)
    assert marked_as(path) == kind == source_type(recipe)
    assert from_picture(path) == recipe


def test_what_is_only_looked_at_says_so_too(tmp_path: Path) -> None:
    for kind in (DRAWN, CHANGED):
        assert marked_as(images.save_shown(PICTURE, tmp_path / "shown.png", kind)) == kind
        content = b64decode(images.address(PICTURE, kind).partition(",")[2])
        (tmp_path / "shown.webp").write_bytes(content)
        assert marked_as(tmp_path / "shown.webp") == kind
    assert XMP not in Image.open(images.save_shown(PICTURE, tmp_path / "heat.png")).info


def test_an_export_and_a_zip_hold_marked_files(tmp_path: Path) -> None:
    made = images.save_png(PICTURE, tmp_path / "made.png", DRAWN_RECIPE)
    images.save_zip([made], tmp_path / "pictures.zip", {})
    export = exports.opened("folder", tmp_path / "export", ["seed"], "card", {})
    export.add("a", Kept(PICTURE, "", DRAWN_RECIPE), {"seed": 1})
    export.close()
    with zipfile.ZipFile(tmp_path / "pictures.zip") as archive:
        archive.extract("made.png", tmp_path / "out")
    for path in (tmp_path / "out" / "made.png", tmp_path / "export" / "a.png"):
        assert marked_as(path) == DRAWN


SHIPPED = Path(__file__).parent.parent / "ganapps" / "ui" / "examples"
MADE = [*(SHIPPED / "cards").glob("*.webp"), *(SHIPPED / "shown").glob("*-after.webp")]


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.name)
def test_pictures_that_ship_and_a_network_made_say_so(path: Path) -> None:
    assert marked_as(path) == CHANGED


def test_a_film_of_earlier_versions_is_read(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "old.webp", xmp=DRAWN_RECIPE.to_json().encode())
    assert from_picture(tmp_path / "old.webp") == DRAWN_RECIPE


@pytest.mark.parametrize("name", ["drawn.png", "pixels.png"])
def test_the_mark_is_no_part_of_what_a_chain_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Recipes of chains that were made before there were marks name the file as it was then."""
    marked = FORMATS[name](tmp_path / name, DRAWN_RECIPE)
    monkeypatch.setattr(images, "png_texts", lambda recipe: {CHUNK: recipe.to_json()})
    monkeypatch.setattr(images, "png_info", unmarked)
    bare = FORMATS[name](tmp_path / f"bare-{name}", DRAWN_RECIPE)
    assert bare.read_bytes() != marked.read_bytes()
    assert open_upload(bare).sha256 == hashlib.sha256(bare.read_bytes()).hexdigest()
    assert open_upload(marked).sha256 == open_upload(bare).sha256


def unmarked(recipe: Recipe) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_itxt(CHUNK, recipe.to_json())
    return info


def test_another_program_s_packet_is_part_of_its_file(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>Photoshop</x:xmpmeta>")
    PICTURE.save(tmp_path / "theirs.png", pnginfo=info)
    content = (tmp_path / "theirs.png").read_bytes()
    assert open_upload(tmp_path / "theirs.png").sha256 == hashlib.sha256(content).hexdigest()

"""Files that a network made or changed say so to machines, in whatever format they are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from ganapps.pictures import images
from ganapps.pictures.uploads import open_upload
from ganapps.recipe import CHUNK, Recipe, from_picture

TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
DRAWN = Recipe("faces", "heads-64", {"seed": "<a> & ]]> 种子 \U0001f600"})
SENT_ON = Recipe("upscale", "spanx4", {"scale": 2}, pictures=({"size": [8, 6]},), before=(DRAWN,))
CHANGED = Recipe("upscale", "spanx4", {"scale": 2}, pictures=({"size": [8, 6]},))
CHAIN = Recipe("translate", "styles-26", {}, pictures=({"size": [8, 6]},), before=(CHANGED,))
PIXELS = np.random.RandomState(0).randint(0, 256, (6, 8, 3), np.uint8)
PICTURE = Image.fromarray(PIXELS)

FORMATS: dict[str, Callable[[Path, Recipe], Path]] = {
    "drawn.png": lambda path, recipe: images.save_png(PICTURE, path, recipe),
    "pixels.png": lambda path, recipe: images.save_pixels(PIXELS, path, recipe),
    "deep.png": lambda path, recipe: images.save_pixels(PIXELS.astype(np.uint16), path, recipe),
    "pixels.jpg": lambda path, recipe: images.save_pixels(PIXELS, path, recipe),
    "pixels.webp": lambda path, recipe: images.save_pixels(PIXELS, path, recipe),
    "film.webp": lambda path, recipe: images.save_film([PICTURE] * 3, path, 8, recipe),
}


def source_type(path: Path) -> str:
    with Image.open(path) as picture:
        picture.load()
        packet = picture.info.get("xmp") or picture.info["XML:com.adobe.xmp"].encode()
    (found,) = [e for e in ElementTree.fromstring(packet).iter() if TYPE in e.attrib]
    return found.attrib[TYPE].rpartition("/")[2]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("recipe", "kind"),
    [
        (DRAWN, "trainedAlgorithmicMedia"),
        (SENT_ON, "trainedAlgorithmicMedia"),
        (CHANGED, "compositeWithTrainedAlgorithmicMedia"),
        (CHAIN, "compositeWithTrainedAlgorithmicMedia"),
    ],
    ids=["drawn", "drawn and enlarged", "brought", "brought and sent on"],
)
def test_a_file_says_what_made_it(tmp_path: Path, name: str, recipe: Recipe, kind: str) -> None:
    path = FORMATS[name](tmp_path / name, recipe)
    assert source_type(path) == kind
    if path.suffix != ".jpg":
        assert from_picture(path) == recipe


def test_a_film_of_earlier_versions_is_read(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "old.webp", xmp=DRAWN.to_json().encode())
    assert from_picture(tmp_path / "old.webp") == DRAWN


@pytest.mark.parametrize("name", ["drawn.png", "pixels.png"])
def test_the_mark_is_no_part_of_what_a_chain_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Recipes of chains that were made before there were marks name the file as it was then."""
    marked = FORMATS[name](tmp_path / name, DRAWN)
    monkeypatch.setattr(images, "png_texts", lambda recipe: {CHUNK: recipe.to_json()})
    monkeypatch.setattr(images, "png_info", unmarked)
    bare = FORMATS[name](tmp_path / f"bare-{name}", DRAWN)
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

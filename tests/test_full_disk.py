"""A full disk, wherever it shows, is one sentence, and leaves nothing half-written."""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from PIL import Image

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.measure import prices
from ganapps.pictures import images
from ganapps.pictures.inside import from_file
from ganapps.recipe import Recipe
from ganapps.report import Kept
from ganapps.ui import api
from ganapps.ui.parts import common
from tests.local_hub import FILE, cache, hurry, partial_files, refusal, server, source
from tests.picture_files import noise

__all__ = ["cache", "hurry", "server"]  # fixtures

SENTENCE = "The disk of this machine is full, so nothing was kept: make room on it and try again."
PICTURE, FILM = (
    Image.fromarray(noise(64, 64)),
    tuple(Image.fromarray(noise(64, w)) for w in (64, 64, 64)),
)
RECIPE = Recipe("upscale", "m")


class Full(io.FileIO):
    """A file on a disk with room for so many bytes."""

    room = 0

    def write(self, data: bytes) -> int:
        if self.tell() + len(data) > Full.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.fixture
def fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """From when it is called, files in the test's folder may have so many bytes."""
    plain = io.open

    def opened(file: object, mode: str = "r", *rest: object, **more: object) -> object:
        if (
            not isinstance(file, int)
            and str(file).startswith(str(tmp_path))
            and set(mode) & set("wxa+")
        ):
            raw = Full(file, mode.replace("b", "").replace("t", ""))
            return (
                raw if "b" in mode else io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
            )
        return plain(file, mode, *rest, **more)

    def fills(room: int) -> None:
        Full.room = room
        monkeypatch.setattr(builtins, "open", opened)
        monkeypatch.setattr(io, "open", opened)

    return fills


ROOMS = pytest.mark.parametrize("room", [0, 600])


def kept(index: int = 0) -> Kept:
    return Kept(PICTURE, f"seed {index}", RECIPE)


WRITERS: dict[str, Callable[[Path], object]] = {
    "a picture": lambda place: images.save_png(PICTURE, place / "x.png", RECIPE),
    "a large one": lambda place: images.save_pixels(
        noise(90, 90, 4, np.uint16), place / "x.png", RECIPE
    ),
    "a jpeg": lambda place: images.save_pixels(noise(90, 90), place / "x.jpg", RECIPE),
    "a webp": lambda place: images.save_pixels(noise(90, 90), place / "x.webp", RECIPE),
    "a film": lambda place: images.save_film(FILM, place / "x.webp", 12, RECIPE),
    "what a run made": lambda place: images.keep_all([kept(1), kept(2)], place, 0),
    "an archive": lambda place: images.save_zip(
        [place.parent / "sure.png"], place / "x.zip", {"report.json": "{}"}
    ),
    "a report": lambda place: images.save_text("x" * 1000, place / "report.json"),
    "a picture to work on": lambda place: images.save_plain(noise(90, 90), place / "x.png"),
}


@ROOMS
@pytest.mark.parametrize("name", WRITERS)
def test_it_is_one_sentence_and_leaves_nothing(
    name: str, room: int, tmp_path: Path, fills: Callable
) -> None:
    place = tmp_path / "out"
    place.mkdir()
    images.save_png(PICTURE, tmp_path / "sure.png", RECIPE)
    fills(room)
    with pytest.raises(UserError) as caught:
        WRITERS[name](place)
    assert str(caught.value) == SENTENCE and list(place.iterdir()) == []


@ROOMS
def test_what_was_there_before_stays_as_it_was(room: int, tmp_path: Path, fills: Callable) -> None:
    before = images.save_png(PICTURE, tmp_path / "x.png", RECIPE).read_bytes()
    fills(room)
    with pytest.raises(UserError):
        images.save_png(PICTURE, tmp_path / "x.png", RECIPE)
    assert (tmp_path / "x.png").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_of_several_pictures_all_are_kept_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = images.save_png

    def second_fails(picture: Image.Image, path: Path, recipe: Recipe) -> Path:
        if "seed-2" in path.name:
            with images.room():
                raise OSError(errno.EDQUOT, "quota")
        return plain(picture, path, recipe)

    monkeypatch.setattr(images, "save_png", second_fails)
    with pytest.raises(UserError, match="The disk of this machine is full"):
        images.keep_all([kept(1), kept(2)], tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_another_trouble_of_the_disk_is_not_called_full(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        images.save_png(PICTURE, tmp_path / "gone" / "x.png", RECIPE)


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_window_says_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images.png_file, "write", no_room)
    monkeypatch.setattr(Image.Image, "save", no_room)
    recipe = Recipe("faces", "heads-64", {"count": 1})
    *_, shown = common.show(engine.run(recipe), recipe, "en")
    assert SENTENCE in shown.line and shown.failed and shown.archive is None and shown.files == []


def test_a_film_stays_where_its_mp4_finds_no_room(
    tmp_path: Path, fills: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    film = images.save_film([Image.new("RGB", (64, 64))] * 2, tmp_path / "film.webp", 20, RECIPE)
    fills(600)
    links = common.film_downloads(film, "en")
    assert SENTENCE in links and "film.webp" in links and "MP4" not in links


def test_a_program_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images.png_file, "write", no_room)
    monkeypatch.setattr(Image.Image, "save", no_room)
    with pytest.raises(api.gr.Error, match="The disk of this machine is full"):
        list(api._careful(api.endpoints(engine)["faces"])(model="heads-64"))


@ROOMS
def test_prices_leave_nothing_half_written(room: int, tmp_path: Path, fills: Callable) -> None:
    ledger = prices.Ledger(tmp_path / "prices.json")
    ledger.add("first", 2.0, 1.0, None)
    before = (tmp_path / "prices.json").read_bytes()
    fills(room)
    for n in range(40):
        ledger.add(f"a long name of what was run {n}", 2.0, 1.0, None)
    assert ledger.get("a long name of what was run 7")[0] == 2.0
    assert {p.name for p in tmp_path.iterdir()} == {"prices.json", "prices.lock"}
    assert (tmp_path / "prices.json").read_bytes() == before or json.loads(
        (tmp_path / "prices.json").read_text()
    )


# --- a disk that is full indeed


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB, where this may be mounted."""
    place = tmp_path / "tiny"
    place.mkdir()
    if shutil.which("mount") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root alone")
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", place],
        capture_output=True,
        check=False,
    ).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_results_on_a_full_disk(tiny: Path) -> None:
    many = [Kept(Image.fromarray(noise(150, 150)), f"seed {n}", RECIPE) for n in range(8)]
    with pytest.raises(UserError) as caught:
        images.keep_all(many, tiny, 0)
    assert str(caught.value) == SENTENCE and list(tiny.iterdir()) == []
    one = images.keep(many[0], tiny, 0)
    assert from_file(one) == RECIPE


def test_a_command_on_a_full_disk(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(Recipe("faces", "heads-128", {"count": 12}).to_json())
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ganapps",
            "run",
            str(tmp_path / "recipe.json"),
            "--out",
            str(tiny),
            "--device",
            "cpu",
            "--offline",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 2 and done.stderr.strip() == SENTENCE
    for file in tiny.iterdir():
        if file.suffix == ".png":
            Image.open(file).load()
        else:
            assert file.name == "report.json" and json.loads(file.read_text())["files"]


@pytest.mark.filterwarnings("ignore:Not enough free disk space")
def test_a_download_on_a_full_disk(server, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tiny / "hub"))
    # as if another program had taken the room meanwhile
    monkeypatch.setattr("ganapps.models.hub.disk.SPARE", -(10**9))
    commit = server.publish("ann/faces", {FILE: bytes(1_000_000)})
    assert refusal(source(commit)).startswith(
        "The disk became full before Faces was complete: make room in"
    )
    assert partial_files(tiny) == [] and not [p for p in tiny.rglob("blobs/*") if p.stat().st_size]

"""Many pictures through one recipe: what the page is sent, and what the ZIP holds."""

from __future__ import annotations

import itertools
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from gradio.utils import diff
from PIL import Image

from ganapps.engine import Engine
from ganapps.pictures.inside import from_picture
from ganapps.recipe import Recipe
from ganapps.ui import parts
from ganapps.ui.parts.many import Many
from ganapps.ui.words import t

ENLARGE = Recipe("upscale", "spanx4", {"scale": 2})


@pytest.fixture
def many(engine: Engine) -> Iterator[Many]:
    with gr.Blocks():
        yield Many(engine, "upscale", t("Upscale all"))


def brought(folder: Path, count: int) -> list[str]:
    """So many small pictures, the second of which is none."""
    paths = [folder / f"{name}.png" for name in ("cat", "page", "old photo")[:count]]
    paths += [folder / f"{number:03d}.png" for number in range(3, count)]
    for path in paths:
        Image.new("RGB", (8, 6), "teal").save(path)
    paths[1].write_text("<html>not a picture</html>")
    return [str(path) for path in paths]


def asked(many: Many, pictures: list[str], kind: str = "png") -> dict:
    return {many.box: pictures, many.archives: [], many.kind: kind, many.quality: 80}


def test_names_are_kept_refusals_too(many: Many, tmp_path: Path) -> None:
    values = asked(many, brought(tmp_path, 3))
    *_, last = many.results(ENLARGE, None, [], values, "en")
    assert last[many.rows].count("<tr>") == 3 and "done in" in last[many.rows]
    with zipfile.ZipFile(values[many.archives][0]) as archive:
        manifest = json.loads(archive.read("manifest.json"))["pictures"]
        names = sorted(set(archive.namelist()) - {"manifest.json"})
    assert [entry["picture"] for entry in manifest] == ["cat.png", "page.png", "old photo.png"]
    assert [entry["file"] for entry in manifest] == [names[0], None, names[1]]
    assert names[0].startswith("001-cat-spanx4") and names[1].startswith("003-old-photo-spanx4")
    assert "not a picture" in manifest[1]["refused"]


def test_a_long_table_is_sent_seldom(many: Many, tmp_path: Path) -> None:
    """Hundreds of tiny files: what is sent goes by the seconds that pass, not by their number."""
    count = 60
    values = asked(many, brought(tmp_path, count))
    began = time.monotonic()
    sent = [update[many.rows] for update in many.results(ENLARGE, None, [], values, "en")]
    passed = time.monotonic() - began
    assert len(sent) <= 2 + passed / (count / 200)
    assert sent[-1].count("done in") == count - 1


def test_a_row_is_sent_once(many: Many, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What grows at its end is sent as what is new of it; so all of it together is one table."""
    monkeypatch.setattr(parts.common, "PAUSE", 0.0)
    values = asked(many, brought(tmp_path, 12))
    sent = [update[many.rows] for update in many.results(ENLARGE, None, [], values, "en")]
    edits = [edit for old, new in itertools.pairwise(sent) for edit in diff(old, new)]
    assert {kind for kind, _, _ in edits} == {"append"}
    assert sent[0] + "".join(new for _, _, new in edits) == sent[-1]
    assert sent[-1].count("<tr>") == 12


@pytest.mark.parametrize(("kind", "ending"), [("jpeg", ".jpg"), ("webp", ".webp")])
def test_all_come_in_the_format_that_is_asked_for(
    many: Many, tmp_path: Path, kind: str, ending: str
) -> None:
    values = asked(many, brought(tmp_path, 3), kind)
    assert list(many.results(ENLARGE, None, [], values, "en"))
    with zipfile.ZipFile(values[many.archives][0]) as archive:
        names = sorted(set(archive.namelist()) - {"manifest.json"})
        archive.extractall(tmp_path)
    assert [Path(name).suffix for name in names] == [ending, ending]
    for name in names:
        assert from_picture(tmp_path / name).settings["scale"] == 2
        assert Image.open(tmp_path / name).format == kind.upper()


def test_a_result_is_seen_in_its_row(many: Many, tmp_path: Path) -> None:
    *_, last = many.results(ENLARGE, None, [], asked(many, brought(tmp_path, 3)), "en")
    rows = last[many.rows].split("</tr>")
    assert ["data:image/webp" in row for row in rows[:3]] == [True, False, True]

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


def test_names_are_kept_refusals_too(many: Many, tmp_path: Path) -> None:
    values = {many.box: brought(tmp_path, 3), many.archives: []}
    *_, last = many.results(ENLARGE, None, values, "en")
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
    values = {many.box: brought(tmp_path, count), many.archives: []}
    began = time.monotonic()
    sent = [update[many.rows] for update in many.results(ENLARGE, None, values, "en")]
    passed = time.monotonic() - began
    assert len(sent) <= 2 + passed / (count / 200)
    assert sent[-1].count("done in") == count - 1


def test_a_row_is_sent_once(many: Many, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What grows at its end is sent as what is new of it; so all of it together is one table."""
    monkeypatch.setattr(parts.common, "PAUSE", 0.0)
    values = {many.box: brought(tmp_path, 12), many.archives: []}
    sent = [update[many.rows] for update in many.results(ENLARGE, None, values, "en")]
    edits = [edit for old, new in itertools.pairwise(sent) for edit in diff(old, new)]
    assert {kind for kind, _, _ in edits} == {"append"}
    assert sent[0] + "".join(new for _, _, new in edits) == sent[-1]
    assert sent[-1].count("<tr>") == 12

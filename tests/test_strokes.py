"""What is drawn on a face and typed beside it, as tasks take it; and directions that have names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from ganapps.engine import Engine, on_files
from ganapps.errors import UserError
from ganapps.pictures import masks
from ganapps.tasks import drag
from ganapps.ui.faces import back, others, own, strokes
from ganapps.ui.faces.edit import Edit
from ganapps.ui.parts import choices, sending
from ganapps.ui.tabs import restore
from ganapps.ui.tabs.faces import FacesTab
from ganapps.ui.tabs.table import TABS
from ganapps.ui.words import chinese


@pytest.fixture(scope="module")
def tab(engine: Engine) -> FacesTab:
    with gr.Blocks():
        return FacesTab(engine, sending.receivers(TABS, FacesTab))


def test_points_stand_in_a_text() -> None:
    assert strokes.points("1, 2, 3, 4; 5 6 7 8.5;") == [[1, 2, 3, 4], [5, 6, 7, 8.5]]
    assert strokes.without_last("1, 2, 3, 4; 5, 6, 7, 8") == "1, 2, 3, 4"
    assert strokes.without_last("1, 2, 3, 4") == "" == strokes.without_last("")
    with pytest.raises(UserError, match="5, 6 is no point to pull"):
        strokes.points("1, 2, 3, 4; 5, 6")


def test_points_and_squares_are_typed_with_the_commas_of_one_s_language() -> None:
    assert strokes.points("1，2，3，4；5、6、7、8.5；") == [[1, 2, 3, 4], [5, 6, 7, 8.5]]
    assert strokes.rectangles("1，2，3，4；5，6，7，8") == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert strokes.without_last("1，2，3，4；5，6，7，8") == "1,2,3,4"
    five = [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10.5]]
    assert own._points("1，2；3，4；5、6；7，8；9，10.5") == five
    assert restore._heads("1，2，30；4、5、60") == [[1, 2, 30], [4, 5, 60]]


def test_rectangles_and_what_is_painted_are_one_mask(tmp_path: Path) -> None:
    face = str(tmp_path / "face.png")
    Image.new("RGB", (128, 128)).save(face)
    rectangles = strokes.rectangles("32, 64, 64, 32; 0, 0, 2, 2")
    expected = np.zeros((128, 128), bool)
    expected[64:96, 32:96] = expected[:2, :2] = True
    assert np.array_equal(drag._mask(on_files.united("", rectangles, face)), expected)
    painted = np.zeros((64, 64), bool)  # as it comes where all of it was too long
    painted[10, 20] = True
    expected[20:22, 40:42] = True
    both = on_files.united(masks.packed(painted), rectangles, face)
    assert np.array_equal(drag._mask(both), expected)
    assert strokes.rectangles("") == [] == strokes.rectangles(" ; ")
    for bad in ("1, 2, 3", "a, b, c, d", "1, 2, 0, 4", "nan, 1, 2, 3", "10, inf, 20, 20"):
        with pytest.raises(UserError, match="is no rectangle"):
            strokes.rectangles(bad)
    with pytest.raises(UserError, match="nothing may move"):
        drag._mask(on_files.united("", strokes.rectangles("500, 500, 9, 9"), face))


def test_parents_are_drawn_before_their_children() -> None:
    family: dict[str, dict[str, Any]] = {"3.": {"of": ["8", "5"]}, "5": {"of": ["8", "9"]}}
    family |= {"8": {"seed": 8}, "9": {"seed": 9}}
    order = back.elders_first(family)
    assert sorted(order) == sorted(family)
    assert order.index("8") < order.index("5") < order.index("3.") and order.index("9") < 3
    assert back.elders_first({**family, "9": {"of": ["nobody", "8"]}}) == ["8"]


def asked(edit: Edit, tab: FacesTab, **now: Any) -> dict:
    """What stands in the widgets of Edit, but for what is given by its name there."""
    values = {widget: widget.value for widget in edit.moves}
    values[tab.model] = "heads-64"
    there = {"list": edit.others.list, "far": edit.others.far, "called": edit.others.called}
    there |= {"moves": edit.others.moves, "names": edit.others.names, "model": edit.others.model}
    return values | {there[name]: value for name, value in now.items()}


def test_a_direction_keeps_its_name_and_how_far_it_was_gone(tab: FacesTab) -> None:
    edit = tab.workshop.edit
    about = asked(edit, tab, list="pca-3", called=" hat ", model="heads-64")
    named = edit.renamed(about, SimpleNamespace(headers={}))
    names = named[edit.others.names]
    assert names == {"heads-64": {"pca-3": "hat"}}
    assert named[edit.others.list]["choices"][0] == ("hat (pca-3)", "pca-3")
    assert ("hat", "pca-3") in named[edit.hold]["choices"]
    moves = {"pca-3": 1.0, "sefa-1": 0}
    about = asked(edit, tab, list="sefa-2", far=-0.5, moves=moves, names=names, model="heads-64")
    ended = list(edit.edited(about, SimpleNamespace(headers={})))
    assert ended[-1][edit.others.moves] == {**moves, "sefa-2": -0.5}
    moved = ended[-1][edit.moved]
    assert "hat" in moved and "sefa-2" in moved and "sefa-1" not in moved
    assert "Still the same person" not in moved, "nobody reads whole faces of heads-64"
    chosen = edit.others._chosen({**about, edit.others.list: "pca-3"})
    assert chosen[edit.others.far] == 1.0
    assert (chosen[edit.others.called]["value"], chosen[edit.others.called]["interactive"]) == (
        "hat",
        True,
    )
    labelled = edit.others._chosen({**about, edit.others.list: "hair: long"})
    assert not labelled[edit.others.called]["interactive"]
    assert edit.others.given(about, "another model") == {}


def test_every_direction_and_choice_of_the_workshop_is_there_in_chinese(
    tab: FacesTab, engine: Engine
) -> None:
    words = {words for box in tab.workshop.offered_words for words, _ in box.choices}
    assert {"layer by layer", "WebDataset shards", "points to pull"} <= words
    assert words - set(chinese()) == set()
    said = choices.said(tab.workshop.offered_words, "zh")
    assert [update["choices"][0][0] for update in said.values()]
    for row in ("heads-128", "stylegan2-ffhq-1024"):
        for title in engine.models.directions(engine.models.row(row)).values():
            parts = title.split(": ")
            assert [part for part in parts if part not in chinese()] == [], title
            assert others.said("zh", title) != title


def test_the_face_in_edit_can_be_sent_on(tab: FacesTab) -> None:
    (sends,) = tab.further
    assert list(sends.buttons) == list(tab.sends)
    assert sends.path({tab.workshop.edit.file: "face.png"}) == "face.png"

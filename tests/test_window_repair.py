"""The repair tab in a real Chromium: painted, erased, undone, with a real pointer and with keys."""

from __future__ import annotations

import io
import re
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ganapps.pictures import masks
from ganapps.pictures.inside import from_picture
from ganapps.ui.tabs import repair
from tests.window import choose, open_tab, unfold

TABS = ("repair", "restore")
EXAMPLES = Path(__file__).parent.parent / "ganapps" / "ui" / "examples"
CANVAS = "#repair-painter canvas"
FIELD = "#repair-mask textarea, #repair-mask input"


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """A photograph of 200 x 150 pixels with a white scratch from top to bottom."""
    pixels = np.asarray(Image.open(EXAMPLES / "cat.png").convert("RGB")).copy()
    for row in range(150):
        pixels[row, 60 + row // 3 : 63 + row // 3] = 252
    path = tmp_path / "cat.png"
    Image.fromarray(pixels).save(path)
    return path


def bring(page: Page, picture: Path) -> None:
    open_tab(page, "Repair")
    page.locator("#repair-picture input[type=file]").set_input_files(picture)
    page.locator("#repair-painter img[data-begun]").wait_for()


def marked(page: Page) -> np.ndarray:
    """What the page says is marked."""
    text = page.locator(FIELD).input_value()
    return masks.unpacked(text) if text else np.zeros((150, 200), bool)


def waits(page: Page, change: str) -> None:
    """Until the field's text is another one than `change`."""
    page.wait_for_function(
        "([field, before]) => document.querySelector(field).value !== before", arg=[FIELD, change]
    )


def drag(page: Page, *way: tuple[float, float]) -> None:
    """The pointer goes down, along points in pixels of the picture, and up."""
    before = page.locator(FIELD).input_value()
    page.locator(CANVAS).scroll_into_view_if_needed()
    box = page.locator(CANVAS).bounding_box()
    assert box is not None
    places = [
        (box["x"] + x * box["width"] / 200, box["y"] + y * box["height"] / 150) for x, y in way
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()
    waits(page, before)


def brush(page: Page, size: int) -> None:
    page.locator(".painter-size").evaluate("(slider, size) => { slider.value = size; }", size)


def press(page: Page, name: str) -> None:
    page.locator("#repair-painter").get_by_role("button", name=name, exact=True).click()


def below(page: Page, one: str, other: str) -> float:
    """How many pixels further down the other begins, while the page may be moving."""
    return page.evaluate(
        "(two) => { const [a, b] = two.map((x) => document.querySelector(x)"
        ".getBoundingClientRect().top); return b - a; }",
        [one, other],
    )


def result(page: Page) -> tuple[np.ndarray, str]:
    """The pixels and the address of what can be downloaded."""
    link = page.locator("#repair-download a")
    expect(link).to_be_visible(timeout=60_000)
    address = link.evaluate("(link) => link.href")
    file = urllib.request.urlopen(address).read()
    return np.asarray(Image.open(io.BytesIO(file))), file


def test_what_is_painted_with_a_pointer_is_filled_and_nothing_else(page: Page, cat: Path, tmp_path):
    bring(page, cat)
    brush(page, 8)
    drag(page, (61, 0), (110, 149))
    painted = marked(page)
    assert painted[75, 86] and not painted[75, 110] and 1000 < painted.sum() < 2200
    press(page, "Eraser")
    drag(page, (100, 140), (115, 149))
    erased = marked(page)
    assert erased.sum() < painted.sum() and not (erased & ~painted).any()
    press(page, "Undo")
    page.wait_for_function(
        "([f, n]) => document.querySelector(f).value.length >= n", arg=[FIELD, 20]
    )
    page.locator("#repair-go").click()
    expect(page.locator("#repair-view .compare .after")).to_be_visible(timeout=60_000)
    made, file = result(page)
    before = np.asarray(Image.open(cat))
    (tmp_path / "made.png").write_bytes(file)
    recipe = from_picture(tmp_path / "made.png")
    inside = masks.grown(masks.unpacked(recipe.settings["mask"]), recipe.settings["grow"])
    assert np.array_equal(made[~inside], before[~inside])
    assert made[75, 84:87].max() < 245, "the scratch is gone"
    assert "mask=" in page.locator("#repair-link textarea, #repair-link input").input_value()
    page.locator("#repair-send-restore").click()
    expect(page.locator("#restore-picture img")).to_be_visible()
    page.locator("#restore-go").click()
    expect(page.locator("#restore-between .compare")).to_have_count(2, timeout=60_000)
    expect(page.locator("#restore-between")).to_contain_text("Scratches filled")
    expect(page.locator("#restore-download a")).to_be_visible()


def test_rectangle_clear_undo_keys_and_a_typed_box(page: Page, cat: Path):
    bring(page, cat)
    press(page, "Rectangle")
    drag(page, (20, 30), (60, 50))
    box = marked(page)
    assert 700 < box.sum() < 900 and box[40, 40] and not box[40, 70]
    full = page.locator(FIELD).input_value()
    press(page, "Clear")
    waits(page, full)
    assert not marked(page).any()
    press(page, "Undo")
    waits(page, "")
    assert np.array_equal(marked(page), box)
    press(page, "Brush")
    brush(page, 10)
    page.locator(CANVAS).focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    waits(page, full)
    added = marked(page) & ~box
    assert 50 < added.sum() < 110, (
        "a dab of 10 pixels, two half brushes left of where the pointer was"
    )
    page.keyboard.press("Control+z")
    page.wait_for_function("([f, v]) => document.querySelector(f).value === v", arg=[FIELD, full])
    page.locator("#repair-box :is(textarea, input)").fill("100, 75, 40, 30")
    frame = page.locator(".painter-box").bounding_box()
    around = page.locator(CANVAS).bounding_box()
    assert frame and around and abs(frame["x"] - around["x"] - around["width"] / 2) < 3
    assert abs(frame["width"] - around["width"] / 5) < 3


def test_scratches_are_found_and_a_mask_file_is_added(page: Page, cat: Path, tmp_path: Path):
    bring(page, cat)
    page.locator("#repair-find").click()
    waits(page, "")
    found = marked(page)
    scratch = (np.asarray(Image.open(cat)) == 252).all(2)
    assert (found & scratch).sum() > 0.6 * scratch.sum()
    mask = np.zeros((150, 200), np.uint8)
    mask[120:140, 10:30] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    unfold(page, "repair-more")
    before = page.locator(FIELD).input_value()
    box = page.locator("#repair-mask-file input[type=file]")
    box.set_input_files(tmp_path / "mask.png")
    waits(page, before)
    assert np.array_equal(marked(page), found | (mask > 0))
    Image.fromarray(mask[:, :99]).save(tmp_path / "narrow.png")
    page.locator(".painter").get_by_role("button", name="Clear").click()
    expect(page.locator(FIELD).first).to_have_value("")
    page.locator("#repair-mask-file").get_by_label(re.compile("Remove|Clear")).first.click()
    box.set_input_files(tmp_path / "narrow.png")
    expect(page.locator("#repair-line")).to_contain_text("does not lie on it")
    page.wait_for_timeout(500)  # nothing shall come: there is nothing to wait for
    assert page.locator(FIELD).first.input_value() == "", "what was found before came back"


def test_a_box_is_typed_with_the_commas_of_one_s_language() -> None:
    for text in ("10, 20, 30, 40", "10，20，30，40", "10、20、30、40", "10 20 30 40"):
        assert repair._box(text) == [10, 20, 30, 40]


def test_without_a_mark_one_sentence_says_so_under_the_button_each_time(page: Page, cat: Path):
    page.set_viewport_size({"width": 1280, "height": 720})
    bring(page, cat)
    answer = page.locator("#repair-go + .answer [role=alert]")
    for _ in range(2):
        page.locator("#repair-go").click()
        expect(answer).to_contain_text("Nothing is marked")
        expect(answer).to_be_in_viewport(ratio=1)
        # the same words again are another answer
        answer.evaluate("(shown) => shown.textContent = 'an old one'")


def test_the_stage_is_the_picture_to_paint_on_and_then_the_result(page: Page, cat: Path):
    page.set_viewport_size({"width": 1280, "height": 720})
    bring(page, cat)
    view = page.locator("#repair-view .compare")
    expect(view).to_have_count(0)
    assert abs(below(page, "#repair-picture", "#repair-painter")) < 60, "where results stand"
    drag(page, (80, 60), (120, 80))
    page.locator("#repair-go").click()
    expect(view).to_be_visible()
    expect(view).to_be_in_viewport(ratio=0.9)
    assert below(page, "#repair-download", "#repair-painter") > 0, "what was made stands above"


def lines(tmp_path: Path) -> Path:
    """A mask of 600 x 450 pixels, fine as a recipe can't hold it."""
    random = np.random.RandomState(1)
    path = tmp_path / "lines.png"
    Image.fromarray((255 * (random.rand(450, 600) < 0.3)).astype(np.uint8)).save(path)
    return path


def test_a_fine_mask_is_filled_as_it_is_and_told(page: Page, tmp_path: Path):
    large = tmp_path / "large.png"
    Image.open(EXAMPLES / "cat.png").convert("RGB").resize((600, 450)).save(large)
    bring(page, large)
    unfold(page, "repair-more")
    fine = lines(tmp_path)
    page.locator("#repair-mask-file input[type=file]").set_input_files(fine)
    waits(page, "")
    wanted = np.asarray(Image.open(fine)) > 0
    assert np.array_equal(masks.unpacked(page.locator(FIELD).input_value()), wanted)
    page.locator("#repair-grow input[type=number]").fill("0")
    page.locator("#repair-grow input[type=number]").press("Tab")
    page.locator("#repair-go").click()
    made, _ = result(page)
    changed = (made != np.asarray(Image.open(large))).any(2)
    assert not (changed & ~wanted).any() and changed[wanted].mean() > 0.8
    expect(page.locator("#repair-line")).to_contain_text("too large for a recipe")


def fits(page: Page, picture: Path) -> None:
    """Deep Image Prior is at work on a mark in the picture, and is seen to be."""
    bring(page, picture)
    choose(page, "repair-model", "Deep Image Prior (small)")
    drag(page, (80, 60), (120, 80))
    page.locator("#repair-go").click()
    expect(page.locator("#repair-view .falling")).to_contain_text("Difference", timeout=60_000)
    expect(page.locator("#repair-view img.part")).to_be_visible()


def test_a_fitting_is_watched_and_stopped_when_one_likes_it(page: Page, cat: Path, tmp_path: Path):
    fits(page, cat)
    page.locator("#repair-stop").click()
    made, file = result(page)
    expect(page.locator("#repair-line")).to_contain_text("stopped")
    expect(page.locator("#repair-view .compare .after")).to_be_visible()
    (tmp_path / "made.png").write_bytes(file)
    recipe = from_picture(tmp_path / "made.png")
    assert 10 <= recipe.settings["steps"] < 1000 and recipe.settings["steps"] % 10 == 0
    inside = masks.grown(masks.unpacked(recipe.settings["mask"]), recipe.settings["grow"])
    assert np.array_equal(made[~inside], np.asarray(Image.open(cat))[~inside])
    assert "steps=" in page.locator("#repair-link textarea, #repair-link input").input_value()


def test_another_button_leaves_stop_to_a_run_and_another_picture_ends_it(
    page: Page, cat: Path, tmp_path: Path
):
    fits(page, cat)
    page.locator("#repair-find").click()
    expect(page.locator("#repair-line")).to_contain_text(re.compile("Scratches are marked|of 1001"))
    page.wait_for_function("(f) => document.querySelector(f).value.length > 200", arg=FIELD)
    page.wait_for_timeout(1000)  # the search is over: nothing else shall happen
    expect(page.locator("#repair-stop")).to_be_visible()
    other = tmp_path / "other.png"
    Image.new("RGB", (120, 100), (90, 140, 60)).save(other)
    page.locator("#repair-picture").get_by_label(re.compile("Remove|Clear")).first.click()
    page.locator("#repair-picture input[type=file]").set_input_files(other)
    expect(page.locator("#repair-painter .painter")).to_have_attribute("data-width", "120")
    expect(page.locator("#repair-go")).to_be_visible(timeout=30_000)
    expect(page.locator("#repair-view .compare")).to_have_count(0)
    expect(page.locator("#repair-download a")).to_have_count(0)


def test_what_finds_or_marks_nothing_says_so(page: Page, tmp_path: Path):
    plain = tmp_path / "plain.png"
    Image.new("RGB", (200, 150), (90, 140, 60)).save(plain)
    bring(page, plain)
    page.locator("#repair-find").click()
    expect(page.locator("#repair-line")).to_contain_text("No scratches were found")
    unfold(page, "repair-more")
    black = tmp_path / "black.png"
    Image.new("L", (200, 150)).save(black)
    page.locator("#repair-mask-file input[type=file]").set_input_files(black)
    expect(page.locator("#repair-line")).to_contain_text("This mask marks nothing")


def test_what_only_a_prior_can_do_is_offered_with_one_alone(page: Page):
    open_tab(page, "Repair")
    unfold(page, "repair-more")
    expect(page.locator("#repair-face")).to_be_visible()
    expect(page.locator("#repair-does")).to_be_hidden()
    choose(page, "repair-model", "Deep Image Prior (small)")
    expect(page.locator("#repair-does")).to_be_visible()


def test_a_box_that_is_none_is_one_sentence_and_no_fault(page: Page, cat: Path):
    bring(page, cat)
    page.locator("#repair-box :is(textarea, input)").fill("ten, twenty")
    page.locator("#repair-go").click()
    expect(page.locator("#repair-go + .answer [role=alert]")).to_contain_text("four whole numbers")
    page.locator("#repair-box :is(textarea, input)").fill("")
    expect(page.locator("#repair-price")).to_contain_text(re.compile("about|not measured"))


def test_a_zoomed_picture_follows_the_keys_and_two_fingers(page: Page, cat: Path):
    bring(page, cat)
    page.locator(".painter-zoom").evaluate(
        "(zoom) => { zoom.value = 4; zoom.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    page.locator(CANVAS).focus()
    around = page.locator(".painter-window")
    for _ in range(60):
        page.keyboard.press("ArrowDown")
    cursor, seen = page.locator(".painter-cursor").bounding_box(), around.bounding_box()
    assert cursor and seen and cursor["y"] + cursor["height"] <= seen["y"] + seen["height"] + 2
    before = around.evaluate("(shown) => shown.scrollTop")
    assert before > 100, "the view went along"
    touched = """(canvas) => {
      const tell = (kind, id, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {
        bubbles: true, pointerId: id, pointerType: "touch", clientX: x, clientY: y }));
      canvas.setPointerCapture = () => {};
      const { left, top } = canvas.closest(".painter-window").getBoundingClientRect();
      const [x, y] = [left + 60, top + 60];
      tell("pointerdown", 7, x, y);
      tell("pointerdown", 8, x + 80, y);
      for (let step = 1; step <= 10; step++) for (const [id, at] of [[7, x], [8, x + 80]])
        tell("pointermove", id, at, y + 8 * step);
      tell("pointerup", 7, x, y + 80);
      tell("pointerup", 8, x + 80, y + 80);
    }"""
    page.locator(CANVAS).evaluate(touched)
    after = around.evaluate("(shown) => shown.scrollTop")
    assert after == pytest.approx(before - 80, abs=3)
    page.wait_for_timeout(300)  # nothing shall come: there is nothing to wait for
    assert page.locator(FIELD).first.input_value() == "", "two fingers paint nothing"

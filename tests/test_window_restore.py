"""The restore tab in a real Chromium: faces found and left out, a mark and colours painted."""

from __future__ import annotations

import io
import json
import re
import urllib.request
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect
from skimage import data

from ganapps.pictures import masks
from ganapps.pictures.inside import from_picture
from tests.window import choose, open_tab, unfold

TABS = ("restore",)


def test_the_big_button_stands_in_sight_beside_a_long_column(page: Page) -> None:
    open_tab(page, "Restore")
    button = page.locator("#restore-go")
    expect(button).to_be_in_viewport(ratio=1)
    page.mouse.wheel(0, 300)
    expect(button).to_be_in_viewport(ratio=1)
    # what the keyboard comes to stands above it
    field = page.locator("#restore-heads :is(textarea, input)")
    field.focus()
    expect(field).to_be_in_viewport(ratio=1)
    below, top = field.bounding_box(), button.bounding_box()
    assert below and top and below["y"] + below["height"] <= top["y"]


def test_faces_are_ticked_and_colours_are_painted(page: Page, tmp_path: Path) -> None:
    grey = Image.fromarray(data.astronaut()).convert("L").resize((256, 256))
    grey.save(tmp_path / "old.png")
    open_tab(page, "Restore")
    page.locator("#restore-picture input[type=file]").set_input_files(tmp_path / "old.png")
    expect(page.locator("#restore-picture img")).to_be_visible()

    # faces
    page.locator("#restore-find").click()
    tick = page.locator("#restore-found input")
    expect(tick).to_have_count(1, timeout=60_000)
    field = page.locator("#restore-heads :is(textarea, input)")
    square = tick.get_attribute("data-square")
    assert square
    expect(field).to_have_value(square)
    tick.uncheck()
    expect(field).to_have_value("")
    field.fill(square + "; 1, 2, 30")
    expect(tick).to_be_checked()

    # a mark, a colour
    unfold(page, "restore-paint")
    page.locator("#restore-painter img[data-begun]").wait_for()
    canvas = page.locator("#restore-painter canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    by = box["width"] / 256

    def drag(*way: tuple[float, float]) -> None:
        places = [(box["x"] + x * by, box["y"] + y * by) for x, y in way]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=5)
        page.mouse.up()

    drag((200, 20), (240, 60))
    page.locator("#restore-painter").get_by_role("button", name="Colour brush").click()
    page.locator("#restore-painter .painter-colour").evaluate(
        "(input) => { input.value = '#d06020'; }"
    )
    drag((60, 200), (90, 230))
    hints = page.locator("#restore-hints :is(textarea, input)")
    expect(hints).not_to_have_value("")
    assert {dab[3] for dab in json.loads(hints.input_value())} == {"#d06020"}

    choose(page, "restore-noise", "leave out")
    choose(page, "restore-scratches", "leave out")
    page.locator("#restore-go").click()
    link = page.locator("#restore-download a")
    expect(link).to_be_visible(timeout=60_000)
    expect(page.locator("#restore-between .compare")).to_have_count(2)
    expect(page.locator("#restore-between")).to_contain_text("Coloured")
    file = urllib.request.urlopen(link.evaluate("(link) => link.href")).read()
    (tmp_path / "made.png").write_bytes(file)
    settings = from_picture(tmp_path / "made.png").settings
    assert masks.unpacked(settings["mask"])[40, 220]
    assert settings["heads"] == [[int(n) for n in square.split(",")], [1, 2, 30]]

    # they come back with the file, wait for their picture, and are none of another one's
    button = page.locator("#restore-restore").locator("xpath=..")
    button.locator("input[type=file]").set_input_files(tmp_path / "made.png")
    expect(page.locator("#restore-line")).to_contain_text("The settings are back")
    expect(page.locator("#restore-found input")).to_have_count(0)
    mark = page.locator("#restore-mask :is(textarea, input)")
    for stays in (True, False):
        page.locator("#restore-picture").get_by_label(re.compile("Remove|Clear")).first.click()
        expect(page.locator("#restore-picture img")).to_have_count(0)
        box_of_files = page.locator("#restore-picture input[type=file]")
        box_of_files.set_input_files(tmp_path / "old.png")
        expect(page.locator("#restore-painter img[data-begun]")).to_be_visible()
        if stays:
            expect(mark).not_to_have_value("")
            expect(hints).not_to_have_value("")
        else:
            expect(mark).to_have_value("")
            expect(hints).to_have_value("")

    made = np.asarray(Image.open(io.BytesIO(file))).astype(int)
    assert made.shape == (256, 256, 3) and (made[..., 0] - made[..., 2])[215, 75] > 30


def test_many_thin_strokes_of_colour_stay_few_enough_dabs(page: Page, tmp_path: Path) -> None:
    Image.new("L", (1600, 1200), 120).save(tmp_path / "old.png")
    open_tab(page, "Restore")
    page.locator("#restore-picture input[type=file]").set_input_files(tmp_path / "old.png")
    expect(page.locator("#restore-picture img")).to_be_visible()
    unfold(page, "restore-paint")
    page.locator("#restore-painter img[data-begun]").wait_for()
    page.locator("#restore-painter").get_by_role("button", name="Colour brush").click()
    page.locator("#restore-painter .painter-size").evaluate("(slider) => { slider.value = 8; }")
    canvas = page.locator("#restore-painter canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    hints = page.locator("#restore-hints :is(textarea, input)")
    rows = 8
    for row in range(rows):
        y = box["y"] + 10 + row * 5
        before = hints.input_value()
        page.mouse.move(box["x"] + 4, y)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 4, y, steps=8)
        page.mouse.up()
        expect(hints).not_to_have_value(before)
    dabs = json.loads(hints.input_value())
    assert 600 < len(dabs) <= 1000 and len(hints.input_value()) < 32_768
    assert len({round(y) for _, y, *_ in dabs}) >= rows, "no stroke is lost"

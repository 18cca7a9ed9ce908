"""Between the tabs in a real Chromium: results go on to another tab, links and reports are taken
away, and what is deleted is gone.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ganapps.engine import Engine
from ganapps.pictures.inside import from_picture, png_info
from ganapps.recipe import Recipe, from_link
from ganapps.ui.parts.before_after import EXAMPLES
from ganapps.ui.tabs.faces import PICKED
from tests.waiting import below
from tests.window import choose, go, open_tab, run, seen


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small photograph."""
    path = tmp_path / "small.png"
    Image.open(EXAMPLES[1]).crop((40, 20, 88, 60)).save(path)
    return path


def translated(page: Page, picture: Path) -> None:
    open_tab(page, "Translate")
    page.locator("#translate-picture input[type=file]").set_input_files(picture)
    expect(page.locator("#translate-picture img")).to_be_visible()
    choose(page, "translate-model", "26 painted styles")
    run(page, "translate")


def saved(page: Page, link: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.locator(link).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def on_disk(root: str) -> set[str]:
    return {str(p) for p in below(root) if p.is_file()}


def test_a_face_is_translated_and_enlarged_and_the_last_picture_tells_it_all(
    page: Page, tmp_path: Path
) -> None:
    expect(page.locator("#faces-archive a")).to_be_visible(timeout=60_000)
    page.locator("#faces-wall .thumbnail-item").nth(3).click()
    expect(page.locator("#faces-seed textarea, #faces-seed input")).to_have_value(str(PICKED[3]))
    page.locator("#faces-send-translate").click()
    expect(page.get_by_role("tab", name="Translate")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#translate-picture img")).to_be_visible()
    choose(page, "translate-model", "26 painted styles")
    run(page, "translate")
    page.locator("#translate-send-upscale").click()
    expect(page.get_by_role("tab", name="Upscale")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#upscale-picture img")).to_be_visible()
    choose(page, "upscale-model", "SPAN x4 (fast)")
    run(page, "upscale")
    large = from_picture(saved(page, "#upscale-download a", tmp_path))
    (painted,) = large.before
    (face,) = painted.before
    assert (large.checkpoint, painted.checkpoint, face.task, face.settings["seed"]) == (
        "spanx4",
        "styles-26",
        "faces",
        PICKED[3],
    )


def test_a_result_goes_from_upscale_to_translate(page: Page, small: Path) -> None:
    open_tab(page, "Upscale")
    page.locator("#upscale-picture input[type=file]").set_input_files(small)
    expect(page.locator("#upscale-picture img")).to_be_visible()
    choose(page, "upscale-model", "SPAN x4 (fast)")
    run(page, "upscale")
    page.locator("#upscale-send-translate").click()
    expect(page.get_by_role("tab", name="Translate")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#translate-picture img")).to_be_visible()
    expect(page.locator("#translate-picture img")).to_have_js_property("naturalWidth", 192)
    expect(page.locator("#translate-picture img")).to_have_js_property("naturalHeight", 160)


def test_the_open_tab_stays_in_sight_when_a_phone_is_turned(page: Page) -> None:
    upright, across = {"width": 390, "height": 844}, {"width": 844, "height": 390}
    page.set_viewport_size(upright)
    open_tab(page, "Lab")
    name = page.get_by_role("tab", name="Lab")
    expect(name).to_be_in_viewport(ratio=1)
    page.set_viewport_size(across)
    expect(name).to_be_in_viewport(ratio=1)
    page.set_viewport_size(upright)
    expect(name).to_be_in_viewport(ratio=1)


def test_nothing_to_send_is_one_sentence(page: Page) -> None:
    open_tab(page, "Translate")
    page.locator("#translate-send-upscale").click()
    expect(page.locator("#translate-line [role=alert]")).to_contain_text("nothing to send yet")
    expect(page.get_by_role("tab", name="Translate")).to_have_attribute("aria-selected", "true")


def test_a_link_brings_the_settings_back_but_no_picture(page: Page, url: str, small: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_tab(page, "Translate")
    choose(page, "translate-model", "26 painted styles")
    page.get_by_label("number input for Style").fill("7")
    page.get_by_label("number input for Style").press("Tab")
    translated(page, small)
    page.get_by_label("Keep the original colours").locator("visible=true").check()
    expect(page.locator("#translate-link textarea, #translate-link input")).to_have_value(
        re.compile("keep_colours=true")
    )
    page.locator("#translate-copy").click()
    expect(page.locator("#translate-copy")).to_have_text("✓")
    link = page.evaluate("navigator.clipboard.readText()")
    recipe = from_link(link.split("?")[1])
    assert (
        recipe.settings["labels"] == {"7": 1.0}
        and recipe.settings["keep_colours"] is True
        and "small" not in link
        and not recipe.pictures
    )
    go(page, link)
    expect(page.get_by_role("tab", name="Translate")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#translate-model input")).to_have_value("26 painted styles")
    expect(page.get_by_label("number input for Style")).to_have_value("7")
    expect(page.locator("#translate-line")).to_contain_text("Choose the picture again")
    expect(page.get_by_label("Keep the original colours").locator("visible=true")).to_be_checked()


def test_a_damaged_link_is_one_sentence(page: Page, url: str) -> None:
    go(page, url + "?task=upscale&checkpoint=spanx4&scale=900")
    expect(page.get_by_role("tab", name="Upscale")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#upscale-line [role=alert]")).to_contain_text("The setting scale is 900")


def test_the_report_can_be_saved(page: Page, small: Path, tmp_path: Path) -> None:
    translated(page, small)
    report = json.loads(saved(page, "#translate-report a", tmp_path).read_text())
    assert report["recipe"]["checkpoint"] == "styles-26" and report["recipe"]["pictures"][0][
        "size"
    ] == [48, 40]
    assert (
        report["report"]["seconds"] > 0
        and report["report"]["changes"] == []
        and report["report"]["network_calls"] == 1
    )


def test_delete_leaves_nothing_of_it_on_the_disk(page: Page, engine: Engine, small: Path) -> None:
    Image.open(small).rotate(180).save(small)  # no other test leaves the same files
    cache = os.environ["GRADIO_TEMP_DIR"]
    expect(page.locator("#faces-archive a")).to_be_visible(timeout=60_000)
    before = on_disk(cache)
    translated(page, small)
    page.locator("#translate-try").click()
    expect(page.locator("#translate-sheet .thumbnail-item")).to_have_count(
        sum(engine.models.here(row) for row in engine.models.rows("translate")), timeout=300_000
    )
    expect(page.locator("#translate-go")).to_be_visible()
    page.locator("#translate-many button").first.click()
    page.locator("#translate-files input[type=file]").set_input_files(small)
    expect(page.locator("#translate-files")).to_contain_text("small")
    page.locator("#translate-files-go").click()
    expect(page.locator("#translate-rows a")).to_be_visible(timeout=60_000)
    assert len(on_disk(cache) - before) >= 8, (
        "the upload, the result, its report, before, after, the sheet and the ZIP"
    )
    seen(page, "translate-view")
    page.locator("#translate-delete").click()
    expect(page.locator("#translate-sheet .thumbnail-item")).to_have_count(0)
    assert on_disk(cache) - before == set()


def test_delete_never_takes_an_example_away(page: Page) -> None:
    open_tab(page, "Translate")
    choose(page, "translate-model", "26 painted styles")
    page.locator("#translate-examples .thumbnail-item").first.click()
    expect(page.locator("#translate-download a")).to_be_visible(timeout=60_000)
    seen(page, "translate-view")
    page.locator("#translate-delete").click()
    expect(page.locator("#translate-view .compare")).to_have_count(0)
    assert all(path.is_file() for path in EXAMPLES) and len(EXAMPLES) == 3


def holding(recipe: Recipe, path: Path) -> Path:
    Image.new("RGB", (8, 8)).save(path, pnginfo=png_info(recipe))
    return path


def restored(page: Page, tab: str, path: Path) -> None:
    page.locator(f"#{tab}-restore").locator("xpath=..").locator("input[type=file]").set_input_files(
        path
    )


def test_a_picture_on_the_wrong_tab_opens_the_right_one_with_its_settings(
    page: Page, tmp_path: Path
) -> None:
    open_tab(page, "Upscale")
    painted = Recipe("translate", "styles-26", {"labels": {"12": 1.0}})
    restored(page, "upscale", holding(painted, tmp_path / "painted.png"))
    expect(page.get_by_role("tab", name="Translate")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#translate-model input")).to_have_value("26 painted styles")
    expect(page.get_by_label("number input for Style")).to_have_value("12")
    expect(page.locator("#translate-line")).to_contain_text("Choose the picture again")
    drawn = Recipe("denoise", "heads-ddpm-64", {"steps": 9})
    restored(page, "translate", holding(drawn, tmp_path / "drawn.png"))
    expect(page.get_by_role("tab", name="Compare")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_label("number input for Diffusion steps")).to_have_value("9")
    face = Recipe("faces", "heads-64", {"seed": 4711, "count": 3})
    restored(page, "translate", holding(face, tmp_path / "face.png"))
    expect(page.get_by_role("tab", name="Faces")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#faces-seed textarea, #faces-seed input")).to_have_value("4711")
    expect(page.locator("#faces-line")).to_contain_text("press Generate")

"""The translate tab in a real Chromium."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ganapps.engine import Engine
from ganapps.pictures.inside import from_picture, png_info
from ganapps.recipe import Recipe
from tests.window import choose, open_tab, run, seen

TABS = ("translate",)
EXAMPLES = Path(__file__).parent.parent / "ganapps" / "ui" / "examples"
LINE = "#translate-line"


@pytest.fixture
def cup(tmp_path: Path) -> Path:
    """A small photograph of odd sides."""
    path = tmp_path / "cup.png"
    Image.open(EXAMPLES / "coffee.png").crop((40, 20, 111, 73)).save(path)
    return path


@pytest.fixture
def translate(page: Page, cup: Path) -> Page:
    """The tab with a picture in it and the quick model chosen."""
    open_tab(page, "Translate")
    page.locator("#translate-picture input[type=file]").set_input_files(cup)
    expect(page.locator("#translate-picture img")).to_be_visible()
    choose(page, "translate-model", "26 painted styles")
    return page


def result(page: Page) -> bytes:
    with page.expect_download() as download:
        page.locator("#translate-download a").click()
    return Path(download.value.path()).read_bytes()


def test_the_result_has_the_pictures_size_and_the_style_stands_in_its_recipe(
    translate: Page, tmp_path: Path
) -> None:
    translate.get_by_label("number input for Style").fill("7")
    translate.get_by_label("number input for Style").press("Tab")
    run(translate, "translate")
    path = tmp_path / "result.png"
    path.write_bytes(result(translate))
    assert Image.open(path).size == (71, 53)
    assert from_picture(path).settings["labels"] == {"7": 1.0}


def test_the_original_colours_come_back_at_once(translate: Page) -> None:
    run(translate, "translate")
    painted = np.asarray(Image.open(io.BytesIO(result(translate))).convert("RGB")).astype(float)
    src = translate.locator("#translate-view img.after").get_attribute("src")
    translate.get_by_label("Keep the original colours").check()
    expect(translate.locator("#translate-view img.after")).not_to_have_attribute("src", src)
    kept = np.asarray(Image.open(io.BytesIO(result(translate))).convert("RGB")).astype(float)
    original = np.asarray(
        Image.open(EXAMPLES / "coffee.png").crop((40, 20, 111, 73)).convert("RGB")
    ).astype(float)

    def tint(p: np.ndarray) -> np.ndarray:
        return (p - p.mean(2, keepdims=True)).mean((0, 1))

    assert np.abs(tint(kept) - tint(original)).max() < np.abs(tint(painted) - tint(original)).max()


def test_every_model_that_is_here_shows_the_same_picture(translate: Page, engine: Engine) -> None:
    translate.locator("#translate-try").click()
    cells = translate.locator("#translate-sheet .thumbnail-item")
    expect(cells).to_have_count(
        sum(engine.models.here(row) for row in engine.models.rows("translate")), timeout=120_000
    )
    cells.nth(1).click()
    expect(translate.locator("#translate-model input")).to_have_value(
        engine.models.rows("translate")[1].title
    )


def test_a_model_with_a_way_back_offers_the_other_direction(translate: Page) -> None:
    translate.locator("#translate-model input").click()
    translate.get_by_role("option", name="Horse to zebra (not here yet)", exact=True).click()
    expect(translate.locator("#translate-cycle-go")).to_be_visible()
    translate.locator("#translate-switch").click()
    expect(translate.locator("#translate-model input")).to_have_value(
        "Zebra to horse (not here yet)"
    )


def test_a_style_transfer_says_that_it_is_no_gan(translate: Page) -> None:
    expect(
        translate.get_by_role("tabpanel").filter(has=translate.locator("#translate-go"))
    ).to_contain_text("style transfer, no GAN")


def test_many_pictures_come_back_as_one_zip(translate: Page, cup: Path) -> None:
    translate.locator("#translate-many button").first.click()
    translate.locator("#translate-files input[type=file]").set_input_files(
        [cup, EXAMPLES / "cat.png"]
    )
    expect(translate.locator("#translate-files")).to_contain_text("cat")
    translate.locator("#translate-files-go").click()
    expect(translate.locator("#translate-rows a")).to_be_visible(timeout=60_000)
    with translate.expect_download() as download:
        translate.locator("#translate-rows a").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == 3 and "manifest.json" in archive.namelist()


def test_a_dropped_result_brings_its_settings_back_but_no_picture(
    translate: Page, tmp_path: Path
) -> None:
    path = tmp_path / "ours.png"
    recipe = Recipe("translate", "styles-26", {"labels": {"12": 1.0}, "strength": 0.5})
    Image.new("RGB", (8, 8)).save(path, pnginfo=png_info(recipe))
    translate.locator("input[type=file][data-testid*=Settings] >> visible=false").locator(
        "xpath=self::*[ancestor::*[@role='tabpanel']//*[@id='translate-go']]"
    ).first.set_input_files(path)
    expect(translate.get_by_label("number input for Style")).to_have_value("12")
    expect(translate.locator(LINE)).to_contain_text("no upload is ever kept")


def test_an_example_needs_one_click(page: Page) -> None:
    open_tab(page, "Translate")
    choose(page, "translate-model", "26 painted styles")
    page.locator("#translate-examples .thumbnail-item").nth(1).click()
    expect(page.locator("#translate-download a")).to_be_visible(timeout=60_000)
    expect(page.locator(LINE)).to_contain_text("1 picture in")


def test_delete_empties_the_tab(translate: Page) -> None:
    run(translate, "translate")
    path = translate.locator("#translate-picture img").get_attribute("src").split("file=")[1]
    seen(translate, "translate-view")
    translate.locator("#translate-delete").click()
    expect(translate.locator("#translate-view .compare")).to_have_count(0)
    assert not Path(path).exists()


def test_a_picture_is_pasted(page: Page, cup: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_tab(page, "Translate")
    choose(page, "translate-model", "26 painted styles")
    page.evaluate(
        """async data => {
            const picture = await (await fetch("data:image/png;base64," + data)).blob();
            await navigator.clipboard.write([new ClipboardItem({"image/png": picture})]);
        }""",
        base64.b64encode(cup.read_bytes()).decode(),
    )
    page.locator("#translate-picture").get_by_label("Paste from clipboard").click()
    expect(page.locator("#translate-picture img")).to_be_visible()
    run(page, "translate")
    assert Image.open(io.BytesIO(result(page))).size == (71, 53)


def test_a_picture_comes_from_the_webcam(page: Page) -> None:
    """Chromium's own moving test card stands in for a camera."""
    page.context.grant_permissions(["camera"])
    open_tab(page, "Translate")
    page.locator("#translate-picture").get_by_label("Capture from camera").click()
    page.locator("#translate-picture").get_by_text("Click to Access Webcam").click()
    page.wait_for_function(
        "() => document.querySelector('#translate-picture video')?.videoWidth > 0 && "
        "document.querySelector('#translate-picture video').currentTime > 0.3"
    )
    page.locator("#translate-picture").get_by_label("capture photo").click()
    expect(page.locator("#translate-picture img")).to_be_visible()
    page.wait_for_function(
        "(([e]) => Math.min(e?.naturalWidth, e?.naturalHeight) > "
        "100)(document.querySelectorAll('#translate-picture img'))"
    )


def test_programs_translate_too(url: str, cup: Path, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    files, facts = Client(url, verbose=False, download_files=tmp_path).predict(
        handle_file(cup), model="styles-26", labels={"3": 1}, api_name="/translate"
    )
    assert Image.open(files[0]).size == (71, 53) and facts["recipe"]["settings"]["labels"] == {
        "3": 1
    }

"""The upscale tab in a real Chromium."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from ganapps.engine import Engine
from ganapps.pictures.inside import from_picture
from tests import upscaler_files as files
from tests.window import brought, open_tab, seen, unfold

TABS = ("upscale",)
EXAMPLES = Path(__file__).parent.parent / "ganapps" / "ui" / "examples"
LINE = "#upscale-line"


@pytest.fixture
def upscale(page: Page, cat: Path) -> Page:
    """The tab with a picture in it and the quick model chosen."""
    brought(page, cat)
    return page


def enlarge(page: Page) -> None:
    page.locator("#upscale-go").click()
    expect(page.locator(LINE)).to_contain_text("just as asked", timeout=60_000)
    expect(page.locator("#upscale-download a")).to_be_visible(timeout=60_000)
    expect(page.locator("#upscale-go")).to_be_visible()


def result(page: Page) -> bytes:
    with page.expect_download() as download:
        page.locator("#upscale-download a").click()
    return Path(download.value.path()).read_bytes()


def test_a_picture_comes_back_four_times_as_large_with_its_recipe(
    upscale: Page, tmp_path: Path
) -> None:
    enlarge(upscale)
    path = tmp_path / "result.png"
    path.write_bytes(result(upscale))
    assert Image.open(path).size == (192, 144)
    recipe = from_picture(path)
    assert (
        recipe.checkpoint == "spanx4"
        and recipe.pictures[0]["size"] == [48, 36]
        and "cat" not in recipe.to_json()
    )
    expect(upscale.locator("#upscale-facts")).to_contain_text("dB")
    expect(upscale.locator("#upscale-heat img").first).to_be_visible()


def test_the_edge_moves_by_mouse_and_by_keyboard(upscale: Page) -> None:
    enlarge(upscale)
    handle = upscale.get_by_label("Before and after: arrow keys move the edge")
    handle.focus()
    handle.press("Home")
    assert upscale.locator(".compare").evaluate("e => e.style.getPropertyValue('--at')") == "0%"
    handle.press("ArrowRight")
    assert upscale.locator(".compare").evaluate("e => e.style.getPropertyValue('--at')") == "1%"


def test_the_lens_follows_the_pointer(upscale: Page) -> None:
    enlarge(upscale)
    upscale.locator(".lens-button").click()
    box = upscale.locator(".compare").bounding_box()
    upscale.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(upscale.locator(".compare .lens")).to_be_visible()


def test_strength_is_seen_at_once_and_the_file_follows_with_it_in_its_recipe(
    upscale: Page, tmp_path: Path
) -> None:
    enlarge(upscale)
    before, after = (
        np.asarray(Image.open(io.BytesIO(shown(upscale, side))).convert("RGB")).astype(float)
        for side in ("before", "after")
    )
    link = upscale.locator("#upscale-download a").get_attribute("href")
    upscale.get_by_label("number input for Strength").fill("0.4")
    upscale.get_by_label("number input for Strength").press("Tab")
    expect(upscale.locator(".compare img.after")).to_have_css("opacity", "0.4")
    expect(upscale.locator("#upscale-download a")).not_to_have_attribute("href", link)
    path = tmp_path / "mixed.png"
    path.write_bytes(result(upscale))
    assert from_picture(path).settings["strength"] == 0.4
    made = np.asarray(Image.open(path)).astype(float)
    assert (
        np.abs(made - after).max() > 5 and np.abs(made - (0.4 * after + 0.6 * before)).max() <= 1
    ), "what is seen is what is saved"
    link = upscale.locator("#upscale-download a").get_attribute("href")
    upscale.get_by_label("Keep the original colours").locator("visible=true").check()
    expect(upscale.locator("#upscale-download a")).not_to_have_attribute("href", link)
    expect(upscale.locator(".compare img.after")).to_have_css("opacity", "0.4")


def shown(page: Page, side: str) -> bytes:
    return page.request.get(page.locator(f".compare img.{side}").evaluate("e => e.src")).body()


def drag(page: Page, left: float, top: float, right: float, bottom: float) -> None:
    """With the mouse over the picture in the box; in shares of it."""
    shown = page.locator("#upscale-picture .image-frame img")
    expect(shown).to_have_js_property("complete", True)
    box = shown.evaluate("""e => {
        const b = e.getBoundingClientRect();
        const most = getComputedStyle(e).objectFit === "scale-down" ? 1 : Infinity;
        const z = Math.min(b.width / e.naturalWidth, b.height / e.naturalHeight, most);
        const w = e.naturalWidth * z, h = e.naturalHeight * z;
        return [b.left + (b.width - w) / 2, b.top + (b.height - h) / 2, w, h];
    }""")
    page.mouse.move(box[0] + left * box[2], box[1] + top * box[3])
    page.mouse.down()
    page.mouse.move(box[0] + right * box[2], box[1] + bottom * box[3], steps=4)
    page.mouse.up()


def numbers(page: Page) -> list[int]:
    return [int(n) for n in page.get_by_label("Crop: x, y, width, height").input_value().split(",")]


def test_a_crop_is_dragged_clicked_or_typed(upscale: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.open(EXAMPLES / "cat.png").resize((400, 300)).save(large)
    upscale.get_by_label("Clear").or_(upscale.get_by_label("Remove Image")).first.click()
    upscale.locator("#upscale-picture input[type=file]").set_input_files(large)
    expect(upscale.locator("#upscale-picture img")).to_have_attribute("src", re.compile("large"))
    drag(upscale, 0.75, 0.6, 0.25, 0.2)
    assert np.allclose(numbers(upscale), [100, 60, 200, 120], atol=3)
    expect(upscale.locator(".crop-frame")).to_be_visible()
    drag(upscale, 0.5, 0.5, 0.5, 0.5)
    assert np.allclose(numbers(upscale), [152, 102, 96, 96], atol=2)
    upscale.get_by_label("Crop: x, y, width, height").fill("300, 200, 40, 30")
    frame, picture = (
        upscale.locator(".crop-frame").bounding_box(),
        upscale.locator("#upscale-picture img").bounding_box(),
    )
    assert (
        frame["width"] < picture["width"] / 4 and frame["x"] > picture["x"] + picture["width"] / 2
    )
    upscale.locator("#upscale-try").click()
    cell = upscale.locator("#upscale-sheet .thumbnail-item img").nth(1)
    expect(cell).to_be_visible(timeout=60_000)
    # this part, four times as large
    for side, pixels in (
        ("naturalWidth", 160),
        ("naturalHeight", 120),
    ):
        expect(cell).to_have_js_property(side, pixels)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("1, 2, 3", "A crop is four whole numbers"),
        ("40, 30, 100, 100", "does not lie inside a picture of 48 x 36"),
    ],
)
def test_a_crop_that_is_none_is_one_sentence(upscale: Page, typed: str, said: str) -> None:
    upscale.get_by_label("Crop: x, y, width, height").fill(typed)
    upscale.locator("#upscale-try").click()
    expect(upscale.locator(f"{LINE} [role=alert]")).to_contain_text(said)
    expect(upscale.locator("#upscale-go")).to_be_visible()


def own_file(page: Page, path: Path) -> None:
    if not page.locator("#upscale-weights").is_visible():
        unfold(page, "upscale-more")
    page.locator("#upscale-weights input[type=file]").set_input_files(path)


def test_a_checkpoint_file_of_ones_own(upscale: Page, engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "my-secret.pth"
    torch.save({"state_dict": files.lively(files.Lornatang()).state_dict()}, path)
    own_file(upscale, path)
    expect(upscale.locator(".chips").filter(has_text="your file")).to_contain_text("srresnet")
    enlarge(upscale)
    made = tmp_path / "result.png"
    made.write_bytes(result(upscale))
    recipe = from_picture(made)
    assert (
        recipe.checkpoint == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
        and "secret" not in recipe.to_json()
    )
    upscale.locator("#upscale-restore").locator("xpath=..").locator(
        "input[type=file]"
    ).first.set_input_files(made)
    expect(upscale.locator(LINE)).to_contain_text("under More your checkpoint file")
    upscale.locator("#upscale-try").click()
    cells = upscale.locator("#upscale-sheet .thumbnail-item")
    expect(cells).to_have_count(2 + ship(engine), timeout=120_000)
    assert "your file" in upscale.locator("#upscale-sheet .caption-label").nth(1).inner_text()
    cells.nth(3).click()
    expect(upscale.locator("#upscale-model input")).to_have_value(re.compile("SPAN"))
    expect(upscale.locator("#upscale-weights")).not_to_contain_text("secret")
    enlarge(upscale)
    made.write_bytes(result(upscale))
    assert from_picture(made).checkpoint == "spanx4", "the model that was clicked took its place"


def test_noise_is_a_slider_only_where_a_model_lets_one_choose(upscale: Page) -> None:
    expect(upscale.locator("#upscale-denoise")).to_be_hidden()
    for name, shown in (("noise by choice", True), ("SPAN", False)):
        upscale.locator("#upscale-model input").click()
        upscale.get_by_role("option", name=name).first.click()
        expect(upscale.locator("#upscale-denoise")).to_be_visible(visible=shown)


def test_a_file_that_is_no_checkpoint_is_one_sentence_and_gone(
    upscale: Page, tmp_path: Path
) -> None:
    (tmp_path / "trap.pth").write_bytes(pickle.dumps({"weights": EXAMPLES}))
    own_file(upscale, tmp_path / "trap.pth")
    expect(upscale.locator(f"{LINE} [role=alert]")).to_contain_text("trap.pth")
    expect(upscale.locator("#upscale-weights")).not_to_contain_text("trap")
    enlarge(upscale)


def ship(engine: Engine) -> int:
    """How many upscalers are here."""
    return sum(engine.models.here(row) for row in engine.models.rows("upscale"))


def test_every_model_is_tried_on_a_crop_and_a_click_takes_one(
    upscale: Page, engine: Engine
) -> None:
    upscale.locator("#upscale-try").click()
    cells = upscale.locator("#upscale-sheet .thumbnail-item")
    expect(cells).to_have_count(1 + ship(engine), timeout=120_000)
    captions = upscale.locator("#upscale-sheet .caption-label").all_inner_texts()
    assert "bicubic" in captions[0] and all(" s · " in c for c in captions[1:]), (
        "seconds and licence under each"
    )
    cells.nth(1).click()
    expect(upscale.locator("#upscale-model input")).to_have_value("Real-ESRGAN x4plus")


def test_many_pictures_one_that_fails_does_not_stop_the_rest(
    upscale: Page, cat: Path, tmp_path: Path
) -> None:
    page = tmp_path / "holiday.jpg"
    page.write_text("<html>not a picture</html>")
    upscale.locator("#upscale-many button").first.click()
    upscale.locator("#upscale-files input[type=file]").set_input_files([cat, page, cat])
    expect(upscale.locator("#upscale-files")).to_contain_text("holiday")
    upscale.locator("#upscale-files-go").click()
    expect(upscale.locator("#upscale-rows tr").nth(2)).to_contain_text("done in", timeout=60_000)
    expect(upscale.locator("#upscale-rows tr").nth(1)).to_contain_text("not a picture")
    expect(upscale.locator("#upscale-rows a")).to_be_visible()
    with upscale.expect_download() as download:
        upscale.locator("#upscale-rows a").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(archive.namelist())[-1] == "manifest.json" and len(archive.namelist()) == 3


def test_a_page_renamed_to_jpg_is_one_sentence(upscale: Page, tmp_path: Path) -> None:
    page = tmp_path / "photo.jpg"
    page.write_text("<html><body>hello</body></html>")
    upscale.get_by_label("Clear").or_(upscale.get_by_label("Remove Image")).first.click()
    upscale.locator("#upscale-picture input[type=file]").set_input_files(page)
    upscale.locator("#upscale-go").click()
    expect(upscale.locator(f"{LINE} [role=alert]")).to_contain_text("picture", timeout=30_000)


def test_no_picture_is_one_sentence(page: Page) -> None:
    open_tab(page, "Upscale")
    page.locator("#upscale-go").click()
    expect(page.locator(f"{LINE} [role=alert]")).to_contain_text("There is no picture yet")
    # where the person looks: right under the button, and said once
    answer = page.locator(".answer [role=alert]")
    expect(answer).to_be_in_viewport(ratio=1)
    expect(page.locator("#upscale-go + .answer")).to_have_count(1)
    expect(page.locator(f"{LINE} [role=alert]")).to_be_hidden()
    page.locator("#upscale-copy").click()
    expect(answer).to_have_count(0)


def test_the_picture_that_was_brought_stands_on_the_stage_before_a_run(
    page: Page, tmp_path: Path
) -> None:
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side in the file
    Image.open(EXAMPLES / "cat.png").convert("RGB").resize((200, 100)).save(turned, exif=exif)
    open_tab(page, "Upscale")
    expect(page.locator("#upscale-view .compare")).to_be_visible()
    page.locator("#upscale-picture input[type=file]").set_input_files(turned)
    expect(page.locator("#upscale-view .alone .tag")).to_have_text("Before · 100 x 200")
    shown = page.locator("#upscale-view img.before")
    expect(shown).to_have_js_property("naturalWidth", 100)
    expect(page.locator("#upscale-view img.after")).to_have_count(0)
    expect(page.locator(LINE)).not_to_contain_text("example")


def test_stop_ends_within_a_tile_and_keeps_the_part_that_is_done(
    upscale: Page, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    Image.open(EXAMPLES / "cat.png").resize((400, 6000)).save(large)
    upscale.get_by_label("Clear").or_(upscale.get_by_label("Remove Image")).first.click()
    upscale.locator("#upscale-picture input[type=file]").set_input_files(large)
    expect(upscale.locator("#upscale-picture img")).to_be_visible()
    unfold(upscale, "upscale-more")
    upscale.get_by_label("Tile in pixels (0: by the memory)").fill("96")
    upscale.get_by_label("Tile in pixels (0: by the memory)").press("Tab")
    upscale.locator("#upscale-go").click()
    expect(upscale.locator(LINE)).to_contain_text("left", timeout=60_000)
    # the first row of tiles is through: eight of them here, at most one a call
    expect(upscale.locator(LINE)).to_contain_text(
        re.compile(r"\b([2-9]\d|[1-9]\d\d) network calls"), timeout=120_000
    )
    expect(upscale.locator("#upscale-view img.rows").first).to_be_visible()
    upscale.locator("#upscale-stop").click()
    expect(upscale.locator(LINE)).to_contain_text("stopped")
    expect(upscale.locator("#upscale-view img.part")).to_be_visible()
    expect(upscale.locator("#upscale-view .tag")).to_contain_text(re.compile(r"done: 1600 x \d+"))
    said = upscale.locator(LINE).inner_text()
    upscale.wait_for_timeout(1500)
    assert upscale.locator(LINE).inner_text() == said, "nothing runs on"


def test_delete_removes_the_upload_and_the_result_from_the_disk(upscale: Page) -> None:
    enlarge(upscale)
    address = upscale.locator("#upscale-picture img").get_attribute("src")
    assert urllib.request.urlopen(address).status == 200
    seen(upscale, "upscale-view")
    upscale.locator("#upscale-delete").click()
    expect(upscale.locator("#upscale-view .compare")).to_have_count(0)
    path = address.split("file=")[1]
    assert not Path(path).exists()


def test_programs_enlarge_too(url: str, cat: Path, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    files, facts = Client(url, verbose=False, download_files=tmp_path).predict(
        handle_file(cat), model="spanx4", width=100, api_name="/upscale"
    )
    assert Image.open(files[0]).size == (100, 75)
    assert facts["figures"][0]["consistency_db"] > 30 and facts["report"]["pictures"] == 1


def test_programs_bring_a_checkpoint_file_too(url: str, cat: Path, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    torch.save(files.lively(files.Lornatang()).state_dict(), tmp_path / "mine.pth")
    client = Client(url, verbose=False, download_files=tmp_path)
    made, facts = client.predict(
        handle_file(cat), weights=handle_file(tmp_path / "mine.pth"), api_name="/upscale"
    )
    assert Image.open(made[0]).size == (192, 144)
    assert (
        facts["recipe"]["checkpoint"]
        == "sha256:" + hashlib.sha256((tmp_path / "mine.pth").read_bytes()).hexdigest()
    )

"""What a page shows of a picture stays under two megapixels, however large the file is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from gradio.data_classes import FileData, ListFiles
from PIL import Image
from playwright.sync_api import Page, expect

from ganapps.engine import Engine, on_files
from ganapps.pictures import images
from ganapps.recipe import Recipe
from ganapps.report import Part
from ganapps.tasks import finish
from ganapps.ui.parts import common, keeping
from ganapps.ui.parts.boxes import FileBox, FileButton, PictureBox
from ganapps.ui.parts.lanes import LARGE
from tests.window import open_tab

TABS = ("upscale", "translate")
MOST = 2_000_000  # pixels
SIZES = [(1600, 24000), (5000, 4000), (1600, 1500), (30000, 3)]  # width, height
UI = Path(__file__).parent.parent / "ganapps" / "ui"


def pixels(path: str | Path) -> int:
    with Image.open(path) as picture:
        return picture.width * picture.height


@pytest.mark.parametrize("size", SIZES)
def test_before_and_after_are_of_one_small_size(size: tuple[int, int]) -> None:
    result = np.zeros((size[1], size[0], 1), np.uint8)
    both = finish.shown(result, np.zeros((4, 4, 1), np.uint8))
    assert both["before"].size == both["after"].size
    width, height = both["after"].size
    assert width * height < MOST and max(width, height) <= 1600


@pytest.mark.parametrize("size", SIZES)
def test_a_part_a_heat_map_and_a_cell_are_small_files(
    size: tuple[int, int], tmp_path: Path
) -> None:
    whole = np.zeros((size[1], size[0], 1), np.uint8)
    part = images.part_picture([Part(whole)])
    traces: list[str] = []
    for picture in (part, Image.new("L", size)):
        assert pixels(keeping.shown_file(picture, traces)) < MOST
        assert pixels(images.save_shown(picture, tmp_path / "cell.png")) < MOST


def test_a_row_of_large_pictures_is_light(tmp_path: Path) -> None:
    large = Image.radial_gradient("L").resize((1024, 1024)).convert("RGB")
    recipe = Recipe("faces", "stylegan2-ffhq", {"seed": 1})
    file = str(images.save_png(large, tmp_path / "seed-1.png", recipe))
    ((view, caption),) = common.views([(file, "seed 1")])
    with Image.open(view) as shown:
        assert shown.size == (512, 512) and caption == "seed 1"
    assert Path(view).parent == tmp_path and Path(view).stat().st_size < 40_000
    first = Path(view).stat().st_mtime_ns
    assert common.views([(file, "")]) == [(view, "")]
    assert Path(view).stat().st_mtime_ns == first, "made once"


@pytest.mark.parametrize("size", [(48, 36), (1600, 1200), (1400, 1400), (1, 1600)])
def test_what_is_small_is_shown_as_it_is(size: tuple[int, int]) -> None:
    assert images.shown_size(size) == size


def test_no_other_way_leads_into_the_page() -> None:
    assert LARGE**2 < MOST
    for path in UI.rglob("*.py"):
        saves = re.findall(r"([\w.]*)\.save\(", path.read_text(encoding="utf-8"))
        assert not saves, f"{path.name}: images.save_shown keeps what is only looked at small"


@pytest.mark.parametrize(
    ("tab", "box"), [("Upscale", "upscale-picture"), ("Translate", "translate-picture")]
)
def test_a_picture_box_draws_a_small_copy(page: Page, tmp_path: Path, tab: str, box: str) -> None:
    large = tmp_path / "large.png"
    Image.new("L", (400, 8000), 90).save(large)
    open_tab(page, tab)
    page.locator(f"#{box} input[type=file]").set_input_files(large)
    shown = page.locator(f"#{box} .image-frame img")
    expect(shown).to_have_attribute("src", re.compile("^blob:"))
    expect(shown).to_have_attribute("data-height", "8000")
    # an image has no size until its copy is decoded
    expect(shown).not_to_have_js_property("naturalHeight", 0)
    area = "images => Math.max(...images.map(i => i.naturalWidth * i.naturalHeight))"
    assert 0 < page.locator("img").evaluate_all(area) < MOST


def test_a_crop_on_a_small_copy_counts_in_the_picture_s_own_pixels(
    page: Page, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    Image.new("L", (4000, 2000), 90).save(large)
    open_tab(page, "Upscale")
    page.locator("#upscale-picture input[type=file]").set_input_files(large)
    shown = page.locator("#upscale-picture .image-frame img")
    expect(shown).to_have_attribute("src", re.compile("^blob:"))
    expect(shown).to_have_js_property("complete", True)
    shown.click()
    crop = page.get_by_label("Crop: x, y, width, height")
    expect(crop).to_have_value(re.compile(r"^\d+, \d+, 96, 96$"))
    x, y = (int(n) for n in crop.input_value().split(", ")[:2])
    assert abs(x - 1952) < 60 and abs(y - 952) < 60


def test_the_true_picture_is_measured_whole(engine: Engine, tmp_path: Path) -> None:
    """The copy is only looked at: what is compared is the file."""
    Image.new("L", (1500, 1500), 90).save(tmp_path / "large.png")
    path = str(tmp_path / "large.png")
    assert on_files.against_truth(path, path)["psnr_db"] > 90


def test_a_picture_box_shows_what_no_browser_does(page: Page, tmp_path: Path) -> None:
    """A TIFF is seen, and the file itself is enlarged, cropped in its own pixels."""
    Image.new("RGB", (1200, 900), (200, 30, 30)).save(tmp_path / "scan.tif")
    open_tab(page, "Upscale")
    page.locator("#upscale-picture input[type=file]").set_input_files(tmp_path / "scan.tif")
    shown = page.locator("#upscale-picture .image-frame img")
    expect(shown).to_have_attribute("src", re.compile("^blob:"))
    expect(shown).to_have_js_property("naturalWidth", 800)
    expect(shown).to_have_attribute("data-width", "1200")
    shown.click()
    crop = page.get_by_label("Crop: x, y, width, height")
    expect(crop).to_have_value(re.compile(r"^\d+, \d+, 96, 96$"))
    x, y = (int(n) for n in crop.input_value().split(", ")[:2])
    assert abs(x - 552) < 30 and abs(y - 402) < 30


def test_what_can_t_be_shown_says_why_in_its_place(page: Page, tmp_path: Path) -> None:
    (tmp_path / "broken.tif").write_bytes(b"II*\0" + bytes(40))
    open_tab(page, "Translate")
    page.locator("#translate-picture input[type=file]").set_input_files(tmp_path / "broken.tif")
    shown = page.locator("#translate-picture .image-frame img")
    expect(shown).to_have_attribute("alt", re.compile(r"^This .*\.$"))


def test_a_box_hands_on_the_path_of_what_came_after_an_update_too() -> None:
    """Gradio builds a box anew after every update, of its class and what it was made with."""
    came = FileData(path="broken.tif", orig_name="broken.tif")
    for kind, name in ((PictureBox, "image"), (FileBox, "file"), (FileButton, "uploadbutton")):
        anew = kind(**kind(render=False).constructor_args)
        assert anew.preprocess(came) == "broken.tif"
        assert anew.preprocess(ListFiles(root=[came])) == ["broken.tif"]
        assert anew.preprocess(None) is None
        assert anew.get_block_name() == name

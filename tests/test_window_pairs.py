"""The translate tab over a pair of tiny generators and a tiny StarGAN of a person's own catalogue:
there and back, and attributes of a face.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import watch
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from safetensors.torch import save_file
from test_networks_translate import made, resnet, stargan

from ganapps import engine
from ganapps.pictures.inside import from_picture
from ganapps.ui.parts.before_after import EXAMPLES
from ganapps.ui.parts.cycle import LOSSES
from ganapps.ui.words import chinese
from tests.window import choose, open_tab, run, served, unfold

ROW = """
[[checkpoint]]
id = "{id}"
title = "{title}"
task = "translate"
network = "{network}"
sources = [{{ file = "{id}.safetensors" }}]
format = "safetensors"
licence = "CC0-1.0"
commercial = "yes"
trained_on = "nothing"
paper = "none"
parameters = 0
data = "nothing"
{more}
"""
ROWS = (
    ("there", "There", "cyclegan", 'domains = ["horse", "zebra"]\nback = "back"'),
    ("back", "Back", "cyclegan", 'domains = ["zebra", "horse"]\nback = "there"'),
    ("stargan", "Faces of stars", "stargan", ""),
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The window over the shipped rows and these."""
    folder = tmp_path_factory.mktemp("own")
    weights = made(resnet())
    save_file(weights, folder / "there.safetensors")
    save_file(
        {name: tensor.flip(0).contiguous() for name, tensor in weights.items()},
        folder / "back.safetensors",
    )
    save_file(made(stargan()), folder / "stargan.safetensors")
    (folder / "rows.toml").write_text(
        "".join(ROW.format(id=i, title=t, network=n, more=m) for i, t, n, m in ROWS)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAPPS_WEIGHTS", str(folder))
        own = engine.start("cpu", own_catalog=str(folder / "rows.toml"))
        with served(own, ("faces", "upscale", "translate")) as address:
            yield address


@pytest.fixture
def translate(page: Page, tmp_path: Path) -> Page:
    """The tab with a small picture in it."""
    Image.open(EXAMPLES[1]).crop((40, 20, 88, 60)).save(tmp_path / "small.png")
    open_tab(page, "Translate")
    page.locator("#translate-picture input[type=file]").set_input_files(tmp_path / "small.png")
    expect(page.locator("#translate-picture img")).to_be_visible()
    return page


def result(page: Page, path: Path) -> Path:
    with page.expect_download() as download:
        page.locator("#translate-download a").click()
    download.value.save_as(path)
    return path


def test_there_and_back_with_the_figure_the_map_and_the_losses(translate: Page) -> None:
    choose(translate, "translate-model", "There")
    run(translate, "translate")
    translate.locator("#translate-cycle-go").click()
    expect(translate.locator("#translate-cycle tr")).to_have_count(3, timeout=60_000)
    expect(translate.locator("#translate-cycle figure img")).to_have_count(3)
    expect(translate.locator("#translate-cycle .verdict")).to_have_text(
        re.compile(r"^Returns \d+\.\d % of your picture\.$")
    )
    losses = [
        float(cell)
        for cell in translate.locator("#translate-cycle td:nth-child(2)").all_inner_texts()
    ]
    assert all(0 < loss < 2 for loss in losses) and len(set(losses)) == 3
    expect(translate.locator("#translate-go")).to_be_visible()


def test_our_own_pair_goes_there_and_back(translate: Page) -> None:
    choose(translate, "translate-model", "Photo to painting (ours)")
    run(translate, "translate")
    translate.locator("#translate-cycle-go").click()
    expect(translate.locator("#translate-cycle tr")).to_have_count(3, timeout=120_000)
    percent = float(
        re.search(
            r"Returns (\d+\.\d) %", translate.locator("#translate-cycle .verdict").inner_text()
        )[1]
    )
    assert 0 <= percent <= 100


def test_a_new_result_takes_the_cycle_check_away(translate: Page) -> None:
    choose(translate, "translate-model", "There")
    run(translate, "translate")
    translate.locator("#translate-cycle-go").click()
    expect(translate.locator("#translate-cycle tr")).to_have_count(3, timeout=60_000)
    expect(translate.locator("#translate-go")).to_be_visible()
    translate.locator("#translate-switch").click()
    expect(translate.locator("#translate-model input")).to_have_value("Back")
    run(translate, "translate")
    expect(translate.locator("#translate-cycle figure")).to_have_count(0)


def test_the_check_is_of_the_model_that_made_the_result(translate: Page) -> None:
    """Not of the one that is chosen now."""
    choose(translate, "translate-model", "26 painted styles")
    run(translate, "translate")
    choose(translate, "translate-model", "There")
    translate.locator("#translate-cycle-go").click()
    expect(translate.locator("#translate-line [role=alert]")).to_contain_text("has no twin")


def test_attributes_of_a_face_by_name(translate: Page, tmp_path: Path) -> None:
    choose(translate, "translate-model", "Faces of stars")
    boxes = translate.locator("#translate-face")
    expect(boxes.get_by_role("checkbox")).to_have_count(5)
    boxes.get_by_label("Blond hair").check()
    boxes.get_by_label("Young").check()
    run(translate, "translate")
    young = result(translate, tmp_path / "young.png")
    assert from_picture(young).settings["labels"] == {"Blond hair": 1.0, "Young": 1.0}
    link = translate.locator("#translate-download a")
    first = link.get_attribute("href") or ""
    boxes.get_by_label("Young").uncheck()
    run(translate, "translate")
    # what the first run left may stand there still
    expect(link).not_to_have_attribute("href", first, timeout=60_000)
    old = result(translate, tmp_path / "old.png")
    assert (
        from_picture(old).settings["labels"] == {"Blond hair": 1.0}
        and old.read_bytes() != young.read_bytes()
    )
    choose(translate, "translate-model", "There")
    expect(boxes).not_to_be_visible()


def test_a_file_of_one_s_own_has_its_attributes_too(translate: Page, tmp_path: Path) -> None:
    save_file(made(stargan()), tmp_path / "200000-G.safetensors")
    expect(translate.locator("#translate-face")).not_to_be_visible()
    unfold(translate, "translate-more")
    translate.locator("#translate-weights input[type=file]").set_input_files(
        tmp_path / "200000-G.safetensors"
    )
    translate.locator("#translate-face").get_by_label("Brown hair").check()
    run(translate, "translate")
    recipe = from_picture(result(translate, tmp_path / "brown.png"))
    assert recipe.checkpoint.startswith("sha256:") and recipe.settings["labels"] == {
        "Brown hair": 1.0
    }
    choose(translate, "translate-model", "There")
    expect(translate.locator("#translate-face")).not_to_be_visible()


def test_a_dropped_result_ticks_its_attributes_again(translate: Page, tmp_path: Path) -> None:
    choose(translate, "translate-model", "Faces of stars")
    translate.locator("#translate-face").get_by_label("Male").check()
    run(translate, "translate")
    path = result(translate, tmp_path / "male.png")
    choose(translate, "translate-model", "There")
    translate.locator("#translate-restore").locator("xpath=..").locator(
        "input[type=file]"
    ).first.set_input_files(path)
    expect(translate.locator("#translate-face").get_by_label("Male")).to_be_checked()
    expect(translate.locator("#translate-face").get_by_label("Young")).not_to_be_checked()


def test_chinese_visitors_read_the_attributes_in_chinese(browser: Browser, url: str) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    faults = watch(page, url)
    page.goto(url)
    open_tab(page, "转换")
    choose(page, "translate-model", "Faces of stars")
    expect(page.locator("#translate-face").get_by_label("金发")).to_be_visible()
    open_tab(page, "放大")
    expect(page.locator("#upscale-size input")).to_have_value("模型的倍数")
    open_tab(page, "人脸")
    unfold(page, "faces-more")
    expect(page.locator("#faces-noise input")).to_have_value("固定")
    page.get_by_role("button", name="更多面部特征").click()
    expect(page.get_by_label("胡须").locator("visible=true")).to_be_visible()
    context.close()
    assert not faults


def test_programs_ask_by_name(url: str, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    Image.open(EXAMPLES[0]).resize((40, 40)).save(tmp_path / "face.png")
    _, facts = Client(url, verbose=False).predict(
        handle_file(tmp_path / "face.png"),
        model="stargan",
        labels={"Male": 1},
        api_name="/translate",
    )
    assert facts["recipe"]["settings"]["labels"] == {"Male": 1} and json.dumps(facts)


def test_the_losses_have_their_chinese() -> None:
    assert all(word in chinese() for pair in LOSSES.values() for word in pair)

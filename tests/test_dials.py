"""What a diffusion model among the upscalers and translators can be told, in the real window, with
tiny models of a person's own catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ganapps.engine import Engine
from ganapps.pictures.inside import from_picture, png_info
from tests import small_stable
from tests.window import choose, open_tab, served


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The window over the shipped rows and these."""
    folder = tmp_path_factory.mktemp("own")
    with small_stable.engine(folder) as own, served(own, ("upscale", "translate")) as address:
        yield address


def opened(page: Page, title: str, tmp_path: Path) -> str:
    """The tab with a small picture in it: what its ids begin with."""
    path, name = tmp_path / "small.png", title.lower()
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (24, 32, 3), np.uint8)).save(path)
    open_tab(page, title)
    page.locator(f"#{name}-picture input[type=file]").set_input_files(path)
    expect(page.locator(f"#{name}-picture img")).to_be_visible()
    return name


def number(page: Page, name: str, dial: str):
    return page.locator(f"#{name}-{dial} input[type=number]")


def turn(page: Page, name: str, dial: str, value: str) -> None:
    number(page, name, dial).fill(value)
    number(page, name, dial).press("Tab")


def result(page: Page, name: str, path: Path):
    """The recipe of what a run gives."""
    page.locator(f"#{name}-go").click()
    expect(page.locator(f"#{name}-download a")).to_be_visible(timeout=60_000)
    expect(page.locator(f"#{name}-go")).to_be_visible()
    with page.expect_download() as download:
        page.locator(f"#{name}-download a").click()
    download.value.save_as(path)
    return from_picture(path)


def test_an_upscaler_made_of_diffusion_has_steps_noise_and_a_seed(
    page: Page, tmp_path: Path
) -> None:
    name = opened(page, "Upscale", tmp_path)
    expect(page.locator("#upscale-dials:visible")).to_have_count(0)
    choose(page, f"{name}-model", "Enlarger")
    expect(number(page, name, "steps")).to_have_value("20")
    expect(number(page, name, "noise-level")).to_have_value("20")
    turn(page, name, "steps", "3")
    turn(page, name, "noise-level", "50")
    page.locator("#upscale-dial-seed input, #upscale-dial-seed textarea").fill("7")
    made = result(page, name, tmp_path / "large.png")
    assert (
        made.checkpoint,
        made.settings["steps"],
        made.settings["noise_level"],
        made.settings["seed"],
    ) == ("enlarger", 3, 50, 7)
    choose(page, f"{name}-model", "SPAN x4 (fast)")
    expect(page.locator("#upscale-dials:visible")).to_have_count(0)


def test_an_editor_has_both_guidances_and_its_recipe_fills_them(page: Page, tmp_path: Path) -> None:
    name = opened(page, "Translate", tmp_path)
    choose(page, f"{name}-model", "Editor")
    expect(number(page, name, "guidance")).to_have_value("7.5")
    page.get_by_label("What should change").fill("a cat")
    turn(page, name, "steps", "2")
    turn(page, name, "image-guidance", "2")
    made = result(page, name, tmp_path / "edited.png")
    asked = {k: made.settings[k] for k in ("prompt", "steps", "guidance", "image_guidance", "seed")}
    assert asked == {"prompt": "a cat", "steps": 2, "guidance": 7.5, "image_guidance": 2, "seed": 0}
    other = made.with_settings(steps=5, guidance=3.5, seed=11)
    Image.new("RGB", (8, 8)).save(tmp_path / "other.png", pnginfo=png_info(other))
    page.locator("#translate-restore").locator("xpath=..").locator(
        "input[type=file]"
    ).first.set_input_files(tmp_path / "other.png")
    expect(number(page, name, "steps")).to_have_value("5")
    expect(number(page, name, "guidance")).to_have_value("3.5")
    expect(page.locator("#translate-dial-seed input, #translate-dial-seed textarea")).to_have_value(
        "11"
    )


def test_every_model_at_once_leaves_an_editor_out_that_was_told_nothing(
    page: Page, engine: Engine, tmp_path: Path
) -> None:
    name, ships = (
        opened(page, "Translate", tmp_path),
        sum(engine.models.here(row) for row in engine.models.rows("translate")),
    )
    sheet = page.locator("#translate-sheet .thumbnail-item")
    page.locator("#translate-try").click()
    expect(sheet).to_have_count(ships, timeout=60_000)
    expect(page.locator("#translate-go")).to_be_visible(timeout=60_000)
    assert "Editor" not in page.locator("#translate-sheet").inner_text()
    choose(page, f"{name}-model", "Editor")
    page.get_by_label("What should change").fill("a cat")
    page.locator("#translate-try").click()
    expect(sheet).to_have_count(ships + 1, timeout=60_000)
    assert "Editor" in page.locator("#translate-sheet").inner_text()


def test_programs_turn_the_dials_too(url: str, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    path = tmp_path / "small.png"
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (24, 32, 3), np.uint8)).save(path)
    client = Client(url, verbose=False)
    large = client.predict(
        handle_file(path), "enlarger", steps=2, noise_level=50, seed="Ann", api_name="/upscale"
    )[1]["recipe"]["settings"]
    assert (large["steps"], large["noise_level"], large["seed"]) == (2, 50, "Ann")
    edited = client.predict(
        handle_file(path),
        "editor",
        prompt="a cat",
        steps=2,
        image_guidance=2.0,
        api_name="/translate",
    )[1]["recipe"]["settings"]
    assert (edited["prompt"], edited["steps"], edited["image_guidance"], edited["guidance"]) == (
        "a cat",
        2,
        2.0,
        7.5,
    ), "what is left out, the row says"

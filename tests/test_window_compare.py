"""The compare tab in a real Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect


@pytest.fixture
def arena(page: Page) -> Page:
    """The compare tab, with few steps so that a race is quick."""
    page.get_by_role("tab", name="Compare").click()
    page.get_by_label("number input for Diffusion steps").fill("4")
    page.get_by_label("number input for Diffusion steps").press("Tab")
    return page


def test_a_race_shows_both_lanes_and_says_what_happened(arena: Page) -> None:
    arena.locator("#compare-go").click()
    expect(arena.locator(".verdict")).to_contain_text("one diffusion picture", timeout=60_000)
    expect(arena.locator("#compare-gan-lane .thumbs img")).to_have_count(1)
    expect(arena.locator(".film-strip img")).to_have_count(4)
    expect(arena.locator(".clock output").first).to_contain_text(re.compile(r"0\.\d\d s"))
    rows = arena.locator("#compare-figures tr").all_inner_texts()
    assert any(r.startswith("Network calls a picture\t1\t4") for r in rows)
    expect(arena.locator("#compare-go")).to_be_visible()


def test_equal_network_calls_fills_the_gans_lane(arena: Page) -> None:
    arena.get_by_label("equal network calls").check()
    arena.locator("#compare-go").click()
    expect(arena.locator(".verdict")).to_be_visible(timeout=60_000)
    expect(arena.locator("#compare-gan-lane .thumbs img")).to_have_count(4)


def test_the_film_can_be_stepped_through_afterwards(arena: Page) -> None:
    arena.locator("#compare-go").click()
    expect(arena.locator(".verdict")).to_be_visible(timeout=60_000)
    last = arena.locator("img.noise").get_attribute("src")
    scrub = arena.get_by_label("Step through the film")
    scrub.focus()
    scrub.press("Home")
    first = arena.locator("img.noise").get_attribute("src")
    assert first != last and first == arena.locator(".film-strip img").first.get_attribute("data-noise")


def test_stop_ends_the_race_and_keeps_what_is_there(arena: Page) -> None:
    arena.get_by_label("number input for Diffusion steps").fill("250")
    arena.get_by_label("number input for Diffusion steps").press("Tab")
    arena.locator("#compare-go").click()
    expect(arena.locator(".film-strip img").nth(2)).to_be_attached(timeout=60_000)
    arena.locator("#compare-stop").click()
    expect(arena.locator("#compare-go")).to_be_visible()
    seen = arena.locator(".film-strip img").count()
    arena.wait_for_timeout(1500)
    assert arena.locator(".film-strip img").count() - seen <= 1 and seen < 200


def test_a_pair_that_learned_from_other_pictures_says_so_loudly(arena: Page) -> None:
    arena.locator("#compare-diffusion input").click()
    arena.get_by_role("option", name=re.compile("DDPM CelebA-HQ 256 \\(not here")).click()
    expect(arena.locator("#compare-notice [role=note]")).to_contain_text("Not the same pictures")


def test_a_rival_that_can_not_be_had_is_one_sentence(arena: Page) -> None:
    arena.locator("#compare-diffusion input").click()
    arena.get_by_role("option", name=re.compile("DDPM CelebA-HQ 256 \\(not here")).click()
    arena.locator("#compare-go").click()
    expect(arena.locator("#compare-sentence [role=alert]")).to_contain_text("can't be reached", timeout=30_000)
    expect(arena.locator("#compare-go")).to_be_visible()


def test_programs_can_race_too(url: str, tmp_path: Path) -> None:
    from gradio_client import Client
    files, facts = Client(url, verbose=False, download_files=tmp_path).predict(steps=3, fair="calls", api_name="/compare")
    assert facts["network_calls"] == [3, 3] and facts["pictures"] == [3, 1] and len(files) == 4

"""A page that is reloaded finds its upload, its run and its result again; nobody else does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from ganapps.engine import Engine
from ganapps.workers import runs
from ganapps.workers.runs import Runs
from tests.window import brought, leaving, open_tab, seen

TABS = ("faces", "upscale")
A, B = "a" * 32, "b" * 32  # keys of two pages


# The registry


def test_a_page_finds_its_runs_after_a_reload_and_no_other_does() -> None:
    registry = Runs()
    registry.opened(A, "first")
    registry.opened(B, "of somebody else")
    run = registry.run("run", "first", "1.1.1.1", 0.0, button=7)
    run.show({"line": {"value": "under way"}})
    registry.opened(A, "second")
    assert registry.of("second") == [run]
    assert registry.of("of somebody else") == registry.of("unheard of") == []
    assert registry.first("second") == "first", "limits go by the page, not by its reloads"


@pytest.mark.parametrize("key", ["", "guess", "A" * 32, "a" * 31, "a" * 33, "a" * 31 + "\n"])
def test_a_key_that_no_browser_drew_opens_nothing(key: str) -> None:
    registry = Runs()
    registry.opened(key, "first")
    registry.run("run", "first", "1.1.1.1", 0.0, button=7)
    registry.opened(key, "second")
    assert registry.of("second") == []


def test_what_is_told_is_merged_and_only_what_is_new_is_told_again() -> None:
    run = Runs().run("run", "page", "1.1.1.1", 0.0, button=7)
    run.show({"line": {"value": "1"}, "go": {"visible": False}})
    run.show({"line": {"value": "2", "label": "x"}})
    assert run.since(0) == {"line": {"value": "2", "label": "x"}, "go": {"visible": False}}
    assert run.since(1) == {"line": {"value": "2", "label": "x"}}
    assert run.since(2) == {}
    run.over = True
    assert run.since(0) == {}, "cut off: it would look as if it were under way"
    run.whole = True
    assert run.since(1)


def test_a_result_stays_while_its_page_is_open_and_two_minutes_after() -> None:
    registry = Runs()
    registry.opened(A, "page")
    run = registry.run("run", "page", "1.1.1.1", 0.0, button=7)
    program = registry.run("call", "call", "1.1.1.1", 0.0)
    with registry.listeners.page("page"):
        registry.tidy([], 10_000.0)
        assert registry.of("page") == [run] and len(registry) == 1, program
    left = registry.listeners._closed["page"]
    registry.tidy([], left + runs.LOST - 1)
    assert registry.of("page") == [run]
    registry.tidy([], left + runs.LOST + 1)
    assert len(registry) == 0
    registry.tidy([], left + 10 * runs.LOST)
    assert not registry._pages and not registry.listeners._closed


def test_of_each_button_the_last_result_stays_and_of_all_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = Runs()
    with registry.listeners.page("page"):
        for n in range(4):
            registry.run(f"run {n}", "page", "1.1.1.1", float(n), button=n % 2)
        registry.tidy([], 10.0)
        assert [run.name for run in registry.of("page")] == ["run 2", "run 3"]
        monkeypatch.setattr(runs, "MOST_OVER", 1)
        registry.tidy([], 10.0)
        assert [run.name for run in registry.of("page")] == ["run 3"]


def test_a_run_that_is_left_goes_on_for_two_minutes_or_until_others_wait() -> None:
    registry = Runs()
    registry.opened(A, "page")
    run = registry.run("run", "page", "1.1.1.1", 0.0, button=7)
    other = registry.run("other", "another page", "2.2.2.2", 0.0, button=7)
    listeners = registry.listeners
    with listeners.page("page"), listeners.listening("page", lambda: 100.0):
        assert listeners.forsaken([run], 1000.0) == []
    listeners._closed["page"] = 100.0
    assert listeners.forsaken([run], 100.0 + runs.LOST - 1) == []
    assert listeners.forsaken([run], 100.0 + runs.LOST + 1) == [run]
    with listeners.listening("another page"):
        assert listeners.forsaken([run, other], 100.0 + runs.CROWDED + 1) == [run]
    registry.opened(A, "page again")
    with listeners.listening("page again"):
        assert listeners.forsaken([run], 1000.0) == [], "somebody came back"


# The window


def started(page: Page, cat: Path) -> None:
    """An enlargement of the cat, asked for."""
    brought(page, cat)
    page.locator("#upscale-go").click()


def reload(page: Page) -> None:
    with leaving(page):
        page.reload()
        page.get_by_role("tab").first.wait_for()


@pytest.fixture
def stranger(browser: Browser, url: str) -> Iterator[Page]:
    """The window in somebody else's browser."""
    context: BrowserContext = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def test_upload_bar_and_result_are_there_after_a_reload(
    page: Page, stranger: Page, engine: Engine, cat: Path
) -> None:
    page.locator("#faces-archive a").wait_for(state="attached")
    with engine.worker.device.joined() as turn, turn:  # somebody else is at work
        started(page, cat)
        expect(page.locator("#upscale-line .bar")).to_be_attached()
        reload(page)
        expect(page.get_by_role("tab", name="Upscale")).to_have_attribute("aria-selected", "true")
        expect(page.locator("#upscale-picture img")).to_be_visible()
        expect(page.locator("#upscale-line .bar")).to_be_attached()
        expect(page.locator("#upscale-stop")).to_be_visible()
    expect(page.locator("#upscale-line")).to_contain_text("just as asked", timeout=60_000)
    expect(page.locator("#upscale-download a")).to_be_visible()
    expect(page.locator("#upscale-go")).to_be_visible()
    reload(page)
    expect(page.locator("#upscale-line")).to_contain_text("just as asked")
    expect(page.locator("#upscale-download a")).to_be_visible()
    expect(page.locator("#upscale-picture img")).to_be_visible()
    expect(page.locator("#upscale-model input")).to_have_value("SPAN x4 (fast)")
    stranger.get_by_role("tab", name="Upscale").click()
    expect(stranger.locator("#upscale-go")).to_be_visible()
    expect(stranger.locator("#upscale-picture img")).to_have_count(0)
    expect(stranger.locator("#upscale-download a")).to_have_count(0)


def test_faces_come_back_instead_of_the_opening_wall(page: Page) -> None:
    page.locator("#faces-archive a").wait_for(state="attached")
    page.locator("#faces-seed :is(input, textarea)").fill("1234")
    page.locator("#faces-go").click()
    expect(page.locator("#faces-go")).to_be_visible()
    expect(page.locator("#faces-link :is(input, textarea)")).to_have_value(re.compile("1234"))
    reload(page)
    expect(page.locator("#faces-seed :is(input, textarea)")).to_have_value("1234")
    expect(page.locator("#faces-link :is(input, textarea)")).to_have_value(re.compile("1234"))
    expect(page.locator("#faces-wall img")).to_have_count(12)


def test_stop_ends_a_run_that_was_come_back_to(page: Page, engine: Engine, cat: Path) -> None:
    page.locator("#faces-archive a").wait_for(state="attached")
    with engine.worker.device.joined() as turn, turn:
        started(page, cat)
        expect(page.locator("#upscale-line .bar")).to_be_attached()
        reload(page)
        page.locator("#upscale-stop").click()
        expect(page.locator("#upscale-line")).to_contain_text("stopped")
        expect(page.locator("#upscale-go")).to_be_visible()
    reload(page)
    expect(page.locator("#upscale-picture img")).to_be_visible()
    expect(page.locator("#upscale-line")).to_contain_text("stopped")
    expect(page.locator("#upscale-go")).to_be_visible()


def test_what_was_deleted_does_not_come_back(page: Page, cat: Path) -> None:
    started(page, cat)
    expect(page.locator("#upscale-download a")).to_be_visible(timeout=60_000)
    seen(page, "upscale-view")
    page.locator("#upscale-delete").click()
    expect(page.locator("#upscale-picture img")).to_have_count(0)
    reload(page)
    open_tab(page, "Upscale")
    expect(page.locator("#upscale-go")).to_be_visible()
    expect(page.locator("#upscale-picture img")).to_have_count(0)
    expect(page.locator("#upscale-download a")).to_have_count(0)

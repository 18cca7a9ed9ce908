"""What a test does with the window: serve it, open a part of it, choose a model, press Run.

Gradio draws the inside of a tab or an accordion only when it is opened, and for a moment its
widgets take back whatever is typed. A person is not that quick.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

LEFT_BEHIND = re.compile("Connection errored out")

if TYPE_CHECKING:
    from ganapps.engine import Engine


@contextmanager
def served(engine: Engine, names: Collection[str] | None = None) -> Iterator[str]:
    """The address of the window over an engine, served as app.py serves it; with the tabs of these
    names, or with all.
    """
    from ganapps import ui
    from ganapps.ui.tabs.table import TABS

    tabs = [tab for tab in TABS if names is None or tab.name in names]
    window = ui.build(engine, tabs=tabs)
    _, address, _ = window.launch(
        server_name="127.0.0.1",
        prevent_thread_lock=True,
        quiet=True,
        ssr_mode=False,
        **ui.launch_settings(),
    )
    yield address
    assert window.server is not None
    window.server.force_exit = True  # or it waits 5 s for the end of calls that nobody hears
    window.close()


@contextmanager
def leaving(page: Page) -> Iterator[None]:
    """A page is left here: what Gradio's client says to the console of streams that are open still
    is no fault.
    """
    before = len(page.faults)
    yield
    page.faults[before:] = [f for f in page.faults[before:] if not LEFT_BEHIND.search(f)]


def go(page: Page, address: str) -> None:
    """From an open page to another address."""
    with leaving(page):
        page.goto(address)


def open_tab(page: Page, title: str) -> None:
    """Go to the tab with that title, and wait until it takes input: the opening is over, whose last
    is the wall of faces and its ZIP where there is one.
    """
    expect(page.locator("#head .pill")).to_contain_text("Hub")
    if page.get_by_role("tab", name=re.compile("^(Faces|人脸)$")).count():
        page.locator("#faces-archive a").wait_for(state="attached")
    page.get_by_role("tab", name=title).click()
    _drawn(page)


def brought(page: Page, picture: Path) -> None:
    """The tab Upscale with that picture in its box and the quick model chosen."""
    open_tab(page, "Upscale")
    page.locator("#upscale-picture input[type=file]").set_input_files(picture)
    expect(page.locator("#upscale-picture img")).to_be_visible()
    page.locator("#upscale-model input").click()
    page.get_by_role("option", name="SPAN").first.click()


def unfold(page: Page, name: str) -> None:
    """Open the accordion with that id, and wait until it takes input."""
    page.locator(f"#{name} button").first.click()
    _drawn(page)


def choose(page: Page, box: str, model: str) -> None:
    """Pick the model with that title in the box with that id."""
    page.locator(f"#{box} input").click()
    # another box's list may still be closing
    page.locator(f"#{box}").get_by_role("option", name=model, exact=True).click()
    expect(page.locator(f"#{box} input")).to_have_value(model)


def run(page: Page, tab: str) -> None:
    """Press the button of a tab that works on pictures, and wait for a result that needed no
    change, and its file.
    """
    page.locator(f"#{tab}-go").click()
    expect(page.locator(f"#{tab}-line")).to_contain_text("just as asked", timeout=60_000)
    expect(page.locator(f"#{tab}-download a")).to_be_visible(timeout=60_000)
    expect(page.locator(f"#{tab}-go")).to_be_visible()


def seen(page: Page, name: str) -> None:
    """Wait until every picture in the element with that id has come: what is deleted or left while
    its picture is under way is an error in the page's console.
    """
    loaded = "(name) => [...document.querySelectorAll(`#${name} img`)].every((i) => i.complete)"
    page.wait_for_function(loaded, arg=name)


def _drawn(page: Page) -> None:
    page.evaluate("new Promise((done) => requestIdleCallback(() => requestIdleCallback(done)))")

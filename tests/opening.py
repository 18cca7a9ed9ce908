"""How a test opens a part of the window: Gradio draws it only then, and for a moment its widgets take back whatever is typed.

A person is not that quick.
"""

from __future__ import annotations

from playwright.sync_api import Page


def open_tab(page: Page, title: str) -> None:
    """Go to the tab with that title, and wait until it takes input: the opening is over, whose last is the wall of faces and its ZIP."""
    page.locator("#faces-archive a").wait_for(state="attached")
    page.get_by_role("tab", name=title).click()
    _drawn(page)


def unfold(page: Page, name: str) -> None:
    """Open the accordion with that id, and wait until it takes input."""
    page.locator(f"#{name} button").first.click()
    _drawn(page)


def _drawn(page: Page) -> None:
    page.evaluate("new Promise((done) => requestIdleCallback(() => requestIdleCallback(done)))")

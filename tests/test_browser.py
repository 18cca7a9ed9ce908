"""The ground that browser tests stand on: where a Chromium comes from, and that faults of a page
are noticed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import conftest
import pytest
from playwright.sync_api import Browser


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a browser, with stand-ins for apt-get and Playwright's installer; `said`
    lists what was called.
    """
    monkeypatch.setenv("PATH", f"{tmp_path}:/nowhere")
    monkeypatch.delenv("CHROME", raising=False)
    program(tmp_path / "python", f"echo python $* >> {tmp_path}/said")
    monkeypatch.setattr(conftest.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(conftest.os, "geteuid", lambda: 0)
    return tmp_path


def program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_the_machine_s_chromium_is_taken(bare: Path) -> None:
    program(bare / "chromium", "exit 0")
    assert conftest._chromium() == str(bare / "chromium") and not (bare / "said").exists()


def test_the_quicker_one_is_taken_first(bare: Path) -> None:
    for name in ("chromium", "chromium-headless-shell"):
        program(bare / name, "exit 0")
    assert conftest._chromium() == str(bare / "chromium-headless-shell")


@pytest.mark.parametrize("had", ["chromium-headless-shell", "chromium"])
def test_apt_brings_one_where_we_may(had: str, bare: Path) -> None:
    """Not every system has both packages; of one that it has not, apt installs nothing at all."""
    program(
        bare / "apt-get",
        f'echo apt-get $* >> {bare}/said; [ "$4" != {had} ] || '
        f'{{ echo "#!/bin/sh" > {bare}/{had}; /bin/chmod +x {bare}/{had}; }}',
    )
    assert conftest._chromium() == str(bare / had)
    tried = conftest.PACKAGES[: conftest.PACKAGES.index(had) + 1]
    install = "apt-get install -qy --no-install-recommends"
    assert (bare / "said").read_text().splitlines() == [
        "apt-get update -q",
        *(f"{install} {package} fonts-noto-cjk" for package in tried),
    ]


@pytest.mark.parametrize("case", ["not root", "no apt", "a stub"])
def test_playwright_brings_one_where_apt_does_not(
    case: str, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case == "not root":
        monkeypatch.setattr(conftest.os, "geteuid", lambda: 1000)
    if case != "no apt":
        program(bare / "apt-get", "exit 100")
    if case == "a stub":
        program(bare / "chromium-browser", "exit 1")
    assert conftest._chromium() is None
    assert (bare / "said").read_text() == "python -m playwright install chromium\n"


def test_no_browser_at_all_is_an_error(bare: Path) -> None:
    program(bare / "python", "exit 1")
    with pytest.raises(subprocess.CalledProcessError):
        conftest._chromium()


def test_what_a_person_would_trip_over_is_noticed(browser: Browser, url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    faults = conftest.watch(page, url)
    page.route(
        "**/page", lambda route: route.fulfill(body="<title>x</title>", content_type="text/html")
    )
    page.goto(f"{url}page")
    assert faults == []
    page.evaluate("""async () => {
        console.error("oops");
        console.warn("fine");
        setTimeout(() => { throw new Error("broken"); });
        await fetch("/nothing-here");
        await fetch("http://127.0.0.1:9/").catch(() => 0);
    }""")
    page.wait_for_timeout(200)
    context.close()
    for sign in (
        "console: oops",
        "page error: broken",
        f"HTTP 404: {url}nothing-here",
        "asks another host: http://127.0.0.1:9/",
    ):
        assert sign in "\n".join(faults), faults
    assert "fine" not in "\n".join(faults)

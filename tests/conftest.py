"""What every test stands on: one thread, no telemetry, folders of its own, no way out to the Hub,
and a browser on the real window.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

SANDBOX = Path(tempfile.mkdtemp(prefix="ganapps-tests-"))
os.environ.update(
    OMP_NUM_THREADS="1",  # two threads on a busy small machine can be a hundred times slower
    GRADIO_ANALYTICS_ENABLED="False",
    HF_HUB_DISABLE_TELEMETRY="1",
    DO_NOT_TRACK="1",
    GRADIO_TEMP_DIR=str(SANDBOX / "gradio"),
    GANAPPS_CACHE=str(SANDBOX / "ganapps"),
    HF_HOME=str(SANDBOX / "hub"),
    # nobody listens there: a test that needs a Hub brings its own
    HF_ENDPOINT="http://127.0.0.1:9",
)
for name in (
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "HF_HUB_CACHE",
    "GANAPPS_CATALOG",
    "GANAPPS_WEIGHTS",
    "GRADIO_SERVER_NAME",
    "GRADIO_SERVER_PORT",
    "GRADIO_SSR_MODE",
):
    os.environ.pop(name, None)

import pytest
import torch
from filelock import FileLock
from hypothesis import settings
from PIL import Image
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

if TYPE_CHECKING:
    from ganapps.engine import Engine

torch.set_num_threads(1)
# a machine may be busy; what is waited for is said, never slept for
expect.set_options(timeout=30_000)
# the same examples in every run
settings.register_profile("ours", derandomize=True, database=None, deadline=None)
settings.load_profile("ours")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
# the shell first: a whole browser draws its own tabs and buttons too, which costs as much as a page
PACKAGES = ("chromium-headless-shell", "chromium")


WORKERS = 4  # processes at most: each has its own torch, models and browser, 1 to 2 GB


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes share the whole suite, a file at a time: one a core. Files that are asked
    for by name run in the process that was started, as they do on a single core.
    """
    by_name = config.getoption("file_or_dir")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 0 if by_name or cores == 1 else min(cores or 1, WORKERS)


def pytest_sessionfinish() -> None:
    """Leave nothing behind."""
    shutil.rmtree(SANDBOX, ignore_errors=True)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The real engine over the real catalogue, on the processor."""
    from ganapps import engine

    return engine.start("cpu")


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """A small photograph, so that tests are quick."""
    path = tmp_path / "cat.png"
    example = Path(__file__).parent.parent / "ganapps" / "ui" / "examples" / "cat.png"
    with Image.open(example) as picture:
        picture.crop((40, 30, 88, 66)).save(path)
    return path


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium: the machine's, else one fetched from apt where we may, else Playwright's own."""
    # of all processes of this run, one fetches
    with FileLock(tmp_path_factory.getbasetemp().parent / "chromium.lock"):
        path = _chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, headless=True, args=CHROMIUM_FLAGS
        )
        yield chromium
        chromium.close()


def _chromium() -> str | None:
    """The path of a Chromium; None: Playwright's own, which is installed now."""
    found = os.environ.get("CHROME") or _installed()
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {
            "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.DEVNULL,
        }
        subprocess.run(["apt-get", "update", "-q"], **quiet, check=False)
        install = ["apt-get", "install", "-qy", "--no-install-recommends"]
        for package in PACKAGES:
            if found is None:
                command = [*install, package, "fonts-noto-cjk"]
                subprocess.run(command, **quiet, check=False)
                found = _installed()
    if found is None:
        subprocess.run(
            [sys.executable, "-m", "playwright", "install", "chromium"],
            check=True,
            stdin=subprocess.DEVNULL,
        )
    return found


def _installed() -> str | None:
    """A Chromium that really starts: Ubuntu's is a stub that asks for a snap."""
    for name in (*PACKAGES, "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if (
            path
            and subprocess.run(
                [path, "--version", "--no-sandbox"],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                check=False,
            ).returncode
            == 0
        ):
            return path
    return None


@pytest.fixture(scope="session")
def windows(engine: Engine) -> Iterator[Callable[[tuple[str, ...] | None], str]]:
    """The address of the real window with these tabs, or with all; each is served once."""
    from tests.window import served

    with ExitStack() as opened:
        yield cache(lambda tabs: opened.enter_context(served(engine, tabs)))


@pytest.fixture
def url(request: pytest.FixtureRequest, windows: Callable) -> str:
    """The address of the real window: of all tabs, or of those that the file of the test names in
    `TABS`, whose page opens in half the time.
    """
    return windows(getattr(request.module, "TABS", None))


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The window on a desktop, in English. Whatever a person would trip over fails the test:
    `page.faults` lists it.
    """
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-GB", accept_downloads=True
    )
    page = context.new_page()
    page.faults = watch(page, url)
    page.goto(url)
    page.get_by_role("tab").first.wait_for()
    yield page
    context.close()
    assert not page.faults, page.faults


def watch(page: Page, url: str) -> list[str]:
    """A list that fills with page errors, console errors, refused requests and requests to any
    other host.
    """
    faults: list[str] = []
    host = urlparse(url).netloc

    def console(message: ConsoleMessage) -> None:
        # of a stream that is open still when its page is left
        leaves = "AbortError: signal is aborted" in message.text
        if message.type == "error" and not leaves:
            faults.append(f"console: {message.text}")

    def request(sent: Request) -> None:
        if urlparse(sent.url).scheme not in ("data", "blob") and urlparse(sent.url).netloc != host:
            faults.append(f"asks another host: {sent.url}")

    def response(got: Response) -> None:
        if got.status >= 400:
            faults.append(f"HTTP {got.status}: {got.url}")

    page.on("pageerror", lambda error: faults.append(f"page error: {error}"))
    page.on("console", console)
    page.on("request", request)
    page.on("response", response)
    return faults

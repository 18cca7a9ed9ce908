"""Shells with proxies: the app's own addresses are reached without them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest

from ganapps.errors import UserError
from ganapps.models.hub import proxies

ROOT = Path(__file__).resolve().parent.parent
DEAD = "127.0.0.1:9"  # where nobody listens
PATIENCE = 120.0  # seconds, on a busy machine


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*proxies.NAMES, "NO_PROXY"):
        for spelled in (name, name.lower()):
            monkeypatch.setenv(spelled, "")


@pytest.mark.parametrize("spared", ["", "corp.example, 10.0.0.0/8", "localhost", "*"])
def test_own_addresses_go_past_a_proxy(monkeypatch: pytest.MonkeyPatch, spared: str) -> None:
    monkeypatch.setenv("NO_PROXY", spared)
    proxies.settle(offline=False)
    names = os.environ["NO_PROXY"].split(",")
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"]
    assert names == ["*"] or {"localhost", "127.0.0.1", "::1"} <= set(names)
    assert len(names) == len(set(names))
    assert {name.strip() for name in spared.split(",") if name} <= set(names)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("proxy", ["socks4://x:1", "ftp://x", "http://", "http://x:port", "x://y"])
def test_a_proxy_that_nothing_here_can_use_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
) -> None:
    monkeypatch.setenv(name, proxy)
    with pytest.raises(UserError, match=f"^{name} names a proxy that can't be used"):
        proxies.settle(offline=False)
    proxies.settle(offline=True)
    assert name not in os.environ, "offline nothing goes through it"


@pytest.mark.parametrize(
    "proxy", ["http://ada:secret@x:80", "x:3128", "socks5://x:1", "socks5h://x"]
)
def test_a_proxy_that_can_be_used_stays(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    import httpx

    monkeypatch.setenv("ALL_PROXY", proxy)
    proxies.settle(offline=False)
    assert os.environ["ALL_PROXY"] == proxy
    httpx.Client().close()  # which refuses what it can't use


def test_the_app_starts_in_a_shell_with_proxies(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shell = {"HTTP_PROXY": f"http://{DEAD}", "https_proxy": f"http://{DEAD}"}
    shell |= {"ALL_PROXY": f"socks5://{DEAD}", "TMPDIR": str(tmp_path)}
    app = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=ROOT,
        env=os.environ | shell,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    straight = build_opener(ProxyHandler({}))
    began = time.monotonic()
    try:
        while True:
            try:
                answer = straight.open(f"http://127.0.0.1:{port}/", timeout=10)
                break
            except (URLError, OSError):
                assert app.poll() is None, app.stderr.read().decode()
                assert time.monotonic() - began < PATIENCE
                time.sleep(0.3)
        assert answer.status == 200
        time.sleep(2)  # Gradio looks at its own address, too
        assert app.poll() is None, app.stderr.read().decode()
    finally:
        app.terminate()
        app.wait(30)

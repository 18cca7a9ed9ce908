"""The real client, watched: progress, resuming, Stop, and what a Hub costs that can't be
reached.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from ganapps.models import hub
from ganapps.models.hub import asking, transfer
from tests.local_hub import (
    FILE,
    SHA256,
    WEIGHTS,
    cache,
    fetched,
    finish,
    hurry,
    partial_files,
    point_client_at,
    refusal,
    row,
    server,
    source,
)

__all__ = ["cache", "hurry", "server"]  # fixtures

ROOT = Path(__file__).resolve().parent.parent


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == transfer.NAME]


# Downloading


def test_the_size_is_known_first_and_progress_follows(server):
    commit = server.publish("ann/faces", {FILE: bytes(4_000_000)})
    server.faults.pause = 0.05
    _, seen = finish(hub.fetch(row(source(commit))))
    seen = [p for p in seen if not str(p).startswith("Asking")]
    assert (
        str(seen[0]) == "Waiting for Faces (4.0 MB)"
        and seen[0].total == 4_000_000
        and seen[0].done == 0
    )
    counts = [progress.done for progress in seen]
    assert (
        len(set(counts)) > 3
        and counts == sorted(counts)
        and str(seen[-1]).startswith("Downloading Faces: ")
    )


def test_the_files_of_a_folder_count_together(server):
    server.publish("ann/faces", {"a.pt": bytes(200_000), "b.json": bytes(50_000)})
    sizes = {"a.pt": 200_000, "b.json": 50_000}
    watch = transfer.download("ann/faces", "main", sizes, constants.HF_HUB_CACHE)
    for _ in watch.follow(lambda: None):
        pass
    assert watch.done == 250_000


def test_a_cut_download_goes_on_where_it_stopped(server, hurry):
    body = os.urandom(35_000_000)
    commit = server.publish("ann/faces", {FILE: body})
    server.faults.cuts[FILE], server.faults.part, server.faults.pause = (
        [12_000_000, 11_000_000],
        1 << 20,
        3.0,
    )
    located, seen = finish(hub.fetch(row(source(commit))))
    assert located.path.read_bytes() == body
    assert [r.range for r in server.requests if r.host == "cdn"] == [
        None,
        "bytes=10485760-",
        "bytes=20971520-",
    ]
    assert 25_000_000 < max(p.done for p in seen) <= 35_000_000


def test_the_token_goes_to_the_hub_and_not_to_its_cdn(server, monkeypatch):
    commit = server.publish("ann/faces", {FILE: WEIGHTS}, door="private")
    monkeypatch.setenv("HF_TOKEN", "accepted")
    assert fetched(source(commit)).sha256 == SHA256
    assert {(r.host, r.token) for r in server.requests if "api" not in r.path} == {
        ("hub", "accepted"),
        ("cdn", None),
    }


def test_a_busy_hub_is_asked_again(server, hurry):
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    server.faults.statuses[FILE] = [503, 429]
    assert fetched(source(commit)).changes == ()


def test_only_what_is_fetched_here_does_without_xet(server, monkeypatch):
    """It can be neither counted finely nor stopped, but other users of the client may want it."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    assert fetched(source(commit)).sha256 == SHA256
    assert constants.HF_HUB_DISABLE_XET is False
    assert not [r for r in server.requests if r.path.startswith("/api/xet")]
    url = huggingface_hub.hf_hub_url("ann/faces", FILE, endpoint=server.url)
    facts = huggingface_hub.get_hf_file_metadata(url, endpoint=server.url)
    assert facts.xet_file_data.file_hash == SHA256, "what the Hub says reaches other threads"


def test_a_new_session_of_the_client_is_watched_too(server, monkeypatch):
    """The client takes one when it could not connect."""
    commit = server.publish("ann/faces", {FILE: bytes(4_000_000)})
    server.faults.pause = 0.05
    download = transfer.hf_hub_download

    def downloaded(*words, **rest):
        huggingface_hub.close_session()
        time.sleep(3 * transfer.TICK)  # it waits a second before it tries again
        return download(*words, **rest)

    monkeypatch.setattr(transfer, "hf_hub_download", downloaded)
    located, seen = finish(hub.fetch(row(source(commit))))
    assert located.path.stat().st_size == 4_000_000
    assert len({progress.done for progress in seen}) > 3


def test_what_killed_processes_left_is_removed(server, cache):
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    blobs = cache / "models--ann--faces/blobs"
    blobs.mkdir(parents=True)
    for name, age in (("dead.incomplete", 7200), ("alive.incomplete", 60)):
        (blobs / name).write_bytes(b"part")
        os.utime(blobs / name, (time.time() - age,) * 2)
    fetched(source(commit))
    assert [p.name for p in partial_files(cache)] == ["alive.incomplete"]


# Stop


@pytest.mark.parametrize(
    "how", ["slow", "silent", "mute", "at once", "from another thread", "through a proxy"]
)
def test_closing_stops_the_download_within_a_second(server, cache, monkeypatch, how):
    commit = server.publish("ann/faces", {FILE: bytes(20_000_000)})
    # less than 1 MB a second: the client itself would notice after 10 MB
    server.faults.part, server.faults.pause = (
        1 << 14,
        0.02,
    )
    getattr(server.faults, how, set()).add(FILE)
    if how == "through a proxy":
        # where the connection itself can't be had
        monkeypatch.setattr(transfer, "_shut", lambda _: None)
    steps = hub.fetch(row(source(commit)))
    while (
        next(steps).done == 0 and how != "at once" and not (how == "mute" and partial_files(cache))
    ):
        pass
    assert how == "at once" or partial_files(cache)
    start = time.perf_counter()
    if how == "from another thread":
        closing = threading.Thread(target=steps.close)
        closing.start()
        closing.join()
    else:
        steps.close()
    assert time.perf_counter() - start < 1
    assert workers() == [] and partial_files(cache) == [] and hub.here(row(source(commit))) is None


def test_after_a_stop_the_next_download_is_whole(server):
    body = os.urandom(2_000_000)
    commit = server.publish("ann/faces", {FILE: body})
    server.faults.pause = 0.1
    steps = hub.fetch(row(source(commit)))
    while next(steps).done == 0:
        pass
    steps.close()
    server.faults.pause = 0
    assert fetched(source(commit)).path.read_bytes() == body


def test_two_downloads_at_once_count_and_stop_apart(server, cache):
    """One visitor's Stop is not the other's, though both wait for the same file."""
    body = os.urandom(3_000_000)
    commit = server.publish("ann/faces", {FILE: body})
    server.faults.pause = 0.05
    first, second = hub.fetch(row(source(commit))), hub.fetch(row(source(commit)))
    while next(first).done == 0:
        next(second)
    first.close()
    assert finish(second)[0].path.read_bytes() == body and partial_files(cache) == []


# An unreachable Hub


def silent(listener: socket.socket) -> str:
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def black_hole(listener: socket.socket) -> str:
    """Its queue is full, so the next connection gets no answer at all, as behind a firewall that
    drops packets.
    """
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(3):
        knock = socket.socket()
        knock.setblocking(False)
        knock.connect_ex(listener.getsockname())
        CALLERS.append(knock)
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def refused(listener: socket.socket) -> str:
    listener.bind(("127.0.0.1", 0))
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


CALLERS: list[socket.socket] = []


@pytest.mark.parametrize(
    "kind",
    [silent, black_hole, refused, lambda _: "http://hub.invalid"],
    ids=["silent", "black hole", "refused", "no such name"],
)
def test_an_unreachable_hub_costs_less_than_a_second(cache, monkeypatch, kind):
    with socket.socket() as listener:
        url = kind(listener)
        point_client_at(monkeypatch, url, cache)
        start = time.perf_counter()
        sentence = refusal(source("0" * 40))
        assert time.perf_counter() - start < 1
        assert sentence == (
            f"The Hub at {url} can't be reached and Faces is not on this machine: check the "
            "connection, or choose a "
            "model that is here."
        )
        with monkeypatch.context() as patch:
            patch.setattr(transfer, "answers", None)
            assert hub.reachable() is False, "known from the fetch"
        asking._reached.clear()
        monkeypatch.setattr(asking, "PROMPT", 0.3)
        start = time.perf_counter()
        assert hub.reachable() is False and time.perf_counter() - start < 0.6
    while CALLERS:
        CALLERS.pop().close()


def test_a_slow_start_of_the_client_is_not_held_against_the_hub(server, monkeypatch):
    """On a busy machine its first session alone takes longer than an unreachable Hub may."""
    commit, hook = server.publish("ann/faces", {FILE: WEIGHTS}), transfer._hook

    def slow():
        time.sleep(1)
        hook()

    monkeypatch.setattr(transfer, "_hook", slow)
    assert fetched(source(commit)).changes == ()


def test_a_resolver_that_hangs_costs_less_than_a_second(cache, monkeypatch):
    point_client_at(monkeypatch, "http://hub.invalid", cache)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))
    start = time.perf_counter()
    assert refusal(source("0" * 40)).startswith("The Hub at http://hub.invalid can't be reached")
    assert time.perf_counter() - start < 1


def test_several_sources_ask_an_unreachable_hub_once(cache, monkeypatch):
    with socket.socket() as listener:
        point_client_at(monkeypatch, silent(listener), cache)
        start = time.perf_counter()
        assert refusal(*(source("0" * 40, repo=f"ann/{name}") for name in "abcd")).endswith(
            "of Faces that failed too: 3."
        )
        assert time.perf_counter() - start < 1


def test_a_branch_that_is_cached_is_used_when_the_hub_is_unreachable(server, cache, monkeypatch):
    commit = server.publish("ann/faces", {FILE: WEIGHTS})
    fetched(source())
    server.close()
    start = time.perf_counter()
    located = fetched(source())
    assert (
        time.perf_counter() - start < 1 and located.revision == commit and located.sha256 == SHA256
    )
    assert (
        str(located.changes[0][0]).startswith("The Hub at {host} can't be reached")
        and len(located.changes) == 2
    )


def test_a_certificate_that_is_not_trusted_is_named(server, monkeypatch):
    def untrusted(*_, **__):
        raise transfer.http.ConnectError(
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"
        )

    monkeypatch.setattr(transfer, "get_hf_file_metadata", untrusted)
    assert refusal(source()) == (
        f"The certificate of {server.url} is not trusted on this machine, perhaps because a "
        "company's proxy "
        "stands between: set SSL_CERT_FILE to the proxy's certificates."
    )


def test_reachable_asks_once_a_minute(server, monkeypatch):
    assert hub.reachable() and hub.reachable()
    assert [r.method for r in server.requests if "api" not in r.path] == ["HEAD"]
    asking._reached.clear()
    server.publish("ann/faces", {FILE: WEIGHTS})
    fetched(source())
    monkeypatch.setattr(transfer, "answers", None)
    assert hub.reachable(), "known from the fetch"


def test_a_person_with_a_slow_line_can_ask_for_patience(monkeypatch):
    assert transfer.patience() < 1
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 30)
    assert transfer.patience() == 30


CHILD = """
from ganapps.models import hub
from ganapps.models.catalog import Checkpoint, Source
source = Source("m.pt", "ann/faces")
row = Checkpoint("x", "X", "faces", "stylegan2", (source,), "torch", "MIT", "yes", "-", "-", 1, "-")
steps = hub.fetch(row)
try:
    while True:
        next(steps)
except StopIteration as end:
    print(end.value.path)
"""


def test_the_clients_environment_is_honoured(server, tmp_path):
    """HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE, as a person sets them before starting the
    app.
    """
    commit = server.publish("ann/faces", {"m.pt": WEIGHTS}, door="private")
    environment = os.environ | {
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": "accepted",
    }
    for more in ({}, {"HF_HUB_OFFLINE": "1", "HF_TOKEN": "", "HF_ENDPOINT": "http://127.0.0.1:9"}):
        said = subprocess.run(
            [sys.executable, "-c", CHILD],
            cwd=ROOT,
            env=environment | more,
            capture_output=True,
            text=True,
        )
        assert said.stdout.strip() == str(
            tmp_path / f"home/hub/models--ann--faces/snapshots/{commit}/m.pt"
        ), said.stderr

"""Files of models that somebody typed: none takes more of the disk than there is for all, and no
row's file leaves for them.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from huggingface_hub import constants

from ganapps.errors import WeightsError
from ganapps.models import hub, runtime
from ganapps.models.catalog import Checkpoint, Source
from ganapps.models.hub import asking, disk, strangers
from tests.local_hub import FILE, WEIGHTS, cache, finish, hurry, partial_files, row, server, source

__all__ = ["cache", "hurry", "server"]  # fixtures

SIZE = len(WEIGHTS)


def typed(name: str) -> Checkpoint:
    return runtime.stranger(hub.parse(f"{name}:{FILE}"), "faces")


def fetched(checkpoint: Checkpoint) -> disk.Located:
    return finish(hub.fetch(checkpoint))[0]


def aged(located: disk.Located, seconds: float) -> None:
    """As if it was last used so long ago."""
    file = located.path.resolve()
    os.utime(file, ns=(time.time_ns() - int(seconds * 1e9), file.stat().st_mtime_ns))


@pytest.fixture
def room(server, monkeypatch: pytest.MonkeyPatch) -> None:
    """For three files."""
    monkeypatch.setattr(strangers, "MOST", 3 * SIZE + 1000)
    for index, name in enumerate("abcde"):
        server.publish(f"ann/{name}", {FILE: WEIGHTS[:-1] + bytes([index])})


def test_who_is_typed() -> None:
    assert typed("ann/a").typed and not row(source()).typed and not row(Source("shipped.pt")).typed
    revised = runtime.stranger(hub.parse(f"ann/a:{FILE}@main"), "faces")
    assert revised.typed


def test_the_longest_unused_ones_leave_and_rows_stay(server, cache: Path, room: None) -> None:
    server.publish("ann/faces", {FILE: WEIGHTS})
    of_row = finish(hub.fetch(row(source())))[0]
    first, second, third = (fetched(typed(f"ann/{name}")) for name in "abc")
    assert first.path.is_relative_to(
        cache / "ganapps-strangers"
    ) and not of_row.path.is_relative_to(cache / "ganapps-strangers")
    for located, age in ((first, 300), (second, 900), (third, 600), (of_row, 9000)):
        aged(located, age)
    fetched(typed("ann/d"))
    assert [hub.here(typed(f"ann/{name}")) is not None for name in "abcd"] == [
        True,
        False,
        True,
        True,
    ]
    assert of_row.path.exists() and not [
        p for p in cache.rglob("*") if p.is_symlink() and not p.exists()
    ]
    assert fetched(typed("ann/c")) == third, "it is used again: now the first is the oldest"
    fetched(typed("ann/e"))
    assert [hub.here(typed(f"ann/{name}")) is not None for name in "abcde"] == [
        False,
        False,
        True,
        True,
        True,
    ]
    aged(third, 300)
    assert fetched(typed("ann/b")).path.read_bytes() == WEIGHTS[:-1] + b"\1", (
        "what left can come again"
    )


def test_using_one_changes_nothing_else_about_it(server, room: None) -> None:
    located = fetched(typed("ann/a"))
    before = located.path.stat().st_mtime_ns
    aged(located, 500)
    assert fetched(typed("ann/a")) == located and located.path.stat().st_mtime_ns == before
    assert time.time() - located.path.stat().st_atime < 100


def test_one_that_is_too_large_alone_is_a_sentence(server, cache: Path, room: None) -> None:
    server.publish("ann/huge", {FILE: bytes(4 * SIZE)})
    with pytest.raises(WeightsError) as caught:
        fetched(typed("ann/huge"))
    assert str(caught.value) == (
        f"ann/huge:{FILE} has 1.2 MB, more than the 0.9 MB that models outside the catalogue may "
        "take here in all: put the file "
        f"into the folder that GANAPPS_WEIGHTS names, as ann/huge/{FILE}."
    )
    assert not [r for r in server.requests if r.host == "cdn"] and partial_files(cache) == []
    assert finish(hub.fetch(row(source(repo="ann/huge"))))[0].path.exists(), (
        "a row may be as large as the disk holds"
    )


def test_what_is_in_use_stays_and_says_so(server, room: None) -> None:
    for name in "abc":
        fetched(typed(f"ann/{name}"))
    with pytest.raises(
        WeightsError,
        match="needs 0.3 MB, and the 0.9 MB for models outside the catalogue are all in use",
    ):
        fetched(typed("ann/d"))
    assert all(hub.here(typed(f"ann/{name}")) for name in "abc")


def test_downloads_under_way_count(server, room: None) -> None:
    server.faults.pause = 0.05
    server.publish("ann/big", {FILE: bytes(2 * SIZE)})
    under_way = hub.fetch(typed("ann/big"))
    next(p for p in under_way if not str(p).startswith("Asking"))
    fetched(typed("ann/a"))
    with pytest.raises(WeightsError, match="all in use"):
        fetched(typed("ann/b"))
    under_way.close()
    assert fetched(typed("ann/b")).path.exists() and strangers._coming == {}


def test_what_killed_processes_left_is_swept_everywhere(server, cache: Path, room: None) -> None:
    blobs = cache / "ganapps-strangers/models--bob--gone/blobs"
    blobs.mkdir(parents=True)
    (blobs / "x.incomplete").write_bytes(bytes(3 * SIZE))
    os.utime(blobs / "x.incomplete", (time.time() - 7200,) * 2)
    fetched(typed("ann/a"))
    assert not (blobs / "x.incomplete").exists()


def test_a_size_that_nobody_tells_is_not_fetched(
    server, room: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    look = asking.looked

    def silent(*words: object):
        facts = yield from look(*words)
        return {name: replace(fact, size=None) for name, fact in facts.items()}

    monkeypatch.setattr(asking, "looked", silent)
    with pytest.raises(WeightsError, match="The Hub does not tell how large"):
        fetched(typed("ann/a"))


def test_what_the_hub_s_own_cache_has_serves_too(server, cache: Path, room: None) -> None:
    finish(hub.fetch(row(source(repo="ann/a"))))
    assert hub.here(typed("ann/a")).path.is_relative_to(cache / "models--ann--a")
    assert str(constants.HF_HUB_CACHE) == str(cache)

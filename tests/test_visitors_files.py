"""Every file is its visitor's own, counted and deleted with the rest; and nothing stays that a run
held.
"""

from __future__ import annotations

import gc
import re
import socket
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlparse

import gradio as gr
import httpx
import numpy as np
import pytest
from PIL import Image

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.recipe import Recipe
from ganapps.report import Part
from ganapps.ui.doors import files
from ganapps.ui.doors.files import EXAMPLES, LEAST, Room
from ganapps.ui.parts import common, underway
from ganapps.ui.parts.picture_runs import Unfinished
from ganapps.ui.parts.underway import Underway
from ganapps.ui.tabs import compare
from ganapps.ui.tabs.translate import TranslateTab
from ganapps.ui.tabs.upscale import UpscaleTab

REFUSED = "is not a file that was brought here"
VISITOR = SimpleNamespace(headers={}, session_hash="me")


@pytest.fixture
def web(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url + "gradio_api/", timeout=60) as client:
        yield client


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """Room for 10 small files of a visitor, 15 of all."""
    small = Room(10 * LEAST, 15 * LEAST)
    monkeypatch.setattr(files, "ROOM", small)
    files.VISITOR.set("me")
    files.folder().mkdir(parents=True, exist_ok=True)
    return small


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not until():
        assert time.monotonic() < end
        gc.collect()
        time.sleep(0.02)


# What is opened


def test_odd_names_lead_nowhere_and_no_name_of_this_machine_is_told(tmp_path: Path) -> None:
    files.folder().mkdir(parents=True, exist_ok=True)
    ring = files.folder() / "ring"
    ring.symlink_to(ring)
    for path in (
        ring,
        files.folder(),
        files.folder() / "..",
        files.folder() / "a\0b",
        files.folder() / ("n" * 5000) / "..",
        ".",
        "..",
        "~",
        "/",
        EXAMPLES,
        "\\\\host\\share\\a.png",
        "file:///etc/passwd",
        "http://127.0.0.1/a.png",
        f"http://127.0.0.1/gradio_api/file={tmp_path}/a.png",
    ):
        with pytest.raises(UserError, match=REFUSED) as refusal:
            files.checked({"path": str(path), "meta": {"_type": "gradio.FileData"}})
        assert Path.cwd().name not in str(refusal.value) or Path.cwd().name in str(path)
    ring.unlink()


def test_a_restored_picture_leaves_no_empty_file_behind(engine: Engine) -> None:
    with gr.Blocks():
        tab = UpscaleTab(engine)
    before = set(files.folder().glob("*"))
    for box in (tab.restore, tab.picture, tab.weights.box):
        assert box.preprocess(gr.FileData(path="a.png")) == "a.png" and box.preprocess(None) is None
    assert tab.many.box.preprocess(gr.data_classes.ListFiles(root=[gr.FileData(path="a.png")])) == [
        "a.png"
    ]
    assert set(files.folder().glob("*")) == before


def test_what_writes_here_unasked_is_closed(web: httpx.Client) -> None:
    assert web.get("deep_link", params={"session_hash": "stranger"}).status_code == 404
    assert web.post("process_recording", files={"video": ("a.mp4", b"0")}).status_code == 404


# How much is kept


def test_a_refused_upload_is_answered_at_once_however_it_is_cut(
    web: httpx.Client, room: Room
) -> None:
    """Also where all of it has come before it is too much: nothing more comes then that could be
    waited for.
    """
    before = set(files.folder().iterdir())
    for size in (10 * LEAST - 100, 10 * LEAST + 1, 2**23):
        assert web.post("upload", files={"files": bytes(size)}).status_code == 413, size
    assert (
        web.post("upload", files=[("files", (f"{i}.png", b"x")) for i in range(11)]).status_code
        == 413
    ), "many small files count too"
    assert room.used("127.0.0.1") == 0 and set(files.folder().iterdir()) == before
    assert (
        web.post("upload", files=[("files", (f"{i}.png", b"x")) for i in range(10)]).status_code
        == 200
    )


def test_a_cut_off_upload_leaves_nothing(url: str, room: Room) -> None:
    before = set(files.folder().iterdir())
    with socket.create_connection((urlparse(url).hostname, urlparse(url).port)) as line:
        line.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
            b"multipart/form-data; boundary=b\r\nContent-Length: 99999\r\n\r\n"
            b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
            + bytes(5000)
        )
        wait(lambda: set(files.folder().iterdir()) > before and room.used("127.0.0.1") > 0)
    wait(lambda: set(files.folder().iterdir()) == before and room.used("127.0.0.1") == 0)


def test_what_was_deleted_by_age_counts_no_longer(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [files.keep(__file__) for _ in range(10)]
    for path in kept[:4]:
        Path(path).unlink()
    monkeypatch.setattr(files, "LOOKS", -1)
    files.keep(__file__)
    assert (
        room.used("me") == 7 * LEAST
        and not Path(kept[0]).parent.exists()
        and Path(kept[9]).exists()
    )


def test_a_full_disk_is_a_sentence_and_leaves_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "link", full)
    monkeypatch.setattr(files.shutil, "copyfile", full)
    before = set(files.folder().iterdir())
    with pytest.raises(
        UserError, match=r"^The disk of this machine takes no more \(No space left on device\)"
    ):
        files.keep(__file__)
    assert set(files.folder().iterdir()) == before and room.used("me") == 0


def test_a_visitor_without_room_is_told_before_the_run(
    engine: Engine, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    [files.keep(__file__) for _ in range(10)]

    def used(*given: object) -> Iterator[object]:
        yield pytest.fail("the device was used")

    monkeypatch.setattr(engine, "run", used)
    with gr.Blocks():
        tab, race = UpscaleTab(engine), compare.CompareTab(engine)
    values = values_of(tab) | {tab.many.box: ["in.png"], tab.many.archives: []}
    for said in (
        list(tab.run(values, VISITOR))[1][tab.area.line],
        list(tab.run_many(values, VISITOR))[1][tab.many.rows],
        list(race.run({widget: widget.value for widget in race.asked | {race.measured}}, VISITOR))[
            1
        ][race.track.sentence],
    ):
        assert "press Delete it now, or wait" in said


# What is deleted


def values_of(tab: object) -> dict:
    """What a visitor's page holds, with a picture in the box."""
    values = {
        widget: getattr(widget, "value", None)
        for widget in tab.asked | {tab.area.traces, *tab.run_widgets}
    }
    return values | {tab.picture: str(EXAMPLES / "cat.png")}


def test_every_cell_of_a_sheet_is_its_visitor_s_and_goes_with_the_upload(
    engine: Engine, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(results: object, recipe: Recipe, lang: str, keep: object) -> Iterator[common.Shown]:
        kept = SimpleNamespace(
            recipe=recipe,
            beside={"before": Image.new("L", (4, 4)), "after": Image.new("L", (4, 4), 9)},
        )
        yield common.Shown("", recipe, kept=[kept], report=SimpleNamespace(seconds=1.0))

    monkeypatch.setattr(common, "show", one)
    monkeypatch.setattr(
        engine.models, "here", lambda row: row.id in ("spanx4", "realesrgan-x4plus")
    )
    with gr.Blocks():
        tab = UpscaleTab(engine)
    values = values_of(tab)
    shown = [
        update[tab.sheet.gallery]
        for update in tab.every_model(values, VISITOR)
        if tab.sheet.gallery in update
    ][-1]
    assert len(shown) == 3 and all(
        re.fullmatch("[0-9a-f]{32}", Path(path).parent.name) for path, _ in shown
    )
    assert values[tab.area.traces] == [path for path, _ in shown] and room.used("me") == 3 * LEAST
    tab.deleted(values | {tab.many.box: None, tab.many.archives: []}, VISITOR)
    assert not [path for path, _ in shown if Path(path).exists()] and room.used("me") == 0


def test_the_cycle_check_keeps_nothing_that_delete_misses(engine: Engine, room: Room) -> None:
    with gr.Blocks():
        tab = TranslateTab(engine)
    picture = str(EXAMPLES / "coffee.png")
    last = SimpleNamespace(
        upload=picture, raw=picture, recipe=Recipe("translate", "photo-to-painting", {}).to_json()
    )
    found = list(tab.and_back({tab.area.last: last, tab.area.traces: (traces := [])}, VISITOR))
    assert (
        "Identity loss of G" in found[-1][tab.cycle]
        and len(traces) == 3
        and room.used("me") == sum(max(LEAST, Path(t).stat().st_size) for t in traces)
    )


def test_no_room_for_what_stop_shows_is_a_sentence(engine: Engine, room: Room) -> None:
    [files.keep(__file__) for _ in range(10)]
    with gr.Blocks():
        tab = UpscaleTab(engine)
    with tab.underway.of("me") as held:
        rows = (Part(np.zeros((2, 4, 3), np.uint8)),)
        held.it = Unfinished(common.Shown("", None, parts=rows), str(EXAMPLES / "coffee.png"))
        stopped = tab.stopped({tab.line: "", tab.area.traces: []}, VISITOR)
        assert "press Delete it now, or wait" in stopped[tab.area.line]


# What a run holds


class Canvas(np.ndarray):
    """Pixels that can be watched."""


@pytest.fixture
def tab(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> UpscaleTab:
    """The upscale tab over runs that fill a canvas and never end."""

    def endless(
        results: object, recipe: Recipe, lang: str, keep: object, expected: object = None
    ) -> Iterator[common.Shown]:
        canvas = np.zeros((4, 4, 3), np.uint8).view(Canvas)
        seen.append(weakref.ref(canvas))
        while True:
            yield common.Shown("", recipe, parts=(Part(canvas[:2]),))

    seen: list = []
    monkeypatch.setattr(common, "show", endless)
    with gr.Blocks():
        tab = UpscaleTab(engine)
    tab.seen = seen
    return tab


def started(tab: UpscaleTab) -> Iterator[dict]:
    run = tab.run(values_of(tab), VISITOR)
    assert [next(run) for _ in range(3)] and tab.seen[0]() is not None
    return run


def test_a_canvas_is_let_go_when_the_visitor_leaves(
    tab: UpscaleTab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(underway, "GRACE", 0.05)
    started(tab).close()
    wait(lambda: tab.seen[0]() is None and len(tab.underway) == 0)


def test_stop_still_finds_it_and_then_it_is_gone(tab: UpscaleTab) -> None:
    started(tab).close()
    view = tab.stopped({tab.line: "", tab.area.traces: []}, VISITOR)
    assert 'class="part"' in view[tab.area.view] and len(tab.underway) == 0
    wait(lambda: tab.seen[0]() is None)


def test_a_run_that_ends_or_fails_holds_nothing() -> None:
    parts = Underway()
    with parts.of("me") as held:
        held.it = "canvas"
        assert parts.look("me") == "canvas"
    with pytest.raises(KeyError), parts.of("me") as held:
        held.it = {}["canvas"]
    assert len(parts) == 0 and parts.take("me") is None


def test_a_run_that_was_cut_off_does_not_end_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Underway()

    def run() -> Iterator[None]:
        with parts.of("me") as held:
            held.it = object()
            yield

    late: list[Callable] = []
    monkeypatch.setattr(
        underway.threading,
        "Timer",
        lambda seconds, then, given: (
            late.append(lambda: then(*given)) or SimpleNamespace(start=lambda: None)
        ),
    )
    first = run()
    next(first)
    first.close()
    second = run()
    next(second)
    late[0]()
    assert parts.look("me") is not None
    second.close()
    late[1]()
    assert len(parts) == 0


def test_a_race_is_let_go_when_the_visitor_leaves(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(underway, "GRACE", 0.05)
    with gr.Blocks():
        tab = compare.CompareTab(engine)
    monkeypatch.setattr(tab.track, "laps", lambda *given: iter([{}, {}]))
    run = tab.run({widget: widget.value for widget in tab.asked | {tab.measured}}, VISITOR)
    assert [next(run), next(run)] and tab.underway.look("me") is not None
    run.close()
    wait(lambda: len(tab.underway) == 0)

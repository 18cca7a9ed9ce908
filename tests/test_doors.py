"""The doors: no path from outside is opened, every file is its visitor's own and counted, and nothing stays that a run held."""

from __future__ import annotations

import base64
import gc
import json
import re
import socket
import sys
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
from ganapps.recipe import Recipe, png_info
from ganapps.report import Part
from ganapps.ui import common, compare, files, incoming, underway
from ganapps.ui.files import LEAST, Room
from ganapps.ui.underway import Underway
from ganapps.ui.upscale import UpscaleTab

META = {"_type": "gradio.FileData"}
TOLD = "is not a file that was brought here"
FILES = {"image", "file", "uploadbutton", "gallery"}  # components whose value names files
OPENED: list[str] = []
sys.addaudithook(lambda event, args: OPENED.append(str(args[0])) if event in ("open", "os.listdir", "os.scandir") and args else None)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A picture on the server that is nobody's upload, with a recipe inside that would be told."""
    path = tmp_path / "secret.png"
    Image.new("RGB", (8, 8), (200, 10, 10)).save(path, pnginfo=png_info(Recipe("upscale", "spanx4", {"tile": 123})))
    return path


@pytest.fixture
def web(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url + "gradio_api/", timeout=60) as client:
        yield client


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """Room for 10 small files of a visitor, 15 of all."""
    small = Room(10 * LEAST, 15 * LEAST)
    monkeypatch.setattr(files, "ROOM", small)
    return small


def send(web: httpx.Client, content: bytes, name: str = "in.png") -> httpx.Response:
    return web.post("upload", files={"files": (name, content)})


def answer(web: httpx.Client, name: str, values: dict) -> tuple[str, object]:
    """The last event of a call of a public endpoint, and what it says."""
    event = web.post(f"call/v2/{name}", json=values).json()["event_id"]
    lines = [line for line in web.get(f"call/{name}/{event}").text.splitlines() if line.startswith(("event: ", "data: "))]
    return lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))


# A path from outside

def named(path: str) -> list[dict]:
    """All ways to name a file."""
    return [{"path": path}, {"path": path, "meta": META}, {"path": path, "meta": META, "is_stream": True}, {"url": path, "meta": META},
            {"path": None, "url": "/gradio_api/file=" + path, "meta": META}, {"path": "/gradio_api/file=" + path, "meta": META}]


def asked_files(config: dict) -> list[tuple[dict, list[dict], list[int]]]:
    """Every event whose inputs name files: the event, its inputs, and which of them do."""
    components = {c["id"]: c for c in config["components"]}
    found = []
    for event in config["dependencies"]:
        inputs = [components[i] for i in event["inputs"]]
        which = [i for i, c in enumerate(inputs) if c["type"] in FILES or (c["type"] == "api" and "path" in json.dumps(c))]
        if which:
            found.append((event, inputs, which))
    return found


def payload(component: dict, file: dict) -> object:
    """A value of a component that names a file as the component would."""
    if component["type"] == "gallery":
        return [{"image": file, "caption": None}]
    return [file] if component["props"].get("file_count") == "multiple" else file


def test_no_endpoint_opens_or_tells_a_path_of_the_server(web: httpx.Client, url: str, secret: Path) -> None:
    config = httpx.get(url + "config").json()
    events = asked_files(config)
    told = {}
    assert len(events) >= 20
    for path in (str(secret), str(secret.with_name("secret.pn")), str(secret.parent)):
        del OPENED[:]
        for event, inputs, which in events:
            for position in which:
                for file in named(path) if path == str(secret) else named(path)[:2]:
                    data = [payload(c, file) if i == position else c["props"].get("value") for i, c in enumerate(inputs)]
                    response = web.post("run/any", json={"data": data, "fn_index": event["id"], "session_hash": "stranger"})
                    assert response.status_code == 500 and TOLD in response.json()["error"], (event["api_name"], file)
                    assert re.sub(r"^\S+ ", "", response.json()["error"]) == told.setdefault("", re.sub(r"^\S+ ", "", response.json()["error"]))
        assert not [seen for seen in OPENED if str(secret.parent) in seen]


def test_a_file_in_any_other_input_is_refused_too(web: httpx.Client, url: str, secret: Path) -> None:
    """Gradio hands on what it knows nothing of: a list, a tick, a text."""
    components = {c["id"]: c for c in httpx.get(url + "config").json()["components"]}
    events = [e for e in httpx.get(url + "config").json()["dependencies"] if e["backend_fn"] and e["inputs"]]
    assert len(events) > 60
    for event in events:
        for position in [i for i, c in enumerate(event["inputs"]) if components[c]["type"] != "state"][:2]:
            data = [[{"path": str(secret)}] if i == position else components[c]["props"].get("value") for i, c in enumerate(event["inputs"])]
            response = web.post("run/any", json={"data": data, "fn_index": event["id"], "session_hash": "stranger"})
            assert TOLD in response.json()["error"], event["api_name"]


@pytest.mark.parametrize(("name", "field"), [("upscale", "picture"), ("translate", "picture"), ("compare", "picture"), ("faces", "weights")])
def test_the_public_endpoints_refuse_it_through_the_queue(web: httpx.Client, secret: Path, name: str, field: str) -> None:
    more = {"gan": "realesrgan-x4plus", "diffusion": "stable-diffusion-x4-upscaler"} if name == "compare" else {}
    for path in (secret, secret.with_name("none.png")):
        event, said = answer(web, name, {field: {"path": str(path)}} | more)
        assert event == "error" and said["error"] == f"{path.name} {TOLD}: choose it again. (A program sends it to /gradio_api/upload first, and gives the path that comes back.)"


def test_what_is_no_file_at_all_is_refused(web: httpx.Client) -> None:
    for picture in ("in.png", {}, {"path": 3}, {"path": ""}, ["in.png"], 7):
        event, said = answer(web, "upscale", {"picture": picture})
        assert event == "error" and said["error"] and TOLD in said["error"], picture


def test_an_upload_and_an_example_are_taken(web: httpx.Client, secret: Path) -> None:
    [path] = send(web, secret.read_bytes()).json()
    example = str(files.EXAMPLES / "cat.png")
    assert files.checked([{"path": path, "meta": META}, {"image": {"path": example}}]) == [
        {"path": path, "url": None, "meta": META}, {"image": {"path": example, "url": None}}]
    event, (made, _) = answer(web, "upscale", {"picture": {"path": path}, "model": "realesr-animevideov3-x4"})
    assert event == "complete" and Image.open(made[0]["path"]).size == (32, 32)


def test_links_and_odd_names_lead_nowhere(secret: Path) -> None:
    files.folder().mkdir(parents=True, exist_ok=True)
    out = files.folder() / "out"
    out.symlink_to(secret.parent)
    (files.folder() / "ring").symlink_to(files.folder() / "ring")
    try:
        for path in (out, out / "secret.png", files.folder(), files.folder() / "..", files.folder() / "a\0b", files.folder() / ("n" * 5000) / "..", "", ".", "~", "/",
                     files.EXAMPLES, "\\\\host\\share\\a.png", "file:///etc/passwd", "http://127.0.0.1/a.png", f"http://127.0.0.1/gradio_api/file={secret}"):
            with pytest.raises(UserError, match=TOLD):
                files.checked({"path": str(path) or ".", "meta": META})
        assert "wt" not in str(pytest.raises(UserError, files.taken, ".").value), "no name of a folder here is told"
    finally:
        out.unlink()
        (files.folder() / "ring").unlink()


def test_a_data_uri_becomes_an_upload_and_an_own_address_is_its_path(secret: Path) -> None:
    content = "data:image/png;base64," + base64.b64encode(secret.read_bytes()).decode()
    files.VISITOR.set("me")
    before = files.ROOM.used("me")
    one, other = (files.checked({"url": content, "orig_name": "../../cat.png", "meta": META})["path"] for _ in range(2))
    assert one != other and Path(one).read_bytes() == secret.read_bytes() and Path(one).name == "cat.png"
    assert Path(one).parent.parent == files.folder() and files.ROOM.used("me") - before == 2 * LEAST
    assert files.checked({"path": None, "url": f"http://here:7860/gradio_api/file={one}"})["path"] == one
    files.delete([one, other])
    assert files.ROOM.used("me") == before
    for wrong in ("data:image/png;base64,@@", "data:,plain"):
        with pytest.raises(UserError, match="^A data URI can't be read"):
            files.checked({"path": wrong})


# Whose a file is

def test_identical_uploads_are_two_files_and_one_can_be_deleted(web: httpx.Client) -> None:
    (one, double), (other,) = web.post("upload", files=[("files", ("in.png", b"same")), ("files", ("in.png", b"other"))]).json(), send(web, b"same").json()
    assert len({one, double, other}) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", Path(p).relative_to(files.folder()).parts[0]) for p in (one, double, other))
    assert web.get(f"file={other}").content == b"same"
    files.delete([one])
    assert not Path(one).exists() and Path(double).exists() and web.get(f"file={other}").content == b"same"
    files.delete([double, str(files.EXAMPLES / "cat.png"), str(files.folder())])
    assert not (files.folder() / Path(one).relative_to(files.folder()).parts[0]).exists()
    assert (files.EXAMPLES / "cat.png").exists() and files.folder().exists()


def test_identical_results_are_two_files(web: httpx.Client) -> None:
    made = [answer(web, "faces", {"seed": "3"})[1][0][0]["path"] for _ in range(2)]
    assert made[0] != made[1] and Path(made[0]).read_bytes() == Path(made[1]).read_bytes()
    files.delete(made[:1])
    assert Path(made[1]).exists()


def test_only_what_is_a_visitors_or_an_example_is_served(web: httpx.Client, secret: Path) -> None:
    for path in (secret, secret.with_name("none.png"), files.EXAMPLES.parent / "window.py", files.EXAMPLES / ".." / "window.py", files.folder(), files.EXAMPLES):
        assert web.get(f"file={path}").status_code == 403, path
    assert web.get(f"file={files.EXAMPLES / 'cat.png'}").status_code == 200


def test_what_writes_here_unasked_is_closed(web: httpx.Client) -> None:
    assert web.get("deep_link", params={"session_hash": "stranger"}).status_code == 404
    assert web.post("process_recording", files={"video": ("a.mp4", b"0")}).status_code == 404


def test_an_upload_needs_the_password_too() -> None:
    with incoming.Window(analytics_enabled=False) as window:
        gr.Textbox()
    _, address, _ = window.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, ssr_mode=False, auth=("me", "word"), app_kwargs={"routes": incoming.routes()})
    try:
        with httpx.Client(base_url=address) as web:
            assert web.post("gradio_api/upload", files={"files": b"x"}).status_code == 401
            assert web.post("login", data={"username": "me", "password": "word"}).status_code == 200
            [path] = web.post("gradio_api/upload", files={"files": b"x"}).json()
            files.delete([path])
    finally:
        window.close()


# How much is kept

def test_more_than_a_visitor_s_room_is_refused_and_the_earlier_stays(web: httpx.Client, room: Room) -> None:
    [earlier] = send(web, bytes(9 * LEAST - 2000)).json()
    before = set(files.folder().iterdir())
    refused = send(web, bytes(2 * LEAST))
    assert refused.status_code == 413 and re.fullmatch(
        r"Your pictures and results here take [\d.]+ MB, and at most 2.6 MB are kept for one visitor: press Delete it now, or wait until they are deleted, "
        "about an hour after they came.", refused.text)
    assert set(files.folder().iterdir()) == before and Path(earlier).stat().st_size == 9 * LEAST - 2000
    assert send(web, b"small").status_code == 200 and send(web, b"small").status_code == 413
    files.delete([earlier])
    assert send(web, bytes(2 * LEAST)).status_code == 200


def test_many_small_files_count_too(web: httpx.Client, room: Room) -> None:
    assert web.post("upload", files=[("files", (f"{i}.png", b"x")) for i in range(11)]).status_code == 413
    assert room.used("127.0.0.1") == 0 and web.post("upload", files=[("files", (f"{i}.png", b"x")) for i in range(10)]).status_code == 200


def test_a_cut_off_upload_leaves_nothing(url: str, room: Room) -> None:
    before = set(files.folder().iterdir())
    with socket.create_connection((urlparse(url).hostname, urlparse(url).port)) as line:
        line.sendall(b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999\r\n\r\n"
                     b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + bytes(5000))
        wait(lambda: set(files.folder().iterdir()) > before and room.used("127.0.0.1") > 0)
    wait(lambda: set(files.folder().iterdir()) == before and room.used("127.0.0.1") == 0)


def test_results_count_for_the_session_and_are_refused_in_one_sentence(web: httpx.Client, room: Room, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(10 * LEAST))
    files.VISITOR.set("127.0.0.1")  # a program that names no session
    files.keep(tmp_path / "large")
    event, said = answer(web, "faces", {"seed": "3"})
    assert event == "error" and said["error"].startswith("Your pictures and results here take 2.6 MB")
    files.VISITOR.set("else")
    kept = [files.keep(__file__) for _ in range(5)]
    with pytest.raises(UserError, match="^The pictures and results of all visitors take 3.9 MB, and at most 3.9 MB are kept here"):
        files.keep(__file__)
    assert all(Path(path).exists() for path in kept)


def test_what_was_deleted_by_age_counts_no_longer(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    files.VISITOR.set("me")
    kept = [files.keep(__file__) for _ in range(10)]
    for path in kept[:4]:
        Path(path).unlink()
    monkeypatch.setattr(files, "LOOKS", -1)
    files.keep(__file__)
    assert room.used("me") == 7 * LEAST and not Path(kept[0]).parent.exists() and Path(kept[9]).exists()


def test_a_full_disk_is_a_sentence_and_leaves_nothing(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: object, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "link", full)
    monkeypatch.setattr(files.shutil, "copyfile", full)
    before = set(files.folder().iterdir())
    with pytest.raises(UserError, match=r"^The disk of this machine takes no more \(No space left on device\)"):
        files.keep(__file__)
    assert set(files.folder().iterdir()) == before and room.used("") == 0


# What a run holds

def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not until():
        assert time.monotonic() < end
        gc.collect()
        time.sleep(0.02)


class Canvas(np.ndarray):
    """Pixels that can be watched."""


@pytest.fixture
def tab(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> UpscaleTab:
    """The upscale tab over runs that fill a canvas and never end."""
    def endless(results: object, recipe: Recipe, lang: str) -> Iterator[common.Shown]:
        canvas = np.zeros((4, 4, 3), np.uint8).view(Canvas)
        seen.append(weakref.ref(canvas))
        while True:
            yield common.Shown("", recipe, part=Part(canvas, 2))

    seen: list = []
    monkeypatch.setattr(common, "show", endless)
    with gr.Blocks():
        tab = UpscaleTab(engine)
    tab.seen = seen
    return tab


def started(tab: UpscaleTab) -> Iterator[dict]:
    values = {widget: getattr(widget, "value", None) for widget in tab.asked | {tab.area.traces, *tab.beside_widgets}}
    run = tab.run(values | {tab.picture: str(files.EXAMPLES / "cat.png")}, SimpleNamespace(headers={}, session_hash="me"))
    assert [next(run) for _ in range(3)] and tab.seen[0]() is not None
    return run


def test_a_canvas_is_let_go_when_the_visitor_leaves(tab: UpscaleTab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(underway, "GRACE", 0.05)
    started(tab).close()
    wait(lambda: tab.seen[0]() is None and len(tab._parts) == 0)


def test_stop_still_finds_it(tab: UpscaleTab) -> None:
    started(tab).close()
    view = tab.stopped("", [], SimpleNamespace(headers={}, session_hash="me"))
    assert 'class="part"' in view[tab.area.view] and len(tab._parts) == 0
    del view
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
    monkeypatch.setattr(underway, "GRACE", 0.05)
    parts = Underway()

    def run() -> Iterator[None]:
        with parts.of("me") as held:
            held.it = object()
            yield

    first = run()
    next(first)
    first.close()
    second = run()
    next(second)
    time.sleep(0.2)
    assert parts.look("me") is not None
    second.close()
    wait(lambda: len(parts) == 0)


def test_a_race_is_let_go_when_the_visitor_leaves(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(underway, "GRACE", 0.05)
    with gr.Blocks():
        tab = compare.CompareTab(engine)
    monkeypatch.setattr(tab.track, "laps", lambda *given: iter([{}, {}]))
    run = tab.run({widget: widget.value for widget in tab.asked | {tab.measured}}, SimpleNamespace(headers={}, session_hash="me"))
    assert [next(run), next(run)] and tab._running.look("me") is not None
    run.close()
    wait(lambda: len(tab._running) == 0)

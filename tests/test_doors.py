"""What a hostile client, page or neighbour tries at the window's doors."""

from __future__ import annotations

import base64
import gzip
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from ganapps import ui
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.report import Part
from ganapps.ui import doors
from ganapps.ui.doors import callers, files, passwords, turns
from ganapps.ui.doors.incoming import Window
from ganapps.ui.doors.pages import Pages
from ganapps.workers import runs, signals
from tests.api import called, post
from tests.window import served

REFUSED = "is not a file that was brought here"


def asked(
    url: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> tuple[int, bytes, dict[str, str]]:
    """Status, content and headers of one request."""
    try:
        with urlopen(Request(url.rstrip("/") + path, body, headers or {}), timeout=30) as answer:
            return (
                answer.status,
                answer.read(),
                {name.lower(): value for name, value in answer.headers.items()},
            )
    except HTTPError as e:
        return e.code, e.read(), {name.lower(): value for name, value in e.headers.items()}


def uploaded(url: str, content: bytes, name: str = "a.png") -> str:
    """The path of an upload, as a page or a program makes it."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n'
        % name.encode()
        + content
        + b"\r\n--x--\r\n"
    )
    status, answer, _ = asked(
        url, "/gradio_api/upload", {"Content-Type": "multipart/form-data; boundary=x"}, body
    )
    assert status == 200, answer
    return json.loads(answer)[0]


def png(colour: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A picture of this machine that nobody brought."""
    (tmp_path / "secret-picture.png").write_bytes(png("red"))
    return tmp_path / "secret-picture.png"


# -- 1: paths from outside


def boxes(url: str) -> list[tuple[int, int, list]]:
    """Every event that takes something a file could be sent as: (its number, which input, as many
    nulls as it has inputs).
    """
    config = json.loads(asked(url, "/config")[1])
    kinds = {c["id"]: c["type"] for c in config["components"]}
    takes = {
        "image",
        "file",
        "gallery",
        "uploadbutton",
        "api",
        "json",
        "imageslider",
        "html",
        "textbox",
    }
    return [
        (event["id"], place, [None] * len(event["inputs"]))
        for event in config["dependencies"]
        for place, component in enumerate(event["inputs"])
        if kinds[component] in takes and event["backend_fn"]
    ]


def test_no_event_opens_a_path_of_this_machine(
    url: str, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, the hidden ones too, by the way that asks no queue; and a path where nothing
    lies gets the same words.
    """
    missing = secret.with_name("nothing-here.png")
    opened: list[str] = []
    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *a, **k: (opened.append(str(self)), real(self, *a, **k))[1]
    )
    walked = boxes(url)
    assert len(walked) > 60
    for number, place, inputs in walked:
        said = []
        for path in (secret, missing):
            sent = inputs.copy()
            sent[place] = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
            _status, answer = post(
                url, "run/predict", {"data": sent, "fn_index": number, "session_hash": "walker"}
            )
            said.append(str(answer).replace(path.name, "NAME"))
            assert REFUSED in str(answer), (number, place, answer)
        assert said[0] == said[1], "an oracle of what exists"
    assert not [path for path in opened if "secret" in path]


@pytest.mark.parametrize(
    ("endpoint", "argument"),
    [
        ("upscale", "picture"),
        ("translate", "picture"),
        ("faces", "weights"),
        ("compare", "picture"),
    ],
)
@pytest.mark.parametrize("written", ["plain", "relative", "address", "link", "list"])
def test_no_endpoint_opens_a_path_of_this_machine(
    url: str, secret: Path, endpoint: str, argument: str, written: str
) -> None:
    folder = files.folder()
    folder.mkdir(parents=True, exist_ok=True)
    if written == "link":
        (folder / "leads-out").unlink(missing_ok=True)
        (folder / "leads-out").symlink_to(secret.parent)
    path = {
        "plain": str(secret),
        "relative": f"{folder}/../{secret}",
        "address": f"{url}gradio_api/file={secret}",
        "link": f"{folder}/leads-out/{secret.name}",
        "list": str(secret),
    }[written]
    file = {"url": path} if written == "address" else {"path": path}
    kind, answer = called(url, endpoint, {argument: [file] if written == "list" else file})
    (folder / "leads-out").unlink(missing_ok=True)
    assert kind == "error"
    assert REFUSED in answer["error"]


def test_an_upload_an_example_and_a_data_uri_are_taken(url: str) -> None:
    uri = "data:image/png;base64," + base64.b64encode(png()).decode()
    for file in (
        {"path": uploaded(url, png())},
        {"url": f"{url}gradio_api/file={uploaded(url, png())}"},
        {"path": uri},
        {"url": uri},
    ):
        kind, answer = called(url, "upscale", {"picture": file, "model": "spanx4"})
        assert kind == "complete", answer
        assert answer[1]["recipe"]["pictures"][0]["size"] == [9, 7]


def test_equal_uploads_are_two_files(url: str) -> None:
    one, other = uploaded(url, png()), uploaded(url, png())
    assert one != other
    assert len(Path(one).parents[1].name) == 32
    files.delete([one])
    assert not Path(one).exists()
    assert Path(other).exists()


def test_equal_results_are_two_files(url: str) -> None:
    one, other = (called(url, "faces", {"model": "heads-64"})[1][0][0]["path"] for _ in range(2))
    assert one != other
    assert Path(one).read_bytes() == Path(other).read_bytes()


def test_only_what_is_a_visitor_s_can_be_deleted(secret: Path) -> None:
    example = next(files.EXAMPLES.glob("*.png"))
    files.delete([str(secret), str(example), None, str(files.folder()), f"{files.folder()}/../x"])
    assert secret.exists()
    assert example.exists()
    assert files.folder().exists()


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/proc/self/environ", "ganapps/engine.py", "app.py"]
)
def test_no_file_of_this_machine_is_served(url: str, path: str) -> None:
    full = path if path.startswith("/") else str(Path(ui.__file__).parents[2] / path)
    assert asked(url, f"/gradio_api/file={full}")[0] in (403, 404)


# -- 14: room


def test_a_visitor_has_so_much_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "kept"))
    room = files.Room(visitor_most=3 * files.LEAST, all_most=5 * files.LEAST)
    places = []
    for visitor in ("a", "a", "a", "b", "b"):
        with room.place(visitor) as place:
            (place / "file").write_bytes(b"x")
            places.append(place)
    for visitor, said in (("a", "at most 786 kB are kept for one visitor"), ("b", "all visitors")):
        with pytest.raises(UserError, match=said), room.place(visitor):
            pass
    (places[0] / "file").unlink()
    room.left(places[0])
    with room.place("a"):
        pass
    assert room.used("b") == 2 * files.LEAST


def test_what_is_too_much_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "kept"))
    room = files.Room(visitor_most=files.LEAST)
    with pytest.raises(UserError), room.place("a") as place:
        (place / "half").write_bytes(b"x")
        room.grow(place, files.LEAST + 1)
    assert list((tmp_path / "kept").iterdir()) == []
    assert room.used("a") == 0


def test_an_upload_over_the_quota_is_one_sentence(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROOM", files.Room(visitor_most=0))
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; '
        b'filename="a.png"\r\n\r\nx\r\n--x--\r\n'
    )
    status, answer, _ = asked(
        url, "/gradio_api/upload", {"Content-Type": "multipart/form-data; boundary=x"}, body
    )
    assert status == 413
    assert b"press Delete it now" in answer


# -- 2: hosts, origins, foreign addresses


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9/x.png",
        "https://example.org/x.png",
        "//example.org/x",
        "HTTP://example.org",
        "ftp://example.org/x",
    ],
)
@pytest.mark.parametrize("way", ["file", "proxy"])
def test_no_foreign_address_is_fetched(url: str, way: str, address: str) -> None:
    for path in (
        f"/gradio_api/{way}={address}",
        f"/gradio_api/{way}={address.replace(':', '%3A')}",
        f"/{way}={address}",
    ):
        assert asked(url, path)[0] in (403, 404)


@pytest.mark.parametrize(
    "file",
    [
        {"path": "http://127.0.0.1:9/x.png"},
        {"url": "https://example.org/x.png"},
        {"path": "https://example.org/x.png", "url": "https://example.org/x.png"},
    ],
)
def test_no_foreign_address_in_a_payload_is_fetched(url: str, file: dict[str, str]) -> None:
    kind, answer = called(url, "upscale", {"picture": file})
    assert kind == "error"
    assert REFUSED in answer["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example:7860"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "10.1.2.3"}, 200),
        ({"Host": "[::1]:7860"}, 200),
        ({"Host": "localhost", "Origin": "https://evil.example"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
        ({"Host": "localhost", "Origin": "https://localhost"}, 200),
        ({"Host": "localhost", "Origin": "https://10.0.0.1", "X-Forwarded-Host": "10.0.0.1"}, 200),
        (
            {
                "Host": "localhost",
                "Origin": "https://evil.example",
                "X-Forwarded-Host": "evil.example",
            },
            403,
        ),
    ],
)
def test_who_may_call(url: str, headers: dict[str, str], status: int) -> None:
    assert asked(url, "/config", headers)[0] == status


def test_a_refused_host_is_told_the_flag(url: str) -> None:
    assert (
        b"start the app with --host-name gan.example" in asked(url, "/", {"Host": "gan.example"})[1]
    )
    assert doors.known_hosts("gan.local", ("gan.example",), True)[-1] == "gan.local"


def test_a_space_and_a_shared_link_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "me/gans")
    door = callers.Callers(lambda *_: None, doors.known_hosts(None, (), shared=True))
    assert door._known("me-gans.hf.space")
    assert door._known("0123456789abcdef.gradio.live")
    assert not door._known("hf.space.evil.example")


# -- 3: passwords


@pytest.fixture(scope="module")
def locked(engine: Engine) -> Iterator[str]:
    """The window behind a password."""
    window = ui.build(engine)
    _, address, _ = window.launch(
        server_name="127.0.0.1",
        prevent_thread_lock=True,
        quiet=True,
        ssr_mode=False,
        auth=("ada", "right"),
        **ui.launch_settings(),
    )
    yield address
    window.close()


def login(url: str, password: str) -> tuple[int, bytes, dict[str, str]]:
    return asked(
        url,
        "/login",
        {"Content-Type": "application/x-www-form-urlencoded"},
        f"username=ada&password={password}".encode(),
    )


def test_wrong_passwords_slow_down_and_the_right_one_forgives(
    locked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = [0.0]
    monkeypatch.setattr(
        passwords, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + later[0])
    )
    monkeypatch.setattr(passwords, "WAIT", 1_000.0)
    monkeypatch.setattr(passwords, "LONGEST_WAIT", 1_000.0)
    assert [login(locked, "wrong")[0] for _ in range(5)] == [400, 400, 400, 429, 429]
    status, said, headers = login(locked, "right")
    assert status == 429, "within the wait nothing is looked at"
    assert b"try again in" in said
    assert int(headers["retry-after"]) >= 1
    later[0] = 1_001.0
    assert login(locked, "right")[0] == 200
    assert login(locked, "wrong")[0] == 400, "begins anew"
    assert login(locked, "right")[0] == 200


def test_a_cookie_stays_on_this_app_s_pages(locked: str) -> None:
    cookies = login(locked, "right")[2]["set-cookie"]
    assert "samesite=none" not in cookies.lower()
    assert "samesite=lax" in cookies.lower()


def test_behind_a_password_nothing_is_uploaded(locked: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; '
        b'filename="a.png"\r\n\r\nx\r\n--x--\r\n'
    )
    assert (
        asked(
            locked, "/gradio_api/upload", {"Content-Type": "multipart/form-data; boundary=x"}, body
        )[0]
        == 401
    )


@pytest.mark.parametrize("password", ["", ":", "ada:", ":word", "ada", " : "])
def test_an_empty_password_is_refused(password: str) -> None:
    import app

    with pytest.raises(SystemExit, match="neither of them empty"):
        app._login(password)


# -- 12 and 15: room and turns


def test_a_large_body_is_refused_and_a_picture_in_it_is_not(url: str) -> None:
    status, said = post(url, "call/v2/faces", {"seed": "7" * 2_000_000})
    assert status == 413
    assert "over 1 MB" in said
    noise = np.random.RandomState(0).randint(0, 256, (800, 900, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    assert len(uri) > 2_000_000
    status, said = post(url, "call/v2/upscale", {"picture": {"path": uri}, "model": "nope"})
    assert status == 200, said


def test_an_unknown_argument_is_one_sentence(url: str) -> None:
    status, said = post(url, "call/v2/faces", {"sead": 7})
    assert status == 422
    assert "The argument sead is unknown: accepted are seed, count" in said


def test_arguments_by_place_may_end_early(url: str) -> None:
    kind, answer = called(url, "faces", ["Ada"], positional=True)
    assert kind == "complete"
    assert answer[1]["recipe"]["settings"]["seed"] == "Ada" or isinstance(
        answer[1]["recipe"]["settings"]["seed"], int
    )


def some_runs(count: int, session: str, address: str) -> list[runs.Run]:
    return [runs.Run(f"{session}{i}", session, address, asked=0.0) for i in range(count)]


def test_a_visitor_has_so_many_runs_and_others_still_get_theirs() -> None:
    live = some_runs(runs.PER_SESSION, "page", "1.1.1.1")
    with pytest.raises(UserError, match="8 runs of yours"):
        runs.admit(live, "page", "1.1.1.1")
    runs.admit(live, "other page", "1.1.1.1")
    live = [run for n in range(runs.PER_ADDRESS) for run in some_runs(1, f"call {n}", "1.1.1.1")]
    with pytest.raises(UserError, match="24 runs of yours"):
        runs.admit(live, "", "1.1.1.1")
    runs.admit(live, "", "2.2.2.2")


def test_a_run_that_nobody_listens_to_ends() -> None:
    listeners = runs.Listeners()
    lonely, heard = some_runs(1, "lonely", "1")[0], some_runs(1, "heard", "2")[0]
    assert listeners.forsaken([lonely], runs.LOST - 1) == []
    assert listeners.forsaken([lonely], runs.LOST + 1) == [lonely]
    with listeners.listening("heard", lambda: 50.0):
        assert listeners.forsaken([lonely, heard], runs.CROWDED + 1) == [lonely], (
            "sooner while others wait"
        )
    assert listeners.forsaken([heard], 50.0 + runs.LOST - 1) == []
    assert listeners.forsaken([heard], 50.0 + runs.LOST + 1) == [heard]


def test_one_who_asks_too_often_is_told_and_nobody_is_shut_out(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PER_ADDRESS", 3)
    monkeypatch.setattr(runs, "CROWDED", 1.0)
    monkeypatch.setattr(turns, "GLANCE", 0.2)
    monkeypatch.setattr(
        turns, "address", lambda scope: dict(scope["headers"]).get(b"x-test", b"a").decode()
    )
    long = {"model": "heads-128", "count": 64}
    with served(engine) as url:
        answers = [post(url, "call/v2/faces", long, {"X-Test": "greedy"})[0] for _ in range(5)]
        assert answers[:3] == [200, 200, 200]
        assert answers[3:] == [429, 429]
        began = time.monotonic()
        kind, _answer = called(url, "faces", {"model": "heads-64"})
        assert kind == "complete"
        assert time.monotonic() - began < 30, "not after 192 faces that nobody waits for"


def test_a_run_ends_at_its_time_limit(engine: Engine) -> None:
    from ganapps.recipe import Recipe

    made, own = 0, signals.Signals()
    with (
        pytest.raises(UserError, match="The time limit of 0.01 s"),
        signals.stopped_at_the_end(own),
    ):
        for result in engine.run(Recipe("faces", "heads-128", {"count": 64})):
            made += len(result.made)
            own.limit(0.01)
            time.sleep(0.02)
    assert 0 < made < 64


def test_flat_tables_over_many_calls(engine: Engine) -> None:
    window = ui.build(engine)
    _, url, _ = window.launch(
        server_name="127.0.0.1",
        prevent_thread_lock=True,
        quiet=True,
        ssr_mode=False,
        **ui.launch_settings(),
    )
    for n in range(60):
        called(url, "faces", {"model": "heads-64"} if n % 3 == 0 else {"count": "x" * 9})
    queue = window._queue
    tables = (queue.event_ids_to_events, queue.event_analytics, queue.pending_event_ids_session)
    began = time.monotonic()
    while any(len(table) > 1 for table in tables):  # the last calls' answers are still being sent
        assert time.monotonic() - began < 30, [len(table) for table in tables]
        time.sleep(0.1)
    assert window.app.state_holder.capacity == 100
    window.close()


# -- 17: what a run keeps is let go


def test_a_canvas_goes_with_its_run_and_its_visitor(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganapps.ui.parts import common, picture_runs
    from ganapps.ui.tabs.upscale import UpscaleTab

    with gr.Blocks():
        tab = UpscaleTab(engine)
    canvas = np.zeros((50, 40, 3), np.uint8)
    shown = [common.Shown("", None, parts=(Part(canvas[:20]),))] * 5
    monkeypatch.setattr(picture_runs.common, "show", lambda *_, **__: (step for step in shown))
    monkeypatch.setattr(
        tab, "recipe", lambda values: SimpleNamespace(with_settings=lambda **_: None)
    )
    monkeypatch.setattr(tab, "expected", lambda *_: None)
    monkeypatch.setattr(engine, "run", lambda *_: iter(()))
    picture = tmp_path / "picture.png"
    Image.new("RGB", (20, 25)).save(picture)
    values = {tab.picture: str(picture), tab.area.traces: [], tab.weights.box: None}
    request = SimpleNamespace(session_hash="visitor", headers={})
    run = tab.run(values, request)
    next(run), next(run)
    assert tab.underway.look("visitor").shown.parts[0].rows.base is canvas
    run.close()
    view = tab.stopped({**values, tab.line: ""}, request)
    assert len(tab.underway) == 0, "the canvas is gone"
    assert Image.open(values[tab.area.traces][-1]).size == (40, 20), "what was done is a file"
    assert values[tab.area.traces][-1] in view[tab.area.view]
    run = tab.run(values, request)
    next(run), next(run)
    tab.left("visitor")
    assert len(tab.underway) == 0
    run.close()


@pytest.mark.parametrize("path", ["/", "/config"])
def test_the_page_comes_compressed_for_whoever_takes_it_so(url: str, path: str) -> None:
    _, whole, plain = asked(url, path)
    _, short, packed = asked(url, path, {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain and packed["content-encoding"] == "gzip"
    assert len(short) < len(whole) / 4
    assert b"ganapps" in gzip.decompress(short)


def test_pictures_and_streams_are_sent_as_they_are(url: str) -> None:
    path = uploaded(url, png())
    _, content, headers = asked(url, f"/gradio_api/file={path}", {"Accept-Encoding": "gzip"})
    assert content == png() and "content-encoding" not in headers


def test_whether_the_page_is_there_is_told_without_building_it() -> None:
    async def building(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("a page is built")

    client = TestClient(Pages(building))
    assert client.head("/").status_code == 200
    with pytest.raises(AssertionError, match="built"):
        client.get("/")


def test_a_page_is_told_whole_values_of_what_stays_nothing_and_of_a_text_what_is_new() -> None:
    """Gradio's page edits a value that it has taken and not shown yet: the first of two quick
    updates was lost.
    """
    with Window() as window:
        function = SimpleNamespace(outputs=[1, 2])
    updates = [
        [{"value": [1], "visible": True}, "a"],
        [{"value": [1, 2]}, "a"],
        [{"visible": True}, "ab"],
    ]
    told = [
        window.handle_streaming_diffs(function, list(update), "page", "run", False)
        for update in updates
    ]
    assert told == [
        updates[0],
        [[["replace", [], {"value": [1, 2]}]], []],
        [[["replace", [], {"visible": True}]], [["append", [], "b"]]],
    ]
    assert window.handle_streaming_diffs(function, [None, None], "page", "run", True) == updates[-1]


def test_the_page_holds_nothing_that_only_programs_call(url: str) -> None:
    """Gradio's page drew each of 298 arguments unseen, and looked at it for every event."""
    config = json.loads(asked(url, "/config")[1])
    arguments = {c["id"] for c in config["components"] if c["type"] == "api"}

    def drawn(layout: dict) -> set[int]:
        return {layout["id"]}.union(*(drawn(c) for c in layout.get("children", [])))

    (page,) = config["page"].values()
    assert len(arguments) > 100
    for layout in (config["layout"], page["layout"]):
        assert len(drawn(layout)) > 300 and not drawn(layout) & arguments
    # it would wait for ever for what is to be seen and is not drawn
    assert not [
        c
        for c in config["components"]
        if c["id"] in arguments and c["props"]["visible"] is not False
    ]
    upscale = json.loads(asked(url, "/gradio_api/info")[1])["named_endpoints"]["/upscale"]
    assert {"picture", "model", "scale"} <= {p["parameter_name"] for p in upscale["parameters"]}

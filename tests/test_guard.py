"""The guard: who may come in and how much they may bring, whose run goes on for how long, and what
stays of a call: nothing.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest

import app as command
from ganapps import ui as rooms
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.recipe import Recipe
from ganapps.ui.doors import callers, files, passwords, turns, visitors
from ganapps.ui.doors.callers import Cookies
from ganapps.ui.doors.calls import Bodies
from ganapps.ui.parts import common
from ganapps.ui.tabs.compare import CompareTab
from ganapps.workers import runs, signals
from ganapps.workers.runs import Listeners, Run
from ganapps.workers.signals import RunEnded, Signals
from tests.waiting import below, wait

ROOT = Path(__file__).resolve().parent.parent
META = {"_type": "gradio.FileData"}


@dataclass
class House:
    """A window that is served, and its address."""

    window: gr.Blocks
    url: str

    @property
    def queue(self) -> turns.Turns:
        return self.window._queue

    def client(self, address: str = "", **more: object) -> httpx.Client:
        """A visitor, from this machine or from an address that a proxy on it tells."""
        headers = {"x-forwarded-for": address} if address else {}
        return httpx.Client(base_url=self.url + "gradio_api/", headers=headers, timeout=60, **more)


def launched(engine: Engine, **more: object) -> Iterator[House]:
    window = rooms.build(engine)
    settings = {"server_name": "127.0.0.1", "prevent_thread_lock": True, "quiet": True}
    _, url, _ = window.launch(
        **settings,
        ssr_mode=False,
        **more,
        **rooms.launch_settings(rooms.known_hosts("127.0.0.1", ["gan.example.org"], False)),
    )
    yield House(window, url)
    window.close()


@pytest.fixture(scope="module")
def house(engine: Engine) -> Iterator[House]:
    yield from launched(engine)


def ask(client: httpx.Client, seed: object = 1, **values: object) -> httpx.Response:
    return client.post("call/v2/faces", json={"seed": str(seed), **values})


def hear(client: httpx.Client, asked: httpx.Response) -> tuple[str, object]:
    """The last event of a call that was asked for, and what it says."""
    said = client.get(f"call/v2/faces/{asked.json()['event_id']}").text
    lines = [line for line in said.splitlines() if line.startswith(("event: ", "data: "))]
    return lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))


def faces_asked(house: House, session: str) -> dict[str, object]:
    """What a page of that session posts for a press that asks for faces, without a single value."""
    config = httpx.get(house.url + "config").json()
    faces = next(d for d in config["dependencies"] if d["api_name"] == "faces")
    data = [None] * len(faces["inputs"])
    return {"data": data, "fn_index": faces["id"], "session_hash": session}


@contextmanager
def opened_page(house: House, session: str) -> Iterator[tuple[httpx.Client, dict[str, object]]]:
    """While a page of that session is open: its visitor, and what it posts for a press."""
    client, body = house.client(), faces_asked(house, session)
    with client.stream("GET", f"heartbeat/{session}") as page:
        beats = page.iter_raw()  # held, for what nobody holds is closed
        next(beats)
        yield client, body


# Which names, which pages


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1:9",
        "[::1]:9",
        "192.168.3.4",
        "gan.example.org",
        "gan.example.org:443",
        socket.gethostname(),
    ],
)
def test_the_app_answers_to_its_own_names(house: House, host: str) -> None:
    assert house.client().get("startup-events", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.test"},
        {"host": "localhost.evil.test"},
        {"host": "evil.test:7860"},
        {"host": "127.0.0.1.evil.test"},
        {"x-forwarded-host": "evil.test"},
        {"x-forwarded-host": "evil.test, localhost"},
    ],
)
def test_another_name_is_refused_with_what_to_do(house: House, headers: dict[str, str]) -> None:
    """DNS rebinding: a page's own name leads here all at once, and the browser lets it read the
    answers.
    """
    for path in ("startup-events", "file=x", "heartbeat/me"):
        answer = house.client().get(path, headers=headers)
        name = callers._name(next(iter(headers.values())).split(",")[0])
        assert answer.status_code == 403
        assert (
            answer.json()["error"]
            == answer.json()["detail"]
            == (
                f"The host {name} is not known here: start the app with --host-name {name} to "
                "serve it under this name."
            )
        )
    page = httpx.get(house.url, headers=headers | {"accept": "text/html"})
    assert (
        page.status_code == 403
        and "is not known here" in page.text
        and "text/plain" in page.headers["content-type"]
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://127.0.0.1"}, 200),
        ({"origin": "https://127.0.0.1:9"}, 200),
        ({}, 200),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "https://gan.example.org", "x-forwarded-host": "gan.example.org"}, 200),
        ({"origin": "https://gan.example.org"}, 200),
        ({"origin": "http://evil.test"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://localhost"}, 403),
        ({"origin": "http://127.0.0.1.evil.test"}, 403),
        ({"origin": "https://a@evil.test"}, 403),
    ],
)
def test_only_the_app_s_own_page_may_ask(
    house: House, headers: dict[str, str], status: int
) -> None:
    """Schemes may differ: a proxy speaks https where this app speaks http."""
    client = house.client()
    assert client.post("reset", json={"event_id": "x"}, headers=headers).status_code == status
    assert client.get("queue/status", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "a.proxy"}, 200),
        ({"host": "a.proxy", "origin": "https://a.proxy"}, 200),
        ({"host": "a.proxy", "origin": "https://evil.test"}, 403),
    ],
)
def test_a_space_is_reached_by_whatever_name_its_proxy_takes(
    house: House, headers: dict[str, str], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "ann/gan")
    assert house.client().get("queue/status", headers=headers).status_code == status


def test_a_refusal_speaks_the_visitor_s_language(house: House) -> None:
    said = (
        house.client()
        .get("startup-events", headers={"host": "evil.test", "accept-language": "zh-CN"})
        .json()["error"]
    )
    assert not said.isascii() and "--host-name evil.test" in said


# Nothing is fetched for anybody


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list]]:
    """An address of somebody else, and who came there."""
    came: list = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    came.append(server.accept())
                except OSError:
                    return

        threading.Thread(target=listen, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", came


@pytest.mark.parametrize(
    "way",
    [
        "file=http://{}/a.png",
        "file=https://{}/a.png",
        "file=HTTP://{}/a.png",
        "file/http://{}/a.png",
        "file=ftp://{}/a",
        "file=http%3A//{}/a.png",
        "proxy=http://{}/a.png",
        "proxy=https://x.hf.space/a",
        "file=http:/{}/a.png",
    ],
)
def test_no_other_address_is_fetched_and_served_as_ours(
    house: House, elsewhere: tuple[str, list], way: str
) -> None:
    place, came = elsewhere
    for method in ("GET", "HEAD"):
        answer = house.client().request(method, way.format(place))
        assert answer.status_code == 403 and not came
    assert answer.headers["content-type"] == "application/json"
    assert (
        "Only files of this app are served here"
        in house.client().get(way.format(place)).json()["error"]
    )


def test_no_address_in_a_request_is_fetched(house: House, elsewhere: tuple[str, list]) -> None:
    place, came = elsewhere
    for file in (
        {"path": f"http://{place}/a.png"},
        {"path": None, "url": f"http://{place}/a.png"},
        {"path": f"//{place}/a.png"},
    ):
        asked = house.client().post("call/v2/upscale", json={"picture": file | {"meta": META}})
        event, said = hear(house.client(), asked)
        assert event == "error" and "is not a file that was brought here" in said["error"]
    assert not came


def test_a_file_that_was_brought_is_served(house: House) -> None:
    (path,) = house.client().post("upload", files={"files": ("in.png", b"not a picture")}).json()
    assert house.client().get(f"file={path}").content == b"not a picture"


# How large


def test_a_large_request_is_refused_once_it_has_come(house: House) -> None:
    for seed in ("1" * 1_200_000, "1" * 10_000_000):
        for way in (
            "call/v2/faces",
            "run/faces",
            "queue/join",
            "cancel",
            "component_server",
            "nowhere",
        ):
            # Gradio reads it whichever it says
            kind = {"content-type": "application/json" if len(way) % 2 else "text/plain"}
            answer = house.client().post(
                way,
                content=json.dumps({"seed": seed, "data": [seed], "session_hash": "me"}),
                headers=kind,
            )
            assert answer.status_code == 413
            assert (
                answer.json()["error"]
                == "This request has over 1 MB: a file goes to /gradio_api/upload first, or as a "
                "data URI."
            )
    # its length is not told before
    many = house.client().post("call/v2/faces", content=(b"x" * 60_000 for _ in range(50)))
    assert many.status_code == 413


def test_a_request_is_not_deep_and_a_session_has_a_short_name(house: House) -> None:
    for deep in ('{"data": ' + "[" * 100 + "]" * 100 + "}", "[" * 400_000):
        answer = house.client().post(
            "run/faces", content=deep, headers={"content-type": "application/json"}
        )
        assert answer.status_code in (400, 422) and "/" not in answer.text
    long = house.client().post(
        "queue/join", json={"data": [], "fn_index": 0, "session_hash": "x" * 65}
    )
    assert (
        long.status_code == 400
        and long.json()["error"] == "A session_hash has at most 64 characters."
    )


class Beyond:
    """What lies behind a door: it keeps what came, and answers with `status` and `headers`."""

    def __init__(self, status: int = 200, headers: tuple = ()) -> None:
        self.status, self.headers, self.came = status, headers, []

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        message = await receive()
        assert message["more_body"] is False
        assert (
            dict(scope["headers"]).get(b"content-length", str(len(message["body"])).encode())
            == str(len(message["body"])).encode()
        )
        self.came.append(message["body"])
        await send(
            {"type": "http.response.start", "status": self.status, "headers": list(self.headers)}
        )
        await send({"type": "http.response.body", "body": b""})


def through(
    door: Bodies | Cookies,
    body: bytes,
    path: str = "/gradio_api/call/v2/x",
    step: int = 60_000,
    client: str = "1.2.3.4",
) -> dict:
    """The start of the answer to a POST whose body comes in pieces; under "said" what the door
    itself answers.
    """
    endpoint = SimpleNamespace(
        api_name="x", api_visibility="public", fn=lambda picture, other, text: None
    )
    window = SimpleNamespace(
        share_url=None,
        local_url="http://localhost/",
        root_path=None,
        server_name="127.0.0.1",
        max_file_size=5_000_000,
        fns={0: endpoint},
    )
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": (client, 1),
        "app": SimpleNamespace(get_blocks=lambda: window),
    }
    pieces = [body[i : i + step] for i in range(0, len(body), step)] or [b""]
    sent: list[dict] = []

    async def receive() -> dict:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: dict) -> None:
        sent.append(message)

    with ThreadPoolExecutor() as pool:  # a browser of other tests may have a loop in our own thread
        pool.submit(asyncio.run, door(scope, receive, send)).result()
    assert not pieces, "a client that still sends looks at no answer"
    return sent[0] | {"said": sent[1]["body"].decode()}


def data_uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


CONTENT = bytes(range(256)) * 12_000 + b"!"  # 3 MB that fill no four characters


@pytest.mark.parametrize("step", [60_000, 997])
@pytest.mark.parametrize("escaped", [False, True])
def test_a_picture_as_a_data_uri_goes_to_the_disk_as_it_comes(step: int, escaped: bool) -> None:
    asked = {
        "picture": {"url": data_uri(CONTENT), "meta": META},
        "other": [{"path": data_uri(b"ab")}],
        "text": 'a "data:image/png;base64,AAAA" b',
    }
    body = json.dumps(asked)
    beyond = Beyond()
    assert (
        through(
            Bodies(beyond), (body.replace("/", r"\/") if escaped else body).encode(), step=step
        )["status"]
        == 200
    )
    came = json.loads(beyond.came[0])
    assert len(beyond.came[0]) < 1000 and came["text"] == asked["text"]
    picture, other = came["picture"], came["other"][0]
    assert picture["url"] is None and picture["meta"] == META
    assert (
        Path(picture["path"]).read_bytes() == CONTENT and Path(other["path"]).read_bytes() == b"ab"
    )
    for path in (picture["path"], other["path"]):
        assert files.taken(path) == path
    files.delete([picture["path"], other["path"]])


def test_the_memory_stays_flat_while_a_picture_comes() -> None:
    import tracemalloc

    body = json.dumps({"picture": {"url": data_uri(CONTENT)}}).encode()
    beyond = Beyond()
    through(Bodies(beyond), body)
    tracemalloc.start()
    through(Bodies(beyond), body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(body) * 1.5, "the pieces of this test alone take as much as the body"


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"picture": {"url": data_uri(bytes(6_000_000))}}, 413, "larger than an upload may be"),
        ({"picture": {"url": data_uri(CONTENT)}, "seed": "1" * 1_200_000}, 413, "over 1 MB"),
        ({"picture": data_uri(CONTENT)}, 400, "give it as the url of a file"),
        ({"picture": {"url": "data:image/png;base64," + "A" * 1_200_001}}, 400, "can't be read"),
        ([{"url": data_uri(b"ab")}] * 17, 413, "at most 16 files"),
    ],
)
def test_nothing_stays_of_a_file_that_is_refused(asked: object, status: int, words: str) -> None:
    before, beyond = below(files.folder()), Beyond()
    answer = through(Bodies(beyond), json.dumps(asked).encode())
    assert answer["status"] == status and words in answer["said"] and not beyond.came
    assert below(files.folder()) <= before


@pytest.mark.parametrize("length", [2_000_000, -1])
def test_a_file_that_is_cut_off_is_gone(length: int) -> None:
    before, beyond = below(files.folder()), Beyond()
    through(Bodies(beyond), json.dumps({"picture": {"url": data_uri(CONTENT)}}).encode()[:length])
    assert below(files.folder()) <= before


# The password


def test_a_cookie_goes_with_no_foreign_request_but_in_a_space(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cookies = (
        (b"set-cookie", b"a=1; HttpOnly; SameSite=none; Secure"),
        (b"set-cookie", b"b=2; HttpOnly"),
        (b"x", b"samesite=none"),
    )
    sent = through(Cookies(Beyond(headers=cookies)), b"{}")["headers"]
    assert set(sent) == {
        (b"set-cookie", b"a=1; HttpOnly; SameSite=Lax; Secure"),
        (b"set-cookie", b"b=2; HttpOnly"),
        (b"x", b"samesite=none"),
    }
    monkeypatch.setenv("SPACE_ID", "ann/gan")  # its page lies in a frame of another site
    assert through(Cookies(Beyond(headers=cookies)), b"{}")["headers"] == list(cookies)


def test_another_address_is_not_slowed_down(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "WAIT", 1000.0)
    monkeypatch.setattr(passwords, "LONGEST_WAIT", 1000.0)
    served = launched(engine, auth=("ada", "right"))
    house = next(served)

    def login(address: str, word: str) -> httpx.Response:
        return httpx.post(
            house.url + "login",
            data={"username": "ada", "password": word},
            headers={"x-forwarded-for": address},
            timeout=60,
        )

    assert house.client().get("info").status_code == 401
    assert [login("203.0.113.9", "wrong").status_code for _ in range(4)] == [400] * 3 + [429]
    assert (
        login("203.0.113.9", "right")
        .json()["error"]
        .startswith("Too many wrong passwords: try again in ")
    )
    other = login("203.0.113.10", "right")
    assert other.status_code == 200
    assert house.client(cookies=dict(other.cookies)).get("info").status_code == 200
    next(served, None)


@pytest.mark.parametrize("given", ["", ":", "ada", "ada:", ":word", " :word", "ada: "])
def test_an_empty_user_or_password_is_refused(given: str) -> None:
    with pytest.raises(SystemExit) as refused:
        command._login(given)
    assert refused.value.code == "--password wants USER:PASSWORD, neither of them empty."
    assert command._login(" ada :word") == ("ada", "word"), "Gradio's page strips the user too"
    assert command._login("ada:a:b") == ("ada", "a:b") and command._login(None) is None


def test_the_real_command_refuses_an_empty_password() -> None:
    done = subprocess.run(
        [sys.executable, "app.py", "--password", ""],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode == 1 and done.stderr.startswith("--password wants USER:PASSWORD")


@pytest.mark.parametrize(
    ("words", "warned"),
    [
        (["--share"], True),
        (["--host", "0.0.0.0"], True),
        (["--host", "::"], True),
        (["--host", "192.168.3.4"], True),
        ([], False),
        (["--host", "localhost"], False),
        (["--share", "--password", "ada:word"], False),
    ],
)
def test_an_open_door_is_told_loudly(
    words: list[str], warned: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def refuse(*given: object, **more: object) -> Engine:
        raise UserError("No further.")

    monkeypatch.setattr("ganapps.engine.start", refuse)
    monkeypatch.setattr(sys, "argv", ["app.py", *words])
    with pytest.raises(SystemExit, match="No further"):
        command.main()
    said = capsys.readouterr().err
    assert said.startswith("WARNING: ") == warned and said.count("\n") == warned


def test_the_password_and_names_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GANAPPS_PASSWORD", "ada:word")
    monkeypatch.setenv("GANAPPS_HOST_NAMES", "a.test, b.test")
    options = command.flags().parse_args(["--host-name", "c.test"])
    assert options.password == "ada:word" and options.host_name == ["a.test", "b.test", "c.test"]


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_limit_is_more_than_nothing(given: str, capsys: pytest.CaptureFixture) -> None:
    assert command.flags().parse_args(["--time-limit", "2.5"]).time_limit == 2.5
    with pytest.raises(SystemExit):
        command.flags().parse_args(["--time-limit", given])


def test_whose_address_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(client: str, forwarded: str = "") -> str:
        return visitors.address(
            {"client": (client, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
        )

    assert seen("203.0.113.9", "198.51.100.1") == "203.0.113.9", (
        "uvicorn has decided whom to believe"
    )
    assert (
        seen("2001:db8:1:2:3::4")
        == seen("2001:db8:1:2::9")
        == "2001:db8:1:2::/64"
        != seen("2001:db8:1:3::9")
    )
    monkeypatch.setenv("SPACE_ID", "ann/gan")
    assert (
        seen("10.16.3.80", "6.6.6.6, 8.8.4.4, 10.0.0.1") == "8.8.4.4"
        and seen("10.16.3.80") == "10.16.3.80"
    )


# Whose runs, and how long


def run(name: str, session: str = "", address: str = "a", asked: float = 0.0) -> Run:
    return Run(name, session or name, address, asked)


def test_nobody_has_more_runs_than_one_may() -> None:
    live = [run(str(i), session="page") for i in range(runs.PER_SESSION)]
    with pytest.raises(UserError, match="8 runs of yours"):
        runs.admit(live, "page", "elsewhere")
    runs.admit(live, "other page", "a")
    live = [run(str(i)) for i in range(runs.PER_ADDRESS)]
    with pytest.raises(UserError, match="24 runs of yours"):
        runs.admit(live, None, "a")
    runs.admit(live, None, "b")
    assert runs.PER_ADDRESS < turns.MOST_WAITING / 2


def test_visitors_take_turns() -> None:
    waiting = [
        run("a1"),
        run("a2"),
        run("a3"),
        run("b1", address="b"),
        run("b2", address="b"),
        run("c1", address="c"),
    ]
    assert [waiting[i].name for i in runs.in_turn(waiting)] == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_what_nobody_waits_for_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.time, "monotonic", lambda: 100.0)
    listeners = Listeners()
    mine, page = run("never", asked=100.0), run("of a page", "page", asked=100.0)

    def gone(*live: Run, at: float) -> list[str]:
        return [r.name for r in listeners.forsaken(live, 100.0 + at)]

    assert gone(mine, at=119) == [] and gone(mine, at=121) == ["never"]
    with listeners.page("page"):
        assert gone(page, at=11) == []
    assert gone(page, at=9) == [] and gone(page, at=11) == ["of a page"], "a closed page"
    with listeners.page("page"):
        assert gone(page, at=11) == [], "which was opened again"
    with listeners.listening("never"):
        assert gone(mine, at=1000) == []
        assert gone(mine, run("other", asked=100.0), at=11) == ["other"], (
            "somebody waits for the device"
        )
    assert gone(mine, run("other", asked=100.0), at=11) == [], "and now nobody does"
    listeners.forget(100.0 + 3 * runs.LOST)
    assert not listeners._left and not listeners._closed


def test_a_run_ends_at_its_time_limit_and_what_was_done_stays(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganapps.tasks.maker.GLANCE", -1)  # a step for every picture
    recipe = Recipe("faces", "heads-64", {"seed": 1, "count": 8})
    made = []
    with pytest.raises(RunEnded) as ended, limited(0.0):
        for result in slowly(engine.run(recipe)):
            made += result.made
    assert not made and str(ended.value).startswith(
        "The time limit of 0 s for a run is reached; what was done stays"
    )
    with limited(1000.0):
        shown = list(common.show(once_over(engine.run(recipe)), recipe, "en"))
    assert 0 < len(shown[-1].files) < 8 and shown[-1].ended and "time limit" in shown[-1].line
    signals.check()


def limited(seconds: float) -> AbstractContextManager[None]:
    return signals.stopped_at_the_end(Signals(seconds=seconds))


def slowly(results: Iterator) -> Iterator:
    for result in results:
        time.sleep(0.01)
        yield result


def once_over(results: Iterator) -> Iterator:
    """A run whose time is over after its first picture."""
    for result in results:
        yield result
        if result.made:
            signals.current().limit(0.0)


def test_a_race_that_is_over_its_time_shows_what_it_has(engine: Engine) -> None:
    with gr.Blocks():
        tab = CompareTab(engine)
    laps = tab.track.laps

    def over(*given: object) -> Iterator[dict]:
        for _i, update in enumerate(laps(*given)):
            yield update
            if given[1].lap:
                raise RunEnded(
                    "The time limit of {seconds} s for a run is reached; what was done stays. Ask "
                    "for less at a time.",
                    seconds="1",
                )

    tab.track.laps = over
    values = {widget: widget.value for widget in tab.asked | {tab.measured}}
    *_, last, _ = tab.run(values, SimpleNamespace(headers={}, session_hash="me"))
    assert (
        last[tab.track.sentence].startswith('<div class="refusal"')
        and "time limit" in last[tab.track.sentence]
    )
    assert tab.track.report in last and tab.track.figures in last and len(tab.underway) == 0


def test_the_time_limit_holds_for_whatever_waits_in_the_queue(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.queue, "time_limit", 0.001)
    client = house.client()
    event, said = hear(client, ask(client, count=64))
    assert event == "error" and said["error"].startswith(
        "The time limit of 0.001 s for a run is reached"
    )
    monkeypatch.setattr(house.queue, "time_limit", None)
    assert hear(client, ask(client))[0] == "complete"


def test_a_run_does_not_pass_the_queue_by(house: House) -> None:
    answer = house.client().post("run/faces", json={"data": ["1"]})
    assert answer.status_code == 500 and answer.json()["error"].startswith("Runs wait in the queue")


@contextmanager
def occupied(engine: Engine) -> Iterator[None]:
    """While another run has the device."""
    with engine.worker.device.joined() as turn, turn:
        yield


def test_one_visitor_does_not_shut_out_the_others(
    house: House, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "CROWDED", 0.5)
    flood, guest = house.client("203.0.113.1"), house.client("203.0.113.2")
    with occupied(engine):
        answers = [ask(flood) for _ in range(60)]
        assert [a.status_code for a in answers] == [200] * runs.PER_ADDRESS + [429] * (
            60 - runs.PER_ADDRESS
        )
        assert answers[-1].json()["detail"].startswith("24 runs of yours are under way or waiting")
        asked = ask(guest)
        heard: list = []
        listening = threading.Thread(target=lambda: heard.append(hear(guest, asked)))
        listening.start()
        wait(lambda: len(house.queue._live()) == 1)  # whoever does not listen is in nobody's way
    listening.join(60)
    assert heard[0][0] == "complete"
    event, said = hear(flood, answers[5])
    assert event == "error" and said["error"] == "Nobody listened to this run, so it was ended."
    wait(lambda: not house.queue._live())


def test_a_closed_page_and_a_lost_stream_free_the_device(
    house: House, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "CLOSED", 0.3)
    client = house.client()
    body = faces_asked(house, "closing")

    def under_way() -> int:
        return len(house.queue._live())

    with occupied(engine):
        with client.stream("GET", "heartbeat/closing") as page:
            beats = page.iter_raw()
            next(beats)
            assert client.post("queue/join", json=body).status_code == 200
            wait(lambda: under_way() == 1)
            time.sleep(1.5)
            assert under_way() == 1, "the page is open"
        wait(lambda: under_way() == 0)
        asked = ask(client)
        with client.stream("GET", f"call/v2/faces/{asked.json()['event_id']}"):
            wait(lambda: house.queue.listeners.here(asked.json()["event_id"]))
            assert under_way() == 1
        monkeypatch.setattr(runs, "LOST", 0.3)
        wait(lambda: not house.queue._live())
    wait(lambda: not any(house.queue.active_jobs))


def test_a_page_that_is_left_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a visitor's runs keep is let go then; it is an event like others, but nobody waits."""
    functions = house.window.fns.values()
    leaving = next(f for f in functions if any(event == "unload" for _, event in f.targets))
    gone: list[str | None] = []

    def left(request: gr.Request) -> None:
        gone.append(request.session_hash)

    monkeypatch.setattr(leaving, "fn", left)
    with house.client().stream("GET", "heartbeat/leaver") as page:
        beats = page.iter_raw()  # held: a dropped one closes the stream
        next(beats)
        assert not gone
    wait(lambda: gone == ["leaver"])


def test_an_open_page_may_listen_when_nothing_is_left_to_hear(house: House) -> None:
    """Of two presses at once a slow page hears both answers in one stream, and opens another."""
    with opened_page(house, "late") as (client, body):
        assert client.post("queue/join", json=body).status_code == 200
        stream = "queue/data?session_hash=late"
        assert '"close_stream"' in client.get(stream).text
        wait(lambda: not house.queue.event_ids_to_events)
        time.sleep(2 * turns.GLANCE)  # what is idle is tidied
        # no error, which the page would take for that of its next run
        assert '"unexpected_error"' not in client.get(stream).text


def test_a_page_whose_stream_is_being_closed_is_told_of_its_run_late(house: House) -> None:
    """Told before it has read that, it would take the stream for open and hear of no run."""
    with opened_page(house, "closed") as (client, body):
        assert client.post("queue/join", json=body).status_code == 200
        began = time.monotonic()
        assert '"close_stream"' in client.get("queue/data?session_hash=closed").text
        assert time.monotonic() - began >= turns.LINGERS, "what is pressed next is heard in it"
        left = time.monotonic()
        assert client.post("queue/join", json=body).status_code == 200
        assert time.monotonic() - left > turns.SETTLES / 2


def test_a_run_whose_messages_nobody_reads_ends(
    house: House, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_UNHEARD", 0)
    client = house.client()
    with occupied(engine):
        asked = ask(client)
        wait(lambda: not house.queue._live())
    assert hear(client, asked) == (
        "error",
        {"error": "Nobody listened to this run, so it was ended."},
    )


@pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"),
    reason="only Linux gives up a silent connection by a time that is set",
)
def test_a_silent_connection_is_given_up(house: House) -> None:
    def times() -> list[int]:
        listening = [s for server in house.window.server.servers for s in server.sockets]
        return [s.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) for s in listening]

    wait(lambda: times() == [120_000])


# What stays of a call


def kept(house: House) -> dict[str, int]:
    """How much Gradio holds, table by table."""
    queue, gradio_app = house.queue, house.window.app
    return {
        "messages": len(queue.pending_messages_per_session),
        "unheard": len(queue.pending_event_ids_session),
        "events": len(queue.event_ids_to_events),
        "iterators": len(gradio_app.iterators),
        "cancelled": len(gradio_app.iterators_to_reset),
        "sessions": len(gradio_app.state_holder.session_data),
        "used": len(gradio_app.state_holder.time_last_used),
        "streams": len(house.window.pending_diff_streams),
        "open": len(queue.listeners._open),
        "tasks": len(queue._asyncio_tasks),
    }


def test_nothing_stays_of_a_call(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "LOST", 0.5)
    wait(lambda: not kept(house)["events"])
    client = house.client()
    for i in range(200):
        if i % 8 == 0:
            assert hear(client, ask(client, i))[0] == "complete"
        elif i % 8 == 4:
            assert hear(client, ask(client, "x" * 200_000, count=99))[0] == "error"
        elif i % 4 == 1:
            assert client.post("run/faces", json={"data": ["x" * 200_000]}).status_code == 500
        elif i % 4 == 2:
            assert client.post("call/v2/faces", json={"seed": "1" * 1_200_000}).status_code == 413
        elif i % 40 == 3:
            ask(client, i)  # and nobody listens
    wait(lambda: not any(v for name, v in kept(house).items() if name not in ("sessions", "used")))
    assert kept(house)["sessions"] <= 4, "those of pages, of other tests"
    assert len(house.queue.event_analytics) <= 1


def test_sessions_are_few_and_light(house: House) -> None:
    holder = house.window.app.state_holder
    for i in range(turns.MOST_SESSIONS + 20):
        state = holder[f"visitor {i}"]
        state._update_value_in_config(next(iter(state.blocks_config.blocks)), "x" * 1_000_000)
    assert (
        len(holder.session_data) <= turns.MOST_SESSIONS + 1
        and len(holder.time_last_used) <= turns.MOST_SESSIONS + 1
    )
    assert not any(s.config_values for s in holder.session_data.values())
    for session in list(holder.session_data):
        holder.forget(session)

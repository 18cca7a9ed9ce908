"""Programs send anything: every argument of every endpoint with every wrong type is a right result
or one sentence.
"""

from __future__ import annotations

import base64
import inspect
import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import gradio as gr
import pytest
from PIL import Image

from ganapps.engine import Engine
from ganapps.ui import api
from tests.api import called, post

WRONG = {
    "null": None,
    "yes": True,
    "number": 7,
    "negative": -3.5,
    "huge": 10**400,
    "nan": math.nan,
    "infinity": math.inf,
    "text": "x",
    "empty": "",
    "long": "x" * 100_000,
    "half a character": "\ud800",
    "list": [],
    "list of text": ["beard"],
    "table": {},
    "deep": {"a": {"b": [1, {"c": None}]}},
    "a path": {"path": "/etc/passwd"},
    "no path": {"path": 5},
}
SMALL = {
    "faces": {"model": "heads-64"},
    "upscale": {"model": "spanx4"},
    "translate": {"model": "styles-26"},
    "compare": {"steps": 1},
    "edit": {"model": "heads-64"},
    "drag": {"model": "heads-64", "points": [[3, 3, 9, 9]], "steps": 1},
    "breed": {
        "model": "heads-64",
        "family": {"ada": {"seed": 1}, "ben": {"seed": 2}},
        "parents": ["ada", "ben"],
    },
    "ages": {"model": "heads-64", "count": 2},
    "frontal": {"model": "heads-64"},
    "morph": {
        "model": "heads-64",
        "family": {"ada": {"seed": 1}, "ben": {"seed": 2}},
        "begin": "ada",
        "end": "ben",
        "frames": 2,
    },
    "say": {"model": "heads-64", "sentence": "a smile"},
    "export": {"model": "heads-64", "count": 1},
    "invert": {"model": "heads-64", "steps": 1},
    "repair": {"model": "filler-ours", "box": [1, 1, 3, 3]},
    "scratches": {"model": "scratches-ours"},
    "restore": {"model": "filler-ours"},
    "learn": {"steps": 1, "batch": 8, "width": 8},
}
TAKES_A_PICTURE = ("upscale", "translate", "invert", "repair", "scratches", "restore")
LONGEST = 600  # characters of a sentence


@pytest.fixture(scope="module")
def endpoints(engine: Engine) -> dict[str, Callable]:
    """Every endpoint as it is published."""
    return {name: api._careful(made) for name, made in api.endpoints(engine).items()}


@pytest.fixture
def picture(tmp_path: Path) -> dict[str, str]:
    Image.new("RGB", (9, 7), "teal").save(tmp_path / "small.png")
    return {"path": str(tmp_path / "small.png")}


def cases() -> Iterator[tuple[str, str]]:
    for endpoint, made in api.endpoints(_Rows()).items():
        for argument in inspect.signature(made).parameters:
            yield endpoint, argument


@pytest.mark.parametrize(
    ("endpoint", "missing"),
    [("say", "sentence"), ("drag", "points"), ("breed", "family"), ("morph", "family")],
)
def test_what_must_be_given_is_named(
    endpoints: dict[str, Callable], endpoint: str, missing: str
) -> None:
    """Of an argument without a default Gradio made an HTTP 500."""
    for given in ({}, {missing: None}):
        with pytest.raises(gr.Error, match=f"^'The setting {missing} is missing.'$"):
            list(endpoints[endpoint](**given))
    for made in endpoints.values():
        needed = [p for p in inspect.signature(made).parameters.values() if p.default is p.empty]
        assert not needed


class _Rows:
    """An engine with one model, to read signatures from."""

    @property
    def models(self) -> object:
        return self

    def rows(self, models: str) -> list:
        return [self]

    def here(self, row: object) -> bool:
        return True

    id = "first"


@pytest.mark.parametrize(("endpoint", "argument"), cases())
def test_a_wrong_type_is_a_result_or_a_sentence(
    endpoints: dict[str, Callable], picture: dict[str, str], endpoint: str, argument: str
) -> None:
    for kind, value in WRONG.items():
        asked = (
            SMALL[endpoint]
            | ({"picture": picture} if endpoint in TAKES_A_PICTURE else {})
            | {argument: value}
        )
        answers = endpoints[endpoint](**asked)
        try:
            _files, facts = next(answers)
            assert "recipe" in facts or "race" in facts, kind
        except gr.Error as refused:
            assert 10 < len(refused.message) <= LONGEST, kind
            assert "went wrong" not in refused.message, f"{kind}: {refused.__cause__!r}"
        finally:
            answers.close()


def test_null_is_the_default(endpoints: dict[str, Callable]) -> None:
    *_, (files, facts) = endpoints["faces"](
        **dict.fromkeys(inspect.signature(endpoints["faces"]).parameters)
    )
    assert len(files) == 1
    assert facts["recipe"]["settings"]["seed"] == 0


def test_an_error_of_ours_is_one_sentence_and_logged(
    endpoints: dict[str, Callable],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Engine, "run", lambda *_: 1 / 0)
    with pytest.raises(gr.Error, match="Something went wrong here"):
        list(endpoints["faces"]())
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "The argument picture is missing"),
        ({"picture": None}, "The argument picture is missing"),
        ({"picture": "x.png"}, "is not a file that was brought here"),
    ],
)
def test_a_missing_picture_is_told(url: str, body: dict[str, Any], said: str) -> None:
    kind, answer = called(url, "upscale", body)
    assert kind == "error"
    assert said in answer["error"]


# -- over HTTP, through all that Gradio does before an endpoint is called


def uri() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7), "teal").save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


FILE = {"meta": {"_type": "gradio.FileData"}}
ODD_FILES = {
    "no path": FILE,
    "a number": FILE | {"path": 5},
    "size": FILE | {"path": uri(), "size": "large"},
    "part of a byte": FILE | {"path": uri(), "size": 1.5},
    "name": FILE | {"path": uri(), "orig_name": 5},
    "kind": FILE | {"path": uri(), "mime_type": ["image/png"]},
    "meta": {"path": uri(), "meta": 5},
    "stream": FILE | {"path": uri(), "is_stream": "maybe"},
    "nulls": FILE | {"path": uri(), "size": None, "orig_name": None, "is_stream": None},
    "a list": [FILE | {"path": uri()}],
    "zero": FILE | {"path": "/a\0b"},
}


@pytest.mark.parametrize(
    ("endpoint", "argument"),
    [("upscale", "picture"), ("translate", "labels"), ("faces", "weights"), ("compare", "picture")],
)
def test_an_odd_file_is_a_result_or_a_sentence(url: str, endpoint: str, argument: str) -> None:
    """Where a file belongs, and where none does."""
    for kind, value in ODD_FILES.items():
        asked = (
            SMALL[endpoint]
            | ({"picture": {"path": uri()}} if endpoint in ("upscale", "translate") else {})
            | {argument: value}
        )
        ended, answer = called(url, endpoint, asked)
        assert ended in ("complete", "error"), (kind, answer)
        if ended == "error":
            assert 10 < len(answer["error"] or "") <= LONGEST, (kind, answer)
            assert "went wrong" not in answer["error"], (kind, answer)


def test_a_file_s_nulls_are_left_out(url: str) -> None:
    assert (
        called(url, "upscale", {"picture": ODD_FILES["nulls"], "model": "spanx4"})[0] == "complete"
    )


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (
            "call/nobody",
            {"data": []},
            "There is no endpoint nobody: there are faces, upscale, translate, learn, ",
        ),
        ("call/v2/nobody", {}, "There is no endpoint nobody"),
        ("run/nobody", {"data": []}, "There is no endpoint nobody"),
        ("api/nobody", {"data": []}, "There is no endpoint nobody"),
        ("call/" + "n" * 9000, {"data": []}, "There is no endpoint nnn"),
        ("call/faces", {"data": [None] * 30}, "30 arguments came, 19 are accepted: seed, count"),
        ("run/predict", {"data": [], "fn_index": 10**9}, "There is no event 1000000000"),
        ("run/predict", {"data": [], "fn_index": -1}, "There is no event -1"),
        (
            "queue/join",
            {"data": [], "fn_index": 10**9, "session_hash": "x"},
            "There is no event 1000000000",
        ),
    ],
)
def test_what_is_not_there_is_told(url: str, path: str, body: Any, said: str) -> None:
    status, answer = post(url, path, body)
    assert status in (404, 422), answer
    assert said in answer
    assert len(answer) <= LONGEST


@pytest.mark.parametrize(
    "value", [json.loads("[" * 300 + "]" * 300), json.loads('{"a":' * 300 + "1" + "}" * 300)]
)
def test_lists_within_lists_are_refused_before_anything_reads_them(url: str, value: Any) -> None:
    status, answer = post(url, "call/v2/faces", {"weights": value})
    assert status == 400
    assert "lists within lists" in answer


def test_a_direct_call_is_told_where_runs_wait(url: str) -> None:
    status, answer = post(url, "run/faces", {"data": ["Ada"]})
    assert status == 500
    assert "Runs wait in the queue: POST to /gradio_api/call/NAME." in answer


@pytest.mark.parametrize("kind", ["application/vnd.gans+json", "Application/JSON"])
def test_json_by_another_name_goes_through_the_same_door(url: str, kind: str) -> None:
    status, answer = post(url, "call/v2/faces", {"sead": 7}, {"Content-Type": kind})
    assert status == 422
    assert "The argument sead is unknown" in answer
    assert post(url, "call/v2/faces", {"seed": "7" * 2_000_000}, {"Content-Type": kind})[0] == 413


def test_an_address_that_is_too_long_is_told(url: str) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{url}?" + "a=1&" * 20_000, timeout=30)
    assert refused.value.code == 414
    assert b"too long" in refused.value.read()


def test_no_event_of_the_window_answers_with_nothing(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A page never sends this; whoever does gets a result or a sentence, and the log says where it
    went wrong.
    """
    with urlopen(f"{url}config", timeout=30) as answer:
        events = json.loads(answer.read())["dependencies"]
    asked = 0
    for event in events:
        if event["backend_fn"] and event["inputs"] and event["api_visibility"] == "private":
            for value in (5, {"a": [None]}):
                status, said = post(
                    url,
                    "run/predict",
                    {
                        "data": [value] * len(event["inputs"]),
                        "fn_index": event["id"],
                        "session_hash": "odd",
                    },
                )
                asked += 1
                assert status == 200 or (
                    '"error":null' not in said and "Internal Server Error" not in said
                ), (event["id"], said)
    assert asked > 100


def test_an_event_that_goes_wrong_is_one_sentence_and_logged(
    url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gr.Blocks, "process_api", lambda *_, **__: 1 / 0)
    kind, answer = called(url, "faces", {})
    assert kind == "error"
    assert answer["error"] == "Something went wrong here. It was logged; please try again."
    assert "ZeroDivisionError" in caplog.text

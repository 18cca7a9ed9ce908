"""Programs send anything: every argument of every endpoint with every wrong type is a right result or one sentence."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from ganapps.engine import Engine
from ganapps.ui import api
from tests.api import called

WRONG = {
    "null": None, "yes": True, "number": 7, "negative": -3.5, "huge": 10**400, "nan": math.nan, "infinity": math.inf, "text": "x", "empty": "", "long": "x" * 100_000,
    "half a character": "\ud800", "list": [], "list of text": ["beard"], "table": {}, "deep": {"a": {"b": [1, {"c": None}]}}, "a path": {"path": "/etc/passwd"}, "no path": {"path": 5},
}
SMALL = {"faces": {"model": "heads-64"}, "upscale": {"model": "spanx4"}, "translate": {"model": "styles-26"}, "compare": {"steps": 1}}
LONGEST = 600  # characters of a sentence


@pytest.fixture(scope="module")
def endpoints(engine: Engine) -> dict[str, Callable]:
    """Every endpoint as it is published."""
    return {name: api._careful(getattr(api, f"_{name}")(engine)) for name in SMALL}


@pytest.fixture
def picture(tmp_path: Path) -> dict[str, str]:
    Image.new("RGB", (9, 7), "teal").save(tmp_path / "small.png")
    return {"path": str(tmp_path / "small.png")}


def cases() -> Iterator[tuple[str, str]]:
    for endpoint in SMALL:
        for argument in inspect.signature(getattr(api, f"_{endpoint}")(_Rows())).parameters:
            yield endpoint, argument


class _Rows:
    """An engine with one model, to read signatures from."""

    def rows(self, models: str) -> list:
        return [self]

    def here(self, row: object) -> bool:
        return True

    id = "first"


@pytest.mark.parametrize(("endpoint", "argument"), cases())
def test_a_wrong_type_is_a_result_or_a_sentence(endpoints: dict[str, Callable], picture: dict[str, str], endpoint: str, argument: str) -> None:
    for kind, value in WRONG.items():
        asked = SMALL[endpoint] | ({"picture": picture} if endpoint in ("upscale", "translate") else {}) | {argument: value}
        answers = endpoints[endpoint](**asked)
        try:
            files, facts = next(answers)
            assert "recipe" in facts or "race" in facts, kind
        except gr.Error as refused:
            assert 10 < len(refused.message) <= LONGEST, kind
            assert "went wrong" not in refused.message, f"{kind}: {refused.__cause__!r}"
        finally:
            answers.close()


def test_null_is_the_default(endpoints: dict[str, Callable]) -> None:
    *_, (files, facts) = endpoints["faces"](**dict.fromkeys(inspect.signature(endpoints["faces"]).parameters))
    assert len(files) == 1
    assert facts["recipe"]["settings"]["seed"] == 0


def test_an_error_of_ours_is_one_sentence_and_logged(endpoints: dict[str, Callable], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(Engine, "run", lambda *_: 1 / 0)
    with pytest.raises(gr.Error, match="Something went wrong here"):
        list(endpoints["faces"]())
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(("body", "said"), [({}, "The argument picture is missing"), ({"picture": None}, "The argument picture is missing"), ({"picture": "x.png"}, "is no file")])
def test_a_missing_picture_is_told(url: str, body: dict[str, Any], said: str) -> None:
    kind, answer = called(url, "upscale", body)
    assert kind == "error"
    assert said in answer["error"]

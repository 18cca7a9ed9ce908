"""Programs that speak MCP: the endpoints are tools, a picture goes there as a data URI."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from ganapps import ui
from ganapps.engine import Engine
from tests.window import served

pytest.importorskip("mcp", reason="Gradio's extra for MCP is not installed here")


@pytest.fixture(scope="module")
def address(engine: Engine) -> Iterator[str]:
    with served(engine) as url:
        yield f"{url}gradio_api/mcp/"


def call(address: str, method: str, **params: Any) -> dict[str, Any]:
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    accepts = {"Accept": "application/json, text/event-stream"}
    answer = httpx.post(address, json=asked, headers=accepts, timeout=60)
    assert answer.status_code == 200, answer.text
    *_, last = (line for line in answer.text.splitlines() if line.startswith("data:"))
    return json.loads(last.removeprefix("data:"))["result"]


def test_the_endpoints_are_tools_that_say_what_they_do(address: str) -> None:
    tools = {tool["name"]: tool for tool in call(address, "tools/list")["tools"]}
    assert {"faces", "upscale", "translate", "compare"} <= set(tools)
    assert len(tools["faces"]["description"]) > 40
    given = tools["upscale"]["inputSchema"]["properties"]
    assert {"picture", "model", "scale"} <= set(given)
    assert all(value.get("description") for value in given.values())
    for tool in ("upscale", "translate", "repair", "restore", "invert"):
        picture = tools[tool]["inputSchema"]["properties"]["picture"]
        assert "data URI" in json.dumps(picture), "addresses are not fetched"


def test_a_picture_goes_there_as_a_data_uri_and_the_result_lies_at_its_path(address: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (12, 8), (200, 40, 40)).save(file, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    arguments = {"picture": uri, "model": "spanx4"}
    answer = call(address, "tools/call", name="upscale", arguments=arguments)
    assert not answer.get("isError"), answer
    told = answer["content"][0]["text"]
    path = re.search(r"/[^'\"]+\.png", told)[0]
    made = httpx.get(address.removesuffix("mcp/") + f"file={path}")
    assert Image.open(io.BytesIO(made.content)).size == (48, 32)


def test_an_address_of_elsewhere_is_refused(address: str) -> None:
    arguments = {"picture": "http://127.0.0.1:1/cat.png", "model": "spanx4"}
    answer = call(address, "tools/call", name="upscale", arguments=arguments)
    assert answer["isError"] and "was brought here" in answer["content"][0]["text"]


def test_where_a_password_is_set_that_door_is_shut() -> None:
    assert ui.launch_settings()["mcp_server"]
    assert not ui.launch_settings(locked=True)["mcp_server"]

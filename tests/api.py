"""The app's API as curl would use it: plain HTTP, no client that mends what it sends."""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen


def post(url: str, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """(status, what came back) of a POST of JSON to gradio_api/`path`; NaN and Infinity go as
    Python writes them.
    """
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = Request(
        f"{url.rstrip('/')}/gradio_api/{path}",
        data,
        {"Content-Type": "application/json"} | (headers or {}),
    )
    try:
        with urlopen(asked, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as refused:
        text = refused.read().decode(errors="replace")
        return refused.code, text


def called(url: str, name: str, body: Any, positional: bool = False) -> tuple[str, Any]:
    """The last event of a call, and its data: ("complete", [...]), ("error", what was said), or
    ("refused", (status, text)).
    """
    path = f"call/{name}" if positional else f"call/v2/{name}"
    status, answer = post(url, path, {"data": body} if positional else body)
    if status != 200 or "event_id" not in answer:
        return "refused", (status, answer)
    with urlopen(
        f"{url.rstrip('/')}/gradio_api/call/{name}/{answer['event_id']}", timeout=120
    ) as stream:
        lines = stream.read().decode().splitlines()
    events = [
        (line[7:], json.loads(data[6:]))
        for line, data in itertools.pairwise(lines)
        if line.startswith("event: ")
    ]
    return events[-1]

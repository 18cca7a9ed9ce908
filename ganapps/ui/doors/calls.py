"""What a request brings: bounded, and for a call the arguments that there are."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganapps.errors import UserError
from ganapps.ui.doors import bodies
from ganapps.ui.doors.refused import Refused

CALL = re.compile(r"/gradio_api/(?:call|run|api)/(v2/)?([^/]+)/?$")
JOIN = re.compile(r"/gradio_api/queue/join/?$")
# has bounds of its own, and goes to the disk as it comes
UPLOAD = re.compile(r"/gradio_api/upload/?$")
LONGEST_SESSION = 64  # characters of a session's name; Gradio's own have 11 or 32
DEEPEST = 64  # lists and objects within one another


class Bodies:
    """Bounds what a request brings, and completes or refuses the arguments of a call."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] in ("GET", "HEAD", "OPTIONS")
            or UPLOAD.search(scope["path"])
        ):
            return await self.app(scope, receive, send)
        body = bodies.Body(scope, receive)
        try:
            text = _arguments(scope, await _read(body))
        except Refused as e:
            body.drop()
            return await e.answer(scope)(scope, receive, send)
        await self.app(_sized(scope, text), _again(text, receive), send)


async def _read(body: bodies.Body) -> bytes:
    """A whole body, of whatever kind it says it is, its files on the disk. Raises Refused."""
    try:
        text = await body.read()
    except UserError as e:
        await body.drain()
        raise Refused(400 if isinstance(e, bodies.Unreadable) else 413, e) from e
    try:
        asked = _parsed(text)
        if asked is None:
            body.drop()
        return json.dumps(body.filled(asked)).encode() if body.files else text
    except UserError as e:
        raise Refused(400, e) from e


def _parsed(text: bytes) -> Any:
    """What a JSON body says; None for one that is no JSON: a form, or nothing. Raises UserError."""
    try:
        asked = json.loads(text)
    except ValueError:
        return None
    except RecursionError as e:
        raise UserError(
            "This request has lists within lists within lists: at most {most}.", most=DEEPEST
        ) from e
    if _deep(asked):
        raise UserError(
            "This request has lists within lists within lists: at most {most}.", most=DEEPEST
        )
    if isinstance(asked, dict) and len(str(asked.get("session_hash") or "")) > LONGEST_SESSION:
        raise UserError("A session_hash has at most {most} characters.", most=LONGEST_SESSION)
    return asked


def _deep(value: Any) -> bool:
    """Does a value hold more than DEEPEST lists and objects within one another?"""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            item
            for held in level
            if isinstance(held, (dict, list))
            for item in (held.values() if isinstance(held, dict) else held)
        ]
        if not level:
            return False
    return True


async def drained(receive: Receive, message: Message) -> None:
    """Read what is left of a refused request after `message`, up to a gigabyte: a client hears an
    answer only when it has sent all.
    """
    read = 0
    while message.get("more_body", False) and read < bodies.DRAINED:
        message = await receive()
        read += len(message.get("body", b""))


def _arguments(scope: Scope, body: bytes) -> bytes:
    """The body of a call, for an endpoint or an event that there is, with right arguments. Raises
    Refused.
    """
    call = CALL.search(scope["path"])
    if call and call[2] != "predict":
        return _of_endpoint(scope["app"].get_blocks(), call[2], bool(call[1]), body)
    if call or JOIN.search(scope["path"]):
        _of_event(scope["app"].get_blocks(), body)
    return body


def _of_endpoint(blocks: Any, name: str, by_name: bool, body: bytes) -> bytes:
    """A call by name, only with arguments that there are; by place, with null for those that were
    left out.
    """
    known = _parameters(blocks, name)
    if known is None:
        there = ", ".join(f.api_name for f in blocks.fns.values() if f.api_visibility == "public")
        raise Refused(
            404,
            UserError(
                "There is no endpoint {name}: there are {known}.", name=name[:100], known=there
            ),
        )
    asked = _table(body)
    if by_name:
        for argument in asked:
            if argument not in known:
                raise Refused(
                    422,
                    UserError(
                        "The argument {name} is unknown: accepted are {known}.",
                        name=argument[:100],
                        known=", ".join(known),
                    ),
                )
        return body
    given = asked.get("data")
    if not isinstance(given, list) or len(given) == len(known):
        return body
    if len(given) > len(known):
        raise Refused(
            422,
            UserError(
                "{count:argument|arguments} came, {most:is|are} accepted: {known}.",
                count=len(given),
                most=len(known),
                known=", ".join(known),
            ),
        )
    return json.dumps({**asked, "data": given + [None] * (len(known) - len(given))}).encode()


def _of_event(blocks: Any, body: bytes) -> None:
    """What the page itself sends names an event by its number."""
    number = _table(body).get("fn_index")
    if isinstance(number, int) and number not in blocks.fns:
        raise Refused(404, UserError("There is no event {number}.", number=str(number)[:100]))


def _table(body: bytes) -> dict[str, Any]:
    """The JSON table of a body; an empty one for what is none, of which Gradio says so."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return asked if isinstance(asked, dict) else {}


def _parameters(blocks: Any, name: str) -> list[str] | None:
    """The arguments of a published endpoint; None where there is none of that name."""
    for function in blocks.fns.values():
        if function.api_name == name and function.api_visibility == "public":
            return list(inspect.signature(function.fn).parameters)
    return None


def _sized(scope: Scope, body: bytes) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be read once more; it is let go then."""
    left: list[bytes] = [body]

    async def once() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return once

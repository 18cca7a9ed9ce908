"""What every request passes before Gradio sees it: known hosts, own origins, no foreign addresses,
bounded bodies, right arguments, and patience with wrong passwords.
"""

from __future__ import annotations

import contextlib
import inspect
import ipaddress
import json
import os
import re
import socket
import time
from collections import OrderedDict
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganapps.errors import UserError
from ganapps.ui.doors import bodies
from ganapps.ui.doors.turns import Listening
from ganapps.ui.doors.visitors import address, in_a_space, language
from ganapps.ui.words import say

SERVED = re.compile(r"/(?:file|proxy)[=/](.*)", re.DOTALL)
LONG = 60_000  # bytes of an address with its query; from 64 KiB on Gradio fails
CALL = re.compile(r"/gradio_api/(?:call|run|api)/(v2/)?([^/]+)/?$")
JOIN = re.compile(r"/gradio_api/queue/join/?$")
# has bounds of its own, and goes to the disk as it comes
UPLOAD = re.compile(r"/gradio_api/upload/?$")
# wrong passwords that cost nothing; then seconds, doubled each time, at most
FREE, WAIT, LONGEST_WAIT = (
    3,
    1.0,
    60.0,
)
ADDRESSES = 10_000  # whose wrong passwords are remembered
LONGEST_SESSION = 64  # characters of a session's name; Gradio's own have 11 or 32
DEEPEST = 64  # lists and objects within one another


class Refused(Exception):
    """A request that goes no further: the status and the sentence of its answer."""

    def __init__(self, status: int, said: UserError) -> None:
        super().__init__(said)
        self.status, self.said = status, said

    def answer(self, scope: Scope, **headers: str) -> Response:
        """The sentence in the visitor's language: as text to a browser that opens a page, else
        under the names that Gradio's page reads.
        """
        sentence = say(language(scope), self.said.template, **self.said.values)
        if "text/html" in Headers(scope=scope).get("accept", ""):
            return PlainTextResponse(sentence, self.status, headers)
        return JSONResponse({"error": sentence, "detail": sentence}, self.status, headers)


def known_hosts(host: str | None, more: Collection[str], shared: bool) -> tuple[str, ...]:
    """The names by which this app may be called, besides addresses of digits, which no foreign name
    server can point here.

    A page of another name that leads to this machine (DNS rebinding) could otherwise talk to the
    app as if it were its own.
    """
    names = [
        "localhost",
        socket.gethostname(),
        socket.getfqdn(),
        *more,
        *os.environ.get("SPACE_HOST", "").split(","),
    ]
    root = urlsplit(os.environ.get("GRADIO_ROOT_PATH", "")).hostname
    if os.environ.get("SPACE_ID"):
        names.append("*.hf.space")
    if shared:
        names.append("*.gradio.live")
    return tuple(name.lower() for name in (*names, host or "", root or "") if name)


def middleware(hosts: Collection[str]) -> list[Middleware]:
    """For FastAPI, the outermost first."""
    return [
        Middleware(Callers, hosts=tuple(hosts)),
        Middleware(Cookies),
        Middleware(Passwords),
        Middleware(Bodies),
        Middleware(Listening),
    ]


class Callers:
    """Refuses unknown hosts, other pages' requests, and addresses that Gradio would fetch for
    whoever asks.
    """

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] in ("http", "websocket"):
                self._check(scope)
        except Refused as e:
            await e.answer(scope)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raises Refused. A Space is reached through its platform's proxy only, which goes by the
        name itself: there no name is looked at.
        """
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONG:
            raise Refused(414, UserError("This address is too long."))
        headers = Headers(scope=scope)
        host, forwarded = (
            _name(headers.get("host", "")),
            headers.get("x-forwarded-host", "").split(",")[0].strip(),
        )
        for name in (host, _name(forwarded)) if forwarded else (host,):
            if not self._known(name) and not in_a_space():
                raise Refused(
                    403,
                    UserError(
                        "The host {host} is not known here: start the app with --host-name {host} "
                        "to serve it under this name.",
                        host=name[:100] or "-",
                    ),
                )
        origin = headers.get("origin")
        if origin is not None and not self._own(origin, host, headers):
            raise Refused(
                403,
                UserError(
                    "This request comes from another page, so it is refused: open the app itself."
                ),
            )
        asked = SERVED.search(unquote(scope["path"]))
        if asked and (
            "/proxy=" in scope["path"]
            or re.match(r"\s*(?:[a-z][a-z0-9+.-]+:/|//)", asked[1], re.IGNORECASE)
        ):
            raise Refused(403, UserError("Only files of this app are served here."))

    def _known(self, host: str) -> bool:
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host)
            return True
        return any(
            host == known or (known.startswith("*.") and host.endswith(known[1:]))
            for known in self.hosts
        )

    def _own(self, origin: str, host: str, headers: Headers) -> bool:
        """Is the page that asks one of this app's? A proxy may call the app by another name than it
        is called itself.
        """
        if origin == "null":  # a frame without an origin, unless the browser says that it is ours
            return headers.get("sec-fetch-site") == "same-origin"
        name = _name(urlsplit(origin).netloc)
        if "." in name and name in self.hosts:  # a proxy that tells another name, or none
            return True
        forwarded = _name(headers.get("x-forwarded-host", "").split(",")[0].strip())
        return name == host or (name == forwarded and self._known(name))


def _name(host: str) -> str:
    """The host of a Host header, without its port, in small letters."""
    return (
        (urlsplit(f"//{host}").hostname or "") if re.fullmatch(r"[\w.:\[\]-]{0,300}", host) else ""
    )


class Cookies:
    """A cookie goes with requests of this app's own pages only; inside a Space it has to cross
    Hugging Face's frame.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.framed = in_a_space()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.framed:
            return await self.app(scope, receive, send)

        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                cookies = headers.getlist("set-cookie")
                del headers["set-cookie"]
                for cookie in cookies:
                    headers.append(
                        "set-cookie", re.sub(r"(?i)samesite=none", "SameSite=Lax", cookie)
                    )
                message["headers"] = headers.raw
            await send(message)

        await self.app(scope, receive, careful)


class Passwords:
    """After some wrong passwords an address waits before its next try is looked at; others
    don't.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        # address: how many, and until when it waits
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "POST"
            or not scope["path"].rstrip("/").endswith("/login")
        ):
            return await self.app(scope, receive, send)
        visitor = address(scope)
        count, until = self._wrong.get(visitor, (0, 0.0))
        left = until - time.monotonic()
        if left > 0:
            said = UserError(
                "Too many wrong passwords: try again in {seconds} s.", seconds=f"{left + 1:.0f}"
            )
            answer = Refused(429, said).answer(scope, **{"Retry-After": f"{left + 1:.0f}"})
            return await answer(scope, receive, send)
        self._note(visitor, count + 1)  # before it is looked at: tries at the same moment count too

        async def watching(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self._wrong.pop(visitor, None)
            await send(message)

        await self.app(scope, receive, watching)

    def _note(self, visitor: str, count: int) -> None:
        wait = 0.0 if count < FREE else min(LONGEST_WAIT, WAIT * 2.0 ** min(count - FREE, 10))
        self._wrong[visitor] = (count, time.monotonic() + wait)
        self._wrong.move_to_end(visitor)
        while len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)


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
                "{count} arguments came, {most} are accepted: {known}.",
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

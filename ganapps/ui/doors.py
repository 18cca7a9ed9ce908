"""What every request passes before Gradio sees it: known hosts, own origins, no foreign addresses, bounded bodies, right
arguments, patience with wrong passwords, and no more runs than one visitor may have."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import ipaddress
import json
import os
import re
import socket
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganapps import runs
from ganapps.errors import UserError

SMALL = 2**20  # bytes of a JSON body without a file in it
DRAINED = 2**30
LARGE = 700 * 2**20  # of one with a file as a data URI: an upload may have 512 MB, base64 makes a third more of it
SERVED = re.compile(r"/(?:file|proxy)=(.*)", re.DOTALL)
LONG = 60_000  # bytes of an address with its query; from 64 KiB on Gradio fails
CALL = re.compile(r"/gradio_api/(?:call|run|api)/(v2/)?([^/]+)/?$")
JOIN = re.compile(r"/gradio_api/(?:queue/join|call/(?:v2/)?[^/]+)/?$")
STREAM = re.compile(r"/gradio_api/call/(?:v2/)?[^/]+/([^/]+)/?$")
FREE, WAIT, LONGEST_WAIT = 3, 1.0, 60.0  # wrong passwords that cost nothing; then seconds, doubled each time, at most
ADDRESSES = 10_000  # whose wrong passwords are remembered
LOOK = 2.0  # seconds between two looks for runs that nobody listens to


class Refused(Exception):
    """A request that goes no further: the status and the sentence of its answer."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def known_hosts(host: str | None, more: Collection[str], shared: bool) -> tuple[str, ...]:
    """The names by which this app may be called, besides addresses of digits, which no foreign name server can point here.

    A page of another name that leads to this machine (DNS rebinding) could otherwise talk to the app as if it were its own.
    """
    names = ["localhost", socket.gethostname(), socket.getfqdn(), *more, *os.environ.get("SPACE_HOST", "").split(",")]
    root = urlsplit(os.environ.get("GRADIO_ROOT_PATH", "")).hostname
    if os.environ.get("SPACE_ID"):
        names.append("*.hf.space")
    if shared:
        names.append("*.gradio.live")
    return tuple(name.lower() for name in (*names, host or "", root or "") if name)


def middleware(hosts: Collection[str]) -> list[Middleware]:
    """For FastAPI, the outermost first."""
    return [Middleware(Callers, hosts=tuple(hosts)), Middleware(Cookies), Middleware(Passwords), Middleware(Bodies)]


class Callers:
    """Refuses unknown hosts, other pages' requests, and addresses that Gradio would fetch for whoever asks."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        await (refusal or self.app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONG:
            return PlainTextResponse("This address is too long.", status_code=414)
        headers = Headers(scope=scope)
        host = _name(headers.get("host", ""))
        if not self._known(host):
            said = f"The host {host[:100]!r} is not known here: start the app with --host-name {host[:100]} to serve it under this name."
            return PlainTextResponse(said, status_code=403)
        origin = headers.get("origin")
        if origin is not None and not self._own(origin, host, headers):
            return PlainTextResponse("This request comes from another page, so it is refused.", status_code=403)
        asked = SERVED.search(unquote(scope["path"]))
        if asked and ("/proxy=" in scope["path"] or re.match(r"\s*(?:[a-z][a-z0-9+.-]+:)?//", asked[1], re.IGNORECASE)):
            return PlainTextResponse("Only files of this app are served here.", status_code=403)
        return None

    def _known(self, host: str) -> bool:
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host)
            return True
        return any(host == known or known.startswith("*.") and host.endswith(known[1:]) for known in self.hosts)

    def _own(self, origin: str, host: str, headers: Headers) -> bool:
        """Is the page that asks one of this app's? A proxy may call the app by another name than it is called itself."""
        name = urlsplit(origin).hostname or ""
        forwarded = _name(headers.get("x-forwarded-host", "").split(",")[0].strip())
        return name == host or name == forwarded and self._known(name)


def _name(host: str) -> str:
    """The host of a Host header, without its port, in small letters."""
    return (urlsplit(f"//{host}").hostname or "") if re.fullmatch(r"[\w.:\[\]-]{0,300}", host) else ""


class Cookies:
    """A cookie goes with requests of this app's own pages only; inside a Space it has to cross Hugging Face's frame."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.framed = bool(os.environ.get("SPACE_ID"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.framed:
            return await self.app(scope, receive, send)

        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                cookies = headers.getlist("set-cookie")
                del headers["set-cookie"]
                for cookie in cookies:
                    headers.append("set-cookie", re.sub(r"(?i)samesite=none", "SameSite=Lax", cookie))
                message["headers"] = headers.raw
            await send(message)

        await self.app(scope, receive, careful)


class Passwords:
    """After some wrong passwords an address waits before its next try is looked at; others don't."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # address: how many, and until when it waits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].rstrip("/").endswith("/login"):
            return await self.app(scope, receive, send)
        address = _address(scope)
        count, until = self._wrong.get(address, (0, 0.0))
        left = until - time.monotonic()
        if left > 0:
            headers = {"Retry-After": f"{left + 1:.0f}"}
            answer = JSONResponse({"detail": f"Too many wrong passwords: try again in {left + 1:.0f} s."}, 429, headers)
            return await answer(scope, receive, send)
        self._note(address, count + 1)  # before it is looked at: tries at the same moment count too

        async def watching(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self._wrong.pop(address, None)
            await send(message)

        await self.app(scope, receive, watching)

    def _note(self, address: str, count: int) -> None:
        wait = 0.0 if count < FREE else min(LONGEST_WAIT, WAIT * 2.0 ** (count - FREE))
        self._wrong[address] = (count, time.monotonic() + wait)
        self._wrong.move_to_end(address)
        while len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)


class Bodies:
    """Bounds what a request brings, completes or refuses the arguments of a call, and counts a visitor's runs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.listeners = runs.Listeners()
        self._watching: asyncio.Task | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope["method"] == "GET":
            with self._heard(scope):
                return await self.app(scope, receive, send)
        if scope["method"] != "POST" or Headers(scope=scope).get("content-type", "").lower().startswith("multipart/"):
            return await self.app(scope, receive, send)  # an upload, which is counted where it is written
        try:
            body = await _body(receive)
            body = _arguments(scope, body)
            if JOIN.search(scope["path"]):
                self._admit(scope, body)
        except Refused as e:
            return await JSONResponse({"detail": str(e)}, e.status)(scope, receive, send)
        await self.app(_sized(scope, body), _again(body, receive), send)

    @contextlib.contextmanager
    def _heard(self, scope: Scope) -> Iterator[None]:
        """While a stream is open, somebody listens to its run, or to its page's runs."""
        asked = STREAM.search(scope["path"])
        name = asked[1] if asked else None
        if scope["path"].endswith("/queue/data"):
            name = dict(part.partition("=")[::2] for part in scope["query_string"].decode("latin-1").split("&")).get("session_hash")
        if name is None:
            yield
        else:
            with self.listeners.listening(name, time.monotonic):
                yield

    def _admit(self, scope: Scope, body: bytes) -> None:
        queue = scope["app"].get_blocks()._queue
        session = re.search(rb'"session_hash"\s*:\s*"([^"]{1,100})"', body)
        try:
            runs.admit([_run(event) for event in _events(queue)], session[1].decode() if session else "", _address(scope))
        except UserError as e:
            raise Refused(429, str(e)) from e
        for ended in [name for name, events in queue.pending_event_ids_session.items() if not events and not self.listeners.here(name)]:
            _forget(queue, ended)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._end_forsaken(queue))

    async def _end_forsaken(self, queue: Any) -> None:
        """As long as there are runs: end those that nobody listens to."""
        while events := _events(queue):
            for run in self.listeners.forsaken([_run(event) for event in events], time.monotonic()):
                await queue.clean_events(event_id=run.name)
                _forget(queue, run.name)
            await asyncio.sleep(LOOK)


def _events(queue: Any) -> list[Any]:
    """Gradio's events, under way and waiting."""
    active = [event for events in queue.active_jobs if events for event in events if event.alive]
    return active + [event for waiting in queue.event_queue_per_concurrency_id.values() for event in waiting.queue]


def _forget(queue: Any, session: str) -> None:
    """What Gradio keeps of a session that has ended: nobody asks for it any more."""
    queue.pending_event_ids_session.pop(session, None)
    queue.pending_messages_per_session.pop(session, None)


def _run(event: Any) -> runs.Run:
    return runs.Run(event._id, event.session_hash, event.request.client.host if event.request.client else "", event.enqueue_time)


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


async def _body(receive: Receive) -> bytes:
    """A whole body. Raises Refused where it is larger than what it holds may be."""
    parts: list[bytes] = []
    size, most = 0, SMALL
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most == SMALL and b"data:" in b"".join(parts)[:SMALL]:
            most = LARGE
        if size > most:
            await drained(receive, message)
            raise Refused(413, f"This request has over {most // 2**20} MB: a file goes to /gradio_api/upload first, or as a data URI.")
        if not message.get("more_body", False):
            return b"".join(parts)


async def drained(receive: Receive, message: Message) -> None:
    """Read what is left of a refused request after `message`, up to a gigabyte: a client hears an answer only when it has sent all."""
    read = 0
    while message.get("more_body", False) and read < DRAINED:
        message = await receive()
        read += len(message.get("body", b""))


def _arguments(scope: Scope, body: bytes) -> bytes:
    """The body of a call, for an endpoint or an event that there is, with right arguments. Raises Refused."""
    call = CALL.search(scope["path"])
    if call and call[2] != "predict":
        return _of_endpoint(scope["app"].get_blocks(), call[2], bool(call[1]), body)
    if call or JOIN.search(scope["path"]):
        _of_event(scope["app"].get_blocks(), body)
    return body


def _of_endpoint(blocks: Any, name: str, by_name: bool, body: bytes) -> bytes:
    """A call by name, only with arguments that there are; by place, with null for those that were left out."""
    known = _parameters(blocks, name)
    if known is None:
        there = ", ".join(f.api_name for f in blocks.fns.values() if f.api_visibility == "public")
        raise Refused(404, f"There is no endpoint {name[:100]}: there are {there}.")
    asked = _table(body)
    if by_name:
        for argument in asked:
            if argument not in known:
                raise Refused(422, f"The argument {argument[:100]} is unknown: accepted are {', '.join(known)}.")
        return body
    given = asked.get("data")
    if not isinstance(given, list) or len(given) == len(known):
        return body
    if len(given) > len(known):
        raise Refused(422, f"{len(given)} arguments came, {len(known)} are accepted: {', '.join(known)}.")
    return json.dumps({**asked, "data": given + [None] * (len(known) - len(given))}).encode()


def _of_event(blocks: Any, body: bytes) -> None:
    """What the page itself sends names an event by its number; a large body, with a file in it, is read by Gradio alone."""
    number = _table(body).get("fn_index") if len(body) <= SMALL else None
    if isinstance(number, int) and number not in blocks.fns:
        raise Refused(404, f"There is no event {str(number)[:100]}.")


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

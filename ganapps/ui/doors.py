"""What may come in over HTTP at all: from which names, to which of Gradio's routes, how large, and how often with a wrong password."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import re
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from ganapps.errors import UserError
from ganapps.ui.bodies import Body, Unreadable
from ganapps.ui.visitors import address, header, in_a_space, language
from ganapps.ui.words import say

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Gradio fetches what these name and serves it as if it were ours; nothing here needs that.
FETCHES = re.compile(r"/(?:proxy=|file[=/]\s*[a-z][a-z0-9+.-]*:/)", re.IGNORECASE)
UPLOAD = re.compile(r"/gradio_api/upload/?$")  # has a limit of its own, and is written to disk as it comes
LOGIN = re.compile(r"/login/?$")
LONGEST_SESSION = 64  # characters of a session's name; Gradio's own have 11 or 32
DEEPEST = 64  # lists and objects within one another
SAME_SITE = re.compile(r"\bsamesite=\w+", re.IGNORECASE)


class Refused(Exception):
    """An answer without a look inside: a status and the sentence."""

    def __init__(self, status: int, said: UserError) -> None:
        super().__init__(status, said)
        self.status, self.said = status, said


class Door:
    """ASGI middleware before all of Gradio's routes. `names`: of this machine, as browsers call it, beside those it knows."""

    def __init__(self, app: Any, names: Iterable[str] = ()) -> None:
        self.app = app
        self.names = {_name(n) for n in names}
        self.logins = Logins()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may come in; answer the rest with one sentence."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            self._check_names(scope)
            _check_route(scope)
            if scope["method"] in ("GET", "HEAD", "OPTIONS") or UPLOAD.search(scope["path"]):
                await self.app(scope, receive, _own_cookies(send))
            else:
                await self._with_body(scope, receive, _own_cookies(send))
        except Refused as e:
            await _answer(scope, send, e)

    def _check_names(self, scope: Scope) -> None:
        """Raises Refused for a host that this app does not know, or a page that is not this app's.

        A page from elsewhere can make a browser call any address, and by changing its own name's
        address (DNS rebinding) even read the answers. What it can't change is what the browser
        says in Host and Origin. A Space is reached through its platform's proxy only, which goes
        by the name itself, so there the names need no look.
        """
        known = self.names | _known(scope)
        forwarded = header(scope, "x-forwarded-host").split(",")[0]
        hosts = {_name(h) for h in (header(scope, "host"), forwarded) if h}
        for host in hosts:
            if host not in known and not _is_address(host) and not in_a_space():
                raise Refused(403, UserError(
                    "This app does not know itself by the name {host}: if it is one of its names, "
                    "start it with --host-name {host}.", host=host[:80]))
        origin = header(scope, "origin")
        if not origin or (origin == "null" and header(scope, "sec-fetch-site") == "same-origin"):
            return
        if _name(urlsplit(origin).netloc) not in hosts | self.names | _space():
            raise Refused(403, UserError(
                "A page of {origin} may not use this app: open the app itself.", origin=origin[:80]))

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a request's body, bounded, and pass it on."""
        body = Body(scope, receive)
        try:
            text = await body.read()
        except UserError as e:
            await body.drain()
            raise Refused(400 if isinstance(e, Unreadable) else 413, e) from e
        if LOGIN.search(scope["path"]):
            send = await self._login(scope, send)
        try:
            asked = _parsed(text)
            if body.files and asked is None:
                raise Unreadable("A file came in a request that is no JSON: send it again.")
            if body.files:
                text = json.dumps(body.filled(asked)).encode()
        except BaseException as e:
            body.drop()
            raise Refused(400, e) if isinstance(e, UserError) else e
        await self.app(_with_length(scope, len(text)), _replayed(text, receive), send)

    async def _login(self, scope: Scope, send: Send) -> Send:
        """Wait until this address may try again; the way back tells whether it was right. Raises Refused."""
        visitor = address(scope)
        wait = self.logins.tries(visitor, time.monotonic())
        if wait > Logins.LONGEST:
            raise Refused(429, UserError("Too many wrong passwords came from your address: try again in a minute."))
        await asyncio.sleep(wait)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self.logins.right(visitor)
            await send(message)
        return told


class Logins:
    """How long an address waits before its next try at the password: longer with each wrong one."""

    FREE, FIRST, LONGEST = 3, 1.0, 30.0  # tries at once; then seconds, twice as many each time
    FORGIVEN = 900.0  # seconds without a try
    MOST = 10_000  # addresses remembered

    def __init__(self) -> None:
        self._tried: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how often; when the last one ends

    def tries(self, visitor: str, now: float) -> float:
        """Seconds until this try may be looked at; one that would wait longer than LONGEST is not to be looked at."""
        count, until = self._tried.get(visitor, (0, now))
        if now - until > self.FORGIVEN:
            count, until = 0, now
        late = count + 1 - self.FREE
        pause = min(self.LONGEST, self.FIRST * 2.0 ** min(late - 1, 10)) if late > 0 else 0.0
        wait = max(now, until) + pause - now
        if wait <= self.LONGEST:
            self._tried[visitor] = count + 1, now + wait
            self._tried.move_to_end(visitor)
            if len(self._tried) > self.MOST:
                self._tried.popitem(last=False)
        return wait

    def right(self, visitor: str) -> None:
        """The password was right: nothing is held against this address."""
        self._tried.pop(visitor, None)


def _check_route(scope: Scope) -> None:
    if FETCHES.search(scope["path"]):
        raise Refused(403, UserError("Files of other addresses are not fetched here: send the file itself."))


def _known(scope: Scope) -> set[str]:
    """The names by which browsers call this app without being told: this machine's, a share link's, a Space's, a proxy's."""
    window = scope["app"].get_blocks()
    addresses = (window.share_url, window.local_url, window.root_path)
    machine = socket.gethostname()
    names = [urlsplit(a or "").netloc for a in addresses]
    names += [machine, machine.split(".")[0], machine.split(".")[0] + ".local", "localhost"]
    names += [getattr(window, "server_name", None) or "", *_space()]
    return {_name(n) for n in names if n}


def _space() -> set[str]:
    """The name of the Space that this is; nothing elsewhere."""
    return {_name(os.environ["SPACE_HOST"])} if in_a_space() else set()


def _name(host: str) -> str:
    """A host's name without its port, as names are compared."""
    host = host.strip().lower().rsplit("@", 1)[-1]
    if host.startswith("["):
        return host[1:].split("]")[0]
    return host.rsplit(":", 1)[0].rstrip(".") if host.count(":") <= 1 else host


def _is_address(host: str) -> bool:
    """Is it a number? No foreign page can be called by one that leads here, so it is always ours."""
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _parsed(text: bytes) -> Any:
    """What a JSON body says; None for one that is no JSON: a form, or nothing. Raises UserError."""
    try:
        asked = json.loads(text)
    except ValueError:
        return None
    except RecursionError:
        asked = None
    if asked is None and text.strip() != b"null" or _deep(asked):
        raise UserError("This request has lists within lists within lists: at most {most}.", most=DEEPEST)
    if isinstance(asked, dict) and len(str(asked.get("session_hash") or "")) > LONGEST_SESSION:
        raise UserError("A session_hash has at most {most} characters.", most=LONGEST_SESSION)
    return asked


def _deep(value: Any) -> bool:
    """Does a value hold more than DEEPEST lists and objects within one another?"""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(DEEPEST + 1):
        level = [v for held in level for v in _items(held) if isinstance(v, (dict, list))]
        if not level:
            return False
    return True


def _items(held: dict | list) -> Iterable[Any]:
    return held.values() if isinstance(held, dict) else held


def _with_length(scope: Scope, length: int) -> Scope:
    """The request with the length that its body now has."""
    kept = [(k, v) for k, v in scope["headers"] if k not in (b"content-length", b"transfer-encoding")]
    return {**scope, "headers": [*kept, (b"content-length", str(length).encode())]}


def _replayed(text: bytes, receive: Receive) -> Receive:
    """The body once more, in one piece; then what else comes."""
    pieces = [{"type": "http.request", "body": text, "more_body": False}]

    async def again() -> Message:
        return pieces.pop() if pieces else await receive()
    return again


def _own_cookies(send: Send) -> Send:
    """Cookies go along only with requests from this app's own page; a Space's page lies in another site's frame."""
    if in_a_space():
        return send

    async def tightened(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [(k, _lax(v) if k.lower() == b"set-cookie" else v) for k, v in message["headers"]]
        await send(message)
    return tightened


def _lax(cookie: bytes) -> bytes:
    text = cookie.decode("latin-1")
    text = SAME_SITE.sub("SameSite=Lax", text) if SAME_SITE.search(text) else text + "; SameSite=Lax"
    return text.encode("latin-1")


async def _answer(scope: Scope, send: Send, refused: Refused) -> None:
    """The sentence: as text to a browser that opens a page, else as JSON under the names that Gradio's page looks for."""
    sentence = say(language(scope), refused.said.template, **refused.said.values)
    page = "text/html" in header(scope, "accept")
    body = sentence if page else json.dumps({"error": sentence, "detail": sentence})
    kind = b"text/plain; charset=utf-8" if page else b"application/json"
    data = body.encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(data)).encode()), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": data})

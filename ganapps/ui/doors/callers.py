"""Who may ask, and for what: known hosts, own origins, own addresses; and where cookies go."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import socket
from collections.abc import Collection
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganapps.errors import UserError
from ganapps.ui.doors.refused import Refused
from ganapps.ui.doors.visitors import in_a_space

SERVED = re.compile(r"/(?:file|proxy)[=/](.*)", re.DOTALL)
LONG = 60_000  # bytes of an address with its query; from 64 KiB on Gradio fails


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

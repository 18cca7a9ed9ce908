"""Patience with wrong passwords."""

from __future__ import annotations

import time
from collections import OrderedDict

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganapps.errors import UserError
from ganapps.ui.doors.refused import Refused
from ganapps.ui.doors.visitors import address

# wrong passwords that cost nothing; then seconds, doubled each time, at most
FREE, WAIT, LONGEST_WAIT = 3, 1.0, 60.0
ADDRESSES = 10_000  # whose wrong passwords are remembered


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

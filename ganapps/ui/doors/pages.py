"""The page travels compressed: Gradio compresses its scripts, and not the page that loads them.
Whoever only asks whether it is there is told so, without a page being built. And the page's labels
are Chinese for whoever reads Chinese.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = "/", "/config", "/info"  # how the addresses of what is compressed end
LEVEL = 6
HEAD = b"<head>"
# Gradio's page knows zh-CN and zh-TW: to zh, zh-HK or zh-SG it would show English labels
CHINESE = b"""<script>
if (/^zh/i.test(navigator.language) && !/^zh-(CN|TW)$/.test(navigator.language))
  Object.defineProperty(navigator, "language", { value: "zh-CN" });
</script>"""


class Pages:
    """Compresses the page, its configuration and the API's description, for whoever takes gzip.

    Pictures are compressed already, and a stream must not wait for enough to compress. Gradio asks
    for the head of the page when it starts, and gives up after three seconds: on a busy machine
    building a page takes longer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.compressed = GZipMiddleware(self._told, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("HEAD", "/"):
            await Response(media_type="text/html")(scope, receive, send)
            return
        is_page = scope["type"] == "http" and scope["path"].endswith(PAGES)
        await (self.compressed if is_page else self.app)(scope, receive, send)

    async def _told(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's answer; in the head of a page stands which Chinese is meant."""
        start: Message | None = None

        async def told(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None:
                await send(_with_room(start, message))
                start = None
            await send(message)

        await self.app(scope, receive, told)


def _with_room(start: Message, body: Message) -> Message:
    """The start of an answer whose body is a page; the script is put into it."""
    headers = MutableHeaders(raw=start["headers"])
    content = body.get("body", b"")
    if headers.get("content-type", "").startswith("text/html") and HEAD in content:
        body["body"] = content.replace(HEAD, HEAD + CHINESE, 1)
        if "content-length" in headers:
            headers["content-length"] = str(int(headers["content-length"]) + len(CHINESE))
    return start

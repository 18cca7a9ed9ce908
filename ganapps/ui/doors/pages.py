"""The page travels compressed: Gradio compresses its scripts, and not the page that loads them.
Whoever only asks whether it is there is told so, without a page being built.
"""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

PAGES = "/", "/config", "/info"  # how the addresses of what is compressed end
LEVEL = 6


class Pages:
    """Compresses the page, its configuration and the API's description, for whoever takes gzip.

    Pictures are compressed already, and a stream must not wait for enough to compress. Gradio asks
    for the head of the page when it starts, and gives up after three seconds: on a busy machine
    building a page takes longer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.compressed = GZipMiddleware(app, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("HEAD", "/"):
            await Response(media_type="text/html")(scope, receive, send)
            return
        is_page = scope["type"] == "http" and scope["path"].endswith(PAGES)
        await (self.compressed if is_page else self.app)(scope, receive, send)

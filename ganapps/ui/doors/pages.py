"""The page travels compressed: Gradio compresses its scripts, and not the page that loads them."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

PAGES = "/", "/config", "/info"  # how the addresses of what is compressed end
LEVEL = 6


class Pages:
    """Compresses the page, its configuration and the API's description, for whoever takes gzip.

    Pictures are compressed already, and a stream must not wait for enough to compress.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.compressed = GZipMiddleware(app, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["path"].endswith(PAGES)
        await (self.compressed if is_page else self.app)(scope, receive, send)

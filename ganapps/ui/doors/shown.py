"""A picture that no browser shows, such as a TIFF, as a small one that every browser does: made
when it is asked for, kept nowhere.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ganapps.engine import on_files
from ganapps.errors import UserError
from ganapps.ui.doors import files, visitors
from ganapps.ui.words import say

PATH = "/gradio_api/shown={path:path}"  # as Gradio has its files
SIDE = 800  # pixels: twice what a picture box shows
_one = threading.Lock()  # a picture is decoded for it, so one at a time


async def shown(request: Request) -> Response:
    """A PNG of the upload, its own width and height in two headers; or as text the sentence why
    there is none, which is empty where the browser shows it itself.
    """
    try:
        path = files.taken("/" + request.path_params["path"].lstrip("/"))
        content, (width, height) = await asyncio.to_thread(_small, path)
    except UserError as e:
        sentence = say(visitors.language(request.scope), e.message)
        return PlainTextResponse(sentence)
    if content is None:
        return PlainTextResponse("")
    headers = {"x-width": str(width), "x-height": str(height), "cache-control": "no-store"}
    return Response(content, media_type="image/png", headers=headers)


def _small(path: str) -> tuple[bytes | None, tuple[int, int]]:
    with _one, tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
        small = on_files.preview(path, SIDE, Path(folder))
        return Path(small).read_bytes() if small else None, on_files.size(path)

"""What comes in over HTTP: every request of an event goes through one check, every upload into a
folder of its own.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.route_utils import upload_fn
from gradio.routes import file_upload_statuses
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive

from ganapps.errors import UserError
from ganapps.ui.doors import files, shown, visitors
from ganapps.ui.doors.calls import drained
from ganapps.ui.parts import common
from ganapps.ui.words import say

log = logging.getLogger("ganapps")
MINUTE = 60.0  # seconds in which a page may ask how far its upload has come


class Window(gr.Blocks):
    """Gradio's window with a door and a net: no event sees a path before `files.checked` has, and
    none ends without a word.

    Of an exception that is no gr.Error, Gradio tells a client `{"error": null}`.
    """

    def get_config_file(self) -> Any:
        """Gradio's; the arguments of what only programs call are no part of the page, which would
        draw each and look at it for every event.
        """
        config: Any = super().get_config_file()
        unseen = set()
        for component in config["components"]:
            if component["type"] == "api":
                component["props"]["visible"] = False
                unseen.add(component["id"])
        for layout in (config["layout"], *(page["layout"] for page in config["page"].values())):
            layout["children"] = [c for c in layout["children"] if c["id"] not in unseen]
        return config

    async def process_api(  # type: ignore[override]  # the rest goes on as it came
        self,
        block_fn: Any,
        inputs: list,
        *more: Any,
        request: gr.Request | None = None,
        session_hash: str | None = None,
        event_id: str | None = None,
        **rest: Any,
    ) -> dict[str, Any]:
        """Every way to every event, hidden ones too, leads through here."""
        files.VISITOR.set(_visitor(request, session_hash, event_id))
        try:
            inputs = await asyncio.to_thread(files.checked, inputs)
            # past the queue, and so past its limits
            if event_id is None and _waits(block_fn):
                raise UserError("Runs wait in the queue: POST to /gradio_api/call/NAME.")
            return await super().process_api(  # type: ignore[misc]  # what *more holds comes before
                block_fn,
                inputs,
                *more,
                request=request,
                session_hash=session_hash,
                event_id=event_id,
                **rest,
            )
        except gr.Error:
            raise
        except UserError as e:
            raise _said(e, request) from e
        except Exception as e:
            log.exception("an event failed: %s", getattr(block_fn, "api_name", block_fn))
            raise _said(common.bug(), request) from e

    def handle_streaming_diffs(
        self,
        block_fn: Any,
        data: list,
        session_hash: str | None,
        run: str | None,
        final: bool,
        simple_format: bool = False,
    ) -> list:
        """Gradio's, with whole values in place of edits inside them: its page would edit what it
        has taken and not shown yet, so that of two updates in one moment the first was lost. What
        a text grows by is sent alone, for a text is never edited in its place.
        """
        told = self.pending_diff_streams[session_hash] if session_hash and run else {}
        goes_on = run in told
        edits = super().handle_streaming_diffs(
            block_fn, data, session_hash, run, final, simple_format
        )
        if not goes_on or final or simple_format:
            return edits
        return [
            [["replace", [], whole]] if any(path for _, path, _ in edit) else edit
            for edit, whole in zip(edits, told[run])
        ]


def _said(error: UserError, request: gr.Request | None) -> gr.Error:
    """The sentence as Gradio shows it, in the visitor's language."""
    return gr.Error(say(common.language(request), error.message), print_exception=False)


def _waits(function: Any) -> bool:
    """Is this a run, which waits in the queue? What Gradio does when a page is left is none, though
    it is marked alike.
    """
    leaving = any(event == "unload" for _, event in function.targets)
    return function.queue and not leaving


def _visitor(request: gr.Request | None, session: str | None, event: str | None) -> str:
    """The session; a program that names none gets a new one with every call from Gradio, so there
    it is the address.
    """
    if session and session != event:
        return session
    if request is None or request.request is None:
        return ""
    return visitors.address(request.request.scope)


def routes() -> list[Route]:
    """Routes that stand before Gradio's own of the same addresses."""
    # both write what nobody asked this app to keep
    closed = (
        "/gradio_api/deep_link",
        "/gradio_api/process_recording",
    )
    return [
        Route("/gradio_api/upload", upload, methods=["POST"]),
        Route(shown.PATH, preview, methods=["GET"]),
        *(Route(path, _closed, methods=["GET", "POST"]) for path in closed),
    ]


async def _closed(request: Request) -> Response:
    return PlainTextResponse("Not Found", status_code=404)


async def preview(request: Request) -> Response:
    """What the page shows of a picture that its browser can't."""
    if not await _let_in(request):
        return JSONResponse({"detail": "Not authenticated"}, status_code=401)
    return await shown.shown(request)


async def upload(request: Request) -> Response:
    """Gradio's upload, but into a folder of its own, counted while it comes, and gone when it is
    cut off.
    """
    if not await _let_in(request):
        return JSONResponse({"detail": "Not authenticated"}, status_code=401)
    upload_id = request.query_params.get("upload_id")
    body = Body(request.receive)
    try:
        with files.ROOM.place(visitors.address(request.scope)) as place:
            paths = await _stored(request, body, place, upload_id)
    except UserError as e:
        await drained(request.receive, body.last)
        sentence = say(visitors.language(request.scope), e.message)
        return PlainTextResponse(sentence, status_code=413)
    except ClientDisconnect:  # it broke off; nobody hears the answer
        return PlainTextResponse("", status_code=400)
    except MultiPartException as e:
        return PlainTextResponse(
            e.message, status_code=413 if "maximum allowed size" in e.message else 400
        )
    finally:
        if upload_id:
            file_upload_statuses.set_done(upload_id)
            asyncio.get_running_loop().call_later(
                MINUTE, file_upload_statuses.stop_tracking, upload_id
            )
    return JSONResponse(paths)


class Body:
    """What comes of a request's body: its last part, and how many bytes there were."""

    def __init__(self, receive: Receive) -> None:
        """`receive` as the server gives it."""
        self._receive, self.came = receive, 0
        self.last: Message = {"more_body": True}

    async def more(self) -> Message:
        """The next part."""
        self.last = await self._receive()
        self.came += len(self.last.get("body", b""))
        return self.last


async def _stored(request: Request, body: Body, place: Path, upload_id: str | None) -> list[str]:
    """The paths of the uploaded files. Raises UserError as soon as they are too many bytes."""

    async def counted() -> Message:
        before = body.came
        message = await body.more()
        files.ROOM.grow(place, body.came - before)
        return message

    most = request.app.get_blocks().max_file_size or float("inf")
    progress = file_upload_statuses if upload_id else None
    paths, _, _ = await upload_fn(
        Request(request.scope, counted), place, most, upload_id, upload_progress=progress
    )
    files.ROOM.grow(place, max(0, files.LEAST * len(paths) - body.came))
    return [str(path) for path in paths]


async def _let_in(request: Request) -> bool:
    """Does Gradio let this visitor in? Its own answer to this request's cookie."""
    answers: list[int] = []
    before, own, _ = request.scope["path"].partition("/gradio_api/")
    path = f"{before}{own}login_check"
    asked = {
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "path_params": {},
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answers.append(message["status"])

    await request.app.router(dict(request.scope) | asked, receive, send)
    return answers == [200]

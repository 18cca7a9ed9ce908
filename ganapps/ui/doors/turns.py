"""Gradio's queue and sessions, bounded: nobody takes every place, a run that nobody waits for ends,
and nothing stays of a call.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from gradio import routes
from gradio.block_function import BlockFunction
from gradio.queueing import Event, Queue
from gradio.server_messages import EventMessage, ProcessCompletedMessage
from gradio.state_holder import SessionState, StateHolder
from starlette.exceptions import HTTPException

from ganapps.errors import UserError
from ganapps.ui.doors.visitors import address, language
from ganapps.ui.words import say
from ganapps.workers import runs
from ganapps.workers.runs import Run, Runs

log = logging.getLogger("ganapps")
MOST_WAITING = 64
MOST_SESSIONS = 100  # whose states are kept; then the oldest one's are let go
MOST_UNHEARD = 500  # messages that wait for a listener who is slow, or gone
GLANCE = 1.0  # seconds between two looks at who still listens
# stands beside the runs of a page's stream, which is open as long as one is there
LINGER = "linger"
LINGERS = 1.0  # seconds for which an open page's stream stays open when its last run is over
SETTLES = 0.3  # seconds in which a page has read that its stream is closed
RECORDS = 1  # of Gradio's analytics, which this app does not show
STREAM = re.compile(r"/gradio_api/(?:queue/data|call/(?:v2/)?[^/]+/(?P<run>[^/]+))/?$")
PAGE = re.compile(r"/gradio_api/heartbeat/(?P<session>[^/]+)/?$")


def take_turns(
    window: gr.Blocks,
    registry: Runs,
    time_limit: float | None = None,
    at_start: Sequence[Callable[[], None]] = (),
) -> gr.Blocks:
    """The window with the bounded queue, which notes its runs in `registry`. `time_limit`: seconds
    that a run may take; None: any. `at_start` is done, one after the other, beside the first
    visits.
    """
    window.queue(max_size=MOST_WAITING)
    window._queue = Turns(window, registry, time_limit, at_start)
    return window


class Turns(Queue):
    """Gradio's queue, which knows whose runs it holds and who listens to them."""

    def __init__(
        self,
        window: gr.Blocks,
        registry: Runs,
        time_limit: float | None,
        at_start: Sequence[Callable[[], None]],
    ) -> None:
        super().__init__(True, window.max_threads, 1, MOST_WAITING, window)
        self.at_start = at_start
        self.time_limit = time_limit
        self.runs = registry
        self.listeners = self.runs.listeners
        self.ANALYTICS_MAX_EVENTS = RECORDS
        self._idle: dict[str, float] = {}  # session -> since when it has neither run nor listener

    def set_server_app(self, app: routes.App) -> None:
        """As Gradio has it; the sessions of the app are ours from now on."""
        super().set_server_app(app)
        app.state_holder = Sessions()
        app.state_holder.set_blocks(self.blocks)

    def start(self) -> None:
        """As Gradio has it, and somebody looks who still listens."""
        super().start()
        # no daemon: torch aborts a process that ends while a thread of it computes
        threading.Thread(target=self._prepare, daemon=False, name="first visit").start()
        self._watching = asyncio.ensure_future(self._watch())

    def _prepare(self) -> None:
        for each in self.at_start:
            each()

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        """Gradio's, for visitors who have not too many runs already. Raises HTTPException 429 with
        the sentence.
        """
        self._tidy(time.monotonic())
        asks = address(request.scope)
        session = body.session_hash and self.runs.first(body.session_hash)
        try:
            runs.admit([self._run(e) for e in self._live()], session, asks)
        except UserError as e:
            sentence = say(language(request.scope), e.message)
            raise HTTPException(429, sentence) from e
        pushed = await super().push(body, request, username)
        for line in self.event_queue_per_concurrency_id.values():
            order = runs.in_turn([self._run(event) for event in line.queue])
            line.queue[:] = [line.queue[i] for i in order]
        await self._settled(body.session_hash)
        return pushed

    async def _settled(self, session: str) -> None:
        """A page that learns of its run before it has read that its stream is closed takes the
        stream for open, and never hears of the run: it is told late.
        """
        left = self.listeners.left(session)
        if left is not None and self.listeners.on_view(session):
            await asyncio.sleep(max(0.0, left + SETTLES - time.monotonic()))

    async def process_events(self, events: list[Event], *rest: Any) -> None:
        """Gradio's, within the time limit; a call without a session of its own leaves none
        behind.
        """
        try:
            with runs.under_way(self._run(events[0]), self.time_limit):
                await super().process_events(events, *rest)
        finally:
            for event in events:
                if event.session_hash == event._id and self.server_app:
                    self.server_app.state_holder.forget(event._id)

    async def clean_events(
        self, *, session_hash: str | None = None, event_id: str | None = None
    ) -> None:
        """Gradio's, which ends the runs of a page when its stream breaks: those that the page may
        come back to go on. What they tell goes to their record alone then.
        """
        if session_hash is None or event_id is not None:
            return await super().clean_events(session_hash=session_hash, event_id=event_id)
        events = [event for event in self._live() if event.session_hash == session_hash]
        if not any(self._run(event).button is not None for event in events):
            return await super().clean_events(session_hash=session_hash)
        for event in events:
            if self._run(event).button is None:
                await super().clean_events(event_id=event._id)
        self.pending_messages_per_session.pop(session_hash, None)
        self.pending_event_ids_session.pop(session_hash, None)

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Gradio's, where there is still a page to tell it to."""
        if event.session_hash in self.pending_messages_per_session:
            super().send_message(event, event_message)

    def _run(self, event: Event) -> Run:
        button = event.fn._id if presses(event.fn) else None
        asks = address(event.request.scope)
        return self.runs.run(event._id, event.session_hash, asks, event.enqueue_time, button)

    @contextmanager
    def heard(self, name: str) -> Iterator[None]:
        """While somebody listens to the run or the session of that name; what was told is let
        go.
        """
        with self.listeners.listening(name):
            if self.listeners.on_view(name):
                self.pending_event_ids_session.setdefault(name, set()).add(LINGER)
            yield
        self._tidy(time.monotonic())

    def _live(self) -> list[Event]:
        """Every run under way or waiting."""
        lines = self.event_queue_per_concurrency_id.values()
        waiting = [event for line in lines for event in line.queue]
        under_way = [event for job in self.active_jobs if job for event in job]
        return [event for event in (*under_way, *waiting) if event.alive]

    async def _watch(self) -> None:
        while not self.stopped:
            await asyncio.sleep(GLANCE)
            try:
                await self._look(time.monotonic())
            except Exception:
                log.exception("a look at the queue failed")

    async def _look(self, now: float) -> None:
        _notice_lost_connections(self.blocks.server)
        live = {event._id: event for event in self._live()}
        forsaken = self.listeners.forsaken([self._run(e) for e in live.values()], now)
        gone = {run.name for run in forsaken}
        for name, event in live.items():
            if name in gone or self._unheard(event) > MOST_UNHEARD:
                await self._end(event)
        self._tidy(now)
        self.runs.tidy(live, now)

    async def _end(self, event: Event) -> None:
        """A run that nobody waits for: out of the queue, or over at its next step."""
        said = say(language(event.request.scope), "Nobody listened to this run, so it was ended.")
        self.send_message(event, ProcessCompletedMessage(output={"error": said}, success=False))
        await self.clean_events(event_id=event._id)

    def _unheard(self, event: Event) -> int:
        """How many messages of a run's session nobody has read yet."""
        waiting = self.pending_messages_per_session.get(event.session_hash)
        return waiting.qsize() if waiting else 0

    def _tidy(self, now: float) -> None:
        """Let go of what sessions without a run left unheard; Gradio keeps it for good. An open
        page keeps its place: it may listen late, to what it was told with an answer before.
        """
        busy = {event.session_hash for event in self.event_ids_to_events.values()}
        idle = {}
        for session in {*self.pending_messages_per_session, *self.pending_event_ids_session}:
            unheard = self.pending_event_ids_session.get(session, ())
            listens = self.listeners.here(session, *unheard)
            since = self._idle.get(session, now)
            if session in busy:
                continue
            if self.listeners.on_view(session):
                idle[session] = since
                if listens and unheard == {LINGER} and now - since >= LINGERS:
                    self._close(session)
                    idle[session] = now
            elif listens:
                continue
            elif unheard and now - since < runs.LOST:
                idle[session] = since
            else:
                self.pending_messages_per_session.pop(session, None)
                self.pending_event_ids_session.pop(session, None)
        self._idle = idle
        if self.server_app:
            self.server_app.iterators_to_reset &= self.event_ids_to_events.keys()

    def _close(self, session: str) -> None:
        """End a page's stream: Gradio's code does so behind the last run that it waits for."""
        over = ProcessCompletedMessage(event_id=LINGER, output={}, success=True)
        self.pending_messages_per_session[session].put_nowait(over)


def presses(function: BlockFunction) -> bool:
    """Is this what a button of the page does, and takes a while?"""
    private = function.api_visibility == "private"
    return function.types_generator and private and not opens(function)


def opens(function: BlockFunction) -> bool:
    """Is this what happens when a page is opened?"""
    return any(event == "load" for _, event in function.targets)


def _notice_lost_connections(server: Any) -> None:
    """A connection whose other end is silent is given up after LOST seconds, where the system
    can.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux; others take as long as they take
    for listening in getattr(server, "servers", ()):
        for each in listening.sockets if option else ():
            each.setsockopt(socket.IPPROTO_TCP, option, int(1000 * runs.LOST))


class Session(SessionState):
    """A visitor's states, without Gradio's copy of all that the widgets showed: only its links to a
    moment would need that, and this app has none."""

    def __init__(self, window: gr.Blocks) -> None:
        nothing_to_copy = SimpleNamespace(default_config=window.default_config, blocks={})
        # the copy is most of the work, too
        super().__init__(nothing_to_copy)  # type: ignore[arg-type]  # it asks for no more of it

    def __setitem__(self, key: int, value: Any) -> None:
        super().__setitem__(key, value)
        self.config_values.clear()

    def _update_config(self, key: int) -> None:
        """Keep nothing."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Keep nothing."""


class Sessions(StateHolder):
    """The sessions of an app; each is a light one."""

    def __getitem__(self, session: str) -> SessionState:
        if session not in self.session_data:
            self.session_data[session] = Session(self.blocks)
        return super().__getitem__(session)

    def forget(self, session: str) -> None:
        """Let go of one."""
        with self.lock:
            self.session_data.pop(session, None)
            self.time_last_used.pop(session, None)


class Listening:
    """ASGI middleware that tells the queue who listens: to a run, to a session's runs, or by an
    open page.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with (
            _heard(scope) if scope["type"] == "http" and scope["method"] == "GET" else nullcontext()
        ):
            await self.app(scope, receive, send)


def _heard(scope: Any) -> AbstractContextManager[None]:
    """What the queue is told while a request lasts."""
    queue = scope["app"].get_blocks()._queue
    if page := PAGE.search(scope["path"]):
        return queue.listeners.page(page["session"])
    if stream := STREAM.search(scope["path"]):
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])
        return queue.heard(stream["run"] or asked[0])
    return nullcontext()

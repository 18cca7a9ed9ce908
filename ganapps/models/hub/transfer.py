"""The real Hub client, watched: a look that gives up early, a download that shows its bytes and
stops at once.

`huggingface_hub` counts in steps of 10 MiB and retries for 23 seconds, which is neither a progress
bar nor a Stop button. So one worker thread runs the client, and hooks on the client's own HTTP
session tell a `Watch` what goes on in that thread. Other threads use the client as ever.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import (
    HfFileMetadata,
    constants,
    errors,
    get_hf_file_metadata,
    get_session,
    hf_hub_download,
    hf_hub_url,
)

# the client's: httpx2, or httpx before its 2.0
http = import_module(errors.HTTPError.__module__.split(".")[0])
ByteStream: Any = http.SyncByteStream
Tick = TypeVar("Tick")

NAME = "ganapps-hub"  # of the worker threads
TICK = 0.2  # seconds between two signs of progress
PATIENCE = 0.7  # seconds for each of: finding the address, connecting, agreeing on encryption
GRACE = 0.9  # seconds that closing waits for a stopped download to clean up
# seconds for the client to get ready, which is work of this machine and not of the network
START = 10.0
ANSWER = 3.0  # seconds for the answer of a server that has proved to be the Hub
PAUSES = 0.5, 1.0, 2.0  # seconds before a busy Hub is asked again
BUSY = 408, 429, 500, 502, 503, 504

_of_thread = threading.local()
_hooking = threading.Lock()


class Stopped(Exception):
    """Raised inside the worker thread when nobody waits for it any longer."""


class Watch:
    """A worker thread that runs `work(watch)`, seen from the thread that waits for it.

    `done` counts bytes received. `file` is what the work is at. Nothing here belongs to a thread,
    so the generator that waits may be stepped by one thread and closed by another.
    """

    def __init__(self, work: Callable[[Watch], Any]) -> None:
        self.file = ""
        self.before = 0  # bytes of the files that are complete
        self.received = 0  # bytes of the one under way
        self.stopped = False
        self.deadline = time.monotonic() + START + patience()  # until the first request goes out
        self._socket: socket.socket | None = None
        self._future: Future = Future()
        threading.Thread(target=self._run, args=(work,), name=NAME, daemon=True).start()

    @property
    def done(self) -> int:
        return self.before + self.received

    def _run(self, work: Callable[[Watch], Any]) -> None:
        _of_thread.watch = self
        try:
            _hook()
            self._future.set_result(work(self))
        except BaseException as error:  # handed over: `follow` raises it where somebody reads it
            self._future.set_exception(error)

    def follow(self, tick: Callable[[], Tick], hurried: bool = False) -> Generator[Tick, None, Any]:
        """Yields `tick()` until the work is done, then returns its result or raises its error.

        `hurried`: TimeoutError as soon as the server is silent for longer than the patience.
        Closing stops the work.
        """
        try:
            while not wait([self._future], self._rest(hurried)).done:
                if not hurried:
                    _hook()  # the client takes a new session where it could not connect
                elif time.monotonic() > self.deadline:
                    raise TimeoutError
                yield tick()
            return self._future.result()
        finally:
            self._stop(0 if hurried else GRACE)

    def _rest(self, hurried: bool) -> float:
        return max(0.01, min(TICK, self.deadline - time.monotonic())) if hurried else TICK

    def result(self, seconds: float) -> Any:
        """The work's result, or TimeoutError after `seconds`."""
        try:
            return self._future.result(seconds)
        finally:
            self._stop(0)

    def _stop(self, grace: float) -> None:
        """Ends the work: shutting its connection wakes a waiting thread, and the client removes its
        partial file.
        """
        self.stopped = True
        if not self._future.done() and self._socket is not None:
            _shut(self._socket)
        wait([self._future], grace)

    def asked(self, request: Any) -> None:
        """A request is about to go out."""
        if self.stopped:
            raise Stopped
        self.deadline = time.monotonic() + patience()
        request.extensions["trace"] = self._trace

    def answered(self, response: Any) -> None:
        """The head of an answer is here; its body has not been read."""
        # Xet can be neither counted finely nor stopped; HTTP carries the same files
        response.headers.pop(constants.HUGGINGFACE_HEADER_X_XET_HASH, None)
        if response.request.method == "GET":
            self._hold(response.extensions.get("network_stream"))
            response.stream = _Body(self, response)
        else:
            self._hold(None)
        if self.stopped:
            raise Stopped

    def _trace(self, event: str, info: dict) -> None:
        if self.stopped and isinstance(info.get("exception"), Exception):
            raise Stopped  # else the client would wait a second and try again
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._hold(info["return_value"])
            self.deadline = time.monotonic() + patience()
        elif event == "http11.send_request_headers.started":
            # a silent plain connection may be anything
            proved = info["request"].url.scheme == b"https"
            self.deadline = time.monotonic() + max(patience(), ANSWER if proved else 0)

    def _hold(self, stream: Any) -> None:
        self._socket = stream.get_extra_info("socket") if stream is not None else None
        if self.stopped and self._socket is not None:
            _shut(self._socket)

    def let_go(self) -> None:
        """The connection is no longer this watch's to shut."""
        self._socket = None


class _Quiet(contextlib.nullcontext):
    """A progress bar that shows nothing: the count is made where the bytes come in."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__(self)

    def update(self, more: float | None = 1) -> None:
        pass


def looked(
    repo: str, revision: str, file: str, tick: Tick
) -> Generator[Tick, None, HfFileMetadata]:
    """What the Hub says of `file`; yields `tick` meanwhile. Raises what the client raises, or
    TimeoutError.

    An unreachable Hub is given up at once, a busy one is asked again.
    """
    url = hf_hub_url(repo, file, revision=revision, endpoint=constants.ENDPOINT)
    limit = max(patience(), ANSWER)
    for pause in (*PAUSES, 0):
        watch = Watch(
            lambda _: get_hf_file_metadata(url, timeout=limit, endpoint=constants.ENDPOINT)
        )
        try:
            return (yield from watch.follow(lambda: tick, hurried=True))
        except errors.HfHubHTTPError as error:
            if not pause or error.response.status_code not in BUSY:
                raise
        again = time.monotonic() + pause
        while time.monotonic() < again:
            time.sleep(min(pause, TICK))
            yield tick
    raise AssertionError("the last try returns or raises")


def download(repo: str, revision: str, sizes: dict[str, int], folder: str | Path) -> Watch:
    """Fetches the files of `sizes` (bytes, for the count) into a cache, one after another."""

    def work(watch: Watch) -> None:
        for watch.file, size in sizes.items():
            hf_hub_download(
                repo,
                watch.file,
                revision=revision,
                cache_dir=folder,
                endpoint=constants.ENDPOINT,
                tqdm_class=_Quiet,
            )
            watch.before, watch.received = watch.before + size, 0

    return Watch(work)


def answers(seconds: float) -> bool:
    """Does anything that could be the Hub answer within `seconds`?"""
    watch = Watch(
        lambda _: get_session().head(constants.ENDPOINT, timeout=seconds, follow_redirects=False)
    )
    try:
        return watch.result(seconds).status_code < 500
    except (http.HTTPError, http.InvalidURL, OSError):
        return False


def patience() -> float:
    """Seconds of silence after which the Hub counts as unreachable: HF_HUB_ETAG_TIMEOUT where a
    person has set it.
    """
    chosen = constants.HF_HUB_ETAG_TIMEOUT
    return PATIENCE if chosen == constants.DEFAULT_ETAG_TIMEOUT else float(chosen)


def _hook() -> None:
    """Lets the client's session tell the watch of the thread in which it is used."""
    hooks = get_session().event_hooks
    with _hooking:
        for name, hook in (("request", _asked), ("response", _answered)):
            if hook not in hooks[name]:
                hooks[name].append(hook)


def _asked(request: Any) -> None:
    if watch := getattr(_of_thread, "watch", None):
        watch.asked(request)


def _answered(response: Any) -> None:
    if watch := getattr(_of_thread, "watch", None):
        watch.answered(response)


class _Body(ByteStream):
    """An answer's body that its watch counts, from where the client has resumed it."""

    def __init__(self, watch: Watch, response: Any) -> None:
        self.watch, self.stream, self.start = watch, response.stream, 0
        if response.status_code == 206:
            asked = re.match(r"bytes=(\d+)-", response.request.headers.get("Range", ""))
            self.start = int(asked[1]) if asked else 0

    def __iter__(self) -> Generator[bytes, None, None]:
        self.watch.received = self.start
        try:
            for part in self.stream:
                if self.watch.stopped:
                    raise Stopped
                self.watch.received += len(part)
                yield part
        except http.HTTPError:
            if self.watch.stopped:
                raise Stopped from None
            raise
        finally:
            self.watch.let_go()  # the connection goes back to the pool, where it is no longer ours

    def close(self) -> None:
        self.stream.close()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed already, which is what was wanted
        # The plain socket's: an encrypted one says goodbye first.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)

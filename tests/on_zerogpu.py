"""`python -m tests.on_zerogpu`: the engine under the real `spaces` package in its ZeroGPU mode,
over a stand-in for the platform, on a processor; what happened, as JSON. A process of its own,
because `spaces` changes torch for good.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

asked: list[int] = []  # seconds of a GPU, each time
over_quota = threading.Event()
anew = threading.Event()  # no process is used again


class Platform(BaseHTTPRequestHandler):
    """Lends a GPU to whoever asks, or says that the quota is used up."""

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        if address.path != "/schedule":
            return self._told(200, {})
        asked.append(int(parse_qs(address.query)["durationSeconds"][0]))
        if over_quota.is_set():
            return self._told(429, {"left": 3, "wait": "PT2H"})
        lent = {
            "idle": not anew.is_set(),
            "nvidiaIndex": 0,
            "nvidiaUUID": "GPU-0",
            "allowToken": "token",
        }
        return self._told(200, lent)

    def _told(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *given: Any) -> None:
        return None


def on_zerogpu() -> None:
    """`spaces` in its mode from now on, but for what only a GPU can do."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["SPACES_ZERO_GPU"] = "true"
    os.environ["SPACES_ZERO_DEVICE_API_URL"] = f"http://127.0.0.1:{server.server_port}"
    import torch

    torch.version.cuda = "12.8"  # type: ignore[assignment]  # what it reads at import
    torch.cuda._is_in_bad_fork = bool  # crosses to another process, and says no
    torch._C._cuda_init = None  # type: ignore[attr-defined]  # a torch without CUDA has none
    import spaces  # noqa: F401  # changes torch
    from spaces.zero import torch as patched

    patched.init = lambda uuid: None
    patched.move = lambda callback=None: None


def main() -> None:
    on_zerogpu()
    from ganapps import engine
    from ganapps.errors import UserError
    from ganapps.models import hub
    from ganapps.recipe import Recipe
    from ganapps.workers import Job, signals
    from ganapps.workers.here import Here

    own = engine.start("cpu", offline=True)

    def run(**settings: Any) -> list:
        return list(own.run(Recipe("faces", "heads-64", {"seed": 3, **settings})))

    def refused(**settings: Any) -> str:
        try:
            run(**settings)
        except UserError as error:
            return f"UserError: {error}"
        except RuntimeError as error:
            return f"RuntimeError: {error}"
        return "nothing"

    told: dict[str, Any] = {"worker": type(own.worker).__name__}
    results = run(count=2)
    pictures = [kept.picture for result in results for kept in result.made]
    told["pixels"] = [list(picture.tobytes()[:300]) for picture in pictures]
    run(count=2)
    told["asked"] = list(asked)
    checked, row = own.checked(Recipe("faces", "heads-64"))
    found = hub.here(row)
    assert found is not None, "this model ships"
    try:
        list(own.worker.steps(Job(checked.with_settings(labels={"nose": 1}), row, found)))
    except UserError as error:
        told["refusal"] = str(error)
    with signals.stopped_at_the_end():
        stream = own.run(Recipe("faces", "heads-64", {"count": 64}))
        first = next(stream)
        signals.current().stop()
        try:
            list(stream)
        except signals.RunEnded as error:
            told["stopped"] = [str(error), first.total]

    def broken(worker: Here, job: Job) -> Any:
        yield from ()
        raise ValueError("of a computation")

    def killed(worker: Here, job: Job) -> Any:
        yield from ()
        os._exit(9)

    anew.set()
    for name, steps in (("bug", broken), ("abort", killed)):
        Here.steps = steps  # type: ignore[method-assign]  # the process that is forked has it
        told[name] = refused(count=2)
    before = asked[-1]
    refused(count=2)
    told["after an abort"] = [before, asked[-1]]
    over_quota.set()
    told["quota"] = refused(count=1)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    os.environ["GANAPPS_CACHE"] = tempfile.mkdtemp()
    main()

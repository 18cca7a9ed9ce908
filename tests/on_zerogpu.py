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
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

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
    from ganapps.workers import Job
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

    told: dict[str, Any] = {"worker": type(own.worker).__name__, "beside": beside(own)}
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

    def broken(worker: Here, job: Job) -> Any:
        yield from ()
        raise ValueError("of a computation")

    def killed(worker: Here, job: Job) -> Any:
        yield from ()
        os._exit(9)

    told["race"] = raced(own)
    told["together"] = together(own)
    anew.set()
    told["stopped"] = stopped(own)
    for name, steps in (("bug", broken), ("abort", killed)):
        Here.steps = steps  # type: ignore[method-assign]  # the process that is forked has it
        told[name] = refused(count=2)
    before = asked[-1]
    refused(count=2)
    told["after an abort"] = [before, asked[-1]]
    told["race aborted"] = refused_race(own)
    over_quota.set()
    told["quota"] = refused(count=1)
    told["race over quota"] = refused_race(own)
    json.dump(told, sys.stdout)


def beside(own: Any) -> dict[str, Any]:
    """What takes nobody's GPU: the wall that an app begins with, and the Lab."""
    from ganapps import ui
    from ganapps.recipe import Recipe

    (prepare,) = ui.build(own)._queue.at_start
    prepare()
    faces = prepare.__self__
    *_, lab = own.run(Recipe("learn", "new", {"steps": 3}))
    return {
        "wall": sum(len(result.made) for result in faces.first_wall),
        "its price": own.price(faces.opening).seconds,
        "lab": [run["step"] for run in lab.numbers["runs"]],
        "asked": list(asked),
    }


def stopped(own: Any) -> list[Any]:
    """What a run is told that a person stops, and how many of its steps its process had made when
    it gave the GPU back.
    """
    from ganapps.recipe import Recipe
    from ganapps.workers import signals
    from ganapps.workers.here import Here

    steps, there = Here.steps, Path(tempfile.mkdtemp()) / "steps"

    def counted(worker: Here, job: Any) -> Any:
        for step in steps(worker, job):
            with there.open("a") as file:
                file.write("1")
            yield step

    Here.steps = counted  # type: ignore[method-assign]  # the process that is forked has it
    with signals.stopped_at_the_end():
        stream = own.run(Recipe("denoise", "heads-ddpm-64", {"steps": 900}))
        next(stream)
        signals.current().stop()
        try:
            list(stream)
        except signals.RunEnded as error:
            told = str(error)
    Here.steps = steps  # type: ignore[method-assign]  # as it was before
    return [told, len(there.read_text())]


def raced(own: Any) -> dict[str, Any]:
    """A whole race; one that a person stops; one of which a person stops a side."""
    from ganapps.race import Race, race
    from ganapps.recipe import Recipe
    from ganapps.workers import signals

    before = len(asked)
    gan = Recipe("faces", "heads-64", {"seed": 3, "count": 2})
    denoiser = Recipe("denoise", "heads-ddpm-64", {"steps": 3})
    with signals.stopped_at_the_end():
        laps = [lap for lap in race(own, Race((gan, denoiser))) if not lap.result.waiting]
    made = [
        [kept.picture for lap in laps if lap.side == side for kept in lap.result.made]
        for side in (0, 1)
    ]
    told = {
        "pixels": [[list(picture.tobytes()[:300]) for picture in side] for side in made],
        "asked": asked[before:],
    }
    unfair = Race((gan, Recipe("denoise", "heads-ddpm-64", {"steps": 900})))
    with signals.stopped_at_the_end():
        laps = race(own, unfair)
        next(lap for lap in laps if lap.side == 1 and not lap.result.waiting)
        signals.current().stop()
        began = time.monotonic()
        try:
            list(laps)
        except signals.RunEnded as error:
            told["stopped"] = [str(error), time.monotonic() - began]
    stopped: set[int] = set()
    with signals.stopped_at_the_end():
        for lap in race(own, unfair, (), stopped):
            if not lap.result.waiting:
                stopped.add(1)
    told["without a side"] = list(lap.pictures)
    told["calls"] = len(asked) - before
    return told


def together(own: Any) -> dict[str, Any]:
    """Four jobs of one party: one is refused, one is a bug, one is left, one enlarges a picture."""
    from ganapps.errors import UserError
    from ganapps.models import hub
    from ganapps.pictures.uploads import Upload
    from ganapps.recipe import Recipe
    from ganapps.workers import Job

    def job(task: str, model: str, **settings: Any) -> Job:
        checked, row = own.checked(Recipe(task, model))
        found = hub.here(row)
        assert found is not None, "these models ship"
        return Job(checked.with_settings(**settings), row, found, party="us")

    picture = Upload(np.zeros((96, 64, 3), np.uint8), (64, 96), "0")
    large = replace(job("upscale", "spanx4", tile=48, inspect=False), uploads=(picture,))
    before, told = len(asked), {}
    with own.worker.together("us", ["a", "b"], 1.0):
        enlarging = own.worker.steps(large)
        steps = [next(enlarging)[0]]
        left = own.worker.steps(job("denoise", "heads-ddpm-64", steps=900))
        next(left)
        left.close()
        for name, settings in (("refused", {"labels": {"nose": 1}}), ("bug", {"count": "two"})):
            try:
                list(own.worker.steps(job("faces", "heads-64", **settings)))
            except (UserError, RuntimeError) as error:
                told[name] = f"{type(error).__name__}: {error}"
        steps += [step for step, _ in enlarging]
    told["rows"] = [len(step.part.rows) for step in steps if step.part]
    told["calls"] = len(asked) - before
    return told


def refused_race(own: Any) -> list[Any]:
    """What a race is told that gets no GPU, or not for long; and what was asked for."""
    from ganapps.errors import UserError
    from ganapps.models import hub
    from ganapps.recipe import Recipe
    from ganapps.workers import Job

    checked, row = own.checked(Recipe("faces", "heads-64", {"count": 2}))
    found = hub.here(row)
    assert found is not None, "this model ships"
    before, said = len(asked), []
    with own.worker.together("both", ["a", "b"], 1.0):
        for _ in range(2):
            try:
                list(own.worker.steps(Job(checked, row, found, party="both")))
            except UserError as error:
                said.append(str(error))
    return [said, asked[before:]]


if __name__ == "__main__":
    os.environ["GANAPPS_CACHE"] = tempfile.mkdtemp()
    main()

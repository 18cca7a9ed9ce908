"""Many visitors of mixed work at the running app, over HTTP, as Markdown: when each sees a first
picture, how long it waits beside its own work, who waits most, what is lost, and what stays.

    python benchmarks/load.py [--visitors 20] [--requests 1000] [--soak 3600] [--device cpu]

The app is started as a person starts it, in a process of its own, and asked through the endpoints
that every program has. "Own" are the seconds of a run's network calls, from its report: with the
device to itself it would take that long. Of `visitors` that ask at once, each for the same works in
another order, a run's share is its own seconds times the number of visitors; "waited / share" says
how much of that it waited (1 second aside, for what is too short to be shared). "Lost" is the time
of all against the sum of their own seconds. `--requests` asks that many cheap ones, one after the
other, and tells how the app's memory grew after the first hundred. `--soak` mixes for so many
seconds whole runs, streams that are left, Stops, refusals and uploads that break off, and tells
what the app holds at its end beside what it held when it was warm: the front process and those that
it started on this machine, its workers among them. What several share is counted in each.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 600.0  # seconds that an answer may take
MOST = 24  # runs of one address at a time, as the app lets them
WARM = 100  # requests after which memory is compared
WARMING = 300.0  # seconds of a soak after which what is held is compared
PROCESSES = "processes"  # counted in what the app holds
MEMORY = "their memory, MB"
ASIDE = 1.0  # seconds that every run may wait, whatever its share


def photograph(width: int, height: int) -> str:
    """A picture as a data URI: soft colours with some noise."""
    down, right = np.mgrid[0:height, 0:width] / max(width, height)
    soft = np.stack([right, down, 1 - right], -1) * 200 + 20
    noisy = soft + np.random.default_rng(0).normal(0, 8, soft.shape)
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@dataclass(frozen=True)
class Work:
    """Something that a visitor asks for: an endpoint and its arguments."""

    title: str
    endpoint: str
    arguments: dict[str, Any] = field(default_factory=dict)


SMALL, LARGE = {"url": photograph(128, 96)}, {"url": photograph(320, 240)}
CHEAP = Work("1 face of 64 px", "faces", {"model": "heads-64"})
MIXED = (
    CHEAP,
    Work("16 faces of 128 px", "faces", {"model": "heads-128", "count": 16}),
    Work("a picture of 128 px, enlarged", "upscale", {"model": "spanx4", "picture": SMALL}),
    Work("a picture of 320 px, enlarged", "upscale", {"model": "spanx4", "picture": LARGE}),
    Work("GAN against diffusion, 10 steps", "compare", {"steps": 10}),
)


@dataclass(frozen=True)
class Answer:
    """Of one request, in seconds: until its first picture, until its end, its network's own; or
    what it was refused with.
    """

    work: Work
    first: float
    whole: float
    own: float
    refused: str = ""


class App:
    """The app in a process of its own."""

    def __init__(self, device: str, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address, self.folder = f"http://127.0.0.1:{port}", folder
        flags = ["--offline", "--device", device, "--host", "127.0.0.1", "--port", str(port)]
        self.process = subprocess.Popen(
            [sys.executable, "app.py", *flags],
            cwd=ROOT,
            env={n: v for n, v in os.environ.items() if n != "GANAPPS_PASSWORD"}
            | {"TMPDIR": str(folder), "GANAPPS_CACHE": str(folder / "cache")},
            stdout=subprocess.DEVNULL,
        )
        while True:
            if self.process.poll() is not None:
                raise SystemExit(f"the app ended with status {self.process.returncode}")
            with suppress(httpx.HTTPError):
                config = httpx.get(f"{self.address}/config", timeout=30).json()
                break
            time.sleep(0.2)
        self.places = {d["api_name"]: d["id"] for d in config["dependencies"]}

    def ended(self) -> int:
        """End it as a service does: its exit status."""
        self.process.terminate()
        return self.process.wait(120)

    def holds(self) -> dict[str, float]:
        """What its processes hold now: MB, threads, open files, and files they work on."""
        held = {PROCESSES: 0.0, MEMORY: 0.0, "threads": 0.0, "open files": 0.0}
        for process in family(self.process.pid):
            with suppress(OSError):  # it has just ended
                lines = (process / "status").read_text().splitlines()
                status = dict(line.split(":", 1) for line in lines)
                held["open files"] += len(list((process / "fd").iterdir()))
                held["threads"] += int(status["Threads"])
                held[MEMORY] += int(status["VmRSS"].split()[0]) / 1024
                held[PROCESSES] += 1
        work = self.folder.glob("ganapps-*/run-*/work/**/*")
        return held | {"files and folders of work": len(list(work))}


def family(first: int) -> list[Path]:
    """The folders in /proc of a process and of all that it started, and those started in turn."""
    parents = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(process.name)] = int(
                (process / "stat").read_text().rpartition(")")[2].split()[1]
            )
    found = [first]
    for one in found:
        found += [process for process, parent in parents.items() if parent == one]
    return [Path(f"/proc/{process}") for process in found]


class Visitor:
    """One who asks."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.client = httpx.Client(base_url=f"{app.address}/gradio_api", timeout=PATIENCE)

    def begun(self, work: Work) -> str:
        """The name of a run that was asked for. Raises httpx.HTTPStatusError where it is refused
        at the door.
        """
        answer = self.client.post(f"/call/v2/{work.endpoint}", json=work.arguments)
        answer.raise_for_status()
        return answer.json()["event_id"]

    def told(self, work: Work, name: str) -> Iterator[tuple[str, Any]]:
        """What a run's stream tells: kinds and what came with them."""
        with self.client.stream("GET", f"/call/{work.endpoint}/{name}") as stream:
            kind = ""
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: ") and kind != "heartbeat":
                    yield kind, json.loads(line.removeprefix("data: "))

    def asks(self, work: Work) -> Answer:
        """The whole of a run."""
        began = time.monotonic()
        first, own = None, 0.0
        for kind, what in self.told(work, self.begun(work)):
            passed = time.monotonic() - began
            if kind == "error":
                return Answer(work, passed, passed, 0.0, refused=str(what))
            if what is None:
                continue
            files, facts = what
            if files and first is None:
                first = passed
            own = _own(facts)
        whole = time.monotonic() - began
        return Answer(work, whole if first is None else first, whole, own)

    def leaves(self, work: Work) -> None:
        """A run whose stream is left when something came."""
        for _ in self.told(work, self.begun(work)):
            return

    def stops(self, work: Work) -> None:
        """A run that is stopped when something came."""
        name = self.begun(work)
        place = self.app.places[work.endpoint]
        asked = {"session_hash": name, "fn_index": place, "event_id": name}
        for _ in self.told(work, name):
            self.client.post("/cancel", json=asked)
            return

    def breaks_off(self, work: Work) -> None:
        """An upload that ends half done."""
        host, port = self.app.address.removeprefix("http://").split(":")
        head = 'Content-Disposition: form-data; name="files"; filename="half.png"'
        with socket.create_connection((host, int(port)), timeout=60) as line:
            line.sendall(
                f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: "
                "multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
                f"--x\r\n{head}\r\n\r\nthe first half".encode()
            )

    def errs(self, work: Work) -> None:
        """Something that is refused."""
        self.asks(Work("", "faces", {"model": "heads-64", "labels": {"nose": 1}}))


def _own(facts: dict[str, Any]) -> float:
    """The seconds of network calls that an answer reports, of a race those of both sides."""
    if "seconds" in facts:
        return float(sum(facts["seconds"]))
    return float(facts["report"]["seconds"])


def crowd(app: App, count: int) -> tuple[list[Answer], float]:
    """The answers that so many visitors get who come at once, and the seconds of all."""
    answers: list[Answer] = []

    def visit(number: int) -> None:
        visitor = Visitor(app)
        for place in range(len(MIXED)):
            answers.append(visitor.asks(MIXED[(number + place) % len(MIXED)]))

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(count)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers, time.monotonic() - began


def tell_crowd(answers: list[Answer], seconds: float, count: int) -> None:
    """The table of a crowd."""
    print(f"| {count} visitors at once | own, s | first picture, s: middle | latest ", end="")
    print("| waited, s: middle | longest | waited / share: middle | most |")
    print("|---|---|---|---|---|---|---|---|")
    for work in MIXED:
        of_work = [answer for answer in answers if answer.work is work]
        waited = [answer.whole - answer.own for answer in of_work]
        shares = [
            max(0.0, wait - ASIDE) / max(count * answer.own, 1e-3)
            for wait, answer in zip(waited, of_work)
        ]
        firsts = [answer.first for answer in of_work]
        cells = [statistics.median(answer.own for answer in of_work)]
        for column in (firsts, waited, shares):
            cells += [statistics.median(column), max(column)]
        print(f"| {work.title} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    own = sum(answer.own for answer in answers)
    refused = [answer.refused for answer in answers if answer.refused]
    print(f"\nAll of it: {seconds:.1f} s, of which {own:.1f} s in networks: {seconds / own:.2f}.")
    print(f"Refused: {len(refused)}. {' '.join(sorted(set(refused)))}\n")


def many(app: App, count: int) -> None:
    """Cheap requests one after the other, and how memory grew."""
    visitor = Visitor(app)
    warm = 0.0
    for number in range(1, count + 1):
        visitor.asks(CHEAP)
        if number == WARM:
            warm = app.holds()[MEMORY]
    held = app.holds()
    end, growth = held[MEMORY], 100 * (held[MEMORY] / warm - 1)
    print(f"{count} cheap requests: {warm:.0f} MB after {WARM}, {end:.0f} MB at the end ", end="")
    print(f"({growth:+.1f} %), of {held[PROCESSES]:.0f} processes.\n")


def soak(app: App, seconds: float) -> None:
    """Mixed use for so long, and what the app holds when it is over beside when it was warm."""
    visitors = [Visitor(app) for _ in range(4)]
    warming = min(WARMING, seconds / 4)
    counted = _mixed(visitors, time.monotonic() + warming, 0)
    warm = _settled(app)
    left = time.monotonic() + seconds - warming
    for kind, count in _mixed(visitors, left, 1).items():
        counted[kind] = counted.get(kind, 0) + count
    end = _settled(app)
    said = ", ".join(f"{count} {kind}" for kind, count in counted.items())
    print(f"A soak of {seconds:.0f} s: {said}.\n")
    print("| | warm | at the end |\n|---|---|---|")
    for name in warm:
        print(f"| {name} | {warm[name]:.0f} | {end[name]:.0f} |")
    print()


def _mixed(visitors: list[Visitor], until: float, seed: int) -> dict[str, int]:
    """What each of the visitors did until then, counted."""
    done: dict[str, int] = {}

    def visit(number: int, visitor: Visitor) -> None:
        chance = random.Random(f"{seed} {number}")
        kinds: list[tuple[str, Callable[[Work], Any]]] = [
            ("whole runs", visitor.asks),
            ("whole runs", visitor.asks),
            ("streams left", visitor.leaves),
            ("Stops", visitor.stops),
            ("uploads broken off", visitor.breaks_off),
            ("refusals", visitor.errs),
        ]
        while time.monotonic() < until:
            name, act = chance.choice(kinds)
            time.sleep(chance.uniform(0, 0.5))
            with suppress(httpx.HTTPStatusError):  # too many runs of one address: the next one then
                act(chance.choice(MIXED))
                done[name] = done.get(name, 0) + 1

    threads = [threading.Thread(target=visit, args=pair) for pair in enumerate(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def _settled(app: App) -> dict[str, float]:
    """What the app holds when what was left is over: runs nobody listens to end within two
    minutes.
    """
    held = app.holds()
    for _ in range(30):
        time.sleep(5)
        now = app.holds()
        if now["files and folders of work"] == 0 and now["threads"] >= held["threads"]:
            return now
        held = now
    return held


@contextmanager
def running(device: str) -> Iterator[App]:
    """The app, ended as a service is; its exit status is told."""
    with tempfile.TemporaryDirectory() as folder:
        app = App(device, Path(folder))
        try:
            yield app
            print(f"Ended with exit status {app.ended()}.")
        finally:
            app.process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--visitors", type=int, default=20, help=f"up to {MOST}; 0: none")
    parser.add_argument("--requests", type=int, default=1000, help=f"{WARM} or more; 0: none")
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--device", default="cpu", help="as the app's")
    options = parser.parse_args()
    if not 0 <= options.visitors <= MOST:
        parser.error(f"--visitors: all come from one address, which gets {MOST} runs at a time")
    if options.requests and options.requests < WARM:
        parser.error(f"--requests: what comes after the first {WARM} is compared with them")
    with running(options.device) as app:
        for work in MIXED:  # what is loaded once, and measured once, is loaded and measured now
            Visitor(app).asks(work)
        if options.visitors:
            tell_crowd(*crowd(app, options.visitors), options.visitors)
        if options.requests:
            many(app, options.requests)
        if options.soak:
            soak(app, options.soak)


if __name__ == "__main__":
    main()

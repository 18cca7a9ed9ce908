"""What the served app adds to its networks, and how long a face waits beside a large picture.

    python benchmarks/served.py [--rounds 20] [--large 12]

The app runs in a process of its own, `python app.py --offline`; each request goes through the API
over HTTP, as a program's does, and ends with the last PNG. Beside it stands a script in a process
of its own that runs the same recipe as often without a server. "Network part" is what the report
says that the network took, over the script's best; "whole" is the request's time over the same.
`--large M`: while SPAN enlarges a picture of M megapixels, 12 faces are asked for.

"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from statistics import median
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from PIL import Image
from skimage import data

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

WARM_UP = 3  # rounds that are not counted
FACES = {"seed": "0", "count": 12, "model": "heads-64"}


@contextmanager
def app(folder: Path) -> Iterator[str]:
    """The address of the app, which keeps its prices and files in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"GANAPPS_CACHE": str(folder / "cache"), "GRADIO_TEMP_DIR": str(folder / "gradio")}
    running = subprocess.Popen(
        [sys.executable, "app.py", "--offline", "--port", str(port)],
        cwd=ROOT,
        env=os.environ | places,
        stdout=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        _wait(address, running)
        yield address
    finally:
        running.terminate()
        running.wait()


def _wait(address: str, running: subprocess.Popen) -> None:
    for _ in range(240):
        if running.poll() is not None:
            sys.exit("The app did not start.")
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.5)
    sys.exit("The app did not answer within two minutes.")


def begun(address: str, name: str, body: dict[str, Any]) -> Any:
    """The stream of a call's events, open."""
    asked = Request(
        f"{address}gradio_api/call/v2/{name}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(asked, timeout=60) as answer:
        event = json.loads(answer.read())["event_id"]
    return urlopen(f"{address}gradio_api/call/{name}/{event}", timeout=600)


def ended(stream: Any) -> Any:
    """The data of the last event of a call."""
    with stream:
        lines = stream.read().decode().splitlines()
    kind, last = lines[-3:-1] if not lines[-1] else lines[-2:]
    if kind != "event: complete":
        sys.exit(f"A call ended with {kind}: {last}")
    return json.loads(last[6:])


def requests(address: str, name: str, body: dict[str, Any], rounds: int) -> list[list[float]]:
    """(seconds of the request, seconds of its network) of each round."""
    told = []
    for _ in range(WARM_UP + rounds):
        begin = time.perf_counter()
        answer = ended(begun(address, name, body))
        seconds = time.perf_counter() - begin
        told.append([seconds, answer[-1]["report"]["seconds"]])
    return told[WARM_UP:]


SCRIPT = """
import json, sys
from ganapps import engine
from ganapps.recipe import from_json
app = engine.start(offline=True)
recipe, pictures, rounds = from_json(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
seconds = []
for _ in range(rounds):
    for result in app.run(recipe, pictures):
        pass
    seconds.append(result.report.seconds)
print(json.dumps(seconds))
"""


def script(recipe: dict[str, Any], pictures: Sequence[str], rounds: int) -> list[float]:
    """The network's seconds in each round of a script without a server."""
    command = [sys.executable, "-c", SCRIPT, json.dumps(recipe), json.dumps(pictures), str(rounds)]
    told = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return json.loads(told.stdout.splitlines()[-1])


def as_data(pixels: Image.Image) -> str:
    """A picture as a data URI."""
    out = io.BytesIO()
    pixels.save(out, "JPEG", quality=95)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def table(address: str, folder: Path, rounds: int) -> None:
    """Print both tasks' table."""
    small = Image.fromarray(data.astronaut()).resize((256, 256), Image.Resampling.LANCZOS)
    small.save(folder / "small.jpg", quality=95)
    tasks = {
        "12 faces of 64 px": (
            "faces",
            FACES,
            {
                "task": "faces",
                "checkpoint": "heads-64",
                "settings": {k: v for k, v in FACES.items() if k != "model"},
            },
            [],
        ),
        "SPAN, 256 px": (
            "upscale",
            {"picture": {"url": as_data(small)}, "model": "spanx4"},
            {"task": "upscale", "checkpoint": "spanx4", "settings": {}},
            [str(folder / "small.jpg")],
        ),
    }
    print("| | script's best, s | served: network, s | whole, s | network part | whole |")
    print("|---|---|---|---|---|---|")
    for title, (name, body, recipe, pictures) in tasks.items():
        best = min(script(recipe, pictures, WARM_UP + rounds)[WARM_UP:])
        whole, network = map(median, zip(*requests(address, name, body, rounds)))
        shares = f"{network / best:.2f} | {whole / best:.2f}"
        print(f"| {title} | {best:.3f} | {network:.3f} | {whole:.3f} | {shares} |", flush=True)


def beside(address: str, megapixels: float, rounds: int) -> None:
    """Print how long 12 faces take while a large picture is enlarged."""
    side = round((megapixels * 1e6) ** 0.5)
    large = Image.fromarray(data.astronaut()).resize((side, side), Image.Resampling.LANCZOS)
    stream = begun(address, "upscale", {"picture": {"url": as_data(large)}, "model": "spanx4"})
    ends = threading.Event()

    def read() -> None:
        try:
            stream.read()
        except HTTPException:
            return  # the app was ended meanwhile
        ends.set()

    threading.Thread(target=read, daemon=True).start()
    time.sleep(5)  # it is decoded and at work
    waits = []
    for _ in range(rounds):
        begin = time.perf_counter()
        ended(begun(address, "faces", FACES))
        waits.append(time.perf_counter() - begin)
        if ends.is_set():
            sys.exit("The large picture was done before the faces: choose a larger one.")
    print(
        f"\n12 faces beside a picture of {megapixels:g} megapixels with SPAN: median "
        f"{median(waits):.2f} s, slowest of {rounds}: {max(waits):.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--large", type=float, default=12, help="megapixels; 0: not measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, app(Path(name)) as address:
        table(address, Path(name), options.rounds)
        if options.large:
            beside(address, options.large, options.rounds)


if __name__ == "__main__":
    main()

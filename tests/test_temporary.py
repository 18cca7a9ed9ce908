"""What does not last goes: with the process however it ends, by age, and at the next start."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.request import Request, urlopen

import pytest
from filelock import FileLock
from PIL import Image

from ganapps.pictures import temporary
from tests.waiting import below, wait

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120  # seconds that a start may take on a busy machine


@contextmanager
def app(folder: Path, log: IO | None = None) -> Iterator[tuple[subprocess.Popen, str]]:
    """The app as a person starts it, its temporary files in `folder`, what it says in `log`; the
    process, and its address.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if k != "GRADIO_TEMP_DIR"} | {
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "2",  # as a person has it: torch ends otherwise than with one
    }
    process = subprocess.Popen(
        [
            sys.executable,
            "app.py",
            "--offline",
            "--device",
            "cpu",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=log or subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait(lambda: _answers(address), PATIENCE)
        yield process, address
    finally:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    try:
        return urlopen(f"{address}/config", timeout=5).status == 200
    except OSError:
        return False


def upload(address: str, contents: bytes = b"not a picture") -> list[str]:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        + contents
        + b"\r\n--x--\r\n"
    )
    answer = urlopen(
        Request(
            f"{address}/gradio_api/upload",
            body,
            {"Content-Type": "multipart/form-data; boundary=x"},
        ),
        timeout=30,
    )
    return json.load(answer)


def enlarging(address: str) -> None:
    """Have a picture enlarged as the page does; returns when that is under way."""
    config = json.load(urlopen(f"{address}/config", timeout=60))
    widgets = {widget["id"]: widget["props"] for widget in config["components"]}
    named = {props.get("elem_id"): widget for widget, props in widgets.items()}
    (press,) = (e for e in config["dependencies"] if [named["upscale-go"], "click"] in e["targets"])
    pixels = io.BytesIO()
    Image.effect_noise((1000, 800), 60).save(pixels, "PNG")
    values = {widget: props.get("value") for widget, props in widgets.items()}
    (path,) = upload(address, pixels.getvalue())
    values[named["upscale-picture"]] = {"path": path, "meta": {"_type": "gradio.FileData"}}
    asked = {
        "data": [values[widget] for widget in press["inputs"]],
        "fn_index": press["id"],
        "session_hash": "somebody",
    }
    headers = {"Content-Type": "application/json"}
    join = Request(f"{address}/gradio_api/queue/join", json.dumps(asked).encode(), headers)
    urlopen(join, timeout=60)
    stream = urlopen(f"{address}/gradio_api/queue/data?session_hash=somebody", timeout=PATIENCE)
    looks = 0
    while looks < 8:  # twice a second; the first ones come before it computes
        line = stream.readline()
        assert line and b"process_completed" not in line, line
        looks += b"process_generating" in line


@contextmanager
def cut_off(address: str) -> Iterator[None]:
    """An upload on its way, which ends half done."""
    host, port = address.removeprefix("http://").split(":")
    head = 'Content-Disposition: form-data; name="files"; filename="half.png"'
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(
            f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}\r\nContent-Type: "
            "multipart/form-data; boundary=x\r\n"
            f"Content-Length: 1000000\r\n\r\n--x\r\n{head}\r\n\r\nthe first half".encode()
        )
        yield


def files(folder: Path) -> list[str]:
    """Everything but the folder of this user."""
    found = sorted(below(folder))
    return [str(p.relative_to(folder)) for p in found if not p.name.startswith("ganapps-")]


def test_killed_or_ended_nothing_of_a_visitor_stays(tmp_path: Path) -> None:
    with app(tmp_path) as (process, address):
        upload(address)
        assert [f for f in files(tmp_path) if f.endswith("a.png")]
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    assert [f for f in files(tmp_path) if f.endswith("a.png")], "nobody could tidy up"
    with tempfile.TemporaryFile() as log, app(tmp_path, log) as (process, address):
        assert not [f for f in files(tmp_path) if f.endswith("a.png")], "the next start does"
        upload(address)
        before = files(tmp_path)
        with cut_off(address):
            wait(lambda: len(files(tmp_path)) > len(before) + 1, PATIENCE)
        wait(lambda: files(tmp_path) == before, PATIENCE)
        enlarging(address)  # torch aborts a process that ends while a thread of it computes
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) in (0, 130)
        log.seek(0)
        assert b"Traceback" not in log.read()
    assert files(tmp_path) == []


FREES_TENSORS = """
import atexit, threading, torch
import app

def work():
    while True:
        torch.ones(100_000).sum()

atexit.register(app._leave)
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
atexit.register(print, "tidied")
app._served.set()
"""


def test_an_app_ends_well_while_its_threads_free_tensors() -> None:
    """Without its last word, torch aborted three such programs of three."""
    ended = subprocess.run(
        [sys.executable, "-c", FREES_TENSORS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "tidied\n"), ended.stderr


def test_a_folder_that_takes_no_files_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path / "file" / "deeper")}
    ended = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Temporary files can't be written (Not a directory)")
    assert ended.stderr.count("\n") == 1


def test_only_its_user_can_look_in(tmp_path: Path) -> None:
    ours = temporary._private(tmp_path)
    assert stat.S_IMODE(ours.stat().st_mode) == 0o700
    ours.chmod(0o777)
    assert stat.S_IMODE(temporary._private(tmp_path).stat().st_mode) == 0o700


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    name = temporary._private(tmp_path)
    name.rmdir()
    name.symlink_to(tmp_path / "elsewhere")
    assert temporary._private(tmp_path).resolve() != tmp_path / "elsewhere"


def test_the_living_are_left_alone(tmp_path: Path) -> None:
    for name in ("run-living", "run-dead"):
        (tmp_path / name / "kept").mkdir(parents=True)
    with FileLock(tmp_path / "run-living.lock"):
        # of another process: a lock of this one would let itself in again
        code = (
            "import sys; from pathlib import Path; from ganapps.pictures import temporary; "
            "temporary.sweep(Path(sys.argv[1]))"
        )
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True, timeout=PATIENCE
        )
    assert (tmp_path / "run-living").exists()
    assert not (tmp_path / "run-dead").exists()


def test_old_files_go_and_young_ones_stay(tmp_path: Path) -> None:
    now = time.time()
    for name, age in (("old/a.png", 4000), ("young/b.png", 100), ("cut off", 4000)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
        os.utime(path, (now - age, now - age))
    os.utime(tmp_path / "old", (now - 4000, now - 4000))
    temporary.forget_old(tmp_path, now)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["b.png"]
    os.utime(tmp_path / "old", (now - 4000, now - 4000))
    temporary.forget_old(tmp_path, now)
    assert not (tmp_path / "old").exists()


@pytest.mark.parametrize("ending", ["kept", "work"])
def test_gradio_and_tempfile_write_into_it(tmp_path: Path, ending: str) -> None:
    code = (
        "import os, tempfile; from ganapps.pictures import temporary; temporary.settle(); "
        "print(os.environ['GRADIO_TEMP_DIR'], tempfile.mkdtemp())"
    )
    environment = {k: v for k, v in os.environ.items() if k != "GRADIO_TEMP_DIR"} | {
        "TMPDIR": str(tmp_path)
    }
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout.split()
    assert next(Path(path) for path in said if f"/{ending}" in path).is_relative_to(tmp_path)
    assert files(tmp_path) == [], "gone with the process"


def settled(folder: Path, then: str) -> subprocess.CompletedProcess:
    """A process with a folder of its own in `folder`, and what it does then."""
    environment = {k: v for k, v in os.environ.items() if k != "GRADIO_TEMP_DIR"} | {
        "TMPDIR": str(folder)
    }
    code = f"import os, signal, time\nfrom ganapps.pictures import temporary\n{then}"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_whoever_asks_it_to_end_nothing_stays(tmp_path: Path, name: str) -> None:
    ended = settled(
        tmp_path,
        # as it is where nobody started the tests with nohup
        f"signal.signal(signal.{name}, signal.SIG_DFL)\ntemporary.settle()\n"
        f"os.kill(os.getpid(), signal.{name})\ntime.sleep(60)",
    )
    assert "KeyboardInterrupt" in ended.stderr
    assert files(tmp_path) == []


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    ended = settled(
        tmp_path,
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\ntemporary.settle()\nos.kill(os.getpid(), "
        "signal.SIGHUP)\nprint('goes on')",
    )
    assert (ended.returncode, ended.stdout) == (0, "goes on\n")


def test_a_user_without_a_name_has_a_folder_too(tmp_path: Path) -> None:
    """As in a container that is run with a number."""
    ended = settled(
        tmp_path,
        "import getpass, pwd\ngetpass.getuser = pwd.getpwuid = lambda *_: {}['no "
        "name']\nprint(temporary.settle())",
    )
    assert ended.stdout.startswith(f"{tmp_path}/ganapps-"), ended.stderr


def test_a_folder_is_never_there_without_its_lock(tmp_path: Path) -> None:
    """Or the sweep of another start, at the same moment, would take it for one of a process that
    died.
    """
    look = """
class Looking(temporary.FileLock):
    def acquire(self, *more, **rest):
        print(list(temporary.Path(os.environ["TMPDIR"]).glob("*/run-*/")))
        return super().acquire(*more, **rest)
temporary.FileLock = Looking
temporary.settle()
"""
    assert settled(tmp_path, look).stdout == "[]\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_the_command_line_ends_so_too(tmp_path: Path) -> None:
    ended = settled(
        tmp_path,
        "import sys\nfrom ganapps import __main__\nsys.argv = ['ganapps', 'doctor', '--offline', "
        "'--device', 'cpu']\n"
        "from ganapps.measure import doctor\ndoctor.machine = lambda *_: os.kill(os.getpid(), "
        "signal.SIGTERM)\n__main__.main()",
    )
    assert "KeyboardInterrupt" in ended.stderr
    assert files(tmp_path) == []

"""Our own folder for what does not last: uploads, results, work under way. It goes with the
process, or with the next one.

TMPDIR/ganapps-UID/         0700: nobody else on this machine looks in
    run-.../                one a process, beside its lock, which the system lets go when the
    process dies kept/               uploads and results, deleted when they are an hour old work/
    what a run writes on its way
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import stat
import tempfile
import threading
import time
from pathlib import Path

from filelock import FileLock, Timeout

from ganapps.errors import UserError

AGE = 3600.0  # seconds that an upload or a result is kept
LOOK = 600.0  # seconds between two looks at their age

_locks: list[FileLock] = []  # held as long as the process lives


def settle() -> Path:
    """Make this process's folder, sweep those of processes that died, and have Gradio and tempfile
    write into it: its path.

    Call it before gradio is imported, on the main thread: from now on SIGTERM and a closed terminal
    end the process as Ctrl+C does. The folder lies in GRADIO_TEMP_DIR where that is set, else where
    temporary files lie. Raises UserError where no file can be written there.
    """
    _end_as_ctrl_c()
    place = taken(Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()))
    os.environ["GRADIO_TEMP_DIR"] = str(place / "kept")
    threading.Thread(
        target=_look_after, args=(place / "kept",), daemon=True, name="sweeper"
    ).start()
    return place


def taken(base: Path) -> Path:
    """Make this process's folder in `base`, sweep those of processes that died, and have tempfile
    write into it: its path. Raises UserError where no file can be written there.
    """
    try:
        ours = _private(base.absolute())
        sweep(ours)
        place = ours / f"run-{secrets.token_hex(8)}"
        lock = FileLock(_lock_of(place))
        # before the folder is there: no sweep of another start takes it for a dead one's
        lock.acquire(timeout=0)
        for folder in (place, place / "kept", place / "work"):
            folder.mkdir()
    except (OSError, Timeout) as e:
        raise UserError(
            "Temporary files can't be written ({why}): set TMPDIR, or GRADIO_TEMP_DIR, to a folder "
            "that can be written.",
            why=getattr(e, "strerror", None) or str(e),
        ) from e
    _locks.append(lock)
    tempfile.tempdir = str(place / "work")
    atexit.register(_leave, place, lock)
    return place


def sweep(ours: Path) -> None:
    """Delete the folders of processes that died: those whose lock nobody holds."""
    for place in ours.glob("run-*/"):
        lock = FileLock(_lock_of(place))
        with contextlib.suppress(OSError, Timeout), lock.acquire(timeout=0):
            shutil.rmtree(place, ignore_errors=True)
            _lock_of(place).unlink(missing_ok=True)


def forget_old(kept: Path, now: float) -> None:
    """Delete files that were last written over an hour before `now` (seconds since 1970), and
    folders that are empty as long.
    """
    for folder, _, names in os.walk(kept, topdown=False):
        for name in names:
            with contextlib.suppress(OSError):
                if now - os.stat(os.path.join(folder, name)).st_mtime > AGE:
                    os.unlink(os.path.join(folder, name))
        with contextlib.suppress(OSError):  # a folder that is not empty stays
            if Path(folder) != kept and now - os.stat(folder).st_mtime > AGE:
                os.rmdir(folder)


def _private(base: Path) -> Path:
    """Our folder in `base`, which only this user can open; another one where somebody else has
    taken its name.
    """
    base.mkdir(parents=True, exist_ok=True)
    # a container's user may have no name
    ours = base / f"ganapps-{os.getuid() if os.name == 'posix' else os.getlogin()}"
    with contextlib.suppress(FileExistsError):
        ours.mkdir(mode=0o700)
    if os.name == "posix":
        facts = ours.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
            return Path(tempfile.mkdtemp(prefix="ganapps-", dir=base))
        ours.chmod(0o700)
    return ours


def _end_as_ctrl_c() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, so that what is to be tidied is; what nohup
    ignores stays ignored.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has one of them
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _lock_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.lock")


def _look_after(kept: Path) -> None:
    while True:
        time.sleep(LOOK)
        forget_old(kept, time.time())


def _leave(place: Path, lock: FileLock) -> None:
    shutil.rmtree(place, ignore_errors=True)
    lock.release()
    _lock_of(place).unlink(missing_ok=True)

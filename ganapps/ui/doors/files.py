"""A visitor's files: which paths from outside are opened, where uploads and results lie, and how
much of them is kept.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gradio.utils import get_upload_folder

from ganapps.errors import UserError
from ganapps.report import size as said

EXAMPLES = Path(__file__).parents[1] / "examples"
ADDRESS = "gradio_api/file="  # what stands before a path in this app's own addresses
VISITOR_MOST = 4 * 10**9  # bytes of one visitor's uploads, and as many of their results
ALL_MOST = 32 * 10**9  # bytes of everybody's
LEAST = 2**18  # bytes that a file counts for at least, so that many small ones are not free either
NESTED = 64  # tables and lists inside each other; what a page sends has a few
# of a file, and their types
PARTS = {
    "size": int,
    "orig_name": str,
    "mime_type": str,
    "is_stream": bool,
    "meta": Mapping,
}
LOOKS = 10.0  # seconds until files that were deleted by age are noticed

# whose event this is: a session, or an address
VISITOR: ContextVar[str] = ContextVar("visitor", default="")


def folder() -> Path:
    """The folder in which all uploads and results lie, each in a folder of its own that nobody can
    guess.
    """
    return Path(os.path.abspath(get_upload_folder()))


def taken(path: str) -> str:
    """A path that came from outside, as one to open: of a visitor's upload or result, or of an
    example.

    Whoever knows such a path may use it. Any other is refused by one UserError, whether something
    lies there or not: nothing outside of the two folders is looked at, and a link that leads out of
    them is not followed.
    """
    named = Path(os.path.abspath(path))  # by its words alone, without a look at the disk
    for place in (folder(), EXAMPLES):
        if named.is_relative_to(place) or named.is_relative_to(place.resolve()):
            inside = _inside(named, place.resolve())
            if inside is not None:
                return str(place / inside)
    raise UserError(
        "{file} is not a file that was brought here: choose it again. (A program sends it to "
        "/gradio_api/upload "
        "first, and gives the path that comes back.)",
        file=Path(path).name[:60] or "This",
    )


def _inside(named: Path, place: Path) -> Path | None:
    """Where in `place` a path leads, links followed; None where it leads out, or to the place
    itself.
    """
    try:
        real = named.resolve()
    except (OSError, ValueError, RuntimeError):  # a name too long, a zero byte, links in a ring
        return None
    return real.relative_to(place) if real != place and real.is_relative_to(place) else None


def checked(value: Any, depth: int = NESTED) -> Any:
    """What a request brings, with each file in it named by a path that may be opened. Raises
    UserError, also for what is nested more than `depth` deep.

    A file is anything that has a path or an address: the path of an upload, this app's own address
    of a file, or the file itself as a data URI, which becomes an upload.
    """
    if not isinstance(value, (list, tuple, Mapping)):
        return value
    if depth == 0:
        raise UserError(
            "A value holds more than {most} tables or lists inside each other.", most=NESTED
        )
    if not isinstance(value, Mapping):
        return [checked(item, depth - 1) for item in value]
    address = value.get("path") or value.get("url")
    if not isinstance(address, str):
        return {name: checked(item, depth - 1) for name, item in value.items()}
    told = _told(value)
    path = (
        _written(address, told.get("orig_name"))
        if address.startswith("data:")
        else taken(_path(address))
    )
    return {**told, "path": path, "url": None}


def _told(file: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a file besides where it is, nulls left out. Raises UserError for what Gradio
    would stumble over.
    """
    for part, kind in PARTS.items():
        value = file.get(part)
        fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if value is not None and not fits:
            raise UserError(
                "The {part} of a file can't be {value}: leave it out.", part=part, value=repr(value)
            )
    return {part: value for part, value in file.items() if value is not None or part not in PARTS}


def _path(address: str) -> str:
    """The path in an address of this app's own; anything else stays what it is."""
    before, own, path = address.partition(ADDRESS)
    return (
        unquote(path)
        if own and (before in ("", "/", root()) or before.startswith(("http://", "https://")))
        else address
    )


def root() -> str:
    """Where a proxy serves the app, a slash at its end; "" where nothing says so."""
    told = os.environ.get("GRADIO_ROOT_PATH", "").rstrip("/")
    return f"{told}/" if told else ""


def _written(address: str, name: object) -> str:
    """The path of a data URI's content, which is a visitor's upload from now on."""
    head, _, text = address.partition(",")
    try:
        if not head.endswith(";base64"):
            raise ValueError
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as e:
        raise UserError(
            "A data URI can't be read: write it as data:image/png;base64, and then the file in "
            "base64."
        ) from e
    with ROOM.place(VISITOR.get()) as place:
        ROOM.grow(place, len(content))
        path = place / (
            Path(name).name[:120] if isinstance(name, str) and Path(name).name else "upload"
        )
        path.write_bytes(content)
    return str(path)


def keep(path: str | Path) -> str:
    """A finished file, from where it was made into a folder of its own: the path there. Raises
    UserError where there is no room.
    """
    path = Path(path)
    with ROOM.place(VISITOR.get()) as place:
        ROOM.grow(place, path.stat().st_size)
        kept = place / path.name
        try:
            os.link(path, kept)  # at once, however large it is
        except OSError:
            shutil.copyfile(path, kept)
    return str(kept)


def check_room() -> None:
    """Raises UserError where this visitor has no room left: better before a long run than after
    it.
    """
    ROOM.check(VISITOR.get())


def delete(paths: Iterable[str | None]) -> None:
    """Delete a visitor's files from the disk now; what is no visitor's (an example) stays."""
    for path in paths:
        inside = _inside(Path(path), folder().resolve()) if path else None
        if inside is not None:
            (folder() / inside).unlink(missing_ok=True)
            ROOM.left(folder() / inside.parts[0])


class Room:
    """How much of whom lies in the folder: each place in it belongs to a visitor, and counts until
    it is empty.
    """

    def __init__(self, visitor_most: int = VISITOR_MOST, all_most: int = ALL_MOST) -> None:
        """Both in bytes."""
        self.visitor_most, self.all_most = visitor_most, all_most
        self._lock = threading.Lock()
        self._places: dict[Path, tuple[str, int]] = {}  # whose it is, and the bytes that came
        self._used: Counter[str] = Counter()  # by visitor
        self._used_by_all = 0
        # those that may be empty, for their files are still on their way
        self._filling: set[Path] = set()
        self._looked = time.monotonic()

    def used(self, visitor: str) -> int:
        """Bytes that a visitor has here."""
        return self._used[visitor]

    def check(self, visitor: str) -> None:
        """Raises UserError where a visitor has no room left."""
        with self._lock:
            self._refuse(visitor, LEAST)

    @contextmanager
    def place(self, visitor: str) -> Iterator[Path]:
        """A new folder with a name that nobody can guess, to be filled.

        When the filling fails, it is gone with all that is in it. A disk that takes no more is a
        UserError.
        """
        place = folder() / secrets.token_hex(16)
        with self._lock:
            self._filling.add(place)
        try:
            self._count(place, visitor, 0)
            place.mkdir(mode=0o700, parents=True)
            yield place
        except OSError as e:
            self._drop(place)
            raise UserError(
                "The disk of this machine takes no more ({why}): press Delete it now, or try again "
                "later.",
                why=e.strerror or type(e).__name__,
            ) from e
        except BaseException:
            self._drop(place)
            raise
        finally:
            with self._lock:
                self._filling.discard(place)

    def grow(self, place: Path, count: int) -> None:
        """Count what comes into a place. Raises UserError, and counts nothing, where it is too
        much.
        """
        self._count(place, self._places[place][0], count)

    def left(self, place: Path) -> None:
        """Something of a place was deleted: if that was the last, it counts no longer."""
        if _empty(place):
            self._drop(place)

    def _count(self, place: Path, visitor: str, count: int) -> None:
        with self._lock:
            before = self._places.get(place)
            now = count + (before[1] if before else 0)
            more = max(now, LEAST) - (max(before[1], LEAST) if before else 0)
            self._refuse(visitor, more)
            self._places[place] = (visitor, now)
            self._used[visitor] += more
            self._used_by_all += more

    def _refuse(self, visitor: str, count: int) -> None:
        """Raises UserError where `count` bytes more are too many; with the lock."""
        if time.monotonic() > self._looked + LOOKS:
            self._look()
        if self._used[visitor] + count > self.visitor_most:
            raise UserError(
                "Your pictures and results here take {used}, and at most {most} are kept for one "
                "visitor: press "
                "Delete it now, or wait until they are deleted, about an hour after they came.",
                used=said(self._used[visitor]),
                most=said(self.visitor_most),
            )
        if self._used_by_all + count > self.all_most:
            raise UserError(
                "The pictures and results of all visitors take {used}, and at most {most} are kept "
                "here: press "
                "Delete it now, or try again later.",
                used=said(self._used_by_all),
                most=said(self.all_most),
            )

    def _look(self) -> None:
        """Forget the places whose files are gone, whoever deleted them; with the lock."""
        self._looked = time.monotonic()
        for place in [
            place for place in self._places if place not in self._filling and _empty(place)
        ]:
            self._forget(place)
            shutil.rmtree(place, ignore_errors=True)

    def _drop(self, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)
        with self._lock:
            self._forget(place)

    def _forget(self, place: Path) -> None:
        visitor, came = self._places.pop(place, ("", None))
        if came is None:
            return
        self._used_by_all -= max(came, LEAST)
        self._used[visitor] -= max(came, LEAST)
        if not self._used[visitor]:
            del self._used[visitor]


def _empty(place: Path) -> bool:
    """Is there no file in a folder, or no such folder?"""
    return not any(names for _, _, names in os.walk(place))


ROOM = Room()

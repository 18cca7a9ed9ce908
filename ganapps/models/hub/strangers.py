"""Files of models that somebody typed: how much of the disk they may take in all, and which leave
for new ones.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganapps.errors import WeightsError
from ganapps.models.catalog import Source
from ganapps.models.hub import disk

MOST = 10_000_000_000  # bytes of all of them
IN_USE = 60.0  # seconds after its last use in which a file stays: it may be about to be read

_lock = threading.Lock()
_coming: dict[object, int] = {}  # downloads under way -> their bytes


@contextmanager
def admitted(source: Source, sizes: list[int | None], needed: int, title: str) -> Iterator[None]:
    """Holds room for a download of `needed` bytes while it goes on: the files that were not used
    for longest leave.

    Raises WeightsError where the Hub does not tell all `sizes`, where the model alone is larger
    than the room, or where all that is there is in use.
    """
    if None in sizes:
        raise WeightsError(
            "The Hub does not tell how large {source} is, so it was not fetched: choose another "
            "file.",
            source=str(source),
        )
    if needed > MOST:
        raise WeightsError(
            "{title} has {need} MB, more than the {most} MB that models outside the catalogue may "
            "take here "
            "in all: put the file into the folder that GANAPPS_WEIGHTS names, as {place}.",
            title=title,
            need=disk.mb(needed),
            most=disk.mb(MOST),
            place=f"{source.repo}/{source.file}",
        )
    download = object()
    with _lock:
        if not _made(needed):
            raise WeightsError(
                "{title} needs {need} MB, and the {most} MB for models outside the catalogue are "
                "all in use: "
                "try again in some minutes.",
                title=title,
                need=disk.mb(needed),
                most=disk.mb(MOST),
            )
        _coming[download] = needed
    try:
        yield
    finally:
        with _lock:
            del _coming[download]


def used(found: disk.Located) -> None:
    """Notes that a model was used now, where its files lie in the strangers' folder."""
    for path in (found.path, *found.path.rglob("*")) if found.path.is_dir() else (found.path,):
        file = path.resolve()
        if file.is_file() and file.is_relative_to(_folder()):
            # networks are known by their file's mtime
            os.utime(file, ns=(time.time_ns(), file.stat().st_mtime_ns))


def _folder() -> Path:
    return disk.home(typed=True).resolve()


def _made(needed: int) -> bool:
    """Removes files, the longest unused ones first, until there is room for so many bytes; is there
    now?
    """
    files = sorted(_files(), key=lambda file: file.stat().st_atime)
    held = sum(file.stat().st_size for file in files) + sum(_coming.values())
    for file in files:
        facts = file.stat()
        if held + needed <= MOST or time.time() - facts.st_atime < IN_USE:
            break
        file.unlink()
        held -= facts.st_size
        _remove_links_to(file)
    return held + needed <= MOST


def _files() -> Iterator[Path]:
    """The files that are whole. The partial ones of killed processes are removed, those under way
    are counted otherwise.
    """
    for path in (p for kind in ("blobs", "snapshots") for p in _folder().glob(f"*/{kind}/**/*")):
        if path.is_symlink() or not path.is_file():
            continue
        if path.suffix != ".incomplete":
            yield path
        elif time.time() - path.stat().st_mtime > disk.STALE:
            path.unlink(missing_ok=True)


def _remove_links_to(file: Path) -> None:
    """Removes the names in the cache that a removed file had, and the folders that are empty
    now.
    """
    repository = _folder() / file.relative_to(_folder()).parts[0]
    for link in list(repository.rglob("*")):
        if link.is_symlink() and not link.exists():
            link.unlink()
            for folder in link.parents:
                if folder == repository or any(folder.iterdir()):
                    break
                folder.rmdir()

"""What is on this disk: where a model's files may lie, is there room for more, and are they the
right ones?
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.file_download import repo_folder_name

from ganapps.errors import Message, WeightsError
from ganapps.models.catalog import WEIGHTS, Source

STRANGERS = "ganapps-strangers"  # the folder, in the Hub's cache, for files of models of no row
SPARE = 64_000_000  # bytes that a download leaves free on the disk
TICK = 0.2  # seconds between two signs of progress
STALE = 3600  # seconds after which a partial file has no writer any more
COMMIT = re.compile(r"[0-9a-f]{40}")  # a git commit, and a git object's name
SHA256 = re.compile(r"[0-9a-f]{64}")

_hashes: dict[
    tuple[str, int, int], str
] = {}  # path, time of change, size -> sha256 of what was read through once


@dataclass(frozen=True)
class Progress:
    """How far a fetch is: bytes done and in all (None: not known), and what is being
    done.
    """

    done: int
    total: int | None
    message: Message

    def __str__(self) -> str:
        return str(self.message)


@dataclass(frozen=True)
class Located:
    """A checkpoint's file (or folder) on this disk.

    `revision` is the commit of a file from the Hub, None of a shipped or own one. `sha256` of a
    folder is that of its list of files, as `sha256sum` prints it; None only from `here`, which
    reads nothing. `changes` are about what went otherwise than the row asks.
    """

    path: Path
    source: Source
    revision: str | None = None
    sha256: str | None = None
    changes: tuple[Message, ...] = ()


Steps = Generator[Progress, None, Located]


def on_disk(source: Source, typed: bool = False) -> Iterator[Located]:
    """Every place on this disk that holds all files of `source`, unread, the best first; `typed`:
    of no row.
    """
    own = _own_folder()
    places = [own / (source.repo or "") / source.file] if own else []
    if own and source.repo and source.sha256 and source.file:
        # a bare name may be anybody's, so only where it can be checked
        places.append(own / Path(source.file).name)
    if source.repo is None:
        places.append(WEIGHTS / source.file)
    for place in places:
        if place.is_file() or (
            place.is_dir() and all((place / name).is_file() for name in source.files)
        ):
            yield Located(place, source, None, source.sha256)
    for folder in dict.fromkeys((home(False), home(typed))):
        in_cache = cached(source, folder)
        if in_cache is not None:
            yield in_cache


def cached(source: Source, folder: Path) -> Located | None:
    """The files of `source` in a cache of the Hub's client, unread; None unless all of them are
    there, of one commit.
    """
    if not well_formed(source):
        return None
    if not repository(source, folder).is_dir():  # nothing of it: the client would look at all files
        return None
    files = names(source)
    looked = [
        try_to_load_from_cache(source.repository, name, cache_dir=folder, revision=source.revision)
        for name in files
    ]
    paths = [path for path in looked if isinstance(path, str)]
    if len(paths) < len(files):
        return None
    folder = Path(paths[0]).parents[files[0].count("/")]
    return Located(folder / source.file, source, folder.name, source.sha256)


def names(source: Source) -> tuple[str, ...]:
    """The files of a Hub source, by their paths in its repository."""
    return source.files or (source.file,)


def well_formed(source: Source) -> bool:
    """Could the Hub have this repository, revision and files, and do they stay inside the cache's
    folder?
    """
    words = (source.repo or "").split("/")
    named = len(words) == 2 and all(
        re.fullmatch(r"\w([\w.-]*\w)?", word, re.ASCII) for word in words
    )
    odd = re.search(r"--|\.\.|\.git$", source.repo or "") or len(source.repo or "") > 96
    parts = "/".join((*names(source), source.revision or "main")).split("/")
    return (
        named
        and not odd
        and all(part.strip(". ") and part[0] != "-" and "\\" not in part for part in parts)
    )


def _own_folder() -> Path | None:
    chosen = os.environ.get("GANAPPS_WEIGHTS")
    return Path(chosen).expanduser() if chosen else None


# Room


def home(typed: bool) -> Path:
    """The cache that files are fetched into: the Hub's own, which other programs use too, or inside
    it that of models that somebody `typed`, whose files may be removed again.
    """
    hub = Path(constants.HF_HUB_CACHE)
    return hub / STRANGERS if typed else hub


def blob(source: Source, etag: str, folder: Path) -> Path:
    """Where a cache keeps the content that the Hub calls `etag`."""
    return repository(source, folder) / "blobs" / etag


def repository(source: Source, folder: Path) -> Path:
    """Where a cache keeps what it has of the source's repository."""
    return folder / repo_folder_name(repo_id=source.repository, repo_type="model")


def make_room(source: Source, needed: int, title: str, folder: Path) -> None:
    """Removes the partial files of killed processes; WeightsError if `needed` bytes still do not
    fit.
    """
    for partial in blob(source, "", folder).glob("*.incomplete"):
        if time.time() - partial.stat().st_mtime > STALE:
            partial.unlink(missing_ok=True)
    folder = folder.absolute()
    free = shutil.disk_usage(
        next(place for place in (folder, *folder.parents) if place.exists())
    ).free
    if needed and free < needed + SPARE:
        raise WeightsError(
            "{title} needs {need} MB, and {folder} has only {free} MB free: make room there, or "
            "set "
            "HF_HOME to a folder on a larger disk.",
            title=title,
            need=mb(needed),
            free=mb(free),
            folder=str(folder),
        )


def mb(size: float) -> str:
    """Bytes as a number of megabytes."""
    return f"{size / 1e6:.1f}"


# The right files


def checked(found: Located, title: str, announced: Mapping[str, str]) -> Steps:
    """Reads the files and compares them with the row's sha256, else with the hash `announced` by
    the Hub.

    Returns `found` with its sha256. WeightsError if a file can't be read or is another one; a wrong
    one in the Hub's cache is deleted there.
    """
    files, expected = _files(found), found.source.sha256
    single = found.path.is_file()
    digests = {}
    try:
        if single:
            same_size(found.source, found.path.stat().st_size, str(found.path), title)
        for name, path in files.items():
            # a row knows better
            known = "" if single and expected else _announced(path) or announced.get(name, "")
            digests[name], right = yield from _digest(path, known, title)
            if not right:
                raise _wrong(found, [path], title)
    except OSError as error:
        raise WeightsError(
            "{place} can't be read ({why}): check its permissions and the disk.",
            place=str(found.path),
            why=error.strerror,
        ) from error
    listing = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
    digest = digests[found.source.file] if single else hashlib.sha256(listing.encode()).hexdigest()
    if expected not in (None, digest):
        raise _wrong(found, list(files.values()), title)
    return replace(found, sha256=digest)


def same_size(source: Source, size: int | None, place: str, title: str) -> None:
    """WeightsError if the row and `place` both know the size and disagree."""
    if source.size and size is not None and size != source.size:
        raise WeightsError(
            "{place} has {size} bytes, but the file of {title} has {expected}: it is another file "
            "and "
            "was not used.",
            place=place,
            size=size,
            expected=source.size,
            title=title,
        )


def another(place: str, title: str) -> WeightsError:
    """The error about a file whose content is not the one that the row names."""
    return WeightsError(
        "{place} is not the file of {title}: its sha256 is another one, so it was not used. "
        "Replace "
        "the file, or correct the row.",
        place=place,
        title=title,
    )


def _files(found: Located) -> dict[str, Path]:
    if found.path.is_file():
        return {found.source.file: found.path}
    inside = found.source.files or [
        p.relative_to(found.path).as_posix() for p in found.path.rglob("*") if p.is_file()
    ]
    return {name: found.path / name for name in sorted(inside)}


def _announced(path: Path) -> str:
    """What the Hub called a cached file's content: the name of the blob that it links to, where
    links are used.
    """
    return Path(os.readlink(path)).name if path.is_symlink() else ""


def _digest(path: Path, announced: str, title: str) -> Generator[Progress, None, tuple[str, bool]]:
    """sha256 of the file, read once per process; does it agree with `announced`, a sha256 or a git
    object's name?
    """
    facts = path.stat()
    key = (str(path.resolve()), facts.st_mtime_ns, facts.st_size)
    if key in _hashes:
        return _hashes[key], True  # only right ones are remembered
    sha256, git = (
        hashlib.sha256(),
        hashlib.sha1(b"blob %d\0" % facts.st_size, usedforsecurity=False),
    )
    for done, part in _parts(path):
        sha256.update(part)
        if COMMIT.fullmatch(announced):
            git.update(part)
        if done is not None:
            yield Progress(done, facts.st_size, Message("Checking {title}", title=title))
    right = {64: sha256.hexdigest(), 40: git.hexdigest()}.get(
        len(announced), announced
    ) == announced
    if right:
        _hashes[key] = sha256.hexdigest()
    return sha256.hexdigest(), right


def _parts(path: Path) -> Iterator[tuple[int | None, bytes]]:
    """The file in parts, each with the bytes so far when it is time for a sign of progress, else
    None.
    """
    last, done = time.monotonic(), 0
    with path.open("rb") as file:
        while part := file.read(1 << 22):
            done += len(part)
            due = time.monotonic() - last > TICK
            last = time.monotonic() if due else last
            yield done if due else None, part


def _wrong(found: Located, paths: list[Path], title: str) -> WeightsError:
    if found.revision is None:
        return another(str(found.path), title)
    file, repo = names(found.source)[0], found.source.repo
    try:
        for path in paths:
            if path.is_symlink():
                (path.parent / os.readlink(path)).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
    except OSError:
        return WeightsError(
            "The copy of {file} from {repo} on this machine is damaged (not the expected sha256): "
            "delete {path}.",
            file=file,
            repo=repo,
            path=str(found.path),
        )
    return WeightsError(
        "The copy of {file} from {repo} on this machine was damaged (not the expected sha256), so "
        "it "
        "was deleted: try again to fetch it anew.",
        file=file,
        repo=repo,
    )

"""From a row of the catalogue to files on this disk: shipped, the person's own, the Hub's cache, or
the Hub itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from huggingface_hub import constants

from ganapps.errors import Message, WeightsError
from ganapps.models.catalog import Checkpoint, Source
from ganapps.models.hub import asking, disk, refusals, strangers, transfer
from ganapps.models.hub.addresses import parse
from ganapps.models.hub.asking import reachable
from ganapps.models.hub.disk import Located, Progress, Steps

__all__ = [
    "Located",
    "Progress",
    "fetch",
    "here",
    "intact",
    "parse",
    "reachable",
    "settled",
    "size",
]


def here(checkpoint: Checkpoint) -> Located | None:
    """The first source that is on this disk, unread and with no network; None if there is none."""
    return next(_whole(checkpoint), None)


def settled(checkpoint: Checkpoint) -> bool:
    """Is it on this disk just as it is asked for, so that `fetch` will ask nobody? Of a branch,
    which may have moved, never.
    """
    return any(
        found.revision is None or found.revision == found.source.revision
        for found in _whole(checkpoint)
    )


def fetch(checkpoint: Checkpoint, offline: bool = False) -> Steps:
    """Finds or downloads the checkpoint's file; yields Progress a few times a second and returns
    the checked Located.

    What is on the disk comes first, then each source in order. Closing the generator stops the
    download within a second and leaves no partial file. WeightsError when no source serves: about
    the first, with the number of others.
    """
    refused: list[tuple[Source, WeightsError]] = []
    offline = offline or constants.is_offline_mode()
    for source, attempt in _attempts(checkpoint, offline):
        try:
            located = yield from attempt
        except WeightsError as error:
            refused.append((source, error))
        else:
            if checkpoint.typed:
                strangers.used(located)
            return replace(located, changes=_changes(refused, located))
    raise _final(checkpoint, refused)


def intact(path: Path, sha256: str | None, title: str) -> Path:
    """`path`, a shipped file beside a model's own (its labels), read through once to see that it is
    the one of that `sha256`.

    WeightsError if it is missing, can't be read or is another one.
    """
    source = Source(path.name, sha256=sha256)
    if not path.is_file():
        raise refusals.gone(source, title)
    for _ in disk.checked(Located(path, source), title, {}):
        pass  # small, so nobody is told how far it is
    return path


def size(checkpoint: Checkpoint) -> int | None:
    """Bytes of the first source that the Hub knows; None where it does not say. Blocks for a second
    or two, so ask it once.
    """
    for source in checkpoint.sources:
        if source.repo and disk.well_formed(source):
            looking = asking.looked(source, checkpoint.title)
            try:
                while True:
                    next(looking)
            except StopIteration as done:
                return sum(fact.size or 0 for fact in done.value.values()) or None
            except WeightsError:
                continue
    return None


# The ways to a file, in order


def _whole(checkpoint: Checkpoint) -> Iterator[Located]:
    """What is on this disk of the sources, unread, where its size is the row's."""
    for source in checkpoint.sources:
        for found in disk.on_disk(source, checkpoint.typed):
            known = source.size and found.path.is_file()
            if not known or found.path.stat().st_size == source.size:
                yield found


def _attempts(checkpoint: Checkpoint, offline: bool) -> Iterator[tuple[Source, Steps]]:
    """What is on this disk and can't be outdated; then the sources one after another."""
    title, typed = checkpoint.title, checkpoint.typed
    for source in checkpoint.sources:
        for found in disk.on_disk(source, typed):
            if offline or found.revision is None or found.revision == source.revision:
                yield source, disk.checked(found, title, {})
    for source in checkpoint.sources:
        if source.repo is not None:
            yield source, _from_hub(source, title, offline, typed)
        elif not any(disk.on_disk(source)):
            yield source, _missing(source, title)


def _missing(source: Source, title: str) -> Steps:
    yield from ()  # a generator like the other ways
    raise refusals.gone(source, title)


def _from_hub(source: Source, title: str, offline: bool, typed: bool) -> Steps:
    if not disk.well_formed(source):
        raise refusals.misplaced(source, title)
    if offline:
        raise WeightsError(
            "{title} is not on this machine and the app is offline: choose a model that is here, "
            "or "
            "start the app without --offline and HF_HUB_OFFLINE to fetch {file} from {repo}.",
            title=title,
            file=disk.names(source)[0],
            repo=source.repo,
        )
    try:
        return (yield from _downloaded(source, title, typed))
    except WeightsError as error:
        places = (
            disk.cached(source, folder)
            for folder in dict.fromkeys((disk.home(False), disk.home(typed)))
        )
        older = next((found for found in places if found is not None), None)
        if older is None:
            raise
        located = yield from disk.checked(older, title, {})
        older_used = Message(
            "A newer {repo} could not be fetched, so the copy on this machine was used.",
            repo=source.repo,
        )
        return replace(located, changes=(error.message, older_used))


def _downloaded(source: Source, title: str, typed: bool) -> Steps:
    """Fetches what is missing of `source` into its cache."""
    facts, folder = (yield from asking.looked(source, title)), disk.home(typed)
    sizes = {
        name: 0 if disk.blob(source, fact.etag, folder).exists() else fact.size or 0
        for name, fact in facts.items()
    }
    total = sum(sizes.values())
    with (
        strangers.admitted(source, [fact.size for fact in facts.values()], total, title)
        if typed
        else nullcontext()
    ):
        disk.make_room(source, total, title, folder)
        yield _meter(0, total, 0.0, title)
        watch, start = (
            transfer.download(source.repository, source.revision or "main", sizes, folder),
            time.monotonic(),
        )
        try:
            yield from watch.follow(
                lambda: _meter(watch.done, total, time.monotonic() - start, title)
            )
        except asking.TROUBLE as error:
            raise asking.refusal(error, source, watch.file, title, began=True) from error
    found = disk.cached(source, folder)
    if found is None:
        raise WeightsError(
            "{repo} was changed while {title} was being fetched: try again.",
            repo=source.repo,
            title=title,
        )
    return (
        yield from disk.checked(found, title, {name: fact.etag for name, fact in facts.items()})
    )


def _meter(done: int, total: int, seconds: float, title: str) -> Progress:
    if total == 0:
        return Progress(0, 0, Message("Asking the Hub for {title}", title=title))
    if done == 0:
        return Progress(
            0, total, Message("Waiting for {title} ({total} MB)", title=title, total=disk.mb(total))
        )
    downloading = Message(
        "Downloading {title}: {done} of {total} MB, {speed} MB/s",
        title=title,
        done=disk.mb(done),
        total=disk.mb(total),
        speed=disk.mb(done / seconds),
    )
    return Progress(done, total, downloading)


# What went otherwise, each in one sentence


def _changes(refused: list[tuple[Source, WeightsError]], located: Located) -> tuple[Message, ...]:
    changes = [error.message for _, error in refused]
    if any(source != located.source for source, _ in refused):
        changes.append(
            Message("So the model came from its next source, {source}.", source=str(located.source))
        )
    return (*changes, *located.changes)


def _final(checkpoint: Checkpoint, refused: list[tuple[Source, WeightsError]]) -> WeightsError:
    last = dict(refused)  # of each source, what was tried last
    first, *others = (last[source] for source in checkpoint.sources if source in last)
    if not others:
        return first
    return WeightsError(
        "{reason} Other sources of {title} that failed too: {count}.",
        reason=first,
        title=checkpoint.title,
        count=len(others),
    )

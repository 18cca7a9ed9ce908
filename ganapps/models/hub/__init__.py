"""From a row of the catalogue to files on this disk: shipped, the person's own, the Hub's cache, or
the Hub itself.
"""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from huggingface_hub import constants, errors

from ganapps.errors import Message, UserError, WeightsError
from ganapps.models.catalog import Checkpoint, Source
from ganapps.models.hub import disk, strangers, transfer
from ganapps.models.hub.disk import Located, Progress, Steps, shipped

__all__ = [
    "Located",
    "Progress",
    "fetch",
    "here",
    "intact",
    "parse",
    "reachable",
    "settled",
    "shipped",
]

TYPED = re.compile(
    r"(?P<repo>[\w./-]+):(?P<file>[\w.+=,()\[\] /-]+)(@(?P<revision>[\w./-]+))?", re.ASCII
)
# the address of a file's page, or of the file
PAGE = re.compile(
    r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<repo>[\w.-]+/[\w.-]+)"
    r"/(?:blob|resolve|raw)/(?P<revision>[\w.%-]+)/(?P<file>[^?#\s]+)(?:[?#]\S*)?",
    re.ASCII,
)
# not a bug: the world
TROUBLE = (
    OSError,
    errors.HFValidationError,
    transfer.http.HTTPError,
    transfer.http.InvalidURL,
)
AGAIN = 2.0  # seconds in which the next source does not ask an unreachable Hub again

_reached: dict[
    str, tuple[float, bool]
] = {}  # address of the Hub -> when it was asked, did it answer
_given_up: dict[str, float] = {}  # address of the Hub -> when a fetch found it unreachable


def here(checkpoint: Checkpoint) -> Located | None:
    """The first source that is on this disk, unread and with no network; None if there is none."""
    for source in checkpoint.sources:
        for found in disk.on_disk(source, checkpoint.typed):
            if not (
                source.size and found.path.is_file() and found.path.stat().st_size != source.size
            ):
                return found
    return None


def settled(checkpoint: Checkpoint) -> bool:
    """Is it on this disk just as it is asked for, so that `fetch` will ask nobody? Of a branch,
    which may have moved, never.
    """
    for source in checkpoint.sources:
        for found in disk.on_disk(source, checkpoint.typed):
            fits = not (
                source.size and found.path.is_file() and found.path.stat().st_size != source.size
            )
            if fits and (found.revision is None or found.revision == source.revision):
                return True
    return False


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
        raise _gone(source, title)
    for _ in disk.checked(Located(path, source), title, {}):
        pass  # small, so nobody is told how far it is
    return path


def size(checkpoint: Checkpoint) -> int | None:
    """Bytes of the first source that the Hub knows; None where it does not say. Blocks for a second
    or two, so ask it once.
    """
    for source in checkpoint.sources:
        if source.repo and disk.well_formed(source):
            looking = _looked(source, checkpoint.title)
            try:
                while True:
                    next(looking)
            except StopIteration as done:
                return sum(fact.size or 0 for fact in done.value.values()) or None
            except WeightsError:
                continue
    return None


def parse(text: str) -> Source:
    """The source a person means by `owner/repo:file@revision`, or by the address of the file's page
    on the Hub; UserError says the accepted form.
    """
    page = PAGE.fullmatch(text.strip())
    typed = TYPED.fullmatch(text.strip())
    source = None
    if page:
        source = Source(unquote(page["file"]), page["repo"], unquote(page["revision"]))
    elif typed:
        source = Source(typed["file"], typed["repo"], typed["revision"])
    if source is None or not disk.well_formed(source):
        raise UserError(
            "{text} is not a place on the Hub: write owner/repo:file or owner/repo:file@revision, "
            "for "
            "example {example}.",
            text=text.strip()[:120],
            example="owner/repo:models/faces.safetensors@main",
        )
    return source


def reachable(timeout: float = 1.0) -> bool:
    """Does the Hub answer? Asked at most once a minute, for up to `timeout` seconds: not on the
    window's own thread.
    """
    if constants.is_offline_mode():
        return False
    asked, answer = _reached.get(constants.ENDPOINT, (-60.0, False))
    if time.monotonic() - asked >= 60:
        answer = transfer.answers(timeout)
        _reached[constants.ENDPOINT] = time.monotonic(), answer
    return answer


# The ways to a file, in order


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
    raise _gone(source, title)


def _from_hub(source: Source, title: str, offline: bool, typed: bool) -> Steps:
    if not disk.well_formed(source):
        raise _misplaced(source, title)
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
    facts, folder = (yield from _looked(source, title)), disk.home(typed)
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
        except TROUBLE as error:
            raise _refusal(error, source, watch.file, title, began=True) from error
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


@dataclass(frozen=True)
class Fact:
    """What the Hub says of a file: the name of its content, and its bytes."""

    etag: str
    size: int | None


def _looked(source: Source, title: str) -> Generator[Progress, None, dict[str, Fact]]:
    """What the Hub says of the files of `source`; refuses, before a byte is fetched, what could not
    be used later.
    """
    if time.monotonic() - _given_up.get(constants.ENDPOINT, -AGAIN) < AGAIN:
        raise _unreachable(title)
    facts: dict[str, Fact] = {}
    waiting = Progress(0, source.size, Message("Asking the Hub for {title}", title=title))
    for name in disk.names(source):
        try:
            said = yield from transfer.looked(
                source.repository, source.revision or "main", name, waiting
            )
        except TROUBLE as error:
            raise _refusal(error, source, name, title, began=False) from error
        if said.commit_hash is None or said.etag is None:
            raise WeightsError(
                "What answers at {host} is not the Hub, perhaps the login page of a network: sign "
                "in "
                "there, or correct HF_ENDPOINT.",
                host=constants.ENDPOINT,
            )
        facts[name] = Fact(said.etag, said.size)
    _reached[constants.ENDPOINT] = time.monotonic(), True
    if source.file:
        _expected(source, facts[source.file], title)
    return facts


def _expected(source: Source, fact: Fact, title: str) -> None:
    place = f"{source.repo}:{source.file}"
    disk.same_size(source, fact.size, place, title)
    if source.sha256 and disk.SHA256.fullmatch(fact.etag) and fact.etag != source.sha256:
        raise disk.another(place, title)


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


def _refusal(
    error: BaseException, source: Source, file: str, title: str, began: bool
) -> WeightsError:
    """The sentence for what the Hub's client raised about `file`; `began`: the download was under
    way.
    """
    if isinstance(error, errors.LocalEntryNotFoundError):
        error = error.__cause__ or error
    if isinstance(error, errors.HfHubHTTPError):
        return _answered(error, source, file)
    if isinstance(error, errors.HFValidationError):
        return _misplaced(source, title)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return WeightsError(
            "The certificate of {host} is not trusted on this machine, perhaps because a company's "
            "proxy stands between: set SSL_CERT_FILE to the proxy's certificates.",
            host=constants.ENDPOINT,
        )
    if isinstance(error, OSError) and error.errno:
        return _unwritable(error, title)
    if not began:
        _given_up[constants.ENDPOINT] = time.monotonic()
        _reached[constants.ENDPOINT] = time.monotonic(), False
        return _unreachable(title)
    return WeightsError(
        "The download of {file} from {repo} was cut off again and again: check the connection and "
        "try "
        "again.",
        file=file,
        repo=source.repo,
    )


def _gone(source: Source, title: str) -> WeightsError:
    return WeightsError(
        "The file {file} of {title}, which comes with this app, is missing: fetch the app's "
        "weights "
        "folder again.",
        file=source.file,
        title=title,
    )


def _misplaced(source: Source, title: str) -> WeightsError:
    return WeightsError(
        "{source} is not a place on the Hub: correct the row of {title}.",
        source=str(source),
        title=title,
    )


def _unreachable(title: str) -> WeightsError:
    return WeightsError(
        "The Hub at {host} can't be reached and {title} is not on this machine: check the "
        "connection, "
        "or choose a model that is here.",
        host=constants.ENDPOINT,
        title=title,
    )


def _unwritable(error: OSError, title: str) -> WeightsError:
    folder = str(constants.HF_HUB_CACHE)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WeightsError(
            "The disk became full before {title} was complete: make room in {folder}, or set "
            "HF_HOME "
            "to a folder on a larger disk.",
            title=title,
            folder=folder,
        )
    return WeightsError(
        "{title} can't be written to {folder} ({why}): "
        "set HF_HOME to a folder that can be written.",
        title=title,
        folder=folder,
        why=error.strerror,
    )


def _answered(error: errors.HfHubHTTPError, source: Source, file: str) -> WeightsError:
    """The sentence for an answer of the Hub that is not the file."""
    repo, revision, status = (
        source.repository,
        source.revision or "main",
        error.response.status_code,
    )
    page = f"{constants.ENDPOINT}/{repo}"
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 403):
        return _shut(error, repo, page, status)
    if isinstance(error, errors.RevisionNotFoundError):
        return WeightsError(
            "{repo} has no revision {revision}: take a branch, tag or commit that is listed on "
            "{page}.",
            repo=repo,
            revision=revision,
            page=page,
        )
    if isinstance(error, errors.EntryNotFoundError):
        return WeightsError(
            "{repo} has no file {file} at revision {revision}: look up its name on {page}.",
            repo=repo,
            file=file,
            revision=revision,
            page=page,
        )
    if status == 429:
        return WeightsError(
            "The Hub asks for a pause before it sends {file} of {repo} (too many requests): wait "
            "some "
            "minutes; with HF_TOKEN set it allows more.",
            file=file,
            repo=repo,
        )
    return WeightsError(
        "The Hub answered {status} for {file} of {repo}: it has trouble of its own, so try again "
        "later.",
        status=status,
        file=file,
        repo=repo,
    )


def _shut(error: errors.HfHubHTTPError, repo: str, page: str, status: int) -> WeightsError:
    """The sentence for a repository that may not be read; a gated one counts as not found too, so
    it comes first.
    """
    if isinstance(error, errors.GatedRepoError):
        return WeightsError(
            "{repo} is gated: accept its terms on {page}, set HF_TOKEN to a token of that account, "
            "and start again.",
            repo=repo,
            page=page,
        )
    if isinstance(error, errors.DisabledRepoError):
        return WeightsError("{repo} has been disabled on the Hub: choose another model.", repo=repo)
    if isinstance(error, errors.RepositoryNotFoundError):
        return WeightsError(
            "There is no repository {repo} on the Hub, or it is private: check the name, or set "
            "HF_TOKEN to a token that may read it.",
            repo=repo,
        )
    return WeightsError(
        "The Hub does not let this token read {repo} (HTTP {status}): renew HF_TOKEN, or unset it "
        "for "
        "a public model.",
        repo=repo,
        status=status,
    )

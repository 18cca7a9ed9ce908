"""What the Hub says before a byte is fetched: is it there, and what does it know of a file?"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass

from huggingface_hub import constants, errors

from ganapps.errors import Message, WeightsError
from ganapps.models.catalog import Source
from ganapps.models.hub import disk, refusals, transfer
from ganapps.models.hub.disk import Progress

# what the client raises that is not a bug: the world
TROUBLE = (
    OSError,
    errors.HFValidationError,
    transfer.http.HTTPError,
    transfer.http.InvalidURL,
)
AGAIN = 2.0  # seconds in which the next source does not ask an unreachable Hub again
PROMPT = 1.0  # seconds in which a Hub that can be reached has answered
_reached: dict[
    str, tuple[float, bool]
] = {}  # address of the Hub -> when it was asked, did it answer


_given_up: dict[str, float] = {}  # address of the Hub -> when a fetch found it unreachable


@dataclass(frozen=True)
class Fact:
    """What the Hub says of a file: the name of its content, and its bytes."""

    etag: str
    size: int | None


def reachable() -> bool:
    """Does the Hub answer? Asked at most once a minute, for up to a second: not on the window's own
    thread.
    """
    if constants.is_offline_mode():
        return False
    asked, answer = _reached.get(constants.ENDPOINT, (-60.0, False))
    if time.monotonic() - asked >= 60:
        answer = transfer.answers(PROMPT)
        _reached[constants.ENDPOINT] = time.monotonic(), answer
    return answer


def looked(source: Source, title: str) -> Generator[Progress, None, dict[str, Fact]]:
    """What the Hub says of the files of `source`; refuses, before a byte is fetched, what could not
    be used later.
    """
    if time.monotonic() - _given_up.get(constants.ENDPOINT, -AGAIN) < AGAIN:
        raise refusals.unreachable(title)
    facts: dict[str, Fact] = {}
    waiting = Progress(0, source.size, Message("Asking the Hub for {title}", title=title))
    for name in disk.names(source):
        try:
            said = yield from transfer.looked(
                source.repository, source.revision or "main", name, waiting
            )
        except TROUBLE as error:
            raise refusal(error, source, name, title, began=False) from error
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


def refusal(
    error: BaseException, source: Source, file: str, title: str, began: bool
) -> WeightsError:
    """The sentence for what the Hub's client raised about `file`; `began`: the download was under
    way.
    """
    if isinstance(error, errors.LocalEntryNotFoundError):
        error = error.__cause__ or error
    if isinstance(error, errors.HfHubHTTPError):
        return refusals.answered(error, source, file)
    if isinstance(error, errors.HFValidationError):
        return refusals.misplaced(source, title)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return WeightsError(
            "The certificate of {host} is not trusted on this machine, perhaps because a company's "
            "proxy stands between: set SSL_CERT_FILE to the proxy's certificates.",
            host=constants.ENDPOINT,
        )
    if isinstance(error, OSError) and error.errno:
        return refusals.unwritable(error, title)
    if not began:
        _given_up[constants.ENDPOINT] = time.monotonic()
        _reached[constants.ENDPOINT] = time.monotonic(), False
        return refusals.unreachable(title)
    return WeightsError(
        "The download of {file} from {repo} was cut off again and again: check the connection and "
        "try "
        "again.",
        file=file,
        repo=source.repo,
    )

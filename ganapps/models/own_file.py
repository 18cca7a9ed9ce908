"""A checkpoint file that a person gives for their own runs: known by what it holds, never by its
name or place, and not kept.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ganapps.errors import WeightsError
from ganapps.models.catalog import Checkpoint, Source
from ganapps.models.hub.disk import Located

LARGEST = 512 * 2**20  # bytes
NAME = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Given:
    """What was found in a person's file: `name` is what recipes call it, `network` what kind it
    is.
    """

    name: str
    network: str
    parameters: int


def is_own(name: str) -> bool:
    """Is this what a recipe calls a person's own file, `sha256:` and 64 digits, rather than a row
    or a place on the Hub?
    """
    return NAME.fullmatch(name) is not None


def located(path: str | Path) -> Located:
    """The file at `path` under the name of its content. Raises WeightsError where it can't be read
    or is too large.
    """
    path = Path(path)
    try:
        if not path.is_file():  # a pipe would wait for ever
            raise ValueError
        if path.stat().st_size > LARGEST:
            raise WeightsError(
                "{file} has {size} MB: checkpoint files of at most {most} MB are accepted.",
                file=path.name,
                size=path.stat().st_size // 2**20,
                most=LARGEST // 2**20,
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as e:
        raise WeightsError(
            "{file} can't be read: {why}.",
            file=path.name,
            why=getattr(e, "strerror", None) or "not a file",
        ) from e
    return Located(path, Source(f"sha256:{digest}"), None, digest)


def same(asked: str, found: Located) -> str:
    """The name of the file that was found. Raises WeightsError where a recipe asks for another own
    file.
    """
    name = str(found.source)
    if is_own(asked) and asked != name:
        raise WeightsError(
            "This is not the checkpoint file that the recipe was made with: its sha256 begins with "
            "{found}, that of the "
            "recipe with {asked}.",
            found=name[7:19],
            asked=asked[7:19],
        )
    return name


def missing(checkpoint: Checkpoint) -> WeightsError:
    """The error where a recipe names an own file and none was given."""
    return WeightsError(
        "This recipe was made with a checkpoint file of its own (sha256 {digest}...), and no "
        "recipe holds one: give the "
        "file again.",
        digest=checkpoint.id[7:19],
    )

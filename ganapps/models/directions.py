"""What ships of ways through a generator's styles: reads `weights/directions.toml`, whose entries
name the generators that they are for by their sha256.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from ganapps.models import formats, hub
from ganapps.models.catalog import WEIGHTS

TABLE = WEIGHTS / "directions.toml"


@dataclass(frozen=True)
class Entry:
    """One file of directions: `generators` are the sha256 of the files that it is for, `source`
    says where it comes from, `sure` how well it is known that it was made for them.
    """

    file: str
    sha256: str
    generators: tuple[str, ...]
    licence: str
    source: str
    sure: str
    note: str = ""


@cache
def entries() -> tuple[Entry, ...]:
    """All that ship. The file is ours: a slip in it is an error of the program."""
    listed = tomllib.loads(TABLE.read_text(encoding="utf-8"))["directions"]
    return tuple(Entry(**{**entry, "generators": tuple(entry["generators"])}) for entry in listed)


def for_generator(sha256: str | None) -> list[formats.Contents]:
    """What ships for the generator whose file has this sha256; nothing for most. Raises
    WeightsError where a file is not what it was.
    """
    found = []
    for entry in entries():
        if sha256 in entry.generators:
            path = hub.intact(WEIGHTS / entry.file, entry.sha256, "the directions")
            found.append(formats.read(path))
    return found

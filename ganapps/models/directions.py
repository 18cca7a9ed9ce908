"""What ships that was made for certain generators: reads `weights/directions.toml`, whose entries
name those generators by their sha256.
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
    """One file: `generators` are the sha256 of the files that it is for, `source`
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
def entries(kind: str = "directions") -> tuple[Entry, ...]:
    """All of a kind that ship: "directions", "encoders" or "readers". The file is ours: a slip in
    it is an error of the program.
    """
    listed = tomllib.loads(TABLE.read_text(encoding="utf-8")).get(kind, [])
    return tuple(Entry(**{**entry, "generators": tuple(entry["generators"])}) for entry in listed)


def for_generator(
    sha256: str | None, kind: str = "directions", title: str = "the directions"
) -> list[formats.Contents]:
    """What ships of a kind for the generator whose file has this sha256; nothing for most. Raises
    WeightsError where a file is not what it was; `title` is what a person reads of it.
    """
    found = []
    for entry in entries(kind):
        if sha256 in entry.generators:
            path = hub.intact(WEIGHTS / entry.file, entry.sha256, title)
            found.append(formats.read(path))
    return found

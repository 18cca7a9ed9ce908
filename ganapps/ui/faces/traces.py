"""What was made of an upload in the workshop, which goes when that is deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganapps.ui.parts import keeping


@dataclass
class Traces:
    """The paths of its files, and the faces as text of which more may be made."""

    paths: list[str] = field(default_factory=list)
    faces: set[str] = field(default_factory=set)

    def reach(self, settings: Mapping[str, Any], pictures: Sequence[str] = ()) -> bool:
        """Is what such a task makes made of an upload?"""
        return bool(pictures) or any(text in self.faces for text in _faces(settings))

    def keep(self, path: str | Path) -> str:
        """Keep a file for its visitor: its path. Raises UserError where there is no room."""
        return keeping.stored(path, self.paths)

    def hold(self, paths: Iterable[str | None]) -> bool:
        """Is one of these a file of an upload?"""
        return any(path in self.paths for path in paths)


def _faces(settings: Mapping[str, Any]) -> Iterator[Any]:
    for member in (settings, *settings.get("family", {}).values()):
        yield member.get("styles")

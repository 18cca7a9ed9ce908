"""The two errors whose sentence a person may read; every other exception is a bug."""

from __future__ import annotations

import io
import sys
from typing import Any

LONGEST = (
    200  # characters of a value in a sentence: enough for a path or a list, no room for a book
)


class UserError(Exception):
    """A request that can't be done as asked.

    `template` is one English sentence with `{fields}`; `values` fill them, each shortened here. The
    window looks the template up in its table of other languages, so it is always a literal where it
    is raised. `str(error)` is the English sentence.
    """

    def __init__(self, template: str, **values: object) -> None:
        values = {name: _shortened(value) for name, value in values.items()}
        super().__init__(template, values)
        self.template = template
        self.values = values

    def __str__(self) -> str:
        return self.template.format(**self.values)

    def __reduce__(self) -> tuple[Any, ...]:
        """Crosses a process boundary whole (ZeroGPU forks)."""
        return _rebuild, (type(self), self.template, self.values)


class WeightsError(UserError):
    """A checkpoint that can't be fetched, read or used: which file, what is wrong, what to do."""


def _rebuild(kind: type[UserError], template: str, values: dict) -> UserError:
    return kind(template, **values)


def _shortened(value: object) -> object:
    """A value as it may stand in a sentence; numbers stay what they are, for formats and plurals,
    and so do refusals, whose own values are short already.
    """
    if isinstance(value, UserError) or (isinstance(value, (int, float)) and abs(value) < 1e15):
        return value
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def speak_to_any_console() -> None:
    """A console may lack letters that a sentence or a file's name has: they are spelled out."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

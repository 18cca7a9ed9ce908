"""What is said to a person: one Message, and the two errors that carry one; every other exception
is a bug.
"""

from __future__ import annotations

import functools
import io
import string
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

# characters of a value in a sentence: enough for a path or a list, no room for a book
LONGEST = 200


class Labelled(str):
    """The name of a setting as programs know it, and the label that people see in the window."""

    label: str

    def __new__(cls, name: str, label: str) -> Labelled:
        made = super().__new__(cls, name)
        made.label = label
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Crosses a process boundary whole."""
        return type(self), (str(self), self.label)


class _Parts(NamedTuple):
    template: str
    values: Mapping[str, Any]


class Message(_Parts):
    """One English sentence with `{fields}`, and the values that fill them, each shortened here.

    `Message("Out of memory: {count} at a time instead.", count=8)`. The window looks the template
    up among its Chinese ones, so it is always a literal where it is written. `str(message)` is the
    English sentence. A number brings its word along as `{count:picture|pictures}`. It compares as
    the tuple (template, values).
    """

    __slots__ = ()

    def __new__(cls, template: str, /, **values: object) -> Message:
        short = {name: _shortened(value) for name, value in values.items()}
        return super().__new__(cls, template, short)

    def __str__(self) -> str:
        return filled(self.template, self.values)

    def __getnewargs_ex__(self) -> tuple[tuple[str], Mapping[str, Any]]:
        """Crosses a process boundary whole."""
        return (self.template,), self.values


class UserError(Exception):
    """A request that can't be done as asked: `UserError("No {thing} here.", thing="cat")` holds
    the `message` made of the same arguments. `str(error)` is its English sentence.
    """

    def __init__(self, template: str, /, **values: object) -> None:
        self.message = Message(template, **values)
        super().__init__(self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        """Crosses a process boundary whole (ZeroGPU forks)."""
        return functools.partial(type(self), self.message.template, **self.message.values), ()


class WeightsError(UserError):
    """A checkpoint that can't be fetched, read or used: which file, what is wrong, what to do."""


def filled(template: str, values: Mapping[str, Any]) -> str:
    """The sentence of a template in any language, its fields filled."""
    return _WITH_PLURALS.vformat(template, (), values)


class _WithPlurals(string.Formatter):
    """`{count:picture|pictures}` is a number and its word: `1 picture`, `8 pictures`."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if "|" not in format_spec:
            return super().format_field(value, format_spec)
        one, several = format_spec.split("|")
        word = one if str(value) == "1" else several
        return f"{value} {word}"


_WITH_PLURALS = _WithPlurals()


def _shortened(value: object) -> object:
    """A value as it may stand in a sentence. Numbers stay what they are, for formats and plurals; a
    refusal gives its message, whose own values are short already.
    """
    if isinstance(value, UserError):
        return value.message
    if isinstance(value, (Message, Labelled)):
        return value
    if isinstance(value, (int, float)) and abs(value) < 1e15:
        return value
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def speak_to_any_console() -> None:
    """A console may lack letters that a sentence or a file's name has: they are spelled out."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

"""The keyword arguments of a task function as the schema of its settings."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ganapps.errors import UserError


@dataclass(frozen=True)
class Range:
    """The smallest and largest accepted value of a number, as `Annotated[int, Range(1, 64)]`."""

    low: float
    high: float


@dataclass(frozen=True)
class Longest:
    """The most characters of a text, as `Annotated[str, Longest(1000)]`."""

    most: int


def check(function: Callable, settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with the defaults of the keyword-only arguments of `function` filled in.

    Raises UserError that names an unknown setting, a missing one, or one of the wrong type or out
    of range.
    """
    kinds = typing.get_type_hints(function, include_extras=True)
    known = settings_of(function)
    for name in settings:
        if name not in known:
            raise UserError(
                "The setting {name} is unknown: accepted are {known}.",
                name=name,
                known=", ".join(known),
            )
    checked = {}
    for name, parameter in known.items():
        if name in settings:
            checked[name] = _checked(name, settings[name], kinds[name])
        elif parameter.default is parameter.empty:
            raise UserError("The setting {name} is missing.", name=name)
        else:
            checked[name] = parameter.default
    return checked


def settings_of(function: Callable) -> dict[str, inspect.Parameter]:
    """The settings that a task function takes, by name: its keyword-only arguments."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}


def bounds(function: Callable, name: str) -> Range:
    """The range of a number setting, for the window's sliders."""
    kind = typing.get_type_hints(function, include_extras=True)[name]
    for option in _options(kind):
        for note in getattr(option, "__metadata__", ()):
            if isinstance(note, Range):
                return note
    raise KeyError(name)


def _options(kind: Any) -> tuple[Any, ...]:
    return (
        typing.get_args(kind)
        if typing.get_origin(kind) in (types.UnionType, typing.Union)
        else (kind,)
    )


def _checked(name: str, value: Any, kind: Any) -> Any:
    for option in _options(kind):
        fits, cast = _fits(name, value, option)
        if fits:
            return cast
    raise UserError(
        "The setting {name} can't be {value}: {accepted} is accepted.",
        name=name,
        value=repr(value),
        accepted=_say(kind),
    )


def _fits(name: str, value: Any, kind: Any) -> tuple[bool, Any]:
    if typing.get_origin(kind) is typing.Annotated:
        inner, note = typing.get_args(kind)
        fits, value = _fits(name, value, inner)
        if fits and isinstance(note, Range) and not note.low <= value <= note.high:
            raise UserError(
                "The setting {name} is {value}: from {low} to {high} is accepted.",
                name=name,
                value=value,
                low=_short(note.low),
                high=_short(note.high),
            )
        if fits and isinstance(note, Longest) and len(value) > note.most:
            raise UserError(
                "The setting {name} has {count} characters: up to {most} are accepted.",
                name=name,
                count=len(value),
                most=note.most,
            )
        return fits, value
    if typing.get_origin(kind) is Literal:
        return value in typing.get_args(kind), value
    kind = typing.get_origin(kind) or kind
    if kind is types.NoneType:
        return value is None, value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 2**53, float(value) if abs(value) < 2**53 else value
    if kind is int and isinstance(value, float) and value.is_integer():
        return True, int(value)
    if kind is str and isinstance(value, str) and not _writable(value):
        return False, value
    return isinstance(value, kind) and not (kind is not bool and isinstance(value, bool)), value


def _short(bound: float) -> float:
    """2 rather than 2.0."""
    return int(bound) if float(bound).is_integer() else bound


def _writable(text: str) -> bool:
    """False for half of a surrogate pair: Python can hold it, no file and no page can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _say(kind: Any) -> str:
    words = {
        int: "a whole number",
        float: "a number",
        str: "text",
        bool: "true or false",
        dict: "a table",
        types.NoneType: "nothing",
    }
    said = []
    for option in _options(kind):
        if typing.get_origin(option) is Literal:
            said += [repr(a) for a in typing.get_args(option)]
        else:
            inner = (
                typing.get_args(option)[0]
                if typing.get_origin(option) is typing.Annotated
                else option
            )
            said.append(words.get(typing.get_origin(inner) or inner, str(inner)))
    return ", ".join(said)

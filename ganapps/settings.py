"""What a task's settings may be and what they are called: declared once, in the signature of its
function.
"""

from __future__ import annotations

import inspect
import operator
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any, Literal, TypeVar

from ganapps.errors import Labelled, Message, UserError

Note = TypeVar("Note")


@dataclass(frozen=True)
class Setting:
    """What stands beside a setting's type, as `Annotated[float, Setting(0.0, 1.0)]`.

    `low` and `high` are the smallest and largest accepted number, `longest` is the most characters
    of a text. `label` is what the window calls it ("": the window does not show it), `choices` what
    it calls each word of a Literal; `slider` holds where the window's slider begins and ends
    (without one, it shows a field), `step` one step of either. `seldom`: few people turn it, so it
    is folded under More; `beside`: it stands in one row with the one before it. `says` is a
    sentence for programs and the docs, `only_for` what models it means something for. `unset` is
    what the window and programs write for None. `free_text`: a person words it, so a full stop at
    the end of a link may be its own.
    """

    low: float | None = None
    high: float | None = None
    longest: int | None = None
    label: str = ""
    choices: tuple[tuple[str, str | bool], ...] = ()
    slider: tuple[float, float] | None = None
    step: float = 1
    seldom: bool = False
    beside: bool = False
    says: str = ""
    only_for: str = ""
    unset: float | str | None = None
    free_text: bool = False


@dataclass(frozen=True)
class Picture:
    """What stands beside the type of an uploaded picture, as `Annotated[Upload, Picture(...)]`;
    `says` is a sentence for programs and the docs. `several`: as many as there are.
    """

    says: str
    several: bool = False


@dataclass(frozen=True)
class Mask:
    """What stands beside the type of a setting that marks pixels of the upload named `of`, packed
    as text (`pictures.masks`). Programs and people give a file; `says` tells them what it is.
    """

    of: str
    says: str


@dataclass(frozen=True)
class Model:
    """What stands beside the type of a setting that names one more model, of those that the
    catalogue has for `task`; "" is none. The task is handed its network under the setting's name.
    """

    task: str


@dataclass(frozen=True)
class Declared:
    """One setting of a task function: its type, its default (`inspect.Parameter.empty`: it has
    none) and what is said of it.
    """

    name: str
    kind: Any
    default: Any
    said: Setting

    @property
    def optional(self) -> bool:
        """May it be None?"""
        return types.NoneType in self.types

    @property
    def types(self) -> tuple[type, ...]:
        """The plain types that a value may have: that of its words for a Literal, dict for any
        table.
        """
        return tuple(_plain(option) for option in _options(self.kind))

    @property
    def words(self) -> tuple[str, ...]:
        """The words that are accepted, of a Literal."""
        return tuple(
            word
            for option in _options(self.kind)
            if typing.get_origin(option) is Literal
            for word in typing.get_args(option)
        )

    @property
    def is_seed(self) -> bool:
        """Is it a number or any words?"""
        return int in self.types and str in self.types

    @property
    def title(self) -> str:
        """Its name, in a sentence that the window may say."""
        return Labelled(self.name, self.said.label) if self.said.label else self.name

    def check(self, value: Any) -> Any:
        """The value as the function takes it. Raises UserError where it is of another type or out
        of range.
        """
        for option in _options(self.kind):
            fits, cast = _fits(value, option)
            if fits:
                if cast is not None:
                    self._check_size(cast)
                return cast
        raise UserError(
            "The setting {name} can't be {value}: {accepted} is accepted.",
            name=self.title,
            value=repr(value),
            accepted=_say(self.kind),
        )

    def _check_size(self, value: Any) -> None:
        low, high, longest = self.said.low, self.said.high, self.said.longest
        if low is not None and high is not None and not low <= value <= high:
            raise UserError(
                "The setting {name} is {value}: from {low} to {high} is accepted.",
                name=self.title,
                value=value,
                low=_short(low),
                high=_short(high),
            )
        if longest is not None and len(value) > longest:
            raise UserError(
                "The setting {name} has {count} characters: up to {most} are accepted.",
                name=self.title,
                count=len(value),
                most=longest,
            )

    def accepted(self) -> str:
        """What is accepted, in few English words, for programs and the docs: "1 to 64"."""
        if self.said.low is not None and self.said.high is not None:
            return f"{_short(self.said.low)} to {_short(self.said.high)}"
        if self.said.longest is not None:
            return f"text of up to {self.said.longest} characters"
        if self.words:
            return ", ".join(self.words)
        names = [str(_NAMES[kind]) for kind in self.types if kind is not types.NoneType]
        return " or ".join(names)


def check(function: Callable, settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with the defaults of the keyword-only arguments of `function` filled in.

    Raises UserError that names an unknown setting, a missing one, or one of the wrong type or out
    of range.
    """
    known = settings_of(function)
    for name in settings:
        if name not in known:
            raise UserError(
                "The setting {name} is unknown: accepted are {known}.",
                name=name,
                known=", ".join(known),
            )
    checked = {}
    for name, declared in known.items():
        if name in settings:
            checked[name] = declared.check(settings[name])
        elif declared.default is inspect.Parameter.empty:
            raise UserError("The setting {name} is missing.", name=declared.title)
        else:
            checked[name] = declared.default
    return checked


def titles(declared: Mapping[str, Declared], names: Sequence[str]) -> str | Message:
    """Some of these settings, one at least, in a sentence that the window may say."""
    return _listed([declared[name].title for name in names])


@cache
def settings_of(function: Callable) -> Mapping[str, Declared]:
    """The settings that a task function takes, by name: its keyword-only arguments."""
    kinds = typing.get_type_hints(function, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            kind, notes = _bare(kinds[name])
            said = next((note for note in notes if isinstance(note, Setting)), Setting())
            found[name] = Declared(name, kind, parameter.default, said)
    return found


@cache
def pictures_of(function: Callable) -> Mapping[str, Picture]:
    """The uploaded pictures that a task function takes, by name, in their order."""
    return _noted(function, Picture)


@cache
def masks_of(function: Callable) -> Mapping[str, Mask]:
    """The settings of a task function that mark pixels, by name."""
    return _noted(function, Mask)


@cache
def models_of(function: Callable) -> Mapping[str, Model]:
    """The settings of a task function that name one more model, by name."""
    return _noted(function, Model)


def _noted(function: Callable, note: type[Note]) -> dict[str, Note]:
    """The arguments beside whose type such a note stands, in their order."""
    found = {}
    for name, kind in typing.get_type_hints(function, include_extras=True).items():
        for said in _bare(kind)[1]:
            if isinstance(said, note):
                found[name] = said
    return found


def within(value: Any, low: float, high: float) -> bool:
    """Is it a number from `low` to `high`, as those inside a table or a list must be? A truth value
    is none.
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _bare(kind: Any) -> tuple[Any, tuple]:
    """A type without the notes inside it, and these."""
    if typing.get_origin(kind) is typing.Annotated:
        inner, notes = _bare(kind.__origin__)
        return inner, (*notes, *kind.__metadata__)
    if typing.get_origin(kind) not in (types.UnionType, typing.Union):
        return kind, ()
    parts = [_bare(option) for option in typing.get_args(kind)]
    notes = tuple(note for _, some in parts for note in some)
    return reduce(operator.or_, (inner for inner, _ in parts)), notes


def _options(kind: Any) -> tuple[Any, ...]:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return typing.get_args(kind)
    return (kind,)


def _plain(kind: Any) -> type:
    """`dict` of `dict[str, float]`, `str` of a Literal of words."""
    if typing.get_origin(kind) is Literal:
        return type(typing.get_args(kind)[0])
    return typing.get_origin(kind) or kind


def _fits(value: Any, kind: Any) -> tuple[bool, Any]:
    """Is the value of this type, and what it then is."""
    if typing.get_origin(kind) is Literal:
        return value in typing.get_args(kind), value
    kind = _plain(kind)
    if kind is types.NoneType:
        return value is None, value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        exact = abs(value) < 2**53
        return exact, float(value) if exact else value
    if kind is int and isinstance(value, float) and value.is_integer():
        return True, int(value)
    if kind is str and isinstance(value, str) and not _writable(value):
        return False, value
    if kind is not bool and isinstance(value, bool):
        return False, value
    return isinstance(value, kind), value


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


_NAMES: Mapping[Any, Message] = {
    int: Message("a whole number"),
    float: Message("a number"),
    str: Message("text"),
    bool: Message("true or false"),
    dict: Message("a table"),
    list: Message("a list"),
    types.NoneType: Message("nothing"),
}


def _say(kind: Any) -> str | Message:
    said: list[str | Message] = []
    for option in _options(kind):
        if typing.get_origin(option) is Literal:
            said += [repr(word) for word in typing.get_args(option)]
        else:
            said.append(_NAMES.get(_plain(option), str(option)))
    return _listed(said)


def _listed(said: Sequence[str | Message]) -> str | Message:
    return reduce(lambda some, one: Message("{some}, {one}", some=some, one=one), said)

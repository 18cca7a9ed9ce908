"""The request as one small piece of JSON: in a file or a link, and back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from ganapps import __version__
from ganapps.errors import UserError

LARGEST = 64 * 1024  # bytes of JSON; a real recipe has a few hundred
LONGEST_IN_A_LINK = 1500  # characters of one setting: mail and chat cut what is much longer
DEEPEST = 8  # recipes in a chain
# half a character: JSON can spell it, no file or page can hold it
SURROGATE = re.compile("[\ud800-\udfff]")
NESTED = 40  # tables and lists inside each other; a chain of 8 needs 18
DRAWN, CHANGED = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
SENTENCE_ENDS = ".,;:!?)]}>\"'"
TOP = ("task", "checkpoint", "precision", "revision")  # what a link says beside the settings


@dataclass(frozen=True)
class Recipe:
    """What was asked for; running it again makes the same picture.

    `settings` are the keyword arguments of the task function. `pictures` names each upload by size
    and SHA-256, never by content. `revision` and `sha256` of the checkpoint are filled in by the
    run. `before` holds the recipes a chain came through.
    """

    task: str
    checkpoint: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    precision: str = "auto"
    revision: str | None = None
    sha256: str | None = None
    pictures: tuple[Mapping[str, Any], ...] = ()
    before: tuple[Recipe, ...] = ()
    app: str = __version__

    def with_settings(self, **settings: Any) -> Recipe:
        """The same request with some settings changed."""
        return replace(self, settings={**self.settings, **settings})

    def after(self, earlier: Recipe) -> Recipe:
        """The same request on a picture that `earlier` made, which stands before it; of a long
        chain, its end.
        """
        for links in range(DEEPEST - 1, 0, -1):
            chained = replace(self, before=(earlier._last(links),))
            if len(chained.to_json()) <= LARGEST:
                return chained
        return replace(self, before=())

    def _last(self, links: int) -> Recipe:
        return replace(
            self, before=tuple(r._last(links - 1) for r in self.before) if links > 1 else ()
        )

    def to_json(self) -> str:
        """One line of JSON with sorted keys: equal recipes give equal text."""
        return json.dumps(
            _without_empty(asdict(self)), sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )

    def to_link(self) -> str:
        """The query string that asks for this again: `?task=faces&checkpoint=heads-64&seed=7`.
        Holds no upload, and nothing of what is `too_long_for_a_link`.
        """
        pairs = [("task", self.task), ("checkpoint", self.checkpoint)]
        pairs += [
            (name, value)
            for name, value in (("precision", self.precision), ("revision", self.revision))
            if value not in (None, "auto")
        ]
        left_out = self.too_long_for_a_link()
        pairs += [
            (name, _in_a_link(value))
            for name, value in sorted(self.settings.items())
            if value is not None and value != {} and name not in left_out
        ]
        return "?" + urlencode(pairs, quote_via=quote)

    def too_long_for_a_link(self) -> tuple[str, ...]:
        """The names of settings that programs would cut a link for, as points that were drawn: the
        recipe's file has them.
        """
        names = sorted(self.settings)
        return tuple(n for n in names if len(_in_a_link(self.settings[n])) > LONGEST_IN_A_LINK)


def from_json(text: str | bytes) -> Recipe:
    """The recipe that `text` holds. Raises UserError if it is not one, is over 64 KiB or a chain of
    more than 8.
    """
    return _recipe(values(text), DEEPEST)


def values(text: str | bytes) -> Any:
    """What a JSON text holds. Raises UserError where it is no JSON or over 64 KiB."""
    if len(text) > LARGEST:
        raise UserError(
            "This recipe is too large: {size} characters, at most {most} are accepted.",
            size=len(text),
            most=LARGEST,
        )
    try:
        return _loads(text)
    except ValueError as e:
        raise UserError("This is not a recipe: it can't be read as JSON.") from e


def from_link(
    query: str | Mapping[str, str], worded: Collection[str] | None = None
) -> Recipe | None:
    """The recipe of a query string, or None where the query names no task. Raises UserError for a
    damaged one.

    What mail and chat programs do to links is undone: `&amp;` for `&`, and a full stop or bracket
    of the sentence in which the link stood, where no text of a person's own ends. `worded` names
    the settings that a person words; None: any may be one.
    """
    pairs = (
        dict(query)
        if isinstance(query, Mapping)
        else dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
    )
    pairs = {name.removeprefix("amp;"): value for name, value in pairs.items()}
    if pairs:
        last = next(reversed(pairs))
        own_words = last not in TOP if worded is None else last in worded
        pairs[last] = _without_sentence_end(pairs[last], own_words)
    if sum(len(k) + len(str(v)) for k, v in pairs.items()) > LARGEST:
        raise UserError("This link is too long to be a recipe.")
    if "task" not in pairs or "checkpoint" not in pairs:
        return None
    top: dict[str, Any] = {name: pairs.pop(name) for name in TOP if name in pairs}
    settings = {
        k: _loads(v) if _reads_as_json(v) else v for k, v in pairs.items() if not k.startswith("__")
    }
    return Recipe(**top, settings=settings)


def _without_sentence_end(value: str, own_words: bool) -> str:
    """The last value of a link, without the punctuation of the sentence around the link; where it
    may be a person's `own_words`, only what keeps it from being read goes.
    """
    if _reads_as_json(value):
        return value
    shorter = value
    while shorter and shorter[-1] in SENTENCE_ENDS:
        shorter = shorter[:-1]
        if _reads_as_json(shorter):
            return shorter
    return value if own_words else shorter


def source_type(recipe: Recipe) -> str:
    """DRAWN, or CHANGED where a person's picture was."""
    return CHANGED if _brought(recipe) else DRAWN


def _brought(recipe: Recipe) -> bool:
    """Was a person's picture changed, and not one that a recipe before made?"""
    if recipe.before:
        return any(map(_brought, recipe.before))
    return bool(recipe.pictures)


def _recipe(value: Any, depth: int) -> Recipe:
    if not isinstance(value, dict) or depth == 0:
        raise UserError("This is not a recipe: a table with task and checkpoint is expected.")
    known = {f.name for f in fields(Recipe)}
    for key in value:
        if key not in known:
            raise UserError("This recipe has the unknown key {key}.", key=key)
    check_types(value)
    before = tuple(_recipe(r, depth - 1) for r in value.get("before", ()))
    return Recipe(**{**value, "pictures": tuple(value.get("pictures", ())), "before": before})


def check_types(value: Mapping[str, Any]) -> None:
    """Of a recipe's parts by name: is each of the type that it must be? Raises UserError that names
    the first that is not.
    """
    kinds: dict[str, Any] = {
        "task": str,
        "checkpoint": str,
        "settings": dict,
        "precision": str,
        "pictures": (list, tuple),
        "before": (list, tuple),
    }
    kinds |= dict.fromkeys(("revision", "sha256"), (str, type(None))) | {"app": str}
    for key, kind in kinds.items():
        if key in value and not isinstance(value[key], kind):
            raise UserError("This recipe has no valid {key}.", key=key)
    for key in ("task", "checkpoint"):
        if not value.get(key):
            raise UserError("This recipe has no valid {key}.", key=key)
    if not all(isinstance(p, dict) for p in value.get("pictures", ())):
        raise UserError("This recipe has no valid {key}.", key="pictures")


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            k: _without_empty(v) for k, v in value.items() if v is not None and v != () and v != []
        }
    return [_without_empty(v) for v in value] if isinstance(value, (tuple, list)) else value


def _in_a_link(value: Any) -> str:
    """A setting as a link spells it: words bare, unless they would be read as something else."""
    if isinstance(value, str) and not _reads_as_json(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _reads_as_json(text: str) -> bool:
    try:
        _loads(text)
    except ValueError:
        return False
    return True


def _loads(text: str | bytes) -> Any:
    """JSON by the letter: no NaN or Infinity, no half of a surrogate pair, nothing deep. Raises
    ValueError.
    """
    try:
        value = json.loads(text)
    except RecursionError as e:
        raise ValueError("nested too deeply") from e
    if not _plain(value, NESTED):
        raise ValueError("nested too deeply, not finite, or half a surrogate pair")
    return value


def _plain(value: Any, depth: int) -> bool:
    if isinstance(value, str):
        return SURROGATE.search(value) is None
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return depth > 0 and all(_plain(k, 0) and _plain(v, depth - 1) for k, v in value.items())
    return (
        depth > 0 and all(_plain(v, depth - 1) for v in value) if isinstance(value, list) else True
    )

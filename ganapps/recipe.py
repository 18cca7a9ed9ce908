"""The request as one small piece of JSON: in a file, a link, a PNG, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from PIL import Image, PngImagePlugin

from ganapps import __version__
from ganapps.errors import UserError

CHUNK = "ganapps"  # the PNG text chunk that holds a recipe
LARGEST = 64 * 1024  # bytes of JSON; a real recipe has a few hundred
DEEPEST = 8  # recipes before this one


@dataclass(frozen=True)
class Recipe:
    """What was asked for; running it again makes the same picture.

    `settings` are the keyword arguments of the task function. `pictures` names each upload by size and SHA-256, never by content.
    `revision` and `sha256` of the checkpoint are filled in by the run. `before` holds the recipes a chain came through.
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

    def to_json(self) -> str:
        """One line of JSON with sorted keys: equal recipes give equal text."""
        return json.dumps(_without_empty(asdict(self)), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def to_link(self) -> str:
        """The query string that asks for this again: `?task=faces&checkpoint=heads-64&seed=7`. Holds no upload."""
        pairs = [("task", self.task), ("checkpoint", self.checkpoint)]
        if self.precision != "auto":
            pairs.append(("precision", self.precision))
        pairs += [(k, v if isinstance(v, str) and not _reads_as_json(v) else json.dumps(v, ensure_ascii=False))
                  for k, v in sorted(self.settings.items()) if v not in (None, {}, "")]
        return "?" + urlencode(pairs, quote_via=quote)


def from_json(text: str | bytes) -> Recipe:
    """The recipe that `text` holds. Raises UserError if it is not one, is over 64 KiB or a chain of more than 8."""
    if len(text) > LARGEST:
        raise UserError("This recipe is too large: {size} characters, at most {most} are accepted.", size=len(text), most=LARGEST)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise UserError("This is not a recipe: it can't be read as JSON.") from e
    return _recipe(value, DEEPEST)


def from_link(query: str | Mapping[str, str]) -> Recipe | None:
    """The recipe of a query string, or None where the query names no task. Raises UserError for a damaged one."""
    pairs = dict(query) if isinstance(query, Mapping) else dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
    if sum(len(k) + len(str(v)) for k, v in pairs.items()) > LARGEST:
        raise UserError("This link is too long to be a recipe.")
    if "task" not in pairs or "checkpoint" not in pairs:
        return None
    top = {k: pairs.pop(k) for k in ("task", "checkpoint", "precision") if k in pairs}
    settings = {k: json.loads(v) if _reads_as_json(v) else v for k, v in pairs.items() if not k.startswith("__")}
    return Recipe(**top, settings=settings)


def from_file(path: str | Path) -> Recipe:
    """The recipe in a JSON file, or in a PNG that this app made. Raises UserError if there is none."""
    path = Path(path)
    try:
        with path.open("rb") as f:
            head = f.read(8)
            if not head.startswith(b"\x89PNG"):
                return from_json(head + f.read(LARGEST))
        return from_png(path)
    except OSError as e:
        raise UserError("{file} can't be read: {why}.", file=path.name, why=e.strerror or "not a file") from e


def from_png(path: str | Path) -> Recipe:
    """The recipe inside a PNG; no pixel is decoded. Raises UserError if there is none."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            text = getattr(picture, "text", {}).get(CHUNK)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        raise UserError("{file} is not a PNG that can be read.", file=Path(path).name) from e
    if text is None:
        raise UserError("{file} holds no recipe: only a PNG made by this app does, and some programs remove it.", file=Path(path).name)
    return from_json(text)


def png_info(recipe: Recipe) -> PngImagePlugin.PngInfo:
    """The text chunk to save a PNG with: `picture.save(path, pnginfo=png_info(recipe))`."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt(CHUNK, recipe.to_json())
    return info


def _recipe(value: Any, depth: int) -> Recipe:
    if not isinstance(value, dict) or depth == 0:
        raise UserError("This is not a recipe: a table with task and checkpoint is expected.")
    known = {f.name for f in fields(Recipe)}
    for key in value:
        if key not in known:
            raise UserError("This recipe has the unknown key {key}.", key=key[:80])
    for key, kind in (("task", str), ("checkpoint", str), ("settings", dict), ("precision", str), ("pictures", list), ("before", list)):
        if not isinstance(value.get(key, kind()), kind) or (key in ("task", "checkpoint") and not value.get(key)):
            raise UserError("This recipe has no valid {key}.", key=key)
    for key in ("revision", "sha256", "app"):
        if not isinstance(value.get(key, ""), str):
            raise UserError("This recipe has no valid {key}.", key=key)
    before = tuple(_recipe(r, depth - 1) for r in value.get("before", ()))
    return Recipe(**{**value, "pictures": tuple(value.get("pictures", ())), "before": before})


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_empty(v) for k, v in value.items() if v is not None and v != () and v != []}
    return [_without_empty(v) for v in value] if isinstance(value, (tuple, list)) else value


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True

"""The request as one small piece of JSON: in a file, a link, a PNG, and back."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from xml.sax.saxutils import escape, unescape

from PIL import Image, PngImagePlugin

from ganapps import __version__
from ganapps.errors import UserError

CHUNK = "ganapps"  # the PNG text chunk that holds a recipe
LARGEST = 64 * 1024  # bytes of JSON; a real recipe has a few hundred
DEEPEST = 8  # recipes in a chain
# half a character: JSON can spell it, no file or page can hold it
SURROGATE = re.compile("[\ud800-\udfff]")
NESTED = 40  # tables and lists inside each other; a chain of 8 needs 18
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SENTENCE_ENDS = ".,;:!?)]}>\"'"
# settings that are drawn by hand: too long for a link
DRAWN = ("mask",)
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
        Holds no upload, and nothing that was drawn (`beyond_link`).
        """
        pairs = [("task", self.task), ("checkpoint", self.checkpoint)]
        pairs += [
            (name, value)
            for name, value in (("precision", self.precision), ("revision", self.revision))
            if value not in (None, "auto")
        ]
        pairs += [
            (
                k,
                v
                if isinstance(v, str) and not _reads_as_json(v)
                else json.dumps(v, ensure_ascii=False),
            )
            for k, v in sorted(self.settings.items())
            if v is not None and v != {} and k not in DRAWN
        ]
        return "?" + urlencode(pairs, quote_via=quote)


def beyond_link(recipe: Recipe) -> bool:
    """Does the recipe hold something that its link leaves out?"""
    return any(recipe.settings.get(name) for name in DRAWN)


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


def from_file(path: str | Path) -> Recipe:
    """The recipe in a JSON file, or in a PNG that this app made. Raises UserError if there is
    none.
    """
    path = Path(path)
    try:
        with path.open("rb") as f:
            text = f.read(LARGEST + 1)
    except (OSError, ValueError) as e:
        raise UserError(
            "{file} can't be read: {why}.",
            file=path.name,
            why=getattr(e, "strerror", None) or "not a file",
        ) from e
    return from_picture(path) if text.startswith((b"\x89PNG", b"RIFF")) else from_json(text)


def from_picture(path: str | Path) -> Recipe:
    """The recipe inside a PNG or a film (WebP); no pixel is decoded. Raises UserError if there is
    none.
    """
    name = Path(path).name
    try:
        with Image.open(path, formats=["PNG", "WEBP"]) as picture:
            text, xmp = picture.info.get(CHUNK), picture.info.get("xmp", b"")
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        struct.error,
        Image.DecompressionBombError,
    ) as e:
        raise UserError("{file} is not a PNG or WebP picture that can be read.", file=name) from e
    text = text or _in_xmp(xmp)
    if text is None:
        raise UserError(
            "{file} holds no recipe: only a picture made by this app does, and some programs "
            "remove it.",
            file=name,
        )
    return from_json(text)


def _in_xmp(packet: bytes) -> str | bytes | None:
    """The recipe in a WebP's XMP block; None where another program wrote it. Earlier films have the
    bare JSON there.
    """
    if packet.startswith(b"{"):
        return packet
    found = re.search(rb"<ganapps:recipe>(.*?)</ganapps:recipe>", packet, re.DOTALL)
    return unescape(found[1].decode("utf-8", "replace")) if found else None


def png_texts(recipe: Recipe) -> dict[str, str]:
    """The text chunks of a PNG: the recipe, and the mark of `xmp`."""
    return {CHUNK: recipe.to_json(), "XML:com.adobe.xmp": xmp(recipe, inside=False)}


def png_info(recipe: Recipe) -> PngImagePlugin.PngInfo:
    """The text chunks to save a PNG with: `picture.save(path, pnginfo=png_info(recipe))`."""
    info = PngImagePlugin.PngInfo()
    for name, text in png_texts(recipe).items():
        info.add_itxt(name, text)
    return info


def xmp(recipe: Recipe, inside: bool = True) -> str:
    """The XMP packet that says in words for machines that a network made a picture, or changed one
    that was brought (IPTC's digital source type); with the recipe `inside` it where nothing else
    holds one.
    """
    kind = "compositeWithTrainedAlgorithmicMedia" if _brought(recipe) else "trainedAlgorithmicMedia"
    told = f"<ganapps:recipe>{escape(recipe.to_json())}</ganapps:recipe>" if inside else ""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:ganapps="urn:ganapps:recipe"'
        f' Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPES}{kind}">{told}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


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

"""The recipe inside a file that a network made, and the mark that tells machines so."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from uuid import UUID
from xml.sax.saxutils import escape, unescape

from PIL import Image, PngImagePlugin

from ganapps.errors import UserError
from ganapps.recipe import LARGEST, Recipe, from_json, source_type

CHUNK = "ganapps"  # the PNG text chunk that holds a recipe
XMP = "XML:com.adobe.xmp"  # and the one that holds an XMP packet
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
OURS = b"urn:ganapps:recipe"  # what our XMP packets name
# how the files begin that hold a recipe beside their pixels
PICTURES = (b"\x89PNG", b"RIFF", b"\xff\xd8")
FILM = b"ftyp"  # and an MP4, from its fifth byte on
# where programs look for XMP in an MP4: a box of this kind (XMP specification, part 3, 1.1.6)
XMP_BOX = b"uuid" + UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
LONGEST_PACKET = 2 * LARGEST  # bytes: XML spells some characters in several


def from_file(path: str | Path) -> Recipe:
    """The recipe in a JSON file, or in a picture or film that this app made. Raises
    UserError if there is none.
    """
    text = written(path)
    return from_picture(path) if text is None else from_json(text)


def written(path: str | Path) -> bytes | None:
    """What stands in a file that may hold JSON, whatever its name ends in, in UTF-8, 16 or 32, at
    most a byte more than a recipe may have; None for a picture or a film. Raises UserError where
    it can't be read.
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
    is_data = text.startswith(PICTURES) or _is_film(text)
    return None if is_data else text


def from_picture(path: str | Path) -> Recipe:
    """The recipe inside a PNG, a WebP, a JPEG or an MP4; no pixel is decoded. Raises UserError if
    there is none.
    """
    name = Path(path).name
    text: str | bytes | None
    try:
        with Path(path).open("rb") as file:
            film = _is_film(file.read(8))
        text = _in_film(Path(path)) if film else _in_picture(path)
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        struct.error,
        Image.DecompressionBombError,
    ) as e:
        raise UserError(
            "{file} is not a PNG, WebP or JPEG picture that can be read.", file=name
        ) from e
    if text is None:
        raise UserError(
            "{file} holds no recipe: only a picture made by this app does, and some programs "
            "remove it.",
            file=name,
        )
    return from_json(text)


def _in_picture(path: str | Path) -> str | bytes | None:
    """The recipe in a picture's header, as it stands there."""
    with Image.open(path, formats=["PNG", "WEBP", "JPEG"]) as picture:
        text, xmp = picture.info.get(CHUNK), picture.info.get("xmp", b"")
        if OURS in xmp:
            text = text or picture.info.get("comment")  # of a JPEG
    return text or _in_xmp(xmp)


def _is_film(start: bytes) -> bool:
    return start[4:8] == FILM


def _in_film(path: Path) -> str | bytes | None:
    """The recipe at the end of an MP4, as it stands there; None where it is not one of ours."""
    with path.open("rb") as film:
        size = film.seek(0, 2)
        film.seek(max(0, size - LONGEST_PACKET))
        _, found, packet = film.read().rpartition(XMP_BOX)
    return _in_xmp(packet) if found else None


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
    return {CHUNK: recipe.to_json(), XMP: xmp(recipe, inside=False)}


def png_info(recipe: Recipe) -> PngImagePlugin.PngInfo:
    """The text chunks to save a PNG with: `picture.save(path, pnginfo=png_info(recipe))`."""
    info = PngImagePlugin.PngInfo()
    for name, text in png_texts(recipe).items():
        info.add_itxt(name, text)
    return info


def xmp(recipe: Recipe, inside: bool = True) -> str:
    """The XMP packet that marks a picture of this recipe; with the recipe `inside` it where nothing
    else holds one.
    """
    told = f"<ganapps:recipe>{escape(recipe.to_json())}</ganapps:recipe>" if inside else ""
    return mark(source_type(recipe), told)


def mark(kind: str, told: str = "") -> str:
    """The XMP packet that says in words for machines that a network made a picture (DRAWN), or
    changed one that was brought (CHANGED): IPTC's digital source type. `told` is XML beside it.
    """
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

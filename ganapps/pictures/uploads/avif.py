"""The header of an AVIF (AV1 Image File Format 1.1): its boxes, and how large the pictures in its
AV1 stream say they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ganapps.errors import Message
from ganapps.pictures.uploads import light
from ganapps.pictures.uploads.header import (
    EXTRAS,
    Header,
    cut_off,
    damaged,
    overloaded,
    too_bright,
    unknown_pixels,
)
from ganapps.pictures.uploads.stored import Data, Pieces, unpacked

BOXES = 2000  # of one box or file
ITEMS = 2000
META = 1_000_000  # bytes of the box that says what is where
MEMORY = {8: 13, 10: 20, 12: 20}  # bits -> bytes a pixel while it is decoded, measured
# Turned by so many quarters against the clock, then mirrored (0: up and down, 1: left and right) ->
# as EXIF counts it.
TURNED = {
    (0, 0): 4,
    (0, 1): 2,
    (1, None): 8,
    (1, 0): 5,
    (1, 1): 7,
    (2, None): 3,
    (2, 0): 2,
    (2, 1): 4,
    (3, None): 6,
    (3, 0): 7,
    (3, 1): 5,
}


@dataclass(frozen=True)
class _Box:
    """A box: its name, where it begins, where what is in it begins, where it ends."""

    name: bytes
    start: int
    body: int
    end: int


@dataclass
class _Meta:
    """What the meta box says: the picture's item, each item's kind and places, and the primary's
    properties.
    """

    primary: int = -1
    kinds: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, list[range]] = field(default_factory=dict)
    # where the names stand of items that the decoder need not see
    hidden: list[int] = field(default_factory=list)
    properties: list[_Box] = field(default_factory=list)
    of_primary: list[_Box] = field(default_factory=list)


def header(data: Data) -> Header:
    boxes = list(_boxes(data, 0, len(data)))
    top = next((box for box in boxes if box.name == b"meta"), None)
    if top is None:
        raise unknown_pixels()
    if top.end - top.body > META:
        raise overloaded()
    meta = _meta(data, top)
    own: dict[bytes, list[_Box]] = {}
    for box in meta.of_primary:
        own.setdefault(box.name, []).append(box)
    if b"ispe" not in own:
        raise unknown_pixels()
    width, height = unpacked(">II", data, own[b"ispe"][0].body + 4)
    bits = max(
        (_depth(data[box.body + 2]) for box in meta.properties if box.name == b"av1C"), default=8
    )
    icc, meant, said = _colours(data, own.get(b"colr", []))
    if bits > 8:
        said += (Message("Its {bits} bit colours were read with 8 bit.", bits=bits),)
    decoded = max(
        (
            _decoded(data, meta.places.get(item, []))
            for item, kind in meta.kinds.items()
            if kind == b"av01"
        ),
        default=0,
    )
    return Header(
        "AVIF",
        (width, height),
        _file(data, boxes, top, meta),
        max(width * height, decoded) * MEMORY[bits] + len(data),
        any(box.name == b"moov" for box in boxes),
        icc,
        _exif(data, meta),
        turned=_turned(data, own),
        light=meant,
        overlooked=said,
    )


def _boxes(data: Data, at: int, end: int) -> Iterator[_Box]:
    for _ in range(BOXES):
        if at + 8 > end:
            return
        (size,) = unpacked(">I", data, at)
        name, body = data[at + 4 : at + 8], at + 8
        if size == 1:
            (size,) = unpacked(">Q", data, body)
            body += 8
        last = end if size == 0 else at + size
        if last < body:
            raise damaged()
        if last > end:
            raise cut_off()
        yield _Box(name, at, body, last)
        at = last
    raise overloaded()


def _meta(data: Data, top: _Box) -> _Meta:
    meta = _Meta()
    inside = {box.name: box for box in _boxes(data, top.body + 4, top.end)}
    if b"pitm" in inside:
        body = inside[b"pitm"].body
        (meta.primary,) = unpacked(">I" if data[body] else ">H", data, body + 4)
    if b"iinf" in inside:
        _read_kinds(data, inside[b"iinf"], meta)
    if b"iloc" in inside:
        _read_places(data, inside[b"iloc"], inside.get(b"idat"), meta)
    if b"iprp" in inside:
        _read_properties(data, inside[b"iprp"], meta)
    return meta


def _read_kinds(data: Data, box: _Box, meta: _Meta) -> None:
    first = box.body + (8 if data[box.body] else 6)
    for entry in _boxes(data, first, box.end):
        version = data[entry.body]
        if entry.name != b"infe" or version not in (2, 3):
            continue
        (item,) = unpacked(">H" if version == 2 else ">I", data, entry.body + 4)
        at = entry.body + (8 if version == 2 else 10)
        meta.kinds[item] = data[at : at + 4]
        if meta.kinds[item] in (b"Exif", b"mime"):
            meta.hidden.append(at)


def _read_places(data: Data, box: _Box, idat: _Box | None, meta: _Meta) -> None:
    version, sizes = data[box.body], unpacked(">BB", data, box.body + 4)
    offset, length, base, index = (n for size in sizes for n in (size >> 4, size & 15))
    cursor = _Cursor(data, box.body + 6)
    parts = 0
    for _ in range(min(ITEMS, cursor.number(2 if version < 2 else 4))):
        item = cursor.number(2 if version < 2 else 4)
        inside = cursor.number(2) & 15 if version else 0
        cursor.number(2)
        start = cursor.number(base) + (idat.body if inside == 1 and idat else 0)
        count = cursor.number(2)
        if inside > 1 or (parts := parts + count) > ITEMS:
            raise unknown_pixels()
        places = []
        for _ in range(count):
            cursor.number(index if version else 0)
            at = start + cursor.number(offset)
            places.append(range(at, at + cursor.number(length)))
        if any(place.stop > len(data) for place in places):
            raise cut_off()
        meta.places[item] = places


def _read_properties(data: Data, box: _Box, meta: _Meta) -> None:
    inside = list(_boxes(data, box.body, box.end))
    meta.properties = [
        p
        for holder in inside
        if holder.name == b"ipco"
        for p in _boxes(data, holder.body, holder.end)
    ]
    for table in (holder for holder in inside if holder.name == b"ipma"):
        version, flags = data[table.body], data[table.body + 3]
        cursor = _Cursor(data, table.body + 4)
        for _ in range(min(ITEMS, cursor.number(4))):
            item, count = cursor.number(4 if version else 2), cursor.number(1)
            numbers = [
                cursor.number(2) & 0x7FFF if flags & 1 else cursor.number(1) & 0x7F
                for _ in range(count)
            ]
            if item == meta.primary:
                meta.of_primary += [
                    meta.properties[n - 1] for n in numbers if 0 < n <= len(meta.properties)
                ]


class _Cursor:
    """Reads numbers of whole bytes one after the other."""

    def __init__(self, data: Data, at: int) -> None:
        self._data, self._at = data, at

    def number(self, size: int) -> int:
        """The next one, of so many bytes; 0 of none."""
        raw = self._data[self._at : self._at + size]
        if len(raw) != size:
            raise cut_off()
        self._at += size
        return int.from_bytes(raw, "big")


def _file(data: Data, boxes: list[_Box], top: _Box, meta: _Meta) -> Pieces:
    """The file with only its still picture for a decoder to see: the rest keeps its place under
    another name.
    """
    parts: list[bytes | range] = []
    for box in boxes:
        if box is top:
            known = bytearray(data[box.start : box.end])
            for at in meta.hidden:
                known[at - box.start : at - box.start + 4] = b"none"
            parts.append(bytes(known))
        elif box.name == b"ftyp":
            brands = data[box.body : min(box.end, box.body + META)]
            words = (brands[i : i + 4] for i in range(8, len(brands), 4))
            kept = b"".join(b"mif1" if word in (b"avis", b"msf1") else word for word in words)
            parts += [data[box.start : box.body], b"avif", brands[4:8], kept]
        elif box.name == b"mdat":
            parts.append(range(box.start, box.end))
        else:
            parts += [data[box.start : box.start + 4], b"free", range(box.start + 8, box.end)]
    return Pieces(data, tuple(parts))


def _depth(flags: int) -> int:
    """Bits a colour, by the third byte of av1C."""
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


def _turned(data: Data, own: Mapping[bytes, list[_Box]]) -> int:
    angle = data[own[b"irot"][0].body] & 3 if b"irot" in own else 0
    axis = data[own[b"imir"][0].body] & 1 if b"imir" in own else None
    return TURNED.get((angle, axis), 1)


def _colours(
    data: Data, boxes: list[_Box]
) -> tuple[bytes | None, light.Light | None, tuple[Message, ...]]:
    """The profile, what the numbers mean, and what to say of senseless ones. Raises UserError for
    HDR.
    """
    icc: bytes | None = None
    meant: light.Light | None = None
    said: tuple[Message, ...] = ()
    for box in boxes:
        kind = data[box.body : box.body + 4]
        if kind in (b"prof", b"rICC"):
            if box.end - box.body > EXTRAS:
                raise overloaded()
            icc = data[box.body + 4 : box.end]
        elif kind == b"nclx":
            primaries, transfer = unpacked(">HH", data, box.body + 4)
            if transfer in light.HDR:
                raise too_bright(light.HDR[transfer])
            try:
                meant = light.of_codes(primaries, transfer)
            except (KeyError, ValueError):
                said = (
                    Message(
                        "What this {kind} says of its brightness makes no sense and was ignored.",
                        kind="AVIF",
                    ),
                )
    return icc, None if icc else meant, () if icc else said


def _exif(data: Data, meta: _Meta) -> bytes | None:
    """The first EXIF block: behind how many bytes to pass over."""
    for item, kind in meta.kinds.items():
        places = meta.places.get(item)
        if kind == b"Exif" and places:
            if sum(map(len, places)) > EXTRAS:
                raise overloaded()
            raw = b"".join(data[p.start : p.stop] for p in places)
            return raw[4 + int.from_bytes(raw[:4], "big") :]
    return None


def _decoded(data: Data, places: list[range]) -> int:
    """The most pixels that an AV1 stream's frames can have, by its sequence headers (AV1, 5.5). The
    boxes may say less: the decoder would unpack it all and shrink it.
    """
    most = 0
    for place in places:
        at = place.start
        for _ in range(BOXES):
            if at >= place.stop:
                break
            head = data[at]
            if not head & 2:  # without a size: up to the end
                size, body = place.stop - at - 1 - (head >> 2 & 1), at + 1 + (head >> 2 & 1)
            else:
                size, body = _leb128(data, at + 1 + (head >> 2 & 1))
            if head >> 3 & 15 == 1:
                most = max(most, _frame(data[body : body + min(size, 200)]))
            at = body + size
        else:
            raise overloaded()
    return most


def _leb128(data: Data, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place behind it."""
    value = 0
    for i in range(8):
        byte = data[at + i]
        value |= (byte & 127) << 7 * i
        if not byte & 128:
            return value, at + i + 1
    raise damaged()


def _frame(sequence: bytes) -> int:
    """The most pixels of a frame by one sequence header. Only of still pictures are the sizes of
    all frames in it: of others, as many as its frame headers have bits for.
    """
    bits = _Bits(sequence)
    bits.take(4)
    reduced = bits.take(1)
    if reduced:
        bits.take(5)
    else:
        _pass_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(wide) + 1, bits.take(high) + 1
    return width * height if reduced else 1 << wide + high


def _pass_operating_points(bits: _Bits) -> None:
    delay, model = 0, 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            zeros = 0
            while not bits.take(1):
                zeros += 1
            bits.take(zeros)
        model = bits.take(1)
        if model:
            delay = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    shown = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if model and bits.take(1):
            bits.take(2 * delay + 1)
        if shown and bits.take(1):
            bits.take(4)


class _Bits:
    """Reads numbers of bits one after the other."""

    def __init__(self, raw: bytes) -> None:
        self._number, self._left = int.from_bytes(raw, "big"), 8 * len(raw)

    def take(self, count: int) -> int:
        """The next number of so many bits."""
        if count > self._left:
            raise struct.error("cut off")
        self._left -= count
        return self._number >> self._left & ((1 << count) - 1)

"""The tables (IFDs) of TIFF files and EXIF blocks, read within bounds and written small (TIFF 6.0;
EXIF 2.32).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ganapps.pictures.uploads.stored import Data, unpacked

# bytes of each kind
WIDTHS = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
# the kinds that are whole numbers, as struct spells them
NUMBERS = {
    1: "B",
    3: "H",
    4: "I",
    13: "I",
    16: "Q",
}
ENTRIES = 1024  # of one table; a photograph has under 100
ORIENTATION, DATE, EXIF, GPS, ICC, DATE_TAKEN = 274, 306, 34665, 34853, 34675, 36867


@dataclass(frozen=True)
class Table:
    """The wanted tags of one table: {tag: (kind, raw bytes)} in byte `order` ("<" or ">"), and
    where the next page's table begins (0: none).
    """

    order: str
    tags: Mapping[int, tuple[int, bytes]]
    next: int = 0

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The whole numbers of a tag; `default` where it is missing. Raises ValueError where it
        holds something else.
        """
        if tag not in self.tags:
            return default
        kind, raw = self.tags[tag]
        if kind not in NUMBERS or not raw:
            raise ValueError("not whole numbers")
        return struct.unpack(f"{self.order}{len(raw) // WIDTHS[kind]}{NUMBERS[kind]}", raw)

    def number(self, tag: int, default: int = 0) -> int:
        """The first number of a tag."""
        return self.numbers(tag, (default,))[0]

    def text(self, tag: int) -> str:
        """The text of a tag, empty where it is missing."""
        return self.tags.get(tag, (2, b""))[1].split(b"\0")[0].decode("latin-1").strip()


def first(data: Data, wanted: Collection[int], most: int) -> Table:
    """The first table of a TIFF file or an EXIF block, classic or BigTIFF. Raises ValueError for a
    damaged one, EOFError where it leaves the file.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        raise ValueError("no byte order")
    (version,) = unpacked(order + "H", data, 2)
    if version not in (42, 43):
        raise ValueError("not a TIFF")
    big = version == 43
    if big and len(data) < 16:
        raise EOFError("cut off")
    (at,) = unpacked(order + "Q", data, 8) if big else unpacked(order + "I", data, 4)
    return table(data, at, order, wanted, most, big)


def table(
    data: Data, at: int, order: str, wanted: Collection[int], most: int, big: bool = False
) -> Table:
    """The `wanted` tags of the table at byte `at`, together at most `most` bytes. Raises
    ValueError, EOFError where it leaves the file.
    """
    head, entry, word = ("Q", "HHQ", "Q") if big else ("H", "HHI", "I")
    (count,) = _unpack(order + head, data, at)
    if count > ENTRIES:
        raise ValueError("too many entries")
    place = at + struct.calcsize("<" + head)
    step, inline = (
        struct.calcsize("<" + entry) + struct.calcsize("<" + word),
        struct.calcsize("<" + word),
    )
    tags, room = {}, most
    for start in range(place, place + count * step, step):
        tag, kind, length = _unpack(order + entry, data, start)
        if tag not in wanted or kind not in WIDTHS:
            continue
        size, value = length * WIDTHS[kind], start + step - inline
        room -= size
        if room < 0:
            raise ValueError("too much in tags")
        begin = value if size <= inline else _unpack(order + word, data, value)[0]
        if begin + size > len(data):
            raise EOFError("a value lies outside")
        tags[tag] = kind, bytes(data[begin : begin + size])
    end = place + count * step
    return Table(
        order, tags, _unpack(order + word, data, end)[0] if end + inline <= len(data) else 0
    )


def written(order: str, tags: Mapping[int, tuple[int, bytes]], at: int) -> bytes:
    """The bytes of a classic table with these tags that will stand at byte `at`; no further page
    follows.
    """
    entries, values = b"", b""
    free = at + 2 + 12 * len(tags) + 4
    for tag, (kind, raw) in sorted(tags.items()):
        # eight-byte numbers of BigTIFF: every offset of a file we accept fits in four
        if kind == 16:
            raw, kind = (
                struct.pack(
                    f"{order}{len(raw) // 8}I", *struct.unpack(f"{order}{len(raw) // 8}Q", raw)
                ),
                4,
            )
        inline = len(raw) <= 4
        entries += struct.pack(order + "HHI", tag, kind, len(raw) // WIDTHS[kind])
        entries += raw.ljust(4, b"\0") if inline else struct.pack(order + "I", free + len(values))
        values += b"" if inline else raw + b"\0" * (len(raw) % 2)
    return struct.pack(order + "H", len(tags)) + entries + b"\0" * 4 + values


def gps_alone(exif: Data) -> bytes | None:
    """An EXIF block that holds only the GPS table of `exif`; None where it has none. Raises
    ValueError and EOFError as `first`.
    """
    order, place = _place(exif)
    return _block(order, {GPS: place}) if place else None


def block(date: str | None, gps: bytes | None) -> bytes | None:
    """An EXIF block with the date that a picture was taken at and the place of `gps` (a block of
    `gps_alone`); None without either.
    """
    order, place = _place(gps) if gps else ("<", {})
    wanted = {EXIF: {DATE_TAKEN: (2, date.encode("ascii") + b"\0")} if date else {}, GPS: place}
    wanted = {pointer: tags for pointer, tags in wanted.items() if tags}
    return _block(order, wanted) if wanted else None


def _place(exif: Data) -> tuple[str, Mapping[int, tuple[int, bytes]]]:
    found = first(exif, {GPS}, 64)
    return found.order, table(
        exif, found.number(GPS), found.order, range(32), 4096
    ).tags if GPS in found.tags else {}


def _block(order: str, tables: Mapping[int, Mapping[int, tuple[int, bytes]]]) -> bytes:
    """A header, a first table of pointers, and the tables that they point to."""
    at, pointers, bodies = 8 + 2 + 12 * len(tables) + 4, {}, b""
    for pointer, tags in tables.items():
        pointers[pointer] = 4, struct.pack(order + "I", at + len(bodies))
        bodies += written(order, tags, at + len(bodies))
    return (
        {"<": b"II*\0\x08\0\0\0", ">": b"MM\0*\0\0\0\x08"}[order]
        + written(order, pointers, 8)
        + bodies
    )


def _unpack(form: str, data: Data, at: int) -> tuple[int, ...]:
    if at + struct.calcsize(form) > len(data):
        raise EOFError("cut off")
    return unpacked(form, data, at)

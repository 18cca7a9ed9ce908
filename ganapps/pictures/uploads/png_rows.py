"""The pixels of a PNG, some rows at a time: unpacked, unfiltered, put together; only the rows at
hand are in memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from ganapps.pictures.uploads.header import Header, cut_off, damaged
from ganapps.pictures.uploads.png import KINDS
from ganapps.pictures.uploads.stored import Pieces

STRIP = 2_000_000  # bytes of rows at a time
# Adam7: of each pass, the first column and row, and the steps across and down.
PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
# bytes a pixel -> the mode whose filters reach as far
MODES = {
    1: "L",
    2: "LA",
    3: "RGB",
    4: "RGBA",
    6: "RGB",
    8: "RGBA",
}


def samples(header: Header) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """(rows, columns, [h, w, C]) of parts that make up the picture: numbers as they stand in the
    file, uint8 or uint16; entries of the palette where it has one. Raises UserError where the file
    ends before, or is damaged.
    """
    packed = _Packed(header.file)
    bits = KINDS[header.colours] * header.depth
    for left, top, across, down in PASSES if header.interlaced else ((0, 0, 1, 1),):
        width, height = (
            -(-(n - start) // step)
            for n, start, step in zip(header.size, (left, top), (across, down))
        )
        if width < 1 or height < 1:
            continue
        above = bytes((width * bits + 7) // 8)
        some = max(1, STRIP // (len(above) + 1))
        for first in range(0, height, some):
            count = min(some, height - first)
            rows = _unfiltered(packed.take(count * (len(above) + 1)), above, max(1, bits // 8))
            above = rows[-1].tobytes()
            place = slice(top + first * down, top + (first + count - 1) * down + 1, down)
            yield place, slice(left, None, across), _numbers(rows, width, header)
    packed.finish()


class _Packed:
    """The packed rows, unpacked as they are asked for."""

    def __init__(self, file: Pieces) -> None:
        self._blocks, self._unpack, self._rest = file.blocks(), zlib.decompressobj(), b""

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        made: list[bytes] = []
        while count:
            some = self._some(count)
            if some is None:
                raise damaged() if self._unpack.eof else cut_off()
            made.append(some)
            count -= len(some)
        return b"".join(made)

    def finish(self) -> None:
        """Looks at the check sum behind the last row. Raises UserError where it is another one."""
        some = self._some(STRIP)
        while some == b"":
            some = self._some(STRIP)

    def _some(self, most: int) -> bytes | None:
        """At most so many bytes, perhaps none; None at the end."""
        if self._unpack.eof:
            return None
        self._rest = self._rest or next(self._blocks, b"")
        if not self._rest:
            return None
        try:
            some = self._unpack.decompress(self._rest, most)
        except zlib.error as e:
            raise damaged() from e
        self._rest = self._unpack.unconsumed_tail
        return some


def _unfiltered(rows: bytes, above: bytes, reach: int) -> np.ndarray:
    """[h, bytes] of filtered rows, whose filters reach `reach` bytes back and into the row `above`.
    Pillow does it, as if they were a picture of another kind: only the reach counts.
    """
    packed = zlib.compress(b"\0" + above + rows, 0)
    size = (len(above) // reach, 1 + len(rows) // (len(above) + 1))
    try:
        if reach < 6:
            made = np.asarray(
                Image.frombytes(MODES[reach], size, packed, "zip", MODES[reach], False)
            )
        else:  # 16 bits a colour: of each pair of bytes Pillow keeps one
            pairs = (
                Image.frombytes(MODES[reach], size, packed, "zip", f"{MODES[reach]};16{o}", False)
                for o in "BL"
            )
            made = np.stack([np.asarray(one) for one in pairs], axis=-1)
    except (ValueError, OSError) as e:
        raise damaged() from e
    return made.reshape(size[1], -1)[1:]


def _numbers(rows: np.ndarray, width: int, header: Header) -> np.ndarray:
    """[h, w, C] of rows of bytes."""
    if header.depth == 16:
        return rows.view(">u2").reshape(len(rows), width, -1).astype(np.uint16)
    if header.depth == 8:
        return rows.reshape(len(rows), width, -1)
    bits = np.unpackbits(rows, axis=1).reshape(len(rows), -1, header.depth)[:, :width]
    made = np.packbits(bits, axis=2) >> (8 - header.depth)
    return made if header.colours == 3 else made * np.uint8(255 // (2**header.depth - 1))

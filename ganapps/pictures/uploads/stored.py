"""A file that is read only where somebody looks, and files put together from pieces of it: none is
ever whole in memory.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, BinaryIO, overload

BLOCK = 65_536  # bytes that are kept of the place last looked at


class Stored:
    """A file as a sequence of bytes: an index gives a number, a slice gives bytes, and nothing else
    is read.

    Raises OSError where the disk does, IndexError for a byte beyond the end; a slice beyond the end
    is shorter.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._length = file.seek(0, io.SEEK_END)
        self._start, self._block = 0, b""

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> bytes: ...

    def __getitem__(self, at: int | slice) -> int | bytes:
        if not isinstance(at, slice):
            return self._read(at, at + 1)[0]
        start, end, _ = at.indices(self._length)
        return self._read(start, end)

    def _read(self, start: int, end: int) -> bytes:
        if end - start > BLOCK:
            return self._fetched(start, end - start)
        first = start - self._start
        if first < 0 or end - self._start > len(self._block):
            self._start, self._block, first = start, self._fetched(start, BLOCK), 0
        return self._block[first : first + max(0, end - start)]

    def _fetched(self, start: int, count: int) -> bytes:
        self._file.seek(start)
        return self._file.read(count)


Data = bytes | Stored


def unpacked(form: str, data: Data, at: int) -> tuple[int, ...]:
    """What stands at byte `at`, as `struct` spells it. Raises struct.error where the data end
    before.
    """
    return struct.unpack(form, data[at : at + struct.calcsize(form)])


@dataclass(frozen=True)
class Pieces:
    """A file made of bytes and of ranges of `data`, one after the other; it may be opened again and
    again.
    """

    data: Data
    parts: tuple[bytes | range, ...]

    @property
    def size(self) -> int:
        """Its bytes."""
        return sum(len(part) for part in self.parts)

    def open(self) -> BinaryIO:
        """It as a file to read."""
        return io.BufferedReader(_Spliced(self), BLOCK)

    def blocks(self) -> Iterator[bytes]:
        """Its bytes from the beginning, some at a time."""
        with self.open() as file:
            while block := file.read(BLOCK):
                yield block


class _Spliced(io.RawIOBase):
    """The pieces as one file."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces, self._at = pieces, 0
        self._ends = list(accumulate(len(part) for part in pieces.parts))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {
            io.SEEK_SET: 0,
            io.SEEK_CUR: self._at,
            io.SEEK_END: self._ends[-1] if self._ends else 0,
        }[whence]
        if base + offset < 0:
            raise ValueError("a place before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, room: Any, /) -> int:  # a buffer, which has a type since Python 3.12
        index = bisect_right(self._ends, self._at)
        if index == len(self._ends):
            return 0
        part = self._pieces.parts[index]
        start = self._at - (self._ends[index] - len(part))
        count = min(len(room), len(part) - start)
        if isinstance(part, range):
            some = self._pieces.data[part.start + start : part.start + start + count]
        else:
            some = part[start : start + count]
        room[: len(some)] = some
        self._at += len(some)
        return len(some)

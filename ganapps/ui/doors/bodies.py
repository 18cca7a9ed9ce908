"""The body of a request, read within bounds: text is small, and a file inside it (a data URI) goes
to the disk as it comes.
"""

from __future__ import annotations

import binascii
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import ExitStack
from typing import Any

from ganapps.errors import UserError
from ganapps.ui.doors import files
from ganapps.ui.doors.visitors import address, header

MOST_TEXT = 2**20  # bytes of a request beside its files
MOST_FILES = 16  # data URIs in one request
# bytes of a refused body that are read all the same: before, no client looks at the answer
DRAINED = 10**9
LONGEST_START = 200  # bytes of what stands before the comma of a data URI
# A quote without a backslash before it begins a text, for what ends one is never followed by
# `data:`.
START = re.compile(rb'(?<!\\)"data:[\w.+/\\-]{0,100}(?:;[\w=.-]{0,60})?;base64,')

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Unreadable(UserError):
    """A data URI that is none, or one that stands where no file is expected."""


class Body:
    """What comes of one request's body; `files` are the paths of what came as data URIs, by what
    stands for each in the text.
    """

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive) -> None:
        """Both as the server gives them."""
        self._scope, self._receive = scope, receive
        self._came, self._ended, self._looked = 0, False, 0
        self._text = bytearray()
        self._file: _File | None = None
        self.files: dict[str, str] = {}
        length = header(scope, "content-length")
        self._small = length.isdigit() and int(length) <= MOST_TEXT

    async def read(self) -> bytes:
        """The text. Raises UserError where it, or a file in it, is too large; what came of files is
        gone then.
        """
        try:
            while not self._ended:
                self._take(await self._more())
        except BaseException:
            self.drop()
            raise
        if self._file is not None:  # cut off
            self.drop()
        return bytes(self._text)

    async def drain(self) -> None:
        """Read what is left and forget it."""
        while not self._ended and self._came < DRAINED:
            await self._more()

    def drop(self) -> None:
        """Delete what came of files."""
        if self._file is not None:
            self._file.drop()
            self._file = None
        files.delete(self.files.values())
        self.files.clear()

    def filled(self, value: Any) -> Any:
        """A value of the parsed text, its files named by their paths. Raises Unreadable."""
        if isinstance(value, dict):
            names = [value.get(key) for key in ("path", "url")]
            paths = [self.files[n] for n in names if isinstance(n, str) and n in self.files]
            if paths:
                return {**value, "path": paths[0], "url": None}
            return {key: self.filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, str) and value in self.files:
            raise Unreadable(
                "A data URI stands here where no file is expected: give it as the url of a file."
            )
        return value

    async def _more(self) -> bytes:
        message = await self._receive()
        self._ended = not message.get("more_body", False)
        piece = message.get("body", b"")
        self._came += len(piece)
        return piece

    def _take(self, piece: bytes) -> None:
        while piece:
            if self._file is None:
                piece = self._take_text(piece)
            else:
                content, end, rest = piece.partition(b'"')
                self._file.write(content)
                if end:
                    self._file.close()
                    self._file = None
                piece = end + rest

    def _take_text(self, piece: bytes) -> bytes:
        """Add to the text; what is left where a file begins."""
        self._text += piece
        since = max(0, self._looked - LONGEST_START)
        start = None if self._small else START.search(self._text, since)
        rest = b""
        if start:
            rest = bytes(self._text[start.end() :])
            del self._text[start.start() + 1 :]
            self._text += self._begin().encode()
        self._looked = len(self._text)
        if self._looked > MOST_TEXT:
            raise UserError(
                "This request has over {most} MB: a file goes to /gradio_api/upload first, or as a "
                "data URI.",
                most=MOST_TEXT // 2**20,
            )
        return rest

    def _begin(self) -> str:
        """A file begins: what stands for it in the text."""
        if len(self.files) == MOST_FILES:
            raise UserError(
                "A request brings at most {most} files: ask for the others after it.",
                most=MOST_FILES,
            )
        most = self._scope["app"].get_blocks().max_file_size or float("inf")
        self._file = _File(address(self._scope), most)
        name = "file:" + secrets.token_hex(16)
        self.files[name] = str(self._file.path)
        return name


class _File:
    """A data URI's content on its way to the disk, a visitor's upload."""

    def __init__(self, visitor: str, most: float) -> None:
        self._open = ExitStack()
        self._place = self._open.enter_context(files.ROOM.place(visitor))
        self.path = self._place / "upload"
        self._to = self._open.enter_context(self.path.open("wb"))
        self._left = b""  # what waits for the rest of its four characters
        self._room = most

    def write(self, text: bytes) -> None:
        """Some base64 more. Raises UserError where it is none, or too much."""
        text = self._left + text.replace(b"\\", b"")  # JSON may write a slash as \/
        whole = len(text) // 4 * 4
        self._left = text[whole:]
        try:
            content = binascii.a2b_base64(text[:whole])
        except binascii.Error as e:
            raise Unreadable(
                "A data URI can't be read: write it as data:image/png;base64, and then the file in "
                "base64."
            ) from e
        self._room -= len(content)
        if self._room < 0:
            raise UserError("This file is larger than an upload may be: make it smaller.")
        files.ROOM.grow(self._place, len(content))
        try:
            self._to.write(content)
        except OSError as e:  # a full disk is a sentence of the place
            self._open.__exit__(type(e), e, e.__traceback__)

    def close(self) -> None:
        """All has come."""
        self.write(b"=" * (-len(self._left) % 4))
        self._open.close()

    def drop(self) -> None:
        """It was cut off: nothing of it stays."""
        self._open.close()
        files.delete([str(self.path)])

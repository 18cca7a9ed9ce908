"""Many pictures with a table of what they show: a folder that `datasets` loads, the same as a ZIP,
or WebDataset shards; what is written stays, and an export goes on where it ended.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ganapps.errors import UserError
from ganapps.pictures import images
from ganapps.pictures.inside import png_info
from ganapps.report import Kept

TABLE, CARD, ABOUT = "metadata.csv", "README.md", "export.json"
PER_SHARD = 1000  # pictures


class Export(ABC):
    """An export that is being written. `there` are the names of the pictures that it has already,
    each with its row of the table.
    """

    def __init__(self, columns: list[str], card: str, about: Mapping[str, Any]) -> None:
        """`columns` of the table behind `file_name`, the `card` for people, and `about`: what was
        asked for, so that nothing else is added.
        """
        self.columns, self.card, self.about = ["file_name", *columns], card, dict(about)
        self.there: dict[str, dict[str, str]] = {}

    def add(self, name: str, kept: Kept, row: Mapping[str, Any]) -> None:
        """One picture under `name`, without an ending. Raises UserError where the disk is full."""
        buffer = io.BytesIO()
        images.picture_of(kept).save(buffer, "PNG", pnginfo=png_info(kept.recipe))
        line = {column: _written(row.get(column)) for column in self.columns}
        line["file_name"] = f"{name}.png"
        with images.room():
            self._write(name, buffer.getvalue(), line)
        self.there[name] = line

    @abstractmethod
    def _write(self, name: str, png: bytes, line: dict[str, str]) -> None: ...

    @abstractmethod
    def close(self) -> list[Path]:
        """What is written of it, whole as it is: the files, or the folder."""

    def _table(self) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        for name in sorted(self.there):
            writer.writerow(self.there[name])
        return text.getvalue()

    @abstractmethod
    def _take_over(self) -> None:
        """Go on with the export that lies there."""

    def _begin(self, place: Path) -> None:
        """Make the folder, or go on with the export that lies in it; and say there what it is."""
        place.mkdir(parents=True, exist_ok=True)
        if (place / ABOUT).exists():
            self._check((place / ABOUT).read_text("utf-8"), place)
            self._take_over()
        images.save_text(json.dumps(self.about), place / ABOUT)
        images.save_text(self.card, place / CARD)

    def _check(self, told: str, place: Path) -> None:
        """Raises UserError where an export of something else lies there."""
        if json.loads(told) != self.about:
            raise UserError(
                "{place} holds an export of another model or other settings: choose another place.",
                place=str(place),
            )

    def _read(self, table: str) -> dict[str, dict[str, str]]:
        """The rows of a table by their pictures' names; a line that was cut is left out."""
        found = {}
        for row in csv.DictReader(io.StringIO(table)):
            if list(row) == self.columns and None not in row.values():
                found[row["file_name"].removesuffix(".png")] = row
        return found


class Folder(Export):
    """A folder of PNG files with `metadata.csv`, which grows line by line."""

    def __init__(
        self, place: Path, columns: list[str], card: str, about: Mapping[str, Any]
    ) -> None:
        super().__init__(columns, card, about)
        self.place = place
        with images.room():
            self._begin(place)
            images.save_text(self._table(), place / TABLE)
        self._lines = (place / TABLE).open("a", encoding="utf-8", newline="")

    def _take_over(self) -> None:
        known = self._read((self.place / TABLE).read_text("utf-8"))
        self.there = {n: row for n, row in known.items() if (self.place / f"{n}.png").exists()}

    def _write(self, name: str, png: bytes, line: dict[str, str]) -> None:
        with images.whole(self.place / f"{name}.png") as part:
            part.write_bytes(png)
        csv.DictWriter(self._lines, self.columns, lineterminator="\n").writerow(line)
        self._lines.flush()

    def close(self) -> list[Path]:
        self._lines.close()
        return [self.place]


class Zipped(Export):
    """The same folder as a ZIP: written beside it, and put in its place when it is closed."""

    def __init__(
        self, place: Path, columns: list[str], card: str, about: Mapping[str, Any]
    ) -> None:
        super().__init__(columns, card, about)
        self.place, self._part = place, place.with_name(f".{place.name}.part")
        with images.room():
            place.parent.mkdir(parents=True, exist_ok=True)
            self._file = zipfile.ZipFile(self._part, "w", zipfile.ZIP_STORED)
            try:
                if place.exists():
                    self._take_over()
            except BaseException:
                self._file.close()
                self._part.unlink()
                raise

    def _take_over(self) -> None:
        try:
            with zipfile.ZipFile(self.place) as old:
                self._check(old.read(ABOUT).decode("utf-8"), self.place)
                for name, row in self._read(old.read(TABLE).decode("utf-8")).items():
                    self._file.writestr(f"{name}.png", old.read(f"{name}.png"))
                    self.there[name] = row
        except (zipfile.BadZipFile, KeyError, ValueError) as error:
            raise UserError(
                "{place} is no export that could be gone on with: choose another place.",
                place=str(self.place),
            ) from error

    def _write(self, name: str, png: bytes, line: dict[str, str]) -> None:
        self._file.writestr(f"{name}.png", png)

    def close(self) -> list[Path]:
        with images.room():
            self._file.writestr(TABLE, self._table())
            self._file.writestr(CARD, self.card)
            self._file.writestr(ABOUT, json.dumps(self.about))
            self._file.close()
            self._part.replace(self.place)
        return [self.place]


class Shards(Export):
    """WebDataset: TAR files of so many pictures, each with its row as JSON under the same name. A
    shard is put in its place when it is full, and the last one when all is closed.
    """

    def __init__(
        self, place: Path, columns: list[str], card: str, about: Mapping[str, Any]
    ) -> None:
        super().__init__(columns, card, about)
        self.place = place
        self._waiting: list[tuple[str, bytes, dict[str, str]]] = []
        with images.room():
            self._begin(place)
        self._full = len(self.there) // PER_SHARD

    def _take_over(self) -> None:
        for path in sorted(self.place.glob("shard-*.tar")):
            with tarfile.open(path) as shard:
                read = {member.name: _member(shard, member) for member in shard.getmembers()}
            samples = [name.removesuffix(".png") for name in read if name.endswith(".png")]
            rows = {name: json.loads(read[f"{name}.json"]) for name in samples}
            if len(samples) < PER_SHARD:  # the last one goes on
                self._waiting = [(n, read[f"{n}.png"], row) for n, row in rows.items()]
            self.there |= rows

    def _write(self, name: str, png: bytes, line: dict[str, str]) -> None:
        self._waiting.append((name, png, line))
        if len(self._waiting) == PER_SHARD:
            self._shard()

    def _shard(self) -> None:
        """Those that wait, as a TAR."""
        with images.whole(self.place / f"shard-{self._full:06}.tar") as part:
            with tarfile.open(part, "w") as shard:
                for name, png, line in self._waiting:
                    _put(shard, f"{name}.png", png)
                    _put(shard, f"{name}.json", json.dumps(line).encode())
        if len(self._waiting) == PER_SHARD:
            self._full, self._waiting = self._full + 1, []

    def close(self) -> list[Path]:
        if self._waiting:
            with images.room():
                self._shard()
        return sorted(self.place.glob("shard-*.tar"))


LAYOUTS: Mapping[str, Callable[..., Export]] = {
    "folder": Folder,
    "zip": Zipped,
    "webdataset": Shards,
}


def opened(
    layout: str, place: Path, columns: list[str], card: str, about: Mapping[str, Any]
) -> Export:
    """An export in `place`, a folder; a ZIP lies in it. Raises UserError where something else lies
    there.
    """
    return LAYOUTS[layout](
        place / "pictures.zip" if layout == "zip" else place, columns, card, about
    )


def _written(value: Any) -> str:
    return "" if value is None else str(value)


def _member(shard: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = shard.extractfile(member)
    return file.read() if file else b""


def _put(shard: tarfile.TarFile, name: str, data: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size = len(data)
    shard.addfile(about, io.BytesIO(data))

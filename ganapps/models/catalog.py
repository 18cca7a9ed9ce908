"""The list of models: reads and checks `weights/catalog.toml` and a person's own file of rows."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from ganapps.errors import UserError

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
STEPS = ("restore-blocks", "restore-colour", "restore-faces", "restore-noise")  # of a chain
TASKS = ("faces", "upscale", "translate", "denoise", "text", "repair", "scratches", *STEPS)
FORMATS = ("safetensors", "torch", "nvidia", "r3gan", "diffusers", "onnx")
COMMERCIAL = ("yes", "no", "unknown")
SURE = ("high", "medium", "low")
SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Source:
    """One place a model's file can come from.

    `repo` None: a file that ships in `weights/`. Otherwise a Hub repository, `owner/name`;
    `revision` is a branch, a tag or, better, a commit. `files`: for a folder of files (diffusers),
    their exact names. `size` in bytes. `sha256` of a folder is that of the list of its files, as
    `sha256sum` prints it with the names in order. `sure` says how well it is known that the place
    holds this file: "high", its repository's public pages list it, or many programs fetch it there;
    "medium", a few programs do, or its name follows from its neighbours'; "low", a single mention,
    or pages that disagree; "" where nobody has said.
    """

    file: str
    repo: str | None = None
    revision: str | None = None
    sha256: str | None = None
    size: int | None = None
    files: tuple[str, ...] = ()
    sure: str = ""

    @property
    def repository(self) -> str:
        """The `repo` of a source that has one."""
        assert self.repo is not None, "a file that ships has no repository"
        return self.repo

    def __str__(self) -> str:
        if self.repo is None:
            return self.file
        at = f"@{self.revision}" if self.revision else ""
        return f"{self.repo}:{self.file or '*'}{at}"


@dataclass(frozen=True)
class Checkpoint:
    """One row of the catalogue: what a model is, who made it, where its file comes from.

    `settings` go to the network's builder, `defaults` are settings of its task that suit it,
    `labels` names a shipped file of label rows and `labels_sha256` is its hash, `classes` the
    classes of a conditional network, `data` the data set (comparisons insist on the same one),
    `parameters` is a count, `note` what a person should know. `domains` of a generator: what it
    draws where that is no faces ("churches"); rows of one domain stand together. Of a translator:
    `domains` are what it takes and what it makes, `back` is the row that goes the other way,
    `paired` says that it learned from pairs of pictures, `likes` what pictures it is good at,
    `cannot` what it can't do (as the rest of "It can't ..."), `learned_at` the longer side, in
    pixels, at which its work looks as its training's did: the window begins there.
    """

    id: str
    title: str
    task: str
    network: str
    sources: tuple[Source, ...]
    format: str
    licence: str
    commercial: str
    trained_on: str
    paper: str
    parameters: int
    data: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    labels: str | None = None
    labels_sha256: str | None = None
    classes: tuple[str, ...] = ()
    note: str = ""
    kind: str = "GAN"
    domains: tuple[str, ...] = ()
    back: str = ""
    paired: bool = False
    likes: str = ""
    cannot: str = ""
    learned_at: int = 0

    @property
    def size(self) -> int | None:
        """Bytes of the first source whose size is known."""
        return next((s.size for s in self.sources if s.size), None)

    @property
    def typed(self) -> bool:
        """Is this no row of the catalogue, but a place on the Hub that somebody typed?"""
        first = self.sources[0]
        return first.repo is not None and self.id.startswith(f"{first.repo}:{first.file}")


# What the Lab's recipes name in a model's place: no file, two players made from the seed.
NEW = Checkpoint(
    id="new",
    title="Two new players",
    task="learn",
    network="",
    sources=(Source("made from the seed"),),
    format="safetensors",
    licence="CC0-1.0",
    commercial="yes",
    trained_on="nothing yet",
    paper="Goodfellow 2014, arXiv:1406.2661",
    parameters=0,
    data="none",
)


def load(networks: Collection[str], own: str | None = None) -> dict[str, Checkpoint]:
    """All rows by id: the shipped ones, then those of `own` (default: the file that GANAPPS_CATALOG
    names).

    Raises UserError with the row's name for an unknown key, task, format, network or sureness, a
    source that is listed twice, a hash that is none, a duplicate id, a missing or mistyped value.
    """
    own = os.environ.get("GANAPPS_CATALOG") if own is None else own
    rows: dict[str, Checkpoint] = {}
    for path in [WEIGHTS / "catalog.toml", *([Path(own)] if own else [])]:
        for row in _rows(path):
            checkpoint = _checkpoint(row, networks)
            if checkpoint.id in rows:
                raise UserError(
                    "Two rows of the catalogue are called {row}: give one of them another id.",
                    row=checkpoint.id,
                )
            rows[checkpoint.id] = checkpoint
    return rows


def _rows(path: Path) -> list[dict]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise UserError(
            "The catalogue {file} can't be read: {why}.", file=str(path), why=e.strerror
        ) from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise UserError(
            "The catalogue {file} is not valid TOML: {why}.", file=str(path), why=e
        ) from e
    rows = content.pop("checkpoint", [])
    if content or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(
            "The catalogue {file} holds something beside [[checkpoint]] rows: {keys}.",
            file=str(path),
            keys=", ".join(content) or "checkpoint",
        )
    return rows


def _checkpoint(row: dict, networks: Collection[str]) -> Checkpoint:
    name = str(row.get("id", "without an id"))
    values = dict(row)
    sources = values.get("sources")
    if not isinstance(sources, list) or not sources:
        raise UserError(
            "Row {row} of the catalogue has no sources: say where its file comes from.", row=name
        )
    values["sources"] = tuple(_source(s, name) for s in sources)
    _insist_on_different(values["sources"], name)
    checkpoint = _record(Checkpoint, values, name)
    for key, allowed in (
        ("task", TASKS),
        ("format", FORMATS),
        ("commercial", COMMERCIAL),
        ("network", networks),
    ):
        _choice(getattr(checkpoint, key), allowed, key, name)
    _hash(checkpoint.labels_sha256, "labels_sha256", name)
    return checkpoint


def _source(values: Any, row: str) -> Source:
    source = _record(Source, values, row)
    if "sure" in values:
        _choice(source.sure, SURE, "sure", row)
    _hash(source.sha256, "sha256", row)
    return source


def _insist_on_different(sources: tuple[Source, ...], row: str) -> None:
    """Trying the same place twice costs a person time and says nothing new."""
    seen = set()
    for source in sources:
        place = (source.repo, source.file, source.files, source.revision)
        if place in seen:
            raise UserError(
                "Row {row} of the catalogue lists the source {source} twice: take one of them out.",
                row=row,
                source=str(source),
            )
        seen.add(place)


def _choice(value: str, allowed: Collection[str], key: str, row: str) -> None:
    if value not in allowed:
        raise UserError(
            "Row {row} of the catalogue has the unknown {key} {value}: accepted are {allowed}.",
            row=row,
            key=key,
            value=value,
            allowed=", ".join(sorted(allowed)),
        )


def _hash(value: str | None, key: str, row: str) -> None:
    """A hash with a slip of the pen would refuse the right file."""
    if value is not None and not SHA256.fullmatch(value):
        raise UserError(
            "Row {row} of the catalogue: {key} can't be {value}.",
            row=row,
            key=key,
            value=repr(value),
        )


def _record(kind: type, values: Any, row: str) -> Any:
    """`values` as a frozen dataclass, every key known, present and of the annotated type."""
    if not isinstance(values, dict):
        raise UserError(
            "Row {row} of the catalogue: {value} is not a table of keys.", row=row, value=values
        )
    known = {f.name: f for f in fields(kind)}
    for key in values:
        if key not in known:
            raise UserError(
                "Row {row} of the catalogue has the unknown key {key}.", row=row, key=key
            )
    for f in known.values():
        if f.name in values:
            values[f.name] = _typed(str(f.type), values[f.name], row, f.name)
        elif f.default is MISSING and f.default_factory is MISSING:
            raise UserError("Row {row} of the catalogue has no {key}.", row=row, key=f.name)
    return kind(**values)


def _typed(annotation: str, value: Any, row: str, key: str) -> Any:
    if annotation.startswith("tuple[str"):
        right = isinstance(value, list) and all(isinstance(v, str) for v in value)
        value = tuple(value) if right else value
    elif annotation.startswith("tuple"):
        right = isinstance(value, tuple)
    elif annotation.startswith("Mapping"):
        right = isinstance(value, dict)
    elif annotation == "bool":
        right = isinstance(value, bool)
    elif annotation.startswith("int"):
        right = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    else:
        right = isinstance(value, str) and (value.strip() != "" or key in ("note", "file"))
    if not right:
        raise UserError(
            "Row {row} of the catalogue: {key} can't be {value}.",
            row=row,
            key=key,
            value=repr(value),
        )
    return value


def unknown(name: str) -> UserError:
    """The refusal of a model that is neither a row nor a place on the Hub."""
    return UserError(
        "The model {name} is not in the catalogue: choose one of the list, or type "
        "owner/repo:file@revision.",
        name=name,
    )

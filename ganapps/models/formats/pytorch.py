"""PyTorch files, the zip archives and the older streams: their tensors, and the plain values beside
them.

What else lies beside the weights (numpy's numbers, a program's settings, paths, dates, classes of
research code) is read as inert records, of which the plain values are kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from ganapps.models.formats.pickles import PERSISTENT, Budget, Record
from ganapps.models.formats.refusals import damaged, foreign, no_tensors, too_intricate
from ganapps.models.formats.snapshots import (
    DEEPEST,
    KNOWN,
    LONGEST_PATH,
    NOT_PLAIN,
    harmless,
    plain,
)
from ganapps.models.formats.storages import (
    NAMED,
    NAMES,
    PARAMETER,
    REBUILD,
    Stream,
    read_archive,
    read_stream,
)


def read_zip(path: str, data: memoryview, budget: Budget) -> tuple[dict[str, Tensor], dict]:
    """The tensors by dotted name and the settings of a zip archive. Raises `WeightsError`."""
    return _opened(read_archive(path, data, budget, _allowed), budget)


def read_legacy(data: memoryview, budget: Budget) -> tuple[dict[str, Tensor], dict]:
    """The tensors by dotted name and the settings of an older stream. Raises `WeightsError`."""
    return _opened(read_stream(data, budget, _allowed), budget)


def _allowed(name: str) -> bool:
    return name in NAMES or harmless(name)


def _opened(stream: Stream, budget: Budget) -> tuple[dict[str, Tensor], dict]:
    tensors: dict[str, Tensor] = {}
    made: dict[str, Tensor] = {}
    strangers: list[str] = []
    for names, record in _tensors(stream.root, (), budget, strangers):
        name = ".".join(names)
        if name in tensors:
            raise damaged(budget.file)
        tensors[name] = stream.tensor(record, made, budget.file)
    if not tensors:
        raise foreign(budget.file, strangers[0]) if strangers else no_tensors(budget.file)
    settings = plain(stream.root, budget)
    return tensors, settings if isinstance(settings, dict) and settings is not NOT_PLAIN else {}


def _tensors(
    value: object, path: tuple[str, ...], budget: Budget, strangers: list[str]
) -> Iterator[tuple[tuple[str, ...], Record]]:
    """The record of every tensor in nested dicts and lists, with the names that lead to it.

    Gathers the names of classes that are no dicts in `strangers`.
    """
    budget.spend(NAMED)
    if len(path) > DEEPEST or sum(map(len, path)) > LONGEST_PATH:
        raise too_intricate(budget.file)
    if type(value) is Record and value.pairs is not None:
        value = value.pairs
    if type(value) is Record:
        record = value.args[0] if value.name == PARAMETER else value
        if record.name in REBUILD:
            yield path, record
        elif record.name not in KNOWN and record.name != PERSISTENT:
            strangers.append(record.name)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _tensors(inner, (*path, str(key)), budget, strangers)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _tensors(inner, (*path, str(index)), budget, strangers)

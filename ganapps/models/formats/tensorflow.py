"""Networks of NVIDIA's TensorFlow program (StyleGAN, StyleGAN2): their arrays by name, and what
their constructors were told.

Such a file is a pickled triple of networks: G and D as trained, and Gs, the average of G. Each is
an object whose state holds the text of its program (which is never looked at), its settings, named
arrays, and networks inside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ganapps.models.formats.pickles import TENSORFLOW_NETWORK, Record
from ganapps.models.formats.refusals import damaged, tensorflow, too_intricate
from ganapps.models.formats.snapshots import ARRAYS, DEEPEST, LONGEST_PATH, Snapshot, mapping, plain
from ganapps.models.formats.storages import NAMED

NETWORKS = ("G", "D", "Gs")  # in a file's order
KINDS = {
    "f2": torch.float16,
    "f4": torch.float32,
    "f8": torch.float64,
    "i4": torch.int32,
    "i8": torch.int64,
}


def is_network(value: object) -> bool:
    """Is this a file's triple of networks, or one of them?"""
    first = value[0] if isinstance(value, (tuple, list)) and value else value
    return type(first) is Record and first.name == TENSORFLOW_NETWORK


def read_networks(
    value: object, snapshot: Snapshot, wanted: tuple[str, ...] | None
) -> tuple[dict[str, Tensor], dict]:
    """Tensors ('Gs.synthesis/4x4/Conv/weight') and settings ({'Gs': {'resolution': 1024, ...}}) of
    the networks `wanted`, or of Gs, the one that makes the pictures. Raises `WeightsError`."""
    file = snapshot.budget.file
    if not isinstance(value, (tuple, list)) or len(value) != len(NETWORKS):
        raise tensorflow(file)
    settings = {}
    for name, network in zip(NETWORKS, value):
        if name not in (wanted or ("Gs",)):
            continue
        state = _state(network)
        if state is None:
            raise tensorflow(file)
        found = plain(state.get("static_kwargs"), snapshot.budget)
        settings[name] = found if isinstance(found, dict) else {}
        for path, record in _variables(network, snapshot, ""):
            key = f"{name}.{path}"
            if len(path) > LONGEST_PATH or key in snapshot.tensors:
                raise damaged(file)
            snapshot.tensors[key] = _array(record, snapshot)
    if not snapshot.tensors:
        raise tensorflow(file)
    return snapshot.tensors, settings


def _state(network: object) -> dict | None:
    if type(network) is not Record or network.name != TENSORFLOW_NETWORK:
        return None
    return network.state if type(network.state) is dict else None


def _variables(
    network: object, snapshot: Snapshot, path: str, depth: int = 0
) -> Iterator[tuple[str, object]]:
    """The names and records of a network's arrays, and of those inside it:
    'synthesis/4x4/Conv/weight'."""
    snapshot.budget.spend(NAMED)
    file = snapshot.budget.file
    state = _state(network)
    if state is None:
        raise damaged(file)
    variables = state.get("variables", [])
    if not isinstance(variables, (tuple, list)):
        raise damaged(file)
    if depth > DEEPEST:
        raise too_intricate(file)
    for pair in variables:
        snapshot.budget.spend(NAMED)
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or type(pair[0]) is not str:
            raise damaged(file)
        yield path + pair[0], pair[1]
    for name, inner in (mapping(state.get("components")) or {}).items():
        yield from _variables(inner, snapshot, f"{path}{name}/", depth + 1)


def _array(record: object, snapshot: Snapshot) -> Tensor:
    """An array of numpy, or one of its numbers, as a tensor."""
    file = snapshot.budget.file
    if type(record) is not Record or not record.name.startswith(ARRAYS):
        raise damaged(file)
    shape: object
    if record.name.endswith(".scalar") and len(record.args) == 2:
        kind, data = record.args
        shape, turned = (), False
    elif type(record.state) is tuple and len(record.state) == 5:
        shape, kind, turned, data = record.state[1:]
    else:
        raise damaged(file)
    code = _code(kind)
    dtype = None if code is None else KINDS.get(code)
    if dtype is None or type(turned) is not bool or type(shape) is not tuple or len(shape) > 8:
        raise damaged(file)
    if not all(type(side) is int and 0 <= side < 2**31 for side in shape):
        raise damaged(file)
    numbers = snapshot.content(data)
    if len(numbers) != math.prod(shape) * dtype.itemsize:
        raise damaged(file)
    snapshot.use(len(numbers))
    if not len(numbers):
        return torch.empty(shape, dtype=dtype)
    tensor = torch.frombuffer(bytearray(numbers), dtype=dtype)
    return (
        tensor.view(shape[::-1]).permute(*reversed(range(len(shape))))
        if turned
        else tensor.view(shape)
    )


def _code(kind: object) -> str | None:
    """The number type that the record of a numpy.dtype stands for, where its bytes run as this
    machine's do."""
    if (
        type(kind) is not Record
        or kind.name != "numpy.dtype"
        or not kind.args
        or type(kind.args[0]) is not str
    ):
        return None
    order = kind.state[1] if type(kind.state) is tuple and len(kind.state) > 1 else "<"
    return kind.args[0].lstrip("<=|") if order in ("<", "=", "|") else None

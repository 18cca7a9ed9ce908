"""Networks pickled whole (NVIDIA's stylegan2-ada-pytorch and stylegan3, R3GAN): their tensors and
constructor settings.

Such a file is a dict {'G', 'D', 'G_ema', 'training_set_kwargs', ...}. NVIDIA's networks are calls
of `_reconstruct_persistent_obj` with {class_name, module_src, state}: the source text is never
looked at. R3GAN's are plain objects with a class name and a state. The state of both is the
`__dict__` of a torch module.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy
from torch import Tensor

from ganapps.errors import WeightsError
from ganapps.models.formats.pickles import (
    COUNTER,
    ORDERED_DICT,
    Budget,
    LongText,
    Name,
    Reader,
    Record,
)
from ganapps.models.formats.refusals import (
    claims_too_much,
    damaged,
    foreign,
    nothing_wanted,
    too_intricate,
    unknown,
)
from ganapps.models.formats.storages import (
    DEVICE,
    DTYPES,
    NAMED,
    PARAMETER,
    REBUILD,
    SIZE,
    check_view,
    claim,
    read_stream,
    tensor_from,
)

PERSISTENT_OBJECT = "torch_utils.persistence._reconstruct_persistent_obj"
EMBEDDED_STREAM = "torch.storage._load_from_bytes"
ENCODE = "_codecs.encode"
ARRAYS = ("numpy.core.multiarray.", "numpy._core.multiarray.")
NUMBERS = frozenset("b1 i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8".split())
DEEPEST = 32  # modules or settings inside one another; R3GAN has 8
LONGEST_LIST = 256
LONGEST_PATH = 400
NOT_PLAIN = object()
# what a program was told: their attributes are settings
NAMESPACES = (
    "argparse.Namespace",
    "types.SimpleNamespace",
)
# What else of Python, numpy and PyTorch lies in honest files, beside the weights.
BESIDE = frozenset(
    [
        "collections.defaultdict",
        "copyreg._reconstructor",
        "copy_reg._reconstructor",
        "typing.Any",
        *NAMESPACES,
    ]
    + [
        f"{module}.{kind}"
        for module in ("builtins", "__builtin__")
        for kind in "bool bytes complex dict float frozenset int list object range set slice str "
        "tuple".split()
    ]
    + [
        f"{module}.{kind}"
        for module in ("pathlib", "pathlib._local")
        for kind in "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath".split()
    ]
    + [f"datetime.{kind}" for kind in ("date", "datetime", "time", "timedelta", "timezone")]
)
KNOWN = BESIDE | frozenset(
    [
        ORDERED_DICT,
        COUNTER,
        PARAMETER,
        SIZE,
        DEVICE,
        *REBUILD,
        EMBEDDED_STREAM,
        ENCODE,
        "numpy.dtype",
        "numpy.ndarray",
    ]
    + [f"{module}{name}" for module in ARRAYS for name in ("scalar", "_reconstruct")]
    + [str(dtype) for dtype in DTYPES.values()]
    + [f"numpy.{kind}" for kind in "bool_ float16 float32 float64 int32 int64 uint8".split()]
)


@dataclass
class Network:
    """A pickled torch module: its class, and the parts of its `__dict__`."""

    class_name: str
    state: dict

    def part(self, name: str) -> dict:
        """'_parameters', '_buffers' or '_modules'."""
        found = self.state.get(name)
        return found if type(found) is dict else {}

    def settings(self, budget: Budget) -> dict:
        """Its constructor's keyword arguments, its plain attributes, and `class_name`."""
        given = plain(self.state.get("_init_kwargs"), budget)
        attributes = {
            name: plain(value, budget) for name, value in self.state.items() if str(name)[:1] != "_"
        }
        found = {name: value for name, value in attributes.items() if value is not NOT_PLAIN}
        positional = plain(self.state.get("_init_args"), budget)
        if type(positional) is list and positional:
            found["init_args"] = positional
        return (given if type(given) is dict else {}) | found | {"class_name": self.class_name}


@dataclass
class Snapshot:
    """What has been taken out of a file so far; `room` is how many bytes of tensors it may still
    hold.
    """

    budget: Budget
    room: int
    tensors: dict[str, Tensor] = field(default_factory=dict)
    seen: dict[int, Tensor] = field(default_factory=dict)

    def take(self, path: str, record: object) -> None:
        """Adds the tensor of `record` under the name `path`."""
        if len(path) > LONGEST_PATH:
            raise too_intricate(self.budget.file)
        if type(record) is not Record or path in self.tensors:
            raise damaged(self.budget.file)
        if id(record) not in self.seen:
            self.seen[id(record)] = self.tensor(record)
        self.tensors[path] = self.seen[id(record)]

    def tensor(self, record: Record) -> Tensor:
        if record.name == PARAMETER and record.args and type(record.args[0]) is Record:
            record = record.args[0]
        storage = record.args[0] if record.args else None
        if type(storage) is not Record or storage.name != EMBEDDED_STREAM or len(storage.args) != 1:
            raise damaged(self.budget.file)
        stream = read_stream(self.content(storage.args[0]), self.budget)
        if type(stream.root) is not Record:
            raise damaged(self.budget.file)
        numbers = claim(stream.root, self.budget.file)
        view = check_view(record, numbers.count, self.budget.file)
        self.use(numbers.size)
        return tensor_from(stream.storages[numbers.key], numbers.dtype, view)

    def content(self, value: object) -> memoryview:
        """The bytes of a bytes value, or of the text that stands for one in protocol 2."""
        text = value.args[0] if _is_encoded(value) else None
        if type(text) is LongText:
            self.use(len(text.view))
            value = Record(ENCODE, (str(text.view, "utf-8", "replace"), "latin1"))
        found = _bytes(value)
        if found is None:
            raise damaged(self.budget.file)
        return found

    def use(self, size: int) -> None:
        self.room -= size
        if self.room < 0:
            raise claims_too_much(self.budget.file)


def opened(data: memoryview, budget: Budget) -> tuple[object, Snapshot]:
    """What a plain pickle holds, as inert records, and an empty snapshot for what is taken out of
    it.
    """
    value = Reader(data, budget, _allowed).value()
    # twice, for protocol 2 writes bytes as text that is decoded first
    return value, Snapshot(budget, 2 * len(data))


def read_snapshot(
    value: object, snapshot: Snapshot, wanted: tuple[str, ...] | None
) -> tuple[dict[str, Tensor], dict]:
    """Tensors ('G_ema.mapping.fc0.weight') and settings ({'G_ema': {'z_dim': 512, ...},
    'training_set_kwargs': ...}).

    Takes the networks named in `wanted`, or G_ema, the one that makes the pictures. Each one's
    settings also hold `modules`: class name, constructor settings and plain attributes of every
    module inside it, by its dotted name; and `non_persistent`, the names of the buffers that a
    state dict would leave out (they are among the tensors). Raises `WeightsError`.
    """
    budget = snapshot.budget
    root = mapping(value) or {}
    networks = {
        name: network for name, value in root.items() if (network := _network(value)) is not None
    }
    if not networks:
        raise _stranger(value, budget.file)
    chosen = [name for name in wanted or ("G_ema",) if name in networks]
    if not chosen:
        raise nothing_wanted(budget.file, wanted or ("G_ema",), [str(name) for name in networks])
    settings: dict[str, Any] = {
        name: value for name, raw in root.items() if (value := plain(raw, budget)) is not NOT_PLAIN
    }
    settings |= {name: network.settings(budget) for name, network in networks.items()}
    for name in chosen:
        settings[name] |= _take_network(snapshot, name, networks[name])
    return snapshot.tensors, settings


def harmless(name: str) -> bool:
    """Any class of research code may be named, it is inert. Of Python, numpy and PyTorch a handful
    has business here.
    """
    package = name.partition(".")[0]
    general = package in sys.stdlib_module_names or package in (
        "torch",
        "numpy",
        "pip",
        "__builtin__",
        "copy_reg",
    )
    return not general or name in KNOWN


def _allowed(name: str) -> bool:
    return harmless(name) or name.startswith("torch.nn.")


def _stranger(value: object, file: str) -> WeightsError:
    """What to say of a pickle without a network: the class that it is made of, if there is one."""
    inside = mapping(value)
    for record in (value, *(inside or {}).values()):
        if type(record) is Record and record.name not in (*KNOWN, PERSISTENT_OBJECT):
            return foreign(file, record.name)
    return unknown(file)


def _take_network(snapshot: Snapshot, name: str, network: Network) -> dict:
    modules, non_persistent = {}, []
    for path, module in _walk(snapshot.budget, network, ()):
        inner = ".".join(path)
        for part in ("_parameters", "_buffers"):
            for leaf, record in module.part(part).items():
                snapshot.budget.spend(NAMED)
                if record is not None:
                    snapshot.take(".".join((name, *path, str(leaf))), record)
        if path:
            modules[inner] = module.settings(snapshot.budget)
        hidden = module.state.get("_non_persistent_buffers_set")
        non_persistent += [".".join((*path, leaf)) for leaf in _texts(hidden)]
    return {"modules": modules, "non_persistent": non_persistent}


def _walk(
    budget: Budget, network: Network, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Network]]:
    if len(path) > DEEPEST or sum(map(len, path)) > LONGEST_PATH:
        raise too_intricate(budget.file)
    yield path, network
    for name, value in network.part("_modules").items():
        budget.spend(NAMED)
        if value is not None:
            child = _network(value)
            if child is None:
                raise damaged(budget.file)
            yield from _walk(budget, child, (*path, str(name)))


def _network(value: object) -> Network | None:
    """The module that a record stands for, if it is one."""
    if type(value) is not Record:
        return None
    name: object
    state: object
    if value.name == PERSISTENT_OBJECT:
        meta = (mapping(value.args[0]) if value.args else None) or {}
        name, state = meta.get("class_name"), mapping(meta.get("state"))
    else:
        name, state = value.name.rpartition(".")[2], value.state
    if (
        type(name) is not str
        or type(state) is not dict
        or type(state.get("_parameters")) is not dict
    ):
        return None
    return Network(name, state)


def mapping(value: object) -> dict | None:
    """A dict, or what was put into an object that is a kind of dict (NVIDIA's EasyDict)."""
    pairs = value.pairs if type(value) is Record else value
    return pairs if type(pairs) is dict else None


def _is_encoded(value: object) -> TypeGuard[Record]:
    """Is this the call that stands for bytes in protocol 2?"""
    return (
        type(value) is Record
        and value.name == ENCODE
        and len(value.args) == 2
        and value.args[1] == "latin1"
    )


def _bytes(value: object) -> memoryview | None:
    """The bytes of a bytes value, or of the text that stands for one in protocol 2; None for
    anything else.
    """
    if type(value) is memoryview:
        return value
    text = value.args[0] if _is_encoded(value) else None
    if type(text) is not str or (not text.isascii() and max(text) > "\xff"):
        return None
    return memoryview(text.encode("latin1"))


def _texts(value: object) -> list[str]:
    """The texts of a set, which protocol 2 and 3 write as a call of `set` with a list."""
    if type(value) is Record:
        value = value.args[0] if value.args else None
    return (
        [text for text in value if type(text) is str][:LONGEST_LIST] if type(value) is list else []
    )


def plain(value: object, budget: Budget, depth: int = 0) -> object:
    """`value` as None, bool, number, text, lists and dicts of these; the rest is left out of dicts,
    or `NOT_PLAIN`.
    """
    budget.spend()
    if depth > DEEPEST:
        raise too_intricate(budget.file)
    if value is None or type(value) in (bool, float, str):
        return value
    if type(value) is int:
        return value if abs(value) < 2**63 else NOT_PLAIN
    if type(value) is Record and value.name == SIZE and len(value.args) == 1:
        value = value.args[0]
    if isinstance(value, (list, tuple)) and len(value) <= LONGEST_LIST:
        entries = [plain(entry, budget, depth + 1) for entry in value]
        return NOT_PLAIN if any(entry is NOT_PLAIN for entry in entries) else entries
    pairs = value.state if type(value) is Record and value.name in NAMESPACES else mapping(value)
    if isinstance(pairs, dict):
        found = {
            key: entry
            for key, raw in pairs.items()
            if (entry := plain(raw, budget, depth + 1)) is not NOT_PLAIN
        }
        return found if found or not pairs else NOT_PLAIN
    return _plain_record(value)


def _plain_record(value: object) -> object:
    """Number types as text, and numpy's numbers and small arrays."""
    if type(value) is Name and value.text.startswith("torch."):
        return value.text
    if type(value) is not Record or not value.name.startswith(ARRAYS):
        return NOT_PLAIN
    if value.name.endswith(".scalar") and len(value.args) == 2:
        found = _numbers(*value.args, ())
        return NOT_PLAIN if found is None else found[()].item()
    if type(value.state) is tuple and len(value.state) == 5 and value.state[3] is False:
        found = _numbers(value.state[2], value.state[4], value.state[1])
        return NOT_PLAIN if found is None else found.tolist()
    return NOT_PLAIN


def _numbers(kind: object, data: object, shape: object) -> numpy.ndarray | None:
    """The array of `shape` in `data`; `kind` is the record of its numpy.dtype, whose state holds
    the byte order. None for what is no such array.
    """
    if type(kind) is not Record or kind.name != "numpy.dtype" or not kind.args:
        return None
    code, state = kind.args[0], kind.state
    order = state[1] if type(state) is tuple and len(state) > 1 else "<"
    raw = _bytes(data)
    if type(code) is not str or code not in NUMBERS or order not in ("<", ">", "|") or raw is None:
        return None
    if (
        type(shape) is not tuple
        or len(shape) > 4
        or not all(type(side) is int and side >= 0 for side in shape)
    ):
        return None
    number = numpy.dtype(order.replace("|", "<") + code)
    if len(raw) != math.prod(shape) * number.itemsize or math.prod(shape) > LONGEST_LIST:
        return None
    return numpy.frombuffer(raw, number).reshape(shape)

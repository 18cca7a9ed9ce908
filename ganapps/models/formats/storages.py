"""The tensors of PyTorch files and streams: what they claim, and whether the bytes for it are
there.

PyTorch's own reader believes sizes, even where it runs no code: a few hundred bytes can ask it for
terabytes, or for a hash that never ends. So it is not asked. The strict reader reads each file, and
a tensor is made only of bytes that are there.
"""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ganapps.models.formats.pickles import (
    COUNTER,
    ORDERED_DICT,
    PERSISTENT,
    Budget,
    Name,
    Reader,
    Record,
)
from ganapps.models.formats.refusals import (
    byte_order,
    claims_too_much,
    cut_off,
    damaged,
    impostor,
    program,
    too_intricate,
    zipped,
)

STREAM_MAGIC = 0x1950A86A20F9469CFC6C  # the number that every legacy PyTorch stream begins with
STREAM_VERSION = 1001
LARGEST_DIRECTORY = 64 * 2**20  # bytes of a zip's directory; one of a thousand tensors takes 0.1 MB
LARGEST_SIDE = 2**40
# Entries of programs that PyTorch's compilers write: TorchScript of today and of old, and
# torch.export.
PROGRAM = ("constants.pkl", "model.json", "archive_format", "serialized_exported_program.json")
# steps for each tensor or module: it costs more than a pickle spends on it, and may have many names
NAMED = 20
REBUILD = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
PARAMETER = "torch._utils._rebuild_parameter"
SIZE, DEVICE = "torch.Size", "torch.device"
MAKERS = (*REBUILD, PARAMETER, SIZE, PERSISTENT)
DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
}
NAMES = frozenset(
    [ORDERED_DICT, COUNTER, PARAMETER, SIZE, *REBUILD]
    + [f"{module}.{storage}" for module in ("torch", "torch.cuda") for storage in DTYPES]
    + [str(dtype) for dtype in DTYPES.values()]
)


@dataclass(frozen=True)
class Claim:
    """What a pickle says of one storage: its key, and `count` numbers of type `dtype`."""

    key: str
    dtype: torch.dtype
    count: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class Stream:
    """A PyTorch file: the pickled value, and the bytes of each storage that it names."""

    root: object
    storages: Mapping[str, memoryview]

    def tensor(self, record: Record, made: dict[str, Tensor], file: str) -> Tensor:
        """The tensor that `record` rebuilds; `made` has the storages that other tensors were made
        of, or gets this one.

        It is a view of its storage, as in the network that was saved. Raises `WeightsError`.
        """
        if not record.args or type(record.args[0]) is not Record:
            raise damaged(file)
        numbers = claim(record.args[0], file)
        offset, size, stride = check_view(record, numbers.count, file)
        if 0 in size:
            return torch.empty(size, dtype=numbers.dtype)
        if numbers.key not in made:
            made[numbers.key] = _aligned(self.storages[numbers.key], numbers.dtype)
        return made[numbers.key].as_strided(size, stride, offset)


def claim(record: Record, file: str) -> Claim:
    """The storage that a persistent id names. Raises `WeightsError`."""
    if (
        record.name != PERSISTENT
        or len(record.args) not in (5, 6)
        or record.args[5:] not in ((), (None,))
    ):
        raise damaged(file)
    tag, kind, key, location, count = record.args[:5]
    honest = [type(part) for part in (tag, kind, key, location, count)] == [
        str,
        Name,
        str,
        str,
        int,
    ]
    dtype = DTYPES.get(kind.text.rpartition(".")[2]) if honest else None
    if dtype is None or tag != "storage" or count < 0:
        raise damaged(file)
    return Claim(key, dtype, count)


def check_view(
    record: Record, count: int, file: str
) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Offset, size, stride of the tensor that `record` rebuilds over a storage of `count` numbers,
    else `WeightsError`.
    """
    if record.name not in REBUILD or len(record.args) < 4:
        raise damaged(file)
    offset, size, stride = record.args[1:4]
    if type(size) is not tuple or type(stride) is not tuple or not len(size) == len(stride) <= 16:
        raise damaged(file)
    if not all(type(number) is int and number >= 0 for number in (offset, *size, *stride)):
        raise damaged(file)
    if max((offset, *size, *stride)) >= LARGEST_SIDE:
        raise claims_too_much(file)
    last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    if 0 not in size and (math.prod(size) > count or last >= count):
        raise claims_too_much(file)
    return offset, size, stride


def tensor_from(
    data: memoryview, dtype: torch.dtype, view: tuple[int, tuple[int, ...], tuple[int, ...]]
) -> Tensor:
    """A tensor of its own memory from a storage's bytes and what `check_view` returned."""
    offset, size, stride = view
    if 0 in size:
        return torch.empty(size, dtype=dtype)
    numbers = torch.frombuffer(bytearray(data), dtype=dtype)
    strided = numbers.as_strided(size, stride, offset)
    whole = strided.numel() == numbers.numel() and strided.is_contiguous()
    return strided if whole else strided.clone(memory_format=torch.contiguous_format)


def _aligned(data: memoryview, dtype: torch.dtype) -> Tensor:
    """All numbers of a storage; they stay in the file where they lie as a processor wants them."""
    numbers = torch.frombuffer(data, dtype=dtype)
    return numbers.clone() if numbers.data_ptr() % dtype.itemsize else numbers


def read_stream(
    data: memoryview, budget: Budget, allowed: Callable[[str], bool] = NAMES.__contains__
) -> Stream:
    """Reads a legacy PyTorch stream (or the one around each tensor of NVIDIA's pickles) and checks
    every claim in it.

    It is five pickles (a magic number, a version, the writer's machine, the value, the keys of its
    storages), and then for each key an eight-byte count and the raw numbers. `allowed` are the
    names that may stand in it; what is called by them is inert. Raises `WeightsError`.
    """
    reader = Reader(data, budget, allowed)
    magic, version, machine, root, keys = (reader.value() for _ in range(5))
    if (
        type(magic) is not int
        or magic != STREAM_MAGIC
        or type(version) is not int
        or version != STREAM_VERSION
    ):
        raise damaged(budget.file)
    if type(machine) is not dict or type(keys) is not list:
        raise damaged(budget.file)
    if machine.get("little_endian") is not True:
        raise byte_order(budget.file)
    claims = _claims(reader.records, budget.file)
    if (
        not all(type(key) is str for key in keys)
        or len(keys) != len(claims)
        or set(keys) != set(claims)
    ):
        raise damaged(budget.file)
    storages = {key: _storage_bytes(reader, claims[key]) for key in keys}
    check_records(reader.records, claims, budget)
    return Stream(root, storages)


def _storage_bytes(reader: Reader, storage: Claim) -> memoryview:
    if storage.size > len(reader.data):
        raise claims_too_much(reader.budget.file)
    if reader.number(struct.Struct("<q")) != storage.count:
        raise damaged(reader.budget.file)
    return reader.take(storage.size)


def _claims(records: Iterable[Record], file: str) -> dict[str, Claim]:
    """One claim for each key: PyTorch believes the first that it meets, so a second must be the
    same.
    """
    claims: dict[str, Claim] = {}
    for record in records:
        if record.name == PERSISTENT:
            found = claim(record, file)
            if claims.setdefault(found.key, found) != found:
                raise damaged(file)
    return claims


def check_records(records: Iterable[Record], claims: Mapping[str, Claim], budget: Budget) -> None:
    """Each call of PyTorch's makes a tensor inside its storage, a parameter, or a small size; else
    it raises.

    Calls of others are inert records, whose names the reader has allowed.
    """
    file = budget.file
    for record in records:
        budget.spend(NAMED)
        if record.name not in MAKERS:
            honest = not record.name.startswith("torch.") or record.name == DEVICE
        elif record.state is not None or record.pairs is not None or record.entries is not None:
            honest = False
        elif record.name in REBUILD and record.args and type(record.args[0]) is Record:
            check_view(record, claims[claim(record.args[0], file).key].count, file)
            honest = _harmless(record.args[4:])
        elif record.name == PARAMETER and len(record.args) == 3:
            honest = (
                type(record.args[0]) is Record
                and record.args[0].name in REBUILD
                and _harmless(record.args[1:])
            )
        elif record.name == SIZE and len(record.args) == 1 and type(record.args[0]) is tuple:
            honest = len(record.args[0]) <= 16 and all(type(side) is int for side in record.args[0])
        else:
            honest = record.name == PERSISTENT
        if not honest:
            raise damaged(file)


def _harmless(rest: tuple) -> bool:
    """What follows a tensor's shape: whether it wants a gradient, no hooks, no metadata."""
    return len(rest) <= 3 and all(
        part is None or type(part) is bool or (type(part) is dict and not part) for part in rest
    )


def read_archive(
    path: str, data: memoryview, budget: Budget, allowed: Callable[[str], bool]
) -> Stream:
    """Reads a PyTorch zip file and checks every claim in its directory and in the pickle inside.

    `allowed` are the names that may stand in the pickle; what is called by them is inert. Raises
    `WeightsError`.
    """
    entries = {entry.filename: entry for entry in _checked(path, data, budget)}
    folder = next(iter(entries), "").partition("/")[0]
    order = entries.get(f"{folder}/byteorder")
    if order and bytes(_entry_bytes(data, order, budget.file)[:16]) != b"little":
        raise byte_order(budget.file)
    pickled = _entry_bytes(data, entries[f"{folder}/data.pkl"], budget.file)
    reader = Reader(pickled, budget, allowed)
    root = reader.value()
    claims = _claims(reader.records, budget.file)
    places: dict[str, zipfile.ZipInfo] = {}
    for key, claim in claims.items():
        place = entries.get(f"{folder}/data/{key}")
        if place is None or place.file_size != claim.size:
            raise claims_too_much(budget.file)
        places[key] = place
    check_records(reader.records, claims, budget)
    storages = {key: _entry_bytes(data, place, budget.file) for key, place in places.items()}
    if any(len(storages[key]) != claims[key].size for key in claims):
        raise damaged(budget.file)
    return Stream(root, storages)


def _checked(path: str, data: memoryview, budget: Budget) -> list[zipfile.ZipInfo]:
    """The entries of a PyTorch zip file, whose sizes are true; else a sentence that says what the
    file is.
    """
    entries = _directory(path, data, budget.file)
    names = [entry.filename for entry in entries]
    folder = names[0].partition("/")[0] if names else ""
    if any(
        name in PROGRAM or name.startswith("code/")
        for name in (n.removeprefix(f"{folder}/") for n in names)
    ):
        raise program(budget.file)
    if f"{folder}/data.pkl" not in names:
        raise impostor(budget.file, zipped(names))
    _check_sizes(entries, len(data), budget)
    return entries


def _directory(path: str, data: memoryview, file: str) -> list[zipfile.ZipInfo]:
    if _directory_size(data, file) > LARGEST_DIRECTORY:
        raise too_intricate(file)
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        ValueError,
        struct.error,
        OverflowError,
    ) as error:
        raise damaged(file) from error


def _directory_size(data: memoryview, file: str) -> int:
    """In bytes, by the record at the very end of a zip without a comment, as PyTorch writes it.

    The directory must end where that record begins: the zip reader here and PyTorch's would else
    each take another one for it.
    """
    end = len(data) - 22
    if end < 0 or data[end : end + 4] != b"PK\x05\x06":
        raise cut_off(file)
    size, start, comment = struct.unpack_from("<IIH", data, end + 12)
    if end >= 76 and data[end - 20 : end - 16] == b"PK\x06\x07":
        pointed = struct.unpack_from("<Q", data, end - 12)[0]
        end -= 76
        size, start = struct.unpack_from("<QQ", data, end + 40)
        comment += pointed != end or data[end : end + 4] != b"PK\x06\x06"
    if comment or start + size != end:
        raise damaged(file)
    return size


def _check_sizes(entries: list[zipfile.ZipInfo], room: int, budget: Budget) -> None:
    """PyTorch compresses nothing and repeats no name, so all entries together are no larger than
    the file.
    """
    budget.spend(len(entries))
    if any(
        entry.compress_type or entry.flag_bits & 1 or entry.compress_size != entry.file_size
        for entry in entries
    ):
        raise claims_too_much(budget.file)
    names = {entry.filename.casefold() for entry in entries}
    alphabets = {entry.flag_bits & 0x800 for entry in entries if not entry.filename.isascii()}
    if (
        len(names) < len(entries)
        or len(alphabets) > 1
        or sum(entry.file_size for entry in entries) > room
    ):
        raise damaged(budget.file)


def _entry_bytes(data: memoryview, entry: zipfile.ZipInfo, file: str) -> memoryview:
    header = data[entry.header_offset : entry.header_offset + 30]
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise damaged(file)
    start = entry.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
    return data[start : start + entry.file_size]

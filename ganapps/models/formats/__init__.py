"""Checkpoint file -> tensors and settings, never code: safetensors, PyTorch files, NVIDIA's and
R3GAN's pickles, ONNX.

The kind is recognised from the bytes, not from the file's name. Whatever is not what it seems is
one `WeightsError` sentence, in seconds and in little memory, and nothing of it is ever run.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ganapps.models.formats import onnx, pytorch, refusals, tensorflow
from ganapps.models.formats.pickles import Budget
from ganapps.models.formats.snapshots import opened, read_snapshot
from ganapps.models.formats.storages import NAMED, STREAM_MAGIC

LARGEST_HEADER = 16 * 2**20  # bytes of a safetensors header; one of a thousand tensors takes 0.1 MB
# Bytes of all tensors together: whole numbers become four times as large, and tensors may share
# some of their numbers.
WIDENED, SHARED = 4, 2**28
MAGIC_BYTES = STREAM_MAGIC.to_bytes(10, "little")


@dataclass(frozen=True)
class Contents:
    """What a checkpoint file holds.

    `tensors`: dotted names to tensors on the CPU, without gradient, in the file's number type
    ('params_ema.conv_first.weight', 'G_ema.mapping.fc0.weight'). They may still lie in the file
    itself until they are used, so don't write to them. `settings`: the plain values beside them as
    nested dicts and lists ({'G_ema': {'z_dim': 512, ...}, 'epoch': 200}).
    """

    tensors: dict[str, Tensor]
    settings: dict


def read(
    path: str | Path, name: str | None = None, wanted: tuple[str, ...] | None = None
) -> Contents:
    """Reads the checkpoint at `path`; `name` is how sentences call it (else the file's own name).

    `wanted` are the top-level names whose tensors are taken if they are there (('params_ema',),
    ('G_ema', 'D')), to save memory. Without it all are taken, except from NVIDIA's and R3GAN's
    pickles: there only G_ema (Gs where TensorFlow wrote them), the network that makes the pictures.
    Their buffers are all there, also those that a state dict leaves out
    (`settings['G_ema']['non_persistent']` names them).

    A snapshot's settings hold for each network its class name, constructor arguments and plain
    attributes, and for the taken ones `modules`, the same for every module inside. Safetensors
    metadata becomes top-level settings, as the texts they are. Of an ONNX file `nodes` say in which
    operations its tensors stand.

    Weights kept as whole numbers come as the float32 numbers they stand for.

    Raises `WeightsError`.
    """
    file = name or Path(path).name
    data = _open(os.fspath(path), file)
    read_kind = {
        "safetensors": _read_safetensors,
        "zip": _read_archive,
        "stream": _read_legacy,
        "pickle": _read_pickle,
        "onnx": _read_onnx,
    }
    contents = read_kind[_kind(data, file)](os.fspath(path), data, Budget(file), wanted)
    if not contents.tensors:
        raise refusals.no_tensors(file)
    if sum(tensor.nbytes for tensor in contents.tensors.values()) > WIDENED * len(data) + SHARED:
        raise refusals.claims_too_much(file)
    return contents


def _open(path: str, file: str) -> memoryview:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever
            raise refusals.no_file(file)
        if not status.st_size:
            raise refusals.empty(file)
        # tensors stay in the file until they are used, and nothing is written to it
        with open(path, "rb") as opened:
            return memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY))
    except (OSError, ValueError) as error:
        raise refusals.unreadable(
            file, getattr(error, "strerror", None) or type(error).__name__
        ) from error


def _kind(data: memoryview, file: str) -> str:
    head = bytes(data[:1024])
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"\0" not in head and not head.startswith(b"\x80"):
        for beginning, template in refusals.IMPOSTORS.items():
            if text.startswith(beginning.encode()):
                raise refusals.impostor(file, template)
    if head[8:9] == b"{":
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5":
        return "stream" if MAGIC_BYTES in head[:32] else "pickle"
    if onnx.is_onnx(head):
        return "onnx"
    raise refusals.other(head, file) or refusals.unknown(file)


def _read_safetensors(
    path: str, data: memoryview, budget: Budget, wanted: tuple[str, ...] | None
) -> Contents:
    header = int.from_bytes(data[:8], "little")
    if header > LARGEST_HEADER:
        raise refusals.damaged(budget.file)
    try:
        with safe_open(path, framework="pt") as opened:
            names = list(opened.keys())
            budget.spend(NAMED * len(names))
            tensors = {name: opened.get_tensor(name) for name in _taken(names, wanted, budget)}
            return Contents(_scaled(tensors, budget.file), dict(opened.metadata() or {}))
    except SafetensorError as error:
        ends = re.findall(
            rb'"data_offsets" ?: ?\[ ?\d{1,15} ?, ?(\d{1,15}) ?\]', data[8 : 8 + header]
        )
        cut = 8 + header + max(map(int, ends), default=0) > len(data)
        raise (refusals.cut_off if cut else refusals.damaged)(budget.file) from error


def _scaled(tensors: dict[str, Tensor], file: str) -> dict[str, Tensor]:
    """Weights that are kept as whole numbers, with a scale for each output channel, as the numbers
    they stand for.

    The names are those of compressed-tensors: NAME.weight, int8 [O, ...], and NAME.weight_scale [O,
    1].
    """
    for name in [n for n in tensors if n.endswith(".weight_scale")]:
        weight, scale = tensors.get(name.removesuffix("_scale")), tensors[name]
        if weight is None or weight.dtype != torch.int8:
            continue
        if not scale.is_floating_point() or not weight.dim() or scale.shape != (len(weight), 1):
            raise refusals.damaged(file)
        tensors[name.removesuffix("_scale")] = weight * tensors.pop(name).float().view(
            -1, *[1] * (weight.dim() - 1)
        )
    return tensors


def _taken(names: list[str], wanted: tuple[str, ...] | None, budget: Budget) -> list[str]:
    taken = [name for name in names if wanted is None or name.split(".")[0] in wanted]
    if names and not taken:
        raise refusals.nothing_wanted(
            budget.file, wanted or (), sorted({name.split(".")[0] for name in names})
        )
    return taken


def _read_archive(
    path: str, data: memoryview, budget: Budget, wanted: tuple[str, ...] | None
) -> Contents:
    return _wanted(*pytorch.read_zip(path, data, budget), wanted, budget)


def _read_legacy(
    path: str, data: memoryview, budget: Budget, wanted: tuple[str, ...] | None
) -> Contents:
    try:  # other programs would take such a file for PyTorch's oldest format, a tar archive
        tarfile.TarInfo.frombuf(bytes(data[:512]), "utf-8", "surrogateescape")
    except tarfile.TarError:
        return _wanted(*pytorch.read_legacy(data, budget), wanted, budget)
    raise refusals.damaged(budget.file)


def _wanted(
    tensors: dict[str, Tensor], settings: dict, wanted: tuple[str, ...] | None, budget: Budget
) -> Contents:
    return Contents(
        {name: tensors[name] for name in _taken(list(tensors), wanted, budget)}, settings
    )


def _read_pickle(
    path: str, data: memoryview, budget: Budget, wanted: tuple[str, ...] | None
) -> Contents:
    value, snapshot = opened(data, budget)
    if tensorflow.is_network(value):
        return Contents(*tensorflow.read_networks(value, snapshot, wanted))
    return Contents(*read_snapshot(value, snapshot, wanted))


def _read_onnx(
    path: str, data: memoryview, budget: Budget, wanted: tuple[str, ...] | None
) -> Contents:
    return Contents(*onnx.read_graph(data, budget))

"""An ONNX file as data: its stored tensors, and which operations they stand in. Nothing in it is
ever run.

The wire format is protobuf's (https://protobuf.dev/programming-guides/encoding), the fields are
those of onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ganapps.models.formats import refusals
from ganapps.models.formats.pickles import Budget

GRAPH = 7  # of a model
NODE, INITIALIZER = 1, 5  # of a graph
INPUT, OUTPUT, OPERATION, ATTRIBUTE = 1, 2, 4, 5  # of a node
NAME, TEXT, CONSTANT = 1, 4, 5  # of an attribute
DIMS, KIND, FLOATS, INTEGERS, TENSOR_NAME, RAW, ELSEWHERE = 1, 2, 4, 7, 8, 9, 14  # of a tensor
KINDS = {1: torch.float32, 6: torch.int32, 7: torch.int64, 10: torch.float16, 11: torch.float64}
VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
LONGEST, MOST_SIDES = 1000, 8  # bytes of a name, sides of a tensor


class _Damaged(Exception):
    """What no honest program writes."""


def is_onnx(head: bytes) -> bool:
    """Does a file begin as an ONNX model does: with its version, 1 to 31, and then another of its
    first fields?
    """
    return (
        len(head) > 2
        and head[0] == 8
        and 0 < head[1] < 32
        and head[2] in (0x12, 0x1A, 0x22, 0x2A, 0x32, 0x3A, 0x42)
    )


def read_graph(data: memoryview, budget: Budget) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors by name, and {"nodes": [{"operation": "Conv", "inputs": [...], "outputs": [...],
    "texts": {...}}, ...]} in their order.

    `texts` are the attributes that are texts; other attributes are left out, but for a constant's
    tensor, which stands among the tensors. Raises WeightsError.
    """
    tensors: dict[str, Tensor] = {}
    nodes: list[dict[str, Any]] = []
    try:
        for field, graph in _fields(data, budget):
            if field != GRAPH:
                continue
            for field, value in _fields(graph, budget):
                if field == NODE:
                    node, constant = _node(value, budget)
                    nodes.append(node)
                    if constant is not None and node["outputs"]:
                        tensors[node["outputs"][0]] = constant
                elif field == INITIALIZER:
                    name, tensor = _tensor(value, budget)
                    if tensor is not None:
                        tensors[name] = tensor
    except _Damaged as error:
        raise refusals.damaged(budget.file) from error
    return tensors, {"nodes": nodes}


def _node(data: int | memoryview, budget: Budget) -> tuple[dict[str, Any], Tensor | None]:
    inputs, outputs, operation, texts, constant = [], [], "", {}, None
    for field, value in _fields(data, budget):
        if field == INPUT:
            inputs.append(_text(value))
        elif field == OUTPUT:
            outputs.append(_text(value))
        elif field == OPERATION:
            operation = _text(value)
        elif field == ATTRIBUTE:
            attribute = dict(_fields(value, budget))
            if TEXT in attribute:
                texts[_text(attribute.get(NAME))] = _text(attribute[TEXT])
            elif CONSTANT in attribute:
                constant = _tensor(attribute[CONSTANT], budget)[1]
    return {"operation": operation, "inputs": inputs, "outputs": outputs, "texts": texts}, constant


def _tensor(data: int | memoryview, budget: Budget) -> tuple[str, Tensor | None]:
    """A tensor and its name; None in its place where it holds something else than the numbers that
    networks are made of.
    """
    shape, values, name = [], None, ""
    kind: int | memoryview = 0
    for field, value in _fields(data, budget):
        if field == DIMS:
            shape += _integers(value, budget)
        elif field == KIND:
            kind = value
        elif field in (RAW, FLOATS, INTEGERS):
            values = (field, value)
        elif field == TENSOR_NAME:
            name = _text(value)
        elif field == ELSEWHERE and value == 1:
            raise refusals.weights_elsewhere(budget.file)
    if len(shape) > MOST_SIDES or not isinstance(kind, int):
        raise _Damaged
    if kind not in KINDS:
        return name, None
    field, value = values or (RAW, memoryview(b""))
    if not isinstance(value, memoryview):
        raise _Damaged
    count = 1
    for side in shape:
        count *= side
    if field == INTEGERS:
        numbers = torch.tensor(
            [n - (n >> 63 << 64) for n in _integers(value, budget)], dtype=torch.int64
        )
    else:
        form = KINDS[1] if field == FLOATS else KINDS[kind]
        if len(value) % form.itemsize:
            raise _Damaged
        numbers = (
            torch.frombuffer(bytearray(value), dtype=form)
            if len(value)
            else torch.empty(0, dtype=form)
        )
    if len(numbers) != count:
        raise refusals.claims_too_much(budget.file) if count > len(numbers) else _Damaged
    return name, numbers.reshape(shape)


def _integers(value: int | memoryview, budget: Budget) -> list[int]:
    """One whole number, or many packed into bytes; one below zero is its complement to 2**64."""
    if isinstance(value, int):
        return [value]
    found, at = [], 0
    while at < len(value):
        budget.spend()
        number, at = _varint(value, at)
        found.append(number)
    return found


def _fields(data: int | memoryview, budget: Budget) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of a message's fields: whole numbers, or the bytes of what is longer."""
    if isinstance(data, int):
        raise _Damaged
    at = 0
    while at < len(data):
        budget.spend()
        key, at = _varint(data, at)
        kind = key & 7
        if kind == VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == BYTES:
            size, at = _varint(data, at)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            size = 8 if kind == EIGHT_BYTES else 4
        else:
            raise _Damaged
        if size > len(data) - at:
            raise refusals.cut_off(budget.file)
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, the lowest first, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        number |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return number & (1 << 64) - 1, at
    raise _Damaged


def _text(value: int | memoryview | None) -> str:
    if not isinstance(value, memoryview) or len(value) > LONGEST:
        raise _Damaged
    return bytes(value).decode("utf-8", "replace")

"""SwinIR (Liang 2021) as PyTorch's exporter writes it into an ONNX file, back under its own names.

The exporter keeps the names of convolutions, norms and biases. A linear layer's weight it turns
round and leaves nameless; the table of relative position biases it spreads over all pairs of pixels
of a window; index and masks, which follow from the window, it drops.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import isqrt
from typing import Any

import torch
from torch import Tensor

QKV = ".attn.qkv.bias"
KEPT = re.compile(r"[a-z][\w.]*\.(weight|bias|relative_position_bias_table)")
BIASES = "relative_position_bias_table"
INPUTS = {"Identity": 1, "MatMul": 2, "Add": 2}  # of the operations that are looked at
# pixels a side of a window; published ones have 7 or 8. What follows from a window takes its fourth
# power of memory
WIDEST = 32


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a SwinIR out of an ONNX file: biases of its blocks, and no weights beside them?"""
    first = "layers.0.residual_group.blocks.0"
    return (
        "conv_first.weight" in shapes
        and f"{first}{QKV}" in shapes
        and f"{first}.attn.qkv.weight" not in shapes
    )


def named(tensors: Mapping[str, Tensor], nodes: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """All tensors of the network under the authors' names. Raises ValueError where a block's biases
    fit no window.
    """
    everything = dict(tensors)
    nodes = [
        node
        for node in nodes
        if len(node["inputs"]) == INPUTS.get(node["operation"]) and node["outputs"]
    ]
    for node in nodes:  # of two equal tensors the exporter keeps one
        if node["operation"] == "Identity" and node["inputs"][0] in everything:
            everything[node["outputs"][0]] = everything[node["inputs"][0]]
    found = {name: tensor for name, tensor in everything.items() if KEPT.fullmatch(name)}
    products: dict[str, Tensor] = {}  # of pixels and a weight: the weight
    block = ""
    for node in nodes:
        if (
            node["operation"] == "MatMul"
            and node["inputs"][1] in everything
            and everything[node["inputs"][1]].dim() == 2
        ):
            products[node["outputs"][0]] = everything[node["inputs"][1]]
        elif node["operation"] == "Add":
            for stored, came in (node["inputs"], node["inputs"][::-1]):
                if stored not in everything:
                    continue
                if came in products and stored.endswith(".bias"):
                    found[stored.removesuffix("bias") + "weight"] = products[came].t()
                    block = stored.removesuffix(QKV) if stored.endswith(QKV) else block
                elif (
                    block
                    and everything[stored].dim() in (3, 4)
                    and everything[stored].shape[-1] == everything[stored].shape[-2] > 1
                ):
                    found.setdefault(f"{block}.attn.{BIASES}", _table(everything[stored]))
    return found | dict(_what_follows(found))


def _table(spread: Tensor) -> Tensor:
    """[1, heads, N, N] biases of all pairs of a window's N pixels -> [(2 w - 1)^2, heads], one for
    each distance.
    """
    heads, pixels = spread.shape[-3], spread.shape[-1]
    window = isqrt(pixels)
    if window**2 != pixels or window > WIDEST or spread.numel() != heads * pixels**2:
        raise ValueError(
            f"its position biases are for windows of {pixels} pixels, no square of up to {WIDEST} "
            "a side"
        )
    index = relative_position_index(window)
    rows = spread.reshape(heads, -1).t()
    table = rows.new_zeros(int(index.max()) + 1, heads).index_copy(0, index.flatten(), rows)
    if not torch.equal(table[index.flatten()], rows):
        raise ValueError("its position biases differ where the distance is the same")
    return table


def _what_follows(found: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Each block's index, and the mask of those whose windows are shifted: every second one."""
    for name, table in found.items():
        if not name.endswith(f".attn.{BIASES}"):
            continue
        block, window = (
            name.removesuffix(f".attn.{BIASES}"),
            (isqrt(table.shape[0] if table.dim() else 0) + 1) // 2,
        )
        if not 0 < window <= WIDEST:
            raise ValueError(f"its windows are {window} pixels a side, more than {WIDEST} or none")
        yield f"{block}.attn.relative_position_index", relative_position_index(window)
        if int(block.rpartition(".")[2]) % 2:
            yield f"{block}.attn_mask", attention_mask(window)


def relative_position_index(window: int) -> Tensor:
    """[w^2, w^2]: which of the (2 w - 1)^2 distances lies between two pixels of a window (Liu 2021,
    "Swin Transformer", equation 4).
    """
    y, x = (
        axis.flatten()
        for axis in torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    )
    return (y[:, None] - y + window - 1) * (2 * window - 1) + x[:, None] - x + window - 1


def attention_mask(window: int) -> Tensor:
    """[4, w^2, w^2] for a picture of two by two windows, shifted by half of one: 0 for pixels that
    were neighbours before, else -100.

    The network makes its own for every other size.
    """
    part = torch.zeros(2 * window, dtype=torch.int64)
    part[window:], part[-(window // 2) :] = 1, 2
    regions = (part[:, None] * 3 + part).view(2, window, 2, window).transpose(1, 2).reshape(4, -1)
    return (regions[:, :, None] != regions[:, None]).float() * -100

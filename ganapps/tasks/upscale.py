"""Any picture enlarged by any upscaler: tile by tile, blended, every retry told."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from ganapps.device import Device, out_of_memory
from ganapps.errors import UserError
from ganapps.report import Made, Part, Sentence, Step
from ganapps.schema import Range
from ganapps.tasks import figures, finish, resample, tiles
from ganapps.tasks.labels import Labels
from ganapps.uploads import Upload

SMALLEST = 64  # pixels a side: below, a tile is nearly all overlap
LEAST = 24  # pixels a side: what is tried at last where the memory is full
LARGEST = 512
GLOBAL_OVERLAP = 32  # for a network that looks at all of its picture, where tiles can't agree whatever they share
SHARE = 0.25  # of the free memory that the tiles at work may take
BYTES = 4 * 64 * 3  # per pixel of a tile's result, where the network does not say: three layers of 64 channels
INSPECTED = 64_000_000  # pixels: of larger results no heat maps are made


def upscale(network: nn.Module, device: Device, labels_of_model: Labels | None, picture: Upload, *, scale: Annotated[float, Range(0.05, 64)] | None = None,
            width: Annotated[int, Range(1, 262_144)] | None = None, tile: Annotated[int, Range(16, 4096)] | None = None,
            overlap: Annotated[int, Range(0, 512)] | None = None, keep_alpha: bool = True, keep_place: bool = False,
            sixteen_bit: bool = True, inspect: bool = True, crop: list[int] | None = None, strength: Annotated[float, Range(0.0, 1.0)] = 1.0,
            keep_colours: bool = False) -> Iterator[Step]:
    """`picture` enlarged; a Step after every tile, the last one holds the result as pixels.

    `scale` or `width` (pixels of the result) ask for any size: the network's own scale, then one bicubic resize. `tile` and `overlap` are
    pixels of `picture`; left alone, they are chosen for the network and the free memory. Alpha goes through the network as a grey
    picture, or is laid on white. `keep_place`: where a photograph was taken stays in the file. `sixteen_bit`: a picture of 16 bits stays one.
    `inspect`: heat maps of what contradicts the original and of what was invented. `crop` [x, y, width, height]: only this part of it.
    `strength` mixes the result with the bicubic picture, `keep_colours` gives it the original's. Raises UserError where memory does not do at any size.
    """
    if getattr(network, "value_range", None) != (0.0, 1.0) or not hasattr(network, "scale"):
        raise UserError("This model does not enlarge pictures: choose an upscaler.")
    source = finish.crop(picture.pixels, crop)
    source = source if keep_alpha else _on_white(source)
    size = _size(source, network.scale, scale, width)
    kind = np.uint16 if sixteen_bit and source.dtype == np.uint16 else np.uint8
    _fits(source, network.scale, size, kind)
    work = _Work(network, device, source)
    layout = tiles.grid(*source.shape[:2], tile or work.tile(), work.overlap if overlap is None else overlap, network.multiple)
    work.tell_seams(layout)
    canvas = tiles.Canvas(layout, network.scale, source.shape[2], kind)
    for done in work.through(layout, canvas):
        yield Step(done, layout.count + 1, (), work.calls(), work.changes(), part=Part(canvas.pixels, canvas.finished))
    pixels = canvas.pixels if size == canvas.pixels.shape[1::-1] else resample.resize(canvas.pixels, size)
    pixels = finish.finish(pixels, source, strength, keep_colours)
    said, beside = _measured(pixels, source, canvas, inspect)
    about = {"icc": picture.icc, "date": picture.date, "gps": picture.gps if keep_place else None}
    made = Made(pixels, f"{size[0]} x {size[1]}", {}, figures=said, beside=beside | finish.shown(pixels, source), about=about)
    yield Step(layout.count + 1, layout.count + 1, (made,))


def units(size: tuple[int, int]) -> float:
    """Megapixels of a picture (W, H): what the cost of enlarging it goes by."""
    return size[0] * size[1] / 1e6


class _Work:
    """One run: where it computes now, how large a tile may be, and what had to be changed."""

    def __init__(self, network: nn.Module, device: Device, source: np.ndarray) -> None:
        self.network, self.device, self.source = network, device, source
        self.overlap = 2 * (GLOBAL_OVERLAP if network.reach is None else network.reach)
        self.most: int | None = None  # pixels a side, after a memory was full
        self._calls, self._changes = 0, []

    def calls(self) -> int:
        """Network calls since this was last asked."""
        calls, self._calls = self._calls, 0
        return calls

    def changes(self) -> tuple[Sentence, ...]:
        """What had to be changed since this was last asked."""
        changes, self._changes = tuple(self._changes), []
        return changes

    def tile(self) -> int:
        """Pixels a side that a share of the free memory holds, at most what is quickest."""
        each = getattr(self.network, "memory", BYTES * self.network.scale**2) * (2 if self.source.shape[2] in (2, 4) else 1)
        held = math.isqrt(int(SHARE * self.device.free_memory() / each))
        side = max(SMALLEST, min(getattr(self.network, "tile", LARGEST), held))
        return max(side - side % max(self.network.multiple, 16), self.network.multiple)

    def tell_seams(self, layout: tiles.Grid) -> None:
        """Says so where tiles are too small to share what this network looks at."""
        if any(len(axis.starts) > 1 and axis.overlap < self.overlap for axis in (layout.rows, layout.columns)):
            self._changes.append(("These tiles share fewer pixels than this model looks at: faint seams are possible.", {}))

    def through(self, layout: tiles.Grid, canvas: tiles.Canvas) -> Iterator[int]:
        """All windows onto the canvas, row by row; the number done after each batch."""
        done, columns = 0, range(len(layout.columns.starts))
        batch = self._batch(layout)
        for row, top in enumerate(layout.rows.starts):
            for first in range(0, len(columns), batch):
                some = columns[first:first + batch]
                windows = [tiles.window(self.source, top, layout.columns.starts[c], layout.rows.side, layout.columns.side) for c in some]
                for column, y in zip(some, self._results(windows)):
                    canvas.add(row, column, y)
                done += len(some)
                if some[-1] == columns[-1]:
                    canvas.finish(row)
                yield done

    def _batch(self, layout: tiles.Grid) -> int:
        """Tiles at once: on a processor one (more brings nothing there); on a GPU what the memory holds, at most 8."""
        if self.device.name == "cpu":
            return 1
        each = getattr(self.network, "memory", BYTES * self.network.scale**2) * layout.rows.side * layout.columns.side
        return int(max(1, min(8, SHARE * self.device.free_memory() / each)))

    def _results(self, windows: list[np.ndarray]) -> list[Tensor]:
        """[C, scale * h, scale * w] float32 on the processor, of each window [h, w, C]."""
        inputs = [_planes(window, self.network.channels) for window in windows]
        y = self._run(torch.cat([x for x in inputs]))
        return [_joined(part, window, self.network) for part, window in zip(y.split([len(x) for x in inputs]), windows)]

    def _run(self, x: Tensor) -> Tensor:
        """The network on x [N, channels, h, w], padded to what it needs, all finite; in parts where the memory is full."""
        if self.most and max(x.shape[2:]) > self.most:
            return self._in_parts(x)
        try:
            return self._finite(x)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            self._smaller(x)
        return self._run(x)

    def _smaller(self, x: Tensor) -> None:
        """What to do when the memory is full: a smaller tile, then again, then the processor."""
        side = max(x.shape[2:]) // 2
        if side >= LEAST:
            self.most = side
            self._changes.append(("Out of memory: tiles of {count} pixels instead.", {"count": side}))
        elif self.device.name != "cpu":
            self._changes.append(("Out of memory on {device}: the rest is made on the CPU.", {"device": self.device.title}))
            self.network, self.device, self.most = _on_cpu(self.network, self.device)
        else:
            raise UserError("The memory is not enough for this model even with the smallest tiles: close other programs or choose a smaller model.")

    def _in_parts(self, x: Tensor) -> Tensor:
        layout = tiles.grid(*x.shape[2:], self.most, self.overlap, self.network.multiple)
        pixels = x.permute(0, 2, 3, 1).numpy()
        parts = [[] for _ in x]
        for top in layout.rows.starts:
            for left in layout.columns.starts:
                some = np.stack([tiles.window(p, top, left, layout.rows.side, layout.columns.side) for p in pixels])
                for list_, y in zip(parts, self._run(torch.from_numpy(some).permute(0, 3, 1, 2))):
                    list_.append(y)
        return torch.stack([tiles.whole(layout, self.network.scale, list_) for list_ in parts])

    def _finite(self, x: Tensor) -> Tensor:
        y = self._forward(self.device, x)
        if not torch.isfinite(y).all() and self.device.precision != "float32":
            self._changes.append(("Not finite in {precision}: made again in float32.", {"precision": self.device.precision}))
            y = self._forward(self.device.with_precision("float32"), x)
        if not torch.isfinite(y).all():
            raise UserError("This model's weights give no picture: its output is not finite.")
        return y

    def _forward(self, device: Device, x: Tensor) -> Tensor:
        self._calls += 1
        height, width = x.shape[2:]
        need = (max(-(-n // self.network.multiple) * self.network.multiple, self.network.minimum) for n in (height, width))
        padded = _mirrored(x, *need).to(device.name, memory_format=torch.channels_last)
        with device.computing():
            y = self.network(padded)[..., :height * self.network.scale, :width * self.network.scale]
            return y.float().cpu()


def _size(source: np.ndarray, own: int, scale: float | None, width: int | None) -> tuple[int, int]:
    """(W, H) of the result."""
    if scale is not None and width is not None:
        raise UserError("Both a scale and a width were given: leave one of them out.")
    by = width / source.shape[1] if width else scale or own
    return max(1, round(source.shape[1] * by)), max(1, round(source.shape[0] * by))


def _fits(source: np.ndarray, own: int, size: tuple[int, int], kind: type) -> None:
    """Refuses a result that this machine can't hold, before anything is computed."""
    made = source.size * own**2 + (0 if size == (source.shape[1] * own, source.shape[0] * own) else size[0] * size[1] * source.shape[2])
    free = Device("cpu").free_memory()
    if made * np.dtype(kind).itemsize > 0.7 * free:
        raise UserError("The result would have {width} x {height} pixels and needs {need} GB of memory, {free} GB are free: choose a smaller scale.",
                        width=size[0], height=size[1], need=round(made * np.dtype(kind).itemsize / 1e9, 1), free=round(free / 1e9, 1))


def _on_white(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[2] in (1, 3):
        return pixels
    made, most = np.empty((*pixels.shape[:2], pixels.shape[2] - 1), pixels.dtype), np.iinfo(pixels.dtype).max
    for top, bottom in resample.strips(*pixels.shape[:2]):
        share = pixels[top:bottom, :, -1:] / np.float32(most)
        made[top:bottom] = most + share * (pixels[top:bottom, :, :-1].astype(np.float32) - most) + 0.5
    return made


def _planes(pixels: np.ndarray, channels: int) -> Tensor:
    """What the network sees of [h, w, C]: [K, channels, h, w], 0 to 1. Colours together where it takes three channels, grey three times;
    alpha, where it varies, as one more grey picture."""
    most = np.iinfo(pixels.dtype).max
    x = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32)).div_(most)
    alpha = x[-1:] if _has_alpha(pixels) else x[:0]
    colours = x[:len(x) - len(alpha)]
    if len(alpha) and alpha.min() == alpha.max():
        alpha = alpha[:0]
    if channels == 1:
        return torch.cat([colours, alpha])[:, None]
    return torch.stack([plane.expand(3, -1, -1) for plane in ([colours, alpha] if len(alpha) else [colours])])


def _joined(y: Tensor, pixels: np.ndarray, network: nn.Module) -> Tensor:
    """The network's [K, channels, H, W] of `_planes` back in the picture's own channels: [C, H, W]."""
    grey = pixels.shape[2] in (1, 2)
    if network.channels == 1:
        made = y[:, 0]
    else:
        made = torch.cat([y[0].mean(0, keepdim=True) if grey else y[0], *(each.mean(0, keepdim=True) for each in y[1:])])
    if len(made) < pixels.shape[2]:  # the same alpha everywhere
        made = torch.cat([made, torch.full_like(made[:1], float(pixels[0, 0, -1]) / np.iinfo(pixels.dtype).max)])
    return made


def _has_alpha(pixels: np.ndarray) -> bool:
    return pixels.shape[2] in (2, 4)


def _mirrored(x: Tensor, height: int, width: int) -> Tensor:
    """x [N, C, h, w] with its mirror image below and to the right; numpy's, which also takes pictures smaller than what is missing."""
    missing = (height - x.shape[2], width - x.shape[3])
    if not any(missing):
        return x
    return torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (0, missing[0]), (0, missing[1])), mode="reflect"))


def _on_cpu(network: nn.Module, device: Device) -> tuple[nn.Module, Device, None]:
    """A copy of the network beside the processor; the GPU's own stays where it was."""
    twin = copy.deepcopy(network.to("cpu"))
    network.to(device.name)
    return twin, Device("cpu").with_precision("auto", network.half), None


def _measured(pixels: np.ndarray, source: np.ndarray, canvas: tiles.Canvas, inspect: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures of a result (tiles, seams, what it contradicts of the original and invents), and its heat maps."""
    columns, rows = ([round(b * canvas.scale) for b in axis.borders] for axis in (canvas.layout.columns, canvas.layout.rows))
    said: dict[str, Any] = {"tiles": canvas.layout.count, "tile": max(canvas.layout.rows.side, canvas.layout.columns.side)}
    said["seam"] = round(float(figures.seam(canvas.pixels, columns, rows)), 2)
    smaller = pixels.shape[0] < source.shape[0] or pixels.shape[1] < source.shape[1]
    if not inspect or smaller or pixels.shape[0] * pixels.shape[1] > INSPECTED:
        return said, {}
    consistency, invention = figures.consistency(pixels, source), figures.invention(pixels, source)
    said |= {"consistency_db": round(float(consistency.db), 2), "drift": round(float(consistency.drift), 2), "invented": round(float(invention.mean), 2)}
    return said, {"contradicted": consistency.contradiction.picture, "invented": invention.picture}

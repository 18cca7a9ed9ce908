"""What is to be filled of a picture, and how the filling is put into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganapps.errors import Message, UserError
from ganapps.pictures import masks
from ganapps.tasks import hidden, planes
from ganapps.tasks.fit_prior import TWICE

CONTEXT = 64  # pixels around the hole that a network sees at least


@dataclass(frozen=True)
class Hole:
    """What is to be filled of a picture: `weights` [H, W] float32, 1 in the hole, falling to 0 over
    the soft rim; `top`, `left`, `bottom`, `right` of what a network is shown.
    """

    weights: np.ndarray
    top: int
    left: int
    bottom: int
    right: int

    def crop(self, pixels: np.ndarray) -> np.ndarray:
        """The part of [H, W, ...] that a network is shown."""
        return pixels[self.top : self.bottom, self.left : self.right]

    def shown(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of a picture [H, W, C], what a network is shown: colours [h, w, 3] that go on under what
        is transparent, and which of them are known [h, w].
        """
        return planes.colours(hidden.extended(self.crop(pixels))), self.crop(self.weights) < 1


def found(
    source: np.ndarray,
    mask: str | None,
    box: list[int] | None,
    alpha: bool,
    grow: int,
    feather: int,
) -> Hole:
    """What is to be filled of [H, W, C]. Raises UserError where that is nothing or everything."""
    marked = _marked(mask, box, (source.shape[1], source.shape[0]))
    if alpha:
        marked |= masks.transparent(source)
    if not marked.any():
        raise UserError("Nothing is marked: paint over what shall be filled, or give a box.")
    return hole_of(marked, grow, feather)


def _marked(mask: str | None, box: list[int] | None, size: tuple[int, int]) -> np.ndarray:
    """[H, W] of a picture of `size` (W, H). Raises UserError for what does not lie on it."""
    marked = masks.nothing(size)
    if mask:
        marked |= masks.fitted(masks.unpacked(mask), size)
    if box:
        marked |= masks.boxed(size, box)
    return marked


def hole_of(marked: np.ndarray, grow: int, feather: int) -> Hole:
    """What is to be filled where [H, W] is marked, which is something. Raises UserError where that
    is everything.
    """
    height, width = marked.shape
    weights = _weights(marked, grow, feather)
    if (weights == 1).all():
        raise UserError(
            "Everything is marked, so nothing is left to go by: mark less, or grow the mark less."
        )
    return Hole(weights, *_seen(masks.bounds(weights > 0), (width, height)))


def _seen(bounds: masks.Bounds, size: tuple[int, int]) -> masks.Bounds:
    """What a network is shown of a picture of `size` (W, H) for a hole within those bounds."""
    top, left, bottom, right = bounds
    around = max(CONTEXT, (bottom - top) // 2, (right - left) // 2)
    return masks.wider(bounds, around, size)


def _weights(marked: np.ndarray, grow: int, feather: int) -> np.ndarray:
    """[H, W]: 1 in the mark and up to `grow` pixels from it, 0 from `feather` pixels beyond."""
    weights = marked.astype(np.float32)
    reach = grow + feather
    if not reach:
        return weights
    top, left, bottom, right = masks.bounds(marked)
    near = (
        slice(max(0, top - reach), bottom + reach),
        slice(max(0, left - reach), right + reach),
    )
    beyond = masks.distances(marked[near], reach) - grow
    rim = np.where(beyond <= feather, 1 - beyond / (feather + 1), 0)
    weights[near] = np.where(beyond <= 0, 1, rim)
    return weights


def shown_megapixels(settings: Mapping[str, Any], size: tuple[int, int]) -> float:
    """How much of a picture of `size` (W, H) a network is shown: all of it, but for a hole that
    the settings tell.
    """
    bounds = None if settings["alpha"] else _bounds(settings, size)
    if bounds is None or settings["does"] != "fill":
        bounds = 0, 0, size[1], size[0]
    else:
        rim = settings["grow"] + settings["feather"]
        bounds = _seen(masks.wider(bounds, rim, size), size)
    top, left, bottom, right = bounds
    drawn = TWICE**2 if settings["does"] == "enlarge" else 1
    return drawn * (bottom - top) * (right - left) / 1e6


def _bounds(settings: Mapping[str, Any], size: tuple[int, int]) -> masks.Bounds | None:
    """Of what a request marks in its settings; None where that is nothing, or damaged."""
    try:
        marked = _marked(settings["mask"], settings["box"], size)
    except UserError:
        return None
    return masks.bounds(marked) if marked.any() else None


def pasted(source: np.ndarray, filled: np.ndarray, hole: Hole) -> np.ndarray:
    """`source` [H, W, C] with `filled` [h, w, 3], of the hole's crop, where the hole is; what is
    filled is opaque.
    """
    pixels = source.copy()
    part = hole.crop(pixels)
    part[:] = mixed(part, filled, hole.crop(hole.weights))
    return pixels


def mixed(source: np.ndarray, filled: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`source` [h, w, C] with as much of `filled` [h, w, 3] as `weights` [h, w] say."""
    part = source.copy()
    inside = weights > 0
    share = weights[inside][:, None]
    colours = filled[inside].astype(np.float32)
    channels = 3 if source.shape[2] > 2 else 1
    if channels == 1:
        colours = colours.mean(axis=1, keepdims=True)
    old = part[inside].astype(np.float32)
    new = old.copy()
    new[:, :channels] = old[:, :channels] + share * (colours - old[:, :channels])
    if planes.has_alpha(source):
        new[:, -1:] = np.maximum(old[:, -1:], share * np.iinfo(source.dtype).max)
        clear = old[:, -1] == 0  # a colour that nobody saw has no say in a soft rim
        new[clear, :channels] = colours[clear]
    part[inside] = (new + 0.5).astype(source.dtype)
    return part


def as_many(colours: np.ndarray, channels: int) -> np.ndarray:
    """[H, W, 3] as the colours of a picture with so many channels."""
    if channels > 2:
        return colours
    return (colours.astype(np.float32).mean(axis=2, keepdims=True) + 0.5).astype(colours.dtype)


def beyond(hole: Hole, grow: int, feather: int) -> tuple[Message, ...]:
    """What of the picture was changed beyond the mark that came."""
    said: tuple[Message, ...] = ()
    if grow:
        said += (Message("The mark was grown by {count:pixel|pixels}.", count=grow),)
    if feather:
        count = int(((hole.weights > 0) & (hole.weights < 1)).sum())
        said += (
            Message(
                "Outside the mark, {count:pixel|pixels} of a soft rim {width} wide changed, too.",
                count=count,
                width=feather,
            ),
        )
    return said

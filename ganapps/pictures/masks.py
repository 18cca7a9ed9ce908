"""Which pixels are marked: from a file, a few numbers or text that a recipe holds, and back."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganapps.errors import Message, UserError
from ganapps.pictures.uploads import MOST_PIXELS, Upload

PACKED = re.compile(r"(\d{1,5})x(\d{1,5}):([A-Za-z0-9+/=]*)")
MASK = "-mask"  # how the name of a mask ends that belongs to one picture
LONGEST = 32_768  # characters of a mask in a recipe
Bounds = tuple[int, int, int, int]  # top, left, bottom, right
ALIKE = 0.01  # how far the shapes of a picture and of its mask may differ, as a share


def packed(mask: np.ndarray) -> str:
    """[H, W] of bool as text: its size, its bits row by row, squeezed."""
    height, width = mask.shape
    bits = zlib.compress(np.packbits(mask, axis=1).tobytes(), 9)
    return f"{width}x{height}:{base64.b64encode(bits).decode()}"


def unpacked(text: str) -> np.ndarray:
    """[H, W] of bool of what `packed` wrote; never more memory than its size asks for. Raises
    UserError for any other text.
    """
    found = PACKED.fullmatch(text)
    if found is None:
        raise _damaged()
    width, height = int(found[1]), int(found[2])
    if not 0 < width * height <= MOST_PIXELS:
        raise _damaged()
    across = -(-width // 8)
    try:
        squeezed = base64.b64decode(found[3], validate=True)
        bits = zlib.decompressobj().decompress(squeezed, across * height + 1)
    except (binascii.Error, zlib.error) as e:
        raise _damaged() from e
    if len(bits) != across * height:
        raise _damaged()
    rows = np.frombuffer(bits, np.uint8).reshape(height, across)
    return np.unpackbits(rows, axis=1, count=width).astype(bool)


def nothing(size: tuple[int, int]) -> np.ndarray:
    """[H, W] of a picture of `size` (W, H): no pixel is marked."""
    return np.zeros(size[::-1], bool)


def of_file(upload: Upload) -> np.ndarray:
    """[H, W]: what is painted of a mask file. Where its alpha differs from place to place, that is
    what is opaque; else what is light.
    """
    pixels = upload.pixels
    half = np.iinfo(pixels.dtype).max // 2
    if pixels.shape[2] in (2, 4) and not _same(pixels[..., -1]):
        return np.asarray(pixels[..., -1] > half)
    colours = pixels[..., : 3 if pixels.shape[2] > 2 else 1]
    return np.asarray(colours.mean(axis=2) > half)


def transparent(pixels: np.ndarray) -> np.ndarray:
    """[H, W]: where less than half of [H, W, C] is left to be seen."""
    if pixels.shape[2] not in (2, 4):
        return np.zeros(pixels.shape[:2], bool)
    return np.asarray(pixels[..., -1] <= np.iinfo(pixels.dtype).max // 2)


def boxed(size: tuple[int, int], box: list[int]) -> np.ndarray:
    """[H, W] of a picture of `size` (W, H): the rectangle [x, y, width, height], or as much of it
    as lies inside. Raises UserError where that is nothing.
    """
    width, height = size
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in box)
    if len(box) != 4 or not whole or min(box[2:]) < 1:
        raise UserError("A box is four whole numbers: x, y, width, height.")
    left, top = max(0, box[0]), max(0, box[1])
    right, bottom = min(width, box[0] + box[2]), min(height, box[1] + box[3])
    if left >= right or top >= bottom:
        raise UserError(
            "The box {box} lies outside the picture of {width} x {height} pixels.",
            box=str(box),
            width=width,
            height=height,
        )
    mask = nothing(size)
    mask[top:bottom, left:right] = True
    return mask


def fitted(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The mask [h, w] in the picture's `size` (W, H). Raises UserError where it has another shape
    than the picture.
    """
    (h, w), (width, height) = mask.shape, size
    if (w, h) == size:
        return mask
    if abs(w * height / (h * width) - 1) > ALIKE:
        raise UserError(
            "The mask has {w} x {h} pixels, the picture {width} x {height}: it does not lie on it. "
            "Give one of the same size, or of the same shape.",
            w=w,
            h=h,
            width=width,
            height=height,
        )
    rows = np.arange(height) * h // height
    columns = np.arange(width) * w // width
    return np.asarray(mask[rows][:, columns])


def laid(text: str, size: tuple[int, int]) -> tuple[Message, ...]:
    """What to say of a mask's text on a picture of `size` (W, H): that it has another size."""
    found = PACKED.fullmatch(text)
    if found is None or (int(found[1]), int(found[2])) == size:
        return ()
    return (
        Message(
            "The mark has {w} x {h} pixels and was laid over the picture's {width} x {height}.",
            w=int(found[1]),
            h=int(found[2]),
            width=size[0],
            height=size[1],
        ),
    )


def pixels(mask: np.ndarray) -> np.ndarray:
    """[H, W, 1] uint8 of [H, W]: white where it is marked."""
    return 255 * mask[..., None].astype(np.uint8)


def shrunk(mask: np.ndarray, share: float) -> np.ndarray:
    """The mask [H, W] with sides of a `share` (below 1) of its own: marked is whatever had
    something marked in it, so that no thin line is lost.
    """
    height, width = mask.shape
    h, w = max(1, round(height * share)), max(1, round(width * share))
    rows = np.logical_or.reduceat(mask, np.arange(h) * height // h, axis=0)
    return np.logical_or.reduceat(rows, np.arange(w) * width // w, axis=1)


def distances(mask: np.ndarray, most: int) -> np.ndarray:
    """[H, W] float32: how far each pixel lies from the nearest marked one, in pixels; `most` + 1
    where that is farther than `most`.
    """
    far = most + 1
    along = np.where(mask, 0, far).astype(np.int32)
    for rows in (range(1, len(along)), range(len(along) - 2, -1, -1)):
        before = along[0] if rows.step > 0 else along[-1]
        for row in rows:
            before = np.minimum(along[row], before + 1)
            along[row] = before
    squares = np.minimum(along, far) ** 2
    best = squares.copy()
    for step in range(1, min(most, mask.shape[1] - 1) + 1):
        np.minimum(best[:, step:], squares[:, :-step] + step**2, out=best[:, step:])
        np.minimum(best[:, :-step], squares[:, step:] + step**2, out=best[:, :-step])
    exact = np.sqrt(best.astype(np.float32))
    return np.where(exact <= most, exact, np.float32(far))


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """The mask [H, W] and all that lies at most `by` pixels from it."""
    return np.asarray(distances(mask, by) <= by) if by else mask


def bounds(mask: np.ndarray) -> Bounds:
    """Of what is marked of [H, W], which is something."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def wider(inner: Bounds, by: int, size: tuple[int, int]) -> Bounds:
    """The bounds `by` pixels farther out, within a picture of `size` (W, H)."""
    top, left, bottom, right = inner
    width, height = size
    return max(0, top - by), max(0, left - by), min(height, bottom + by), min(width, right + by)


def paired(paths: Sequence[str]) -> list[list[str]]:
    """Pictures, each with the mask that is its own behind it where there is one: that of
    `photo.jpg` is named `photo-mask`, whatever its ending.
    """
    own = {Path(path).stem.removesuffix(MASK): path for path in paths if _is_mask(path)}
    stems = {Path(path).stem for path in paths}
    found = []
    for path in paths:
        stem = Path(path).stem
        if _is_mask(path) and stem.removesuffix(MASK) in stems:
            continue
        found.append([path, own[stem]] if stem in own else [path])
    return found


def _is_mask(path: str) -> bool:
    return Path(path).stem.endswith(MASK)


def _same(plane: np.ndarray) -> bool:
    return bool((plane == plane.flat[0]).all())


def _damaged() -> UserError:
    return UserError("This mask is damaged: mark the picture again, or give the mask as a file.")

"""What a result did to its picture, in figures and heat maps: contradiction, invention, drift,
seams, distance to truth.

Two questions are kept apart. What *contradicts* the original shows when the result is shrunk back
to the original's size. What was *invented* does not show there: it is the detail inside each
original pixel that no enlargement of the original has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from skimage import color, metrics

from ganapps.errors import UserError
from ganapps.tasks import hidden, resample
from ganapps.tasks.planes import has_alpha

BEST = 100.0  # dB: equal pictures, which would have infinitely many
MOSAIC = 16  # pieces a side whose mean colours tell the drift
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
# dark to light, so that greys tell it too
HEAT = np.array(
    [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], np.float32
)
CONTRADICTION, INVENTION = 16.0, 32.0  # levels of 255 at the light end of each map
WINDOW = 5  # pixels around: the 11 x 11 Gaussian window of SSIM


@dataclass(frozen=True)
class HeatMap:
    """`picture` RGB in the size of the original; its darkest colour is `low`, its lightest `high`
    or more, in levels of 255; `mean` over all.
    """

    picture: Image.Image
    low: float
    high: float
    mean: float


@dataclass(frozen=True)
class Consistency:
    """`db`: PSNR between the shrunk result and the original, over 45 is faithful (Lugmayr et al.,
    NTIRE 2021). `drift`: mean CIEDE2000 of the mean colours of a 16 x 16 mosaic, 1 is just visible.
    `contradiction`: where, as root mean square over the colours.
    """

    db: float
    drift: float
    contradiction: HeatMap


def consistency(result: np.ndarray, source: np.ndarray) -> Consistency:
    """`result` [H, W, C] shrunk to the size of `source` [h, w, C] and compared. Alpha is not
    compared: it weighs the colours.
    """
    size, most = (source.shape[1], source.shape[0]), (_most(result), _most(source))
    drift = _Mosaic(*source.shape[:2])
    levels, error, weight = [], 0.0, 0.0
    for top, bottom in resample.strips(source.shape[0], result.shape[1]):
        shrunk = np.clip(resample.rows(_colours(result), size, top, bottom) / most[0], 0, 1)
        truth, opaque = _colours(source[top:bottom]) / most[1], _opacity(source[top:bottom])
        squares = np.mean((shrunk - truth) ** 2, axis=2, keepdims=True) * opaque
        error, weight = error + squares.sum(dtype=np.float64), weight + opaque.sum(dtype=np.float64)
        levels.append(_heat(np.sqrt(squares[..., 0]) * 255, CONTRADICTION))
        drift.add(shrunk, truth, opaque, top)
    mean = error / max(weight, 1e-9)
    heat = HeatMap(
        Image.fromarray(np.concatenate(levels)), 0.0, CONTRADICTION, 255 * math.sqrt(mean)
    )
    return Consistency(_decibels(mean), drift.distance(), heat)


def invention(result: np.ndarray, source: np.ndarray) -> HeatMap:
    """The detail that `result` [H, W, C] has inside each pixel of the smaller `source` [h, w, C]
    and the bicubic enlargement has not: the standard deviation, within that pixel's place, of the
    difference of their luma. Without enlargement it is 0.
    """
    (height, width), (h, w) = result.shape[:2], source.shape[:2]
    assert height >= h and width >= w
    columns, parts, total = _starts(width, w), [], 0.0
    for first, last in resample.strips(h, max(1, w * (height // h) * (width // w))):
        top, bottom = _start(first, height, h), _start(last, height, h)
        enlarged = resample.rows(source, (width, height), top, bottom, _luma)[..., 0]
        extra = _luma(result[top:bottom])[..., 0].astype(np.float64) - np.clip(enlarged, 0, 255)
        deviation = _deviation(extra, _starts(height, h)[first:last] - top, columns)
        total += deviation.sum(dtype=np.float64)
        parts.append(_heat(deviation, INVENTION))
    return HeatMap(Image.fromarray(np.concatenate(parts)), 0.0, INVENTION, total / (h * w))


def against_truth(result: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """`psnr_db` and `ssim` (Wang et al. 2004: Gaussian window, mean over colours) of `result`
    beside the true picture; no SSIM below 11 pixels a side. Alpha is left out. Raises UserError
    where the sizes differ.
    """
    if result.shape[:2] != truth.shape[:2]:
        raise UserError(
            "The true picture has {w} x {h} pixels, the result {width} x {height}: give one of the "
            "same size.",
            w=truth.shape[1],
            h=truth.shape[0],
            width=result.shape[1],
            height=result.shape[0],
        )
    result, truth = hidden.extended(result), hidden.extended(truth)
    height, width = result.shape[:2]
    error = 0.0
    for top, bottom in resample.strips(height, width):
        error += (
            metrics.mean_squared_error(*_pair(result, truth, top, bottom)) * (bottom - top) / height
        )
    found = {"psnr_db": _decibels(error)}
    return (
        found if min(height, width) <= 2 * WINDOW else found | {"ssim": _similarity(result, truth)}
    )


def _similarity(result: np.ndarray, truth: np.ndarray) -> float:
    """SSIM, whose mean leaves out a border of half a window, so that strips overlap by a whole
    one.
    """
    settings = {"data_range": 1.0, "channel_axis": 2, "gaussian_weights": True, "sigma": 1.5}
    inner, mean = result.shape[0] - 2 * WINDOW, 0.0
    for top, bottom in resample.strips(inner, result.shape[1]):
        pair = _pair(result, truth, top, bottom + 2 * WINDOW)
        mean += (
            metrics.structural_similarity(*pair, use_sample_covariance=False, **settings)
            * (bottom - top)
            / inner
        )
    return mean


def seam(pixels: np.ndarray, columns: Iterable[int] = (), rows: Iterable[int] = ()) -> float:
    """How visible the borders of tiles are in `pixels` [H, W, C], in levels of 255: of all borders
    the largest mean step beyond the mean steps beside it, 0 where none stands out. `columns` and
    `rows` are those where a new tile begins.
    """
    found = [0.0]
    for turned, places in ((pixels.swapaxes(0, 1), columns), (pixels, rows)):
        for place in (p for p in places if 0 < p < len(turned)):
            low, high = max(place - 4, 0), min(place + 4, len(turned))
            steps = np.abs(np.diff(_colours(turned[low:high]).astype(np.float32), axis=0)).mean(
                axis=(1, 2)
            )
            beside = np.delete(steps, place - 1 - low)
            step = float(steps[place - 1 - low] - (beside.mean() if beside.size else 0))
            found.append(float(step * 255 / _most(pixels)))
    return max(found)


def _most(pixels: np.ndarray) -> np.float32:
    return np.float32(np.iinfo(pixels.dtype).max)


def _colours(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., : 1 if pixels.shape[2] < 3 else 3]


def _opacity(pixels: np.ndarray) -> np.ndarray:
    """Alpha in [0, 1], [H, W, 1]; 1 where there is none."""
    return (
        pixels[..., -1:] / _most(pixels)
        if has_alpha(pixels)
        else np.ones((*pixels.shape[:2], 1), np.float32)
    )


def _luma(pixels: np.ndarray) -> np.ndarray:
    """[H, W, 1] float32 in levels of 255."""
    colours = _colours(pixels).astype(np.float32) * (255 / _most(pixels))
    return colours if colours.shape[2] == 1 else (colours @ LUMA)[..., None]


def _pair(
    first: np.ndarray, second: np.ndarray, top: int, bottom: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the colours of both in [0, 1], with as many channels: grey beside colours is grey in
    each.
    """
    parts = (_colours(pixels[top:bottom]) / _most(pixels) for pixels in (first, second))
    one, other = np.broadcast_arrays(*parts)
    return one, other


def _start(piece: int, length: int, pieces: int) -> int:
    """The first of `length` pixels whose middle lies in this one of `pieces` equal pieces, in whole
    numbers.
    """
    return -((pieces - 2 * piece * length) // (2 * pieces))


def _starts(length: int, pieces: int) -> np.ndarray:
    return np.array([_start(piece, length, pieces) for piece in range(pieces)])


class _Mosaic:
    """Sums of the colours of two pictures over a mosaic, strip by strip, and how far their means
    lie apart.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.columns = height, _starts(width, min(MOSAIC, width))
        self.sums, self.weights = (
            np.zeros((2, MOSAIC, len(self.columns), 3)),
            np.zeros((MOSAIC, len(self.columns), 1)),
        )

    def add(self, first: np.ndarray, second: np.ndarray, opaque: np.ndarray, top: int) -> None:
        """A strip of both, [rows, W, C], that begins at row `top`, and its weights."""
        piece = (
            (2 * np.arange(top, top + len(opaque)) + 1)
            * min(MOSAIC, self.height)
            // (2 * self.height)
        )
        for sums, colours in zip(self.sums, (first, second), strict=True):
            np.add.at(
                sums,
                piece,
                np.add.reduceat(colours * opaque, self.columns, axis=1, dtype=np.float64),
            )
        np.add.at(
            self.weights, piece, np.add.reduceat(opaque, self.columns, axis=1, dtype=np.float64)
        )

    def distance(self) -> float:
        """Mean CIEDE2000 of the mean colours, where anything is opaque."""
        seen = self.weights[..., 0] > 0
        first, second = (color.rgb2lab(sums[seen] / self.weights[seen]) for sums in self.sums)
        return float(color.deltaE_ciede2000(first, second).mean()) if seen.any() else 0.0


def _deviation(extra: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The standard deviation of `extra` in each cell of a grid whose rows and columns begin
    there.
    """

    def means(values: np.ndarray) -> np.ndarray:
        sums = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
        return sums / (
            np.diff([*rows, extra.shape[0]])[:, None] * np.diff([*columns, extra.shape[1]])
        )

    return np.sqrt(np.maximum(means(extra**2) - means(extra) ** 2, 0))


def _heat(levels: np.ndarray, high: float) -> np.ndarray:
    """[H, W] as colours, uint8 [H, W, 3]."""
    table = np.stack(
        [np.interp(np.arange(256), np.linspace(0, 255, len(HEAT)), HEAT[:, i]) for i in range(3)],
        axis=1,
    )
    return table.round().astype(np.uint8)[
        (levels * (255 / high) + 0.5).clip(0, 255).astype(np.uint8)
    ]


def _decibels(error: float) -> float:
    """PSNR of a mean squared error on [0, 1]."""
    return min(BEST, -10 * math.log10(error)) if error > 0 else BEST

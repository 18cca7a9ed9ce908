"""Numbers that are not sRGB's, as a PNG (W3C, third edition) or an AVIF may say: how much light
they mean, and of which primaries (ITU-T H.273).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

WHITE = (0.3127, 0.3290)  # D65
SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *WHITE)  # x and y of red, green, blue and white
# code -> chromaticities
PRIMARIES = {
    1: SRGB,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *WHITE),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *WHITE),
    7: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *WHITE),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *WHITE),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *WHITE),
}
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}  # code -> exponent
VIDEO = {1, 6, 14, 15}  # shown by the same screens as sRGB, and by viewers as if they were it
HDR = {16: "PQ", 18: "HLG"}
NEAR = 0.05  # share of a gamma, within which screens differ more
ALIKE = 0.003  # of a chromaticity, within which programs round


@dataclass(frozen=True)
class Light:
    """What a picture's numbers mean: light is number ** `gamma` (None: coded as sRGB), of these
    `primaries`.
    """

    gamma: float | None
    primaries: tuple[float, ...] = SRGB

    def converted(self, pixels: np.ndarray) -> np.ndarray:
        """[H, W, C] uint8 or uint16 as sRGB, clipped; alpha stays."""
        colours = pixels[..., : 3 if pixels.shape[2] > 2 else 1]
        light = np.take(self._light(pixels.dtype), colours)
        if colours.shape[2] == 3 and self.primaries != SRGB:
            light = light @ _matrix(self.primaries).T
        most = np.iinfo(pixels.dtype).max
        made = pixels.copy()
        made[..., : colours.shape[2]] = _coded(light) * most + 0.5
        return made

    def _light(self, kind: np.dtype) -> np.ndarray:
        """Of every number there is, float32."""
        numbers = np.linspace(0, 1, np.iinfo(kind).max + 1)
        if self.gamma is not None:
            return (numbers**self.gamma).astype(np.float32)
        low = numbers / 12.92
        return np.where(numbers <= 0.04045, low, ((numbers + 0.055) / 1.055) ** 2.4).astype(
            np.float32
        )


def of_png(gama: bytes | None, chrm: bytes | None) -> Light | None:
    """What the chunks gAMA and cHRM say; None where that is sRGB as near as programs write it.
    Raises ValueError for a senseless one.
    """
    if gama is None and chrm is None:
        return None
    (share,) = struct.unpack(">I", gama) if gama else (45455,)
    if not 1000 <= share <= 1_000_000:
        raise ValueError("no gamma")
    near = abs(share / 100_000 * 2.2 - 1) < NEAR
    primaries = SRGB
    if chrm:
        x, y, *others = (n / 100_000 for n in struct.unpack(">8I", chrm))
        primaries = (*others, x, y)
    return _told(None if near else 100_000 / share, primaries)


def of_codes(primaries: int, transfer: int) -> Light | None:
    """What two numbers of H.273 say; None for sRGB and for what nobody says (2). Raises KeyError
    for numbers unknown here, those of HDR among them.
    """
    known = SRGB if primaries == 2 else PRIMARIES[primaries]
    if transfer in (2, 13) or transfer in VIDEO:
        return _told(None, known)
    return _told(GAMMAS[transfer], known)


def _told(gamma: float | None, primaries: tuple[float, ...]) -> Light | None:
    if max(abs(a - b) for a, b in zip(primaries, SRGB, strict=True)) < ALIKE:
        return None if gamma is None else Light(gamma)
    _matrix(primaries)
    return Light(gamma, primaries)


def _matrix(primaries: tuple[float, ...]) -> np.ndarray:
    """[3, 3] from light of these primaries to that of sRGB's, white to white. Raises ValueError
    where they span nothing.
    """
    made = np.linalg.solve(_to_xyz(SRGB), _to_xyz(primaries))
    if not np.isfinite(made).all() or np.abs(made).max() > 100:
        raise ValueError("no primaries")
    return made.astype(np.float32)


def _to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """[3, 3] from red, green and blue light to XYZ, in which their white is (1, 1, 1)."""
    if min(primaries[1::2]) <= 0:
        raise ValueError("no primaries")
    xyz = np.array(
        [(x / y, 1, (1 - x - y) / y) for x, y in zip(primaries[::2], primaries[1::2], strict=True)]
    ).T
    colours, white = xyz[:, :3], xyz[:, 3]
    try:
        return colours * np.linalg.solve(colours, white) / white[:, None]
    except np.linalg.LinAlgError as e:
        raise ValueError("no primaries") from e


def _coded(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(
        light <= 0.0031308, light * 12.92, np.maximum(light, 0.0031308) ** (1 / 2.4) * 1.055 - 0.055
    )

"""A texture that goes on at its edges: it is enlarged with what lies beyond them, and that is cut
off again.
"""

from __future__ import annotations

import numpy as np

from ganapps.tasks import tiles

FADE = tiles.RAMP  # pixels over which what follows beyond one edge becomes what begins at the other
MOST = 64  # pixels that are enlarged beyond an edge; what lies further off hardly counts
# and where a network looks at all of its picture, so that no margin makes both edges the same
GLOBAL = 32


def margin(reach: int | None) -> int:
    """How many pixels beyond each edge are enlarged with a texture by a network that looks so far
    around (None: everywhere).
    """
    return FADE + (GLOBAL if reach is None else min(reach, MOST))


def wrapped(pixels: np.ndarray, margin: int) -> np.ndarray:
    """[H + 2 margin, W + 2 margin, C] of `pixels` [H, W, C], which are repeated all around."""
    if not margin:
        return pixels
    return np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="wrap")


def closed(pixels: np.ndarray, margin: int, fade: int) -> np.ndarray:
    """`pixels` [H + 2 margin, W + 2 margin, C] without the margins.

    Over `fade` pixels, what follows beyond the lower and the right edge becomes what begins at the
    upper and the left one: so the edges meet, whatever a network made of the same place twice.
    """
    if not margin:
        return pixels
    for axis in (0, 1):
        pixels = _closed(pixels.swapaxes(0, axis), margin, fade).swapaxes(0, axis)
    return np.ascontiguousarray(pixels)


def _closed(pixels: np.ndarray, margin: int, fade: int) -> np.ndarray:
    """The same for the first axis alone."""
    last = len(pixels) - margin
    inside = pixels[margin:last].copy()
    fade = min(fade, margin, len(inside))
    beyond = pixels[last : last + fade].astype(np.float32)
    share = (np.arange(fade, dtype=np.float32) + 0.5) / fade
    begins = inside[:fade].astype(np.float32)
    inside[:fade] = beyond + (begins - beyond) * share[:, None, None] + 0.5
    return inside

"""What one may still turn when the network is done: strength, the original's colours, a
checkerboard under alpha.
"""

from __future__ import annotations

import numpy as np
import torch

from ganapps.tasks import resample

# IEC 61966-2-1: linear sRGB -> XYZ under D65, here relative to white, so that grey is (Y, Y, Y);
# and CIE 15 for Lab.
WHITE = torch.tensor([0.95047, 1.0, 1.08883])
TO_XYZ = (
    torch.tensor(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    / WHITE[:, None]
)
FROM_XYZ = torch.linalg.inv(TO_XYZ.double()).float()
AB = np.array([500, 200], np.float32)  # a* and b* are so many times what `_opponent` gives
LINEAR_BELOW = (6 / 29) ** 3  # where the cube root of Lab turns into a line


def blend(before: np.ndarray, after: np.ndarray, strength: float) -> np.ndarray:
    """`before` + strength x (`after` - `before`), both [H, W, C] of one kind and size; 0 gives the
    one, 1 the other.
    """
    assert before.shape == after.shape and before.dtype == after.dtype and 0 <= strength <= 1
    made = np.empty_like(after)
    for top, bottom in resample.strips(*after.shape[:2]):
        first, second = (
            torch.from_numpy(before[top:bottom].astype(np.float32)),
            torch.from_numpy(after[top:bottom].astype(np.float32)),
        )
        made[top:bottom] = torch.lerp(first, second, strength).add_(0.5).numpy().astype(after.dtype)
    return made


def keep_colours(result: np.ndarray, source: np.ndarray, wraps: bool = False) -> np.ndarray:
    """`result` [H, W, C] with its own lightness and the colours of `source` (L* of the one, a* and
    b* of the other).

    `source` may be of any size and kind; its colours are resized. Grey results and alpha stay as
    they are. Values are taken as sRGB; what lies outside is clipped. `wraps` as `resample` has it.
    """
    if result.shape[2] < 3:
        return result
    made, size = result.copy(), (result.shape[1], result.shape[0])
    for top, bottom in resample.strips(*result.shape[:2]):
        made[top:bottom, :, :3] = _coloured(
            result[top:bottom, :, :3], resample.rows(source, size, top, bottom, _opponent, wraps)
        )
    return made


def grey(pixels: np.ndarray) -> torch.Tensor:
    """[1, 3, H, W] in 0..1: the lightness L* of [H, W, C], uint8 or uint16, as grey."""
    light = _linear(pixels[..., :3]) if pixels.shape[2] > 2 else _linear(pixels[..., :1])
    y = light @ TO_XYZ[1] if light.shape[2] == 3 else light[..., 0]
    return _coded(y).expand(1, 3, -1, -1)


def opponent(pixels: np.ndarray) -> np.ndarray:
    """a* and b* of Lab of [H, W, C], [H, W, 2]; 0 for grey."""
    return _opponent(pixels) * AB


def tinted(pixels: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """`pixels` [H, W, C] with their own lightness L* and alpha, and with a* and b* of Lab as `ab`
    [h, w, 2] float32 has them, which is resized. What lies outside of sRGB is clipped.
    """
    height, width, channels = pixels.shape
    has_alpha = channels in (2, 4)
    made = np.empty((height, width, 3 + has_alpha), pixels.dtype)
    if has_alpha:
        made[..., -1] = pixels[..., -1]
    for top, bottom in resample.strips(height, width):
        part = pixels[top:bottom, :, : 3 if channels > 2 else 1]
        part = np.broadcast_to(part, (*part.shape[:2], 3))
        colours = resample.rows(ab, (width, height), top, bottom) / AB
        made[top:bottom, :, :3] = _coloured(part, colours)
    return made


def _opponent(pixels: np.ndarray) -> np.ndarray:
    """a*/500 and b*/200 of [H, W, C], float32 [H, W, 2]; 0 for grey."""
    if pixels.shape[2] < 3:
        return np.zeros((*pixels.shape[:2], 2), np.float32)
    x, y, z = _root(_linear(pixels[..., :3]) @ TO_XYZ.T).unbind(-1)
    return torch.stack([x - y, y - z], dim=-1).numpy()


def _coloured(pixels: np.ndarray, opponent: np.ndarray) -> np.ndarray:
    """[H, W, 3] with the lightness of `pixels` and these opponent colours."""
    y = _root(_linear(pixels) @ TO_XYZ[1])
    red_green, yellow_blue = torch.from_numpy(opponent).unbind(-1)
    xyz = _cube(torch.stack([y + red_green, y, y - yellow_blue], dim=-1))
    most = np.iinfo(pixels.dtype).max
    return (
        _coded((xyz @ FROM_XYZ.T).clamp_(0, 1))
        .mul_(most)
        .add_(0.5)
        .clamp_(0, most)
        .numpy()
        .astype(pixels.dtype)
    )


def _linear(pixels: np.ndarray) -> torch.Tensor:
    """Light in [0, 1] of coded sRGB; all 256 (or 65536) answers are looked up."""
    most = np.iinfo(pixels.dtype).max
    coded = torch.arange(most + 1, dtype=torch.float64) / most
    answers = torch.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4).float()
    return torch.from_numpy(np.take(answers.numpy(), pixels))


def _coded(light: torch.Tensor) -> torch.Tensor:
    return torch.where(light <= 0.0031308, light * 12.92, light ** (1 / 2.4) * 1.055 - 0.055)


def _root(t: torch.Tensor) -> torch.Tensor:
    return torch.where(
        t > LINEAR_BELOW, t.clamp(min=LINEAR_BELOW) ** (1 / 3), t * (841 / 108) + 4 / 29
    )


def _cube(f: torch.Tensor) -> torch.Tensor:
    return torch.where(f > 6 / 29, f**3, (f - 4 / 29) * (108 / 841))

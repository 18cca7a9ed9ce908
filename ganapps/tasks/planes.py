"""A picture's channels as a network takes them, and back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganapps.networks.contracts import Tiled
from ganapps.tasks import calm, resample


def on_white(pixels: np.ndarray) -> np.ndarray:
    """[H, W, 1 or 3] of [H, W, C]: what has alpha is laid on white."""
    if pixels.shape[2] in (1, 3):
        return pixels
    made, most = (
        np.empty((*pixels.shape[:2], pixels.shape[2] - 1), pixels.dtype),
        np.iinfo(pixels.dtype).max,
    )
    for top, bottom in resample.strips(*pixels.shape[:2]):
        share = pixels[top:bottom, :, -1:] / np.float32(most)
        made[top:bottom] = (
            most + share * (pixels[top:bottom, :, :-1].astype(np.float32) - most) + 0.5
        )
    return made


def to_planes(pixels: np.ndarray, channels: int, with_alpha: bool = True) -> Tensor:
    """What the network sees of [h, w, C]: [K, channels, h, w], 0 to 1. Colours together where it
    takes three channels, grey three times; alpha, where it varies and is wanted, as one more grey
    picture.
    """
    most = np.iinfo(pixels.dtype).max
    x = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32)).div_(most)
    alpha = x[-1:] if has_alpha(pixels) else x[:0]
    colours = x[: len(x) - len(alpha)]
    if not with_alpha or (len(alpha) and alpha.min() == alpha.max()):
        alpha = alpha[:0]
    if channels == 1:
        return torch.cat([colours, alpha])[:, None]
    return torch.stack(
        [plane.expand(3, -1, -1) for plane in ([colours, alpha] if len(alpha) else [colours])]
    )


def to_channels(y: Tensor, pixels: np.ndarray, network: Tiled) -> Tensor:
    """The network's [K, channels, H, W] of `to_planes` back in the picture's own channels: [C, H,
    W]. Alpha that it has not seen is resized.
    """
    grey = pixels.shape[2] in (1, 2)
    if network.channels == 1:
        made = y[:, 0]
    else:
        made = torch.cat(
            [
                y[0].mean(0, keepdim=True) if grey else y[0],
                *(each.mean(0, keepdim=True) for each in y[1:]),
            ]
        )
    if len(made) < pixels.shape[2]:
        alpha = calm.enlarged(pixels[..., -1:], network.scale)
        made = torch.cat([made, alpha / np.iinfo(pixels.dtype).max])
    return made


def has_alpha(pixels: np.ndarray) -> bool:
    """Does the last channel of [H, W, C] say how opaque it is?"""
    return pixels.shape[2] in (2, 4)


def mirrored(x: Tensor, height: int, width: int) -> Tensor:
    """x [N, C, h, w] with its mirror image below and to the right; numpy's, which also takes
    pictures smaller than what is missing.
    """
    missing = (height - x.shape[2], width - x.shape[3])
    if not any(missing):
        return x
    return torch.from_numpy(
        np.pad(x.numpy(), ((0, 0), (0, 0), (0, missing[0]), (0, missing[1])), mode="reflect")
    )

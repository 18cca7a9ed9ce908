"""The published layouts of face generators, small: names, shapes, and tensors made by rule.

Every tensor is numpy.random.RandomState(crc32 of its published name).standard_normal, in float32,
scaled and moved as the first fitting row of `SCALES` says; low-pass filters are what they are.
"""

from __future__ import annotations

import math
import re
import zlib
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

FIR = torch.tensor([1.0, 3.0, 3.0, 1.0]).outer(torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64
BINOMIAL = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 2.0, 1.0])) / 16

Shapes = dict[str, tuple[int, ...]]

# What a name must match, and its tensor's scale and offset.
SCALES: tuple[tuple[str, float, float], ...] = (
    (r".*num_batches_tracked", 0.0, 0.0),
    (r".*running_var", 0.1, 1.0),
    (r"main\.\d+\.weight", 0.15, 0.0),
    (r"MainLayers.*Layer.*\.weight|.*LinearLayer\.weight", 0.2, 0.0),
    (r".*(affine|modulation)\.bias", 0.5, 1.0),
    (r".*(fc\d+|style\.\d+)\.weight", 100.0, 0.0),
    (r".*(fc\d+|style\.\d+)\.bias", 10.0, 0.0),
    (r".*(bias|Bias|noise_strength|noise\.weight)", 0.3, 0.0),
    (r"w_mean", 0.1, 0.0),
    (r".*", 1.0, 0.0),
)


def nvidia(
    side: int = 16, architecture: str = "skip", labels: int = 0, noise: bool = True
) -> Shapes:
    """stylegan2-ada-pytorch: channel_base 256, channel_max 16, z 10, w 12, two mapping layers 14
    wide, embedding 6.
    """
    shapes: Shapes = {"mapping.fc0.weight": (14, 16 if labels else 10), "mapping.fc0.bias": (14,)}
    shapes |= {"mapping.fc1.weight": (12, 14), "mapping.fc1.bias": (12,), "mapping.w_avg": (12,)}
    if labels:
        shapes |= {"mapping.embed.weight": (6, labels), "mapping.embed.bias": (6,)}
    inputs, resolution = 0, 4
    while resolution <= side:
        outputs = min(256 // resolution, 16)
        block = {"resample_filter": (4, 4)} | ({} if inputs else {"const": (outputs, 4, 4)})
        for name, channels in ([("conv0", inputs)] if inputs else []) + [("conv1", outputs)]:
            block |= styled(name, channels, outputs) | {f"{name}.resample_filter": (4, 4)}
            block |= (
                {f"{name}.noise_const": (resolution,) * 2, f"{name}.noise_strength": ()}
                if noise
                else {}
            )
        if resolution == side or architecture == "skip":
            block |= styled("torgb", outputs, 3, kernel=1)
        if inputs and architecture == "resnet":
            block |= {"skip.weight": (outputs, inputs, 1, 1), "skip.resample_filter": (4, 4)}
        shapes |= {f"synthesis.b{resolution}.{name}": shape for name, shape in block.items()}
        inputs, resolution = outputs, resolution * 2
    return shapes


def styled(name: str, inputs: int, outputs: int, kernel: int = 3) -> Shapes:
    """One of NVIDIA's modulated convolutions."""
    shapes = {
        "weight": (outputs, inputs, kernel, kernel),
        "bias": (outputs,),
        "affine.weight": (inputs, 12),
        "affine.bias": (inputs,),
    }
    return {f"{name}.{leaf}": shape for leaf, shape in shapes.items()}


def rosinality(size: int = 8, channels: int = 512, w_dim: int = 12, depth: int = 2) -> Shapes:
    """rosinality/stylegan2-pytorch with the same number of channels everywhere (its own are 512 up
    to 32 px).
    """
    shapes: Shapes = {"input.input": (1, channels, 4, 4)}
    for number in range(1, depth + 1):
        shapes |= {f"style.{number}.weight": (w_dim, w_dim), f"style.{number}.bias": (w_dim,)}
    doublings = int(math.log2(size)) - 2
    for name in ["conv1", *(f"convs.{n}" for n in range(2 * doublings))]:
        shapes |= {
            f"{name}.conv.weight": (1, channels, channels, 3, 3),
            f"{name}.noise.weight": (1,),
            f"{name}.activate.bias": (channels,),
        }
        shapes |= {
            f"{name}.conv.modulation.weight": (channels, w_dim),
            f"{name}.conv.modulation.bias": (channels,),
        }
    for name in ["to_rgb1", *(f"to_rgbs.{n}" for n in range(doublings))]:
        shapes |= {f"{name}.conv.weight": (1, 3, channels, 1, 1), f"{name}.bias": (1, 3, 1, 1)}
        shapes |= {
            f"{name}.conv.modulation.weight": (channels, w_dim),
            f"{name}.conv.modulation.bias": (channels,),
        }
    for n in range(doublings):
        shapes |= {
            f"convs.{2 * n}.conv.blur.kernel": (4, 4),
            f"to_rgbs.{n}.upsample.kernel": (4, 4),
        }
    return shapes | {
        f"noises.noise_{n}": (1, 1, *[4 << (n + 1) // 2] * 2) for n in range(2 * doublings + 1)
    }


def r3gan(labels: int = 0) -> Shapes:
    """brownvc/R3GAN: z 10, widths 16, 8, 8 (one stage changes channels, one doesn't), groups of 4,
    two blocks each.
    """
    shapes: Shapes = {
        "MainLayers.0.Layers.0.Basis": (16, 4, 4),
        "AggregationLayer.Layer.weight": (3, 8, 1, 1),
    }
    shapes |= {"MainLayers.0.Layers.0.LinearLayer.weight": (16, 14 if labels else 10)}
    shapes |= {"EmbeddingLayer.weight": (4, labels)} if labels else {}
    for stage, width in enumerate((16, 8, 8)):
        for block in (1, 2):
            here = f"MainLayers.{stage}.Layers.{block}"
            shapes |= {
                f"{here}.LinearLayer1.Layer.weight": (2 * width, width, 1, 1),
                f"{here}.NonLinearity1.Bias": (2 * width,),
            }
            shapes |= {
                f"{here}.LinearLayer2.Layer.weight": (2 * width, 4, 3, 3),
                f"{here}.NonLinearity2.Bias": (2 * width,),
            }
            shapes |= {f"{here}.LinearLayer3.Layer.weight": (width, 2 * width, 1, 1)}
        if stage:
            shapes |= {f"MainLayers.{stage}.Layers.0.Resampler.Kernel": (4, 4)}
    return shapes | {"MainLayers.1.Layers.0.LinearLayer.Layer.weight": (8, 16, 1, 1)}


def dcgan(colours: int = 3, convolutions: int = 5) -> Shapes:
    """PyTorch's DCGAN tutorial: nz 10, ngf 4."""
    channels = [10, *(4 << n for n in reversed(range(convolutions - 1))), colours]
    shapes: Shapes = {}
    for n in range(convolutions):
        shapes[f"main.{3 * n}.weight"] = (channels[n], channels[n + 1], 4, 4)
        if n < convolutions - 1:
            norm = ("weight", "bias", "running_mean", "running_var")
            shapes |= {f"main.{3 * n + 1}.{leaf}": (channels[n + 1],) for leaf in norm} | {
                f"main.{3 * n + 1}.num_batches_tracked": ()
            }
    return shapes


def stylegan(channels: tuple[int, ...] = (512, 512)) -> Shapes:
    """hajar001/stylegan2-ffhq-128 with fewer sizes: z and w 12, two mapping layers."""
    shapes: Shapes = {"w_mean": (12,), "synthesis.const": (1, channels[0], 4, 4)}
    shapes |= {
        f"mapping.mapping.{n}.{leaf}": shape
        for n in (0, 2)
        for leaf, shape in (("weight", (12, 12)), ("bias", (12,)))
    }
    places = [
        ("initial_conv1", channels[0], channels[0]),
        ("initial_conv2", channels[0], channels[0]),
    ]
    for n, (inputs, outputs) in enumerate(pairwise(channels)):
        places += [(f"blocks.{2 * n}", inputs, outputs), (f"blocks.{2 * n + 1}", outputs, outputs)]
        shapes[f"synthesis.blocks.{2 * n}.blur.kernel"] = (1, 1, 3, 3)
    for place, inputs, outputs in places:
        leaves = {
            "conv.weight": (outputs, inputs, 3, 3),
            "conv.bias": (outputs,),
            "noise.weight": (1, outputs, 1, 1),
        }
        for style in ("adain.style_scale", "adain.style_bias"):
            leaves |= {f"{style}.weight": (outputs, 12), f"{style}.bias": (outputs,)}
        shapes |= {f"synthesis.{place}.{leaf}": shape for leaf, shape in leaves.items()}
    return shapes | {
        "synthesis.to_rgb.weight": (3, channels[-1], 1, 1),
        "synthesis.to_rgb.bias": (3,),
    }


def made(shapes: Shapes, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a layout, by the rule that the docstring of this file states."""
    return {prefix + name: by_rule(name, shape).clone() for name, shape in shapes.items()}


@cache
def by_rule(name: str, shape: tuple[int, ...]) -> Tensor:
    filters = {
        "resample_filter": FIR,
        "Kernel": FIR,
        "blur.kernel": BINOMIAL if len(shape) == 4 else FIR * 4,
        "upsample.kernel": FIR * 4,
    }
    for ending, kernel in filters.items():
        if name.endswith(ending):
            return kernel.reshape(shape)
    scale, offset = next(row[1:] for row in SCALES if re.fullmatch(row[0], name))
    numbers = (
        np.random.RandomState(zlib.crc32(name.encode()))
        .standard_normal(shape or (1,))
        .astype(np.float32)
        .reshape(shape)
    )
    tensor = torch.from_numpy(numbers) * scale + offset
    return tensor.long() if name.endswith("num_batches_tracked") else tensor

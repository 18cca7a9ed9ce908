"""R3GAN generator: Huang et al. 2024, "The GAN is dead; long live the GAN! A Modern Baseline
GAN".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_resolution, check_signs, load_strictly, shape_of
from ganapps.networks.contracts import FaceGenerator
from ganapps.networks.taking import channels_last

SLOPE = 0.2
FIRST = "MainLayers.0.Layers.0.Basis"
BLEND = "MainLayers.0.Layers.0.LinearLayer.weight"
NEEDED = (FIRST, "AggregationLayer.Layer.weight")
# Our names of tensors, and what the published files call them. A stage's layer 0 is its way in; its
# blocks start at 1.
PLACES = (
    (r"basis", lambda m: FIRST),
    (r"blend\.weight", lambda m: BLEND),
    (r"embed\.weight", lambda m: "EmbeddingLayer.weight"),
    (r"colour\.weight", lambda m: "AggregationLayer.Layer.weight"),
    (r"stages\.(\d+)\.widen", lambda m: f"MainLayers.{m[1]}.Layers.0.Resampler.Kernel"),
    (
        r"stages\.(\d+)\.change\.weight",
        lambda m: f"MainLayers.{m[1]}.Layers.0.LinearLayer.Layer.weight",
    ),
    (
        r"stages\.(\d+)\.blocks\.(\d+)\.(\w+)\.(weight|bias)",
        lambda m: _published_in_block(*m.groups()),
    ),
)


@dataclass(frozen=True)
class StageShape:
    """What one resolution is made of: channels, and of each block the expanded channels and the
    groups.
    """

    inputs: int
    outputs: int
    blocks: tuple[tuple[int, int], ...]
    side: int  # of the resampling filter


class ResidualBlock(nn.Module):
    """Figure 2: expand 1x1, grouped 3x3, project 1x1; no normalisation."""

    def __init__(self, channels: int, expanded: int, groups: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, expanded, 1)
        self.mix = nn.Conv2d(expanded, expanded, 3, padding=1, groups=groups)
        self.project = nn.Conv2d(expanded, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [N, channels, h, w] -> the same, added to in place."""
        y = F.leaky_relu_(self.expand(x), SLOPE)  # [N, expanded, h, w]
        y = F.leaky_relu_(self.mix(y), SLOPE)
        return x.add_(self.project(y))


class Stage(nn.Module):
    """One resolution: residual blocks; before them, except in the first, a change of channels and
    up-sampling.
    """

    widen: Tensor | None  # the filter of up-sampling [side, side]

    def __init__(self, shape: StageShape, first: bool) -> None:
        super().__init__()
        self.register_buffer("widen", None if first else torch.empty(shape.side, shape.side))
        self.change = (
            nn.Conv2d(shape.inputs, shape.outputs, 1, bias=False)
            if shape.inputs != shape.outputs
            else None
        )
        self.blocks = nn.Sequential(
            *(ResidualBlock(shape.outputs, *block) for block in shape.blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        """x [N, in, h, w] -> [N, out, 2h, 2w]; the first keeps its size."""
        x = x if self.change is None else self.change(x)
        if self.widen is not None:
            kernel = (self.widen * 4).expand(x.shape[1], 1, -1, -1)
            x = F.conv_transpose2d(
                x, kernel, stride=2, padding=self.widen.shape[0] // 2 - 1, groups=x.shape[1]
            )
        return self.blocks(x)


class R3GAN(FaceGenerator):
    """The generator: z and a label's embedding blend 4x4 patterns, stages double them to a picture.
    No style space.
    """

    def __init__(
        self, z_dim: int, label_dim: int, embedding: int, shapes: Sequence[StageShape]
    ) -> None:
        super().__init__()
        self.z_dim, self.label_dim, self.resolution = z_dim, label_dim, 2 << len(shapes)
        self.embed = nn.Linear(label_dim, embedding, bias=False) if label_dim else None
        self.blend = nn.Linear(z_dim + embedding, shapes[0].outputs, bias=False)
        self.basis = nn.Parameter(torch.empty(shapes[0].outputs, 4, 4))
        self.stages = nn.ModuleList(
            Stage(shape, first=number == 0) for number, shape in enumerate(shapes)
        )
        self.colour = nn.Conv2d(shapes[-1].outputs, 3, 1, bias=False)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z [N, z_dim], c [N, label_dim] (one-hot) -> x [N, 3, H, H], about -1 to 1, not
        clamped.
        """
        z = z.to(self.basis.dtype)
        if self.embed is not None:
            assert c is not None and c.shape[1] == self.label_dim, (
                f"this network needs labels [N, {self.label_dim}]"
            )
            z = torch.cat([z, self.embed(c.to(z.dtype))], dim=1)
        x = self.basis * self.blend(z)[:, :, None, None]  # [N, C, 4, 4]
        x = x.contiguous(memory_format=torch.channels_last)
        for stage in self.stages:
            x = stage(x)
        return self.colour(x).float().contiguous()


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this an R3GAN generator?"""
    return set(NEEDED) <= shapes.keys()


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> R3GAN:
    """The generator of a checkpoint (`G_ema` of the published pickles), float32; every size is read
    from the shapes.

    `settings` say nothing that shapes don't: the published run's bfloat16 stages are float32 here
    (a difference of about 0.01). Raises ValueError that names a tensor that is missing, left over
    or of the wrong shape.
    """
    check_signs(tensors, NEEDED)
    labelled = "EmbeddingLayer.weight" in tensors
    embedding, label_dim = shape_of(tensors, "EmbeddingLayer.weight", 2) if labelled else (0, 0)
    z_dim = shape_of(tensors, BLEND, 2)[1] - embedding
    if z_dim < 1:
        raise ValueError(f"{BLEND} takes nothing from z")
    with torch.device("meta"):
        network = R3GAN(z_dim, label_dim, embedding, _stages(tensors))
    return channels_last(load_strictly(network, tensors, _published))


def _stages(state: Mapping[str, Tensor]) -> list[StageShape]:
    found = [re.match(r"MainLayers\.(\d{1,9})\.Layers\.(\d{1,9})\.", name) for name in state]
    places = {(int(match[1]), int(match[2])) for match in found if match}
    stages, inputs = [], shape_of(state, FIRST, 3)[0]
    for number in range(1 + max(stage for stage, _ in places)):
        check_resolution(4 << number)
        count = max((block for stage, block in places if stage == number), default=0)
        prefix = f"MainLayers.{number}.Layers"
        blocks = [_block(state, f"{prefix}.{block}") for block in range(1, count + 1)]
        outputs = shape_of(state, f"{prefix}.1.LinearLayer3.Layer.weight", 4)[0]
        side = 4 if number == 0 else shape_of(state, f"{prefix}.0.Resampler.Kernel", 2)[0]
        stages.append(StageShape(inputs, outputs, tuple(blocks), side))
        inputs = outputs
    return stages


def _block(state: Mapping[str, Tensor], prefix: str) -> tuple[int, int]:
    expanded, per_group = shape_of(state, f"{prefix}.LinearLayer2.Layer.weight", 4)[:2]
    return expanded, max(expanded // max(per_group, 1), 1)


def _published(name: str) -> str:
    """The published name of one of our tensors."""
    return next(place(match) for pattern, place in PLACES if (match := re.fullmatch(pattern, name)))


def _published_in_block(stage: str, block: str, layer: str, kind: str) -> str:
    number = ("expand", "mix", "project").index(layer) + 1
    leaf = f"LinearLayer{number}.Layer.weight" if kind == "weight" else f"NonLinearity{number}.Bias"
    return f"MainLayers.{stage}.Layers.{int(block) + 1}.{leaf}"

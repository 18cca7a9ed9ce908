"""StyleGAN2 generator: Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN";
labels as ADA.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import load_strictly
from ganapps.networks.contracts import Stage, StyleGenerator
from ganapps.networks.faces import strips
from ganapps.networks.faces.parts import ACTIVATIONS, MappingNetwork, check_noise, exactly, times
from ganapps.networks.faces.stylegan2_layouts import BlockShape, read, recognise

__all__ = ["StyleGAN2", "build", "recognise"]

# What keeps it quick and small on a CPU: scaling a kernel by a style per input and a demodulation
# per output is
# scaling its input and its output, so that one kernel serves the whole batch. A block sees a few
# rows around each row,
# so that a large one is made in strips that stay in the cache. Gains fold into weights: lrelu(g x)
# = g lrelu(x), g > 0.
STRIP = {"cpu": 1 << 21}  # numbers in a strip of a block's output: 8 MiB on a CPU
WHOLE = 1 << 28  # elsewhere


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, activation; with `up`, the convolution doubles the
    sides.
    """

    weight: Tensor
    bias: Tensor
    noise_const: Tensor
    noise_strength: Tensor
    clamp: float | None
    # what folding makes
    energy: Tensor
    blur: Tensor

    def __init__(
        self, w_dim: int, inputs: int, outputs: int, resolution: int, up: bool, noise: bool
    ) -> None:
        super().__init__()
        self.resolution, self.up, self.has_noise = resolution, up, noise
        self.activation, self.gain, self.after, self.clamp = (
            ACTIVATIONS["lrelu"],
            sqrt(2),
            1.0,
            None,
        )
        self.affine = nn.Linear(w_dim, inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.empty(outputs))
        if noise:
            self.register_buffer("noise_const", torch.empty(resolution, resolution))
            self.noise_strength = nn.Parameter(torch.empty(()))

    def fold(self, fir: Tensor, rest: float, clamp: float | None, activation: str) -> None:
        """Put every constant into the weights.

        `fir` [h, w] is the low-pass filter that follows up-sampling, `rest` the gain beside the
        activation's own.
        """
        outputs, inputs = self.weight.shape[:2]
        self.activation = ACTIVATIONS[activation]
        self.gain = gain = self.activation.before(rest)
        self.after, self.clamp = self.activation.after(rest), clamp and clamp * rest
        self.affine.weight /= sqrt(self.affine.in_features)
        # demodulation makes this void, save that float16 can't overflow
        self.weight /= sqrt(inputs * 9)
        self.epsilon = 1e-8 / (inputs * 9)
        self.register_buffer("energy", self.weight.square().sum(dim=(2, 3)), persistent=False)
        self.bias *= gain
        if self.has_noise:
            self.noise_strength *= gain
            self.noise_const *= self.noise_strength
        kernel = self.weight.transpose(0, 1) if self.up else self.weight
        self.weight = nn.Parameter(
            kernel.contiguous(memory_format=torch.channels_last), requires_grad=False
        )
        if self.up:
            blur = (fir.flip(0, 1) * 4).expand(outputs, 1, *fir.shape)
            self.register_buffer(
                "blur", blur.contiguous(memory_format=torch.channels_last), persistent=False
            )

    def scales(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """w [N, w_dim] -> the style of the input [N, in, 1, 1] and the demodulation of the output
        [N, out, 1, 1].
        """
        with exactly(w):
            style = self.affine(w)
            demodulation = self.gain * (style.square() @ self.energy.t() + self.epsilon).rsqrt()
        return style[:, :, None, None], demodulation[:, :, None, None]

    def noise(self, kind: str, generators: Sequence[torch.Generator] | None) -> Tensor | None:
        """What is added to every channel: [1 or N, 1, resolution, resolution], or None."""
        if kind == "none" or not self.has_noise:
            return None
        if kind == "const":
            return self.noise_const[None, None]
        assert generators is not None, "random noise needs generators"
        side = self.resolution
        drawn = [
            torch.randn(1, side, side, generator=each, device=each.device) for each in generators
        ]
        return torch.stack(drawn).to(self.bias) * self.noise_strength

    def convolve(self, x: Tensor, style: Tensor) -> Tensor:
        """[N, in, h, w] -> [N, out, h, w], or twice the sides; not yet demodulated."""
        x = x * style.to(x.dtype)
        if not self.up:
            return F.conv2d(x, self.weight, padding=1)
        x = F.conv_transpose2d(x, self.weight, stride=2)  # [N, out, 2h + 1, 2w + 1]
        return strips.blurred(x, self.blur)  # [N, out, 2h, 2w]

    def activate(self, x: Tensor, demodulation: Tensor, noise: Tensor | None) -> Tensor:
        """In place: demodulate, add noise and bias, activate, clamp."""
        x = x.mul_(demodulation).add_(self.bias[:, None, None])
        if noise is not None:
            x = x.add_(noise)
        x = times(self.activation.apply(x), self.after)
        return strips.within(x, self.clamp)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution without demodulation, to colours."""

    weight: Tensor

    def __init__(self, w_dim: int, inputs: int, colours: int) -> None:
        super().__init__()
        self.clamp: float | None = None
        self.affine = nn.Linear(w_dim, inputs)
        self.weight = nn.Parameter(torch.empty(colours, inputs, 1, 1))
        self.bias = nn.Parameter(torch.empty(colours))

    def fold(self, clamp: float | None) -> None:
        """Put the runtime scales into the weights."""
        self.clamp = clamp
        self.affine.weight /= sqrt(self.affine.in_features)
        self.weight /= sqrt(self.affine.out_features)

    def kernel(self, w: Tensor) -> Tensor:
        """w [N, w_dim] -> the weights of each picture [N, in, colours]."""
        with exactly(w):
            return self.affine(w).unsqueeze(2) * self.weight[:, :, 0, 0].t()

    def forward(self, x: Tensor, kernel: Tensor) -> Tensor:
        """x [N, in, h, w] -> [N, colours, h, w]."""
        # [N, h w, in], a view when channels come last
        flat = x.permute(0, 2, 3, 1).reshape(len(x), -1, x.shape[1])
        y = torch.baddbmm(self.bias, flat, kernel)  # [N, h w, colours]
        y = strips.within(y, self.clamp)
        return y.view(len(x), x.shape[2], x.shape[3], -1).permute(0, 3, 1, 2)


class SynthesisBlock(nn.Module):
    """One resolution: a doubling layer (not in the first), a layer; perhaps a residual and a share
    of the picture.
    """

    widen: Tensor  # what folding makes

    def __init__(self, w_dim: int, shape: BlockShape, noise: bool) -> None:
        super().__init__()
        self.shape, side = shape, shape.resolution
        if shape.inputs:
            self.conv0 = SynthesisLayer(w_dim, shape.inputs, shape.outputs, side, True, noise)
        else:
            self.const = nn.Parameter(torch.empty(shape.outputs, side, side))
        self.conv1 = SynthesisLayer(w_dim, shape.outputs, shape.outputs, side, False, noise)
        if shape.skip:
            self.skip = nn.Conv2d(shape.inputs, shape.outputs, 1, bias=False)
        if shape.colours:
            self.torgb = ToRGB(w_dim, shape.outputs, shape.colours)
        # the layers in the order of their w
        self.names = ("conv0", "conv1") if shape.inputs else ("conv1",)
        self.sees = 4

    def fold(self, fir: Tensor, clamp: float | None, activation: str) -> None:
        """Put every constant into the weights; a block with a residual halves the variance of both
        branches.
        """
        self.sees = strips.sees(len(fir))
        if self.shape.inputs:
            self.conv0.fold(fir, 1.0, clamp, activation)
        self.conv1.fold(fir, sqrt(0.5) if self.shape.skip else 1.0, clamp, activation)
        if self.shape.skip:
            self.skip.weight *= sqrt(0.5 / self.shape.inputs)
            self.register_buffer("widen", strips.kernels(fir, self.shape.outputs), persistent=False)
        if self.shape.colours:
            self.torgb.fold(clamp)

    def forward(
        self, x: Tensor | None, ws: Tensor, noises: list, keep: bool
    ) -> tuple[Tensor | None, Tensor | None]:
        """x [N, in, h, h], ws [N, layers + 1, w_dim] -> (features, if `keep`, and own picture, if
        any), at 2h.
        """
        shape, count = self.shape, len(ws)
        if x is None:
            x = self.const.expand(count, -1, -1, -1).contiguous(memory_format=torch.channels_last)
        side = shape.resolution
        scales = [getattr(self, name).scales(w) for name, w in zip(self.names, ws.unbind(1))]
        kernel = self.torgb.kernel(ws[:, len(self.names)]) if shape.colours else None
        features: Tensor | None = None
        picture = strips.empty(ws, count, shape.colours, side) if shape.colours else None
        for some, rows in strips.pieces(
            count, shape.outputs, side, STRIP.get(x.device.type, WHOLE)
        ):
            mine = [(style[some], demodulation[some]) for style, demodulation in scales]
            theirs = [
                noise if noise is None or len(noise) == 1 else noise[some] for noise in noises
            ]
            y = self.rows(x[some], mine, theirs, rows.start, rows.stop)
            if keep:
                # in the precision that it was computed in: half of float32's bytes move on
                features = (
                    strips.empty(y, count, y.shape[1], side) if features is None else features
                )
                features[some, :, rows] = y
            if picture is not None and kernel is not None:
                picture[some, :, rows] = self.torgb(y, kernel[some])
        return features, picture

    def rows(self, x: Tensor, scales: list, noises: list, top: int, bottom: int) -> Tensor:
        """Rows `top` to `bottom` (even numbers) of the features, from the rows of x that they can
        see.
        """
        side = self.shape.resolution
        # a 3x3 convolution sees one row more on each side
        low, high = (
            max(top - 1, 0),
            min(bottom + 1, side),
        )
        first, last = 0, side
        if self.shape.inputs:
            first, last = max(top - self.sees, 0), min(bottom + self.sees, side)
            x = x[:, :, first // 2 : last // 2]
            y = self.conv0.convolve(x, scales[0][0])[:, :, low - first : high - first]
            y = self.conv0.activate(y, scales[0][1], strips.cut(noises[0], low, high))
        else:
            y = x
        style, demodulation = scales[-1]
        y = self.conv1.convolve(y, style)[:, :, top - low : bottom - low]
        y = self.conv1.activate(y, demodulation, strips.cut(noises[-1], top, bottom))
        if self.shape.skip:
            wide = strips.doubled(self.skip(x), self.widen)
            wide = wide[:, :, top - first : bottom - first]
            # gradients need y as it was
            y = y + wide if y.requires_grad else y.add_(wide)
        return y


class SynthesisNetwork(nn.Module):
    """ws -> picture; architectures "skip" (a picture from every block), "resnet" and "orig" (one
    from the last).
    """

    widen: Tensor  # what folding makes

    def __init__(self, w_dim: int, shapes: Sequence[BlockShape], noise: bool) -> None:
        super().__init__()
        self.sides = [shape.resolution for shape in shapes]
        for shape in shapes:
            self.add_module(f"b{shape.resolution}", SynthesisBlock(w_dim, shape, noise))
        self.num_ws = 2 * len(shapes)

    def fold(self, fir: Tensor, clamp: float | None, activation: str = "lrelu") -> None:
        """Put every constant into the weights."""
        for side in self.sides:
            self.block(side).fold(fir, clamp, activation)
        colours = self.block(self.sides[-1]).shape.colours
        self.register_buffer("widen", strips.kernels(fir, colours), persistent=False)

    def block(self, side: int) -> SynthesisBlock:
        """The block that works on maps of this side."""
        block = self.get_submodule(f"b{side}")
        assert isinstance(block, SynthesisBlock)
        return block

    def forward(
        self, ws: Tensor, noise: str = "const", generators: Sequence[torch.Generator] | None = None
    ) -> Tensor:
        """ws [N, num_ws, w_dim] -> x [N, 3, H, H], about -1 to 1, not clamped.

        `noise` is "const" (what the file holds), "none", or "random": then `generators` has one per
        picture.
        """
        picture: Tensor | None = None
        for stage in self.stages(ws, noise, generators):
            picture = stage.picture
        assert picture is not None, "the last block makes one"
        return picture

    def stages(
        self, ws: Tensor, noise: str = "const", generators: Sequence[torch.Generator] | None = None
    ) -> Iterator[Stage]:
        """What there is after each block. Arguments as in `forward`."""
        assert ws.shape[1] == self.num_ws, (
            f"ws has {ws.shape[1]} layers, this network {self.num_ws}"
        )
        check_noise(noise, generators, len(ws))
        x: Tensor | None = None
        picture: Tensor | None = None
        first = 0
        for side in self.sides:
            block = self.block(side)
            noises = [getattr(block, name).noise(noise, generators) for name in block.names]
            x, own = block(
                x, ws[:, first : first + len(block.names) + 1], noises, keep=side != self.sides[-1]
            )
            first += len(block.names)
            if picture is not None:
                with exactly(ws):
                    wide = strips.doubled(picture, self.widen)
                own = wide.add_(own)
            picture = own
            # grey is three times the same
            seen = None if picture is None else picture.expand(-1, 3, -1, -1)
            yield Stage(side, x, seen)


class StyleGAN2(StyleGenerator):
    """The generator."""

    mapping: MappingNetwork
    synthesis: SynthesisNetwork
    bends = True
    # of our heads' pictures in it every value lies within one level of float32's
    precisions = ("float16",)

    def __init__(self, mapping: MappingNetwork, synthesis: SynthesisNetwork) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis
        self.z_dim, self.label_dim, self.num_ws = mapping.z_dim, mapping.label_dim, mapping.num_ws
        self.resolution = synthesis.sides[-1]
        self.has_noise = synthesis.block(synthesis.sides[0]).conv1.has_noise

    @property
    def w_avg(self) -> Tensor:
        """The average w [w_dim], to which truncation pulls."""
        return self.mapping.w_avg

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z [N, z_dim], c [N, label_dim] -> x [N, 3, H, H], constant noise, no truncation."""
        return self.synthesis(self.mapping(z, c))

    def stages(self, ws: Tensor) -> Iterator[Stage]:
        """As `StyleGenerator` says; pictures from the first block on in the architecture "skip"."""
        return self.synthesis.stages(ws)

    def style_weights(self) -> list[Tensor]:
        """As `StyleGenerator` says; the last one is that of the last picture."""
        blocks = [self.synthesis.block(side) for side in self.synthesis.sides]
        layers = [getattr(block, name) for block in blocks for name in block.names]
        return [layer.affine.weight for layer in (*layers, blocks[-1].torgb)]


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> StyleGAN2:
    """The generator of a checkpoint in NVIDIA's or rosinality's layout (see
    `stylegan2_layouts.read`), float32, folded.

    Raises ValueError that names a tensor that is missing, left over or of the wrong shape. A file
    without an average w gets that of fixed random z.
    """
    layout = read(tensors, settings)
    for activation in (layout.activation, layout.mapping_activation):
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation is {activation!r}; known are {', '.join(ACTIVATIONS)}")
    with torch.device("meta"):
        num_ws = 2 * len(layout.blocks)
        mapping = MappingNetwork(
            layout.z_dim, layout.label_dim, layout.widths, layout.embedding, num_ws
        )
        network = StyleGAN2(
            mapping, SynthesisNetwork(layout.widths[-1], layout.blocks, layout.noise)
        )
    unknown_average = "mapping.w_avg" not in layout.state
    w_avg = torch.zeros(layout.widths[-1]) if unknown_average else layout.state["mapping.w_avg"]
    load_strictly(network, {**layout.state, "mapping.w_avg": w_avg})
    with torch.no_grad():
        network.mapping.fold(layout.rate, layout.mapping_activation)
        network.synthesis.fold(layout.fir, layout.clamp, layout.activation)
        if unknown_average:
            network.mapping.w_avg.copy_(network.mapping.average())
    return network

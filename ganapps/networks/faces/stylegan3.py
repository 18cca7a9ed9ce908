"""StyleGAN3 generators T, R: Karras et al. 2021, "Alias-Free Generative Adversarial Networks"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import cos, pi, radians, sin, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_resolution, check_signs, load_strictly, shape_of
from ganapps.networks.contracts import Stage, StyleGenerator
from ganapps.networks.faces.parts import MappingNetwork, check_noise, exactly
from ganapps.networks.faces.resampling import Resampling
from ganapps.networks.faces.stylegan3_layouts import (
    MARGIN,
    NEEDED,
    LayerShape,
    layers_of,
    rate_of_mapping,
    recognise,
    sampling,
    told,
)

__all__ = ["StyleGAN3", "build", "recognise"]


SLOPE = 0.2
STRIP = {"cpu": 1 << 19}  # numbers of the finer grid at a time: 2 MiB
WHOLE = 1 << 26  # elsewhere
OUTPUT_SCALE = 0.25


class SynthesisInput(nn.Module):
    """Fourier features, turned and moved as w says, and as the caller does."""

    transform: Tensor
    freqs: Tensor
    phases: Tensor

    def __init__(self, w_dim: int, channels: int, size: int, rate: float, bandwidth: float) -> None:
        """`rate` in samples and `bandwidth` in waves per picture; `size` in samples."""
        super().__init__()
        self.size, self.rate, self.bandwidth = size, rate, bandwidth
        self.weight = nn.Parameter(torch.empty(channels, channels))
        self.affine = nn.Linear(w_dim, 4)
        self.register_buffer("transform", torch.empty(3, 3))
        self.register_buffer("freqs", torch.empty(channels, 2))
        self.register_buffer("phases", torch.empty(channels))

    def fold(self) -> None:
        """Put the runtime scales into the weights."""
        self.affine.weight.div_(sqrt(self.affine.in_features))
        self.weight.div_(sqrt(len(self.weight)))

    def forward(self, w: Tensor, rotation: float, translation: tuple[float, float]) -> Tensor:
        """w [N, w_dim] -> [N, channels, size, size]; `rotation` in degrees, `translation` in
        pictures, right and down."""
        with exactly(w):
            transform = (
                self.learned(w) @ self.transform @ placed(rotation, translation).to(self.transform)
            )
            phases = self.phases + (self.freqs @ transform[:, :2, 2:]).squeeze(2)  # [N, channels]
            freqs = self.freqs @ transform[:, :2, :2]  # [N, channels, 2]
            over = (freqs.norm(dim=2) - self.bandwidth) / (self.rate / 2 - self.bandwidth)
            amplitudes = (1 - over).clamp(0, 1)  # what the grid can't carry fades out
            along = (torch.arange(self.size, device=w.device) + 0.5 - self.size / 2) / self.rate
            x, y = along[None, :, None], along[:, None, None]
            # each [size, size, channels]
            waves = [x * f[:, 0] + y * f[:, 1] + p for f, p in zip(freqs, phases)]
            features = torch.sin(torch.stack(waves) * (2 * pi)) * amplitudes[:, None, None]
            return (features @ self.weight.t()).permute(0, 3, 1, 2)

    def learned(self, w: Tensor) -> Tensor:
        """w [N, w_dim] -> [N, 3, 3]: the inverse of a rotation and then a translation of the
        picture."""
        t = self.affine(w)
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        rotation, translation = (
            torch.eye(3, device=w.device).repeat(len(w), 1, 1) for _ in range(2)
        )
        rotation[:, 0, 0] = rotation[:, 1, 1] = t[:, 0]
        rotation[:, 0, 1] = -t[:, 1]
        rotation[:, 1, 0] = t[:, 1]
        translation[:, :2, 2] = -t[:, 2:]
        return rotation @ translation


class SynthesisLayer(nn.Module):
    """Modulated convolution, bias, then leaky ReLU on a finer grid between two low-pass filters
    (figure 4b)."""

    weight: Tensor
    magnitude_ema: Tensor
    up_filter: Tensor | None  # None: the sides stay
    down_filter: Tensor | None
    # what folding makes, save of the last layer
    energy: Tensor
    up: Resampling
    down: Resampling

    def __init__(self, w_dim: int, shape: LayerShape, last: bool) -> None:
        super().__init__()
        self.shape, self.last = shape, last
        self.affine = nn.Linear(w_dim, shape.inputs)
        self.weight = nn.Parameter(
            torch.empty(shape.outputs, shape.inputs, shape.kernel, shape.kernel)
        )
        self.bias = nn.Parameter(torch.empty(shape.outputs))
        self.register_buffer("magnitude_ema", torch.empty(()))
        for name, taps in (("up_filter", shape.up_taps), ("down_filter", shape.down_taps)):
            self.register_buffer(name, torch.empty(taps) if taps else None)

    def fold(self) -> None:
        """Put every constant into the weights, and filters into matrices."""
        self.affine.weight.div_(sqrt(self.affine.in_features))
        gain = self.magnitude_ema.rsqrt()
        if self.last:
            self.weight *= gain / sqrt(self.shape.inputs)  # its kernel is 1x1
            return
        self.weight /= self.weight.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        self.register_buffer("energy", self.weight.square().sum(dim=(2, 3)), persistent=False)
        self.weight *= gain
        self.up, self.down = self.resamplings()

    def resamplings(self) -> tuple[Resampling, Resampling]:
        """To the finer grid, with the gain of the filter and of the activation; and from it."""
        shape = self.shape
        up = torch.ones(1) if self.up_filter is None else self.up_filter
        down = torch.ones(1) if self.down_filter is None else self.down_filter
        both = shape.up**2 * sqrt(2)
        up = up.double() * (sqrt(both) if up.dim() == 1 else both)
        side = shape.in_size + shape.kernel - 1
        return Resampling(up, side, shape.fine, up=shape.up, before=shape.before), Resampling(
            down, shape.fine, shape.out_size, down=shape.down
        )

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [N, in, in_size, in_size], w [N, w_dim] -> [N, out, out_size, out_size]."""
        with exactly(w):
            style = self.affine(w)  # [N, in]
            if not self.last:
                style = style * style.square().mean(dim=1, keepdim=True).rsqrt()
                demodulation = (style.square() @ self.energy.t() + 1e-8).rsqrt()[:, :, None, None]
        x = F.conv2d(x * style[:, :, None, None], self.weight, padding=self.shape.kernel - 1)
        with exactly(w):
            bias = self.bias[:, None, None]
            if self.last:
                return self.clamped(x.float() + bias)
            return self.filtered(torch.addcmul(bias, x.float(), demodulation))

    def filtered(self, x: Tensor) -> Tensor:
        """The activation on the finer grid, a few channels at a time."""
        flat = x.flatten(0, 1)
        several = max(STRIP.get(x.device.type, WHOLE) // self.shape.fine**2, 1)
        parts = [
            self.down(self.clamped(F.leaky_relu(self.up(part), SLOPE)))
            for part in flat.split(several)
        ]
        return torch.cat(parts).unflatten(0, x.shape[:2])

    def clamped(self, x: Tensor) -> Tensor:
        """x, perhaps changed in place, within the file's bounds."""
        return x if self.shape.clamp is None else x.clamp_(-self.shape.clamp, self.shape.clamp)


class SynthesisNetwork(nn.Module):
    """ws -> picture."""

    def __init__(
        self, w_dim: int, channels: int, shapes: Sequence[LayerShape], rate: float, bandwidth: float
    ) -> None:
        super().__init__()
        self.input = SynthesisInput(w_dim, channels, shapes[0].in_size, rate, bandwidth)
        self.names = [shape.name for shape in shapes]
        for shape in shapes:
            self.add_module(shape.name, SynthesisLayer(w_dim, shape, last=shape is shapes[-1]))
        self.num_ws = len(shapes) + 1
        self.scale = OUTPUT_SCALE

    def fold(self) -> None:
        """Put every constant into the weights."""
        self.input.fold()
        for name in self.names:
            self.layer(name).fold()

    def layer(self, name: str) -> SynthesisLayer:
        """The layer of this name."""
        layer = self.get_submodule(name)
        assert isinstance(layer, SynthesisLayer)
        return layer

    def forward(
        self,
        ws: Tensor,
        noise: str = "const",
        generators: Sequence[torch.Generator] | None = None,
        rotation: float = 0.0,
        translation: tuple[float, float] = (0.0, 0.0),
    ) -> Tensor:
        """ws [N, num_ws, w_dim] -> x [N, 3, H, H], about -1 to 1, not clamped.

        `rotation` (degrees) and `translation` (of the picture's side, right and down) place the
        input, and the picture follows: the whole of it for R, and for T all but large turns. It has
        no noise; `noise` is taken for other generators' sake.
        """
        check_noise(noise, generators, len(ws))
        last: Tensor | None = None
        for x in self.features(ws, rotation, translation):
            last = x
        assert last is not None, "there are layers"
        return (last * self.scale).expand(-1, 3, -1, -1)  # grey is three times the same

    def features(
        self, ws: Tensor, rotation: float = 0.0, translation: tuple[float, float] = (0.0, 0.0)
    ) -> Iterator[Tensor]:
        """What each layer makes; the last one makes colours."""
        assert ws.shape[1] == self.num_ws, (
            f"ws has {ws.shape[1]} layers, this network {self.num_ws}"
        )
        x = self.input(ws[:, 0], rotation, translation)
        for name, w in zip(self.names, ws[:, 1:].unbind(1)):
            x = self.layer(name)(x, w)
            yield x


class StyleGAN3(StyleGenerator):
    """The generator; its input can be turned and moved."""

    mapping: MappingNetwork
    synthesis: SynthesisNetwork
    has_noise, places, bends = False, True, True

    def __init__(
        self, mapping: MappingNetwork, synthesis: SynthesisNetwork, resolution: int
    ) -> None:
        super().__init__()
        self.mapping, self.synthesis, self.resolution = mapping, synthesis, resolution
        self.z_dim, self.label_dim, self.num_ws = mapping.z_dim, mapping.label_dim, mapping.num_ws

    @property
    def w_avg(self) -> Tensor:
        """The average w [w_dim], to which truncation pulls."""
        return self.mapping.w_avg

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z [N, z_dim], c [N, label_dim] -> x [N, 3, H, H], no truncation."""
        return self.synthesis(self.mapping(z, c))

    def stages(self, ws: Tensor) -> Iterator[Stage]:
        """As `StyleGenerator` says, without the margin that maps have around the picture."""
        names = self.synthesis.names
        for name, x in zip(names, self.synthesis.features(ws)):
            if name == names[-1]:
                picture = (x * self.synthesis.scale).expand(-1, 3, -1, -1)
                yield Stage(self.resolution, None, picture)
                continue
            side = x.shape[2]
            margin = 0 if side == self.resolution else min(MARGIN, (side - 1) // 2)
            inner = x[:, :, margin : side - margin, margin : side - margin]
            yield Stage(inner.shape[2], inner, None)

    def style_weights(self) -> list[Tensor]:
        """As `StyleGenerator` says."""
        layers = [self.synthesis.layer(name) for name in self.synthesis.names]
        return [self.synthesis.input.affine.weight, *(layer.affine.weight for layer in layers)]


def placed(rotation: float, translation: tuple[float, float]) -> Tensor:
    """The inverse [3, 3] of the official scripts' placing of the picture: their files hold
    inverses, too."""
    angle = radians(rotation)
    turned = torch.tensor(
        [[cos(angle), sin(angle)], [-sin(angle), cos(angle)]], dtype=torch.float64
    )
    back = torch.eye(3, dtype=torch.float64)
    back[:2, :2] = turned.t()
    back[:2, 2] = -turned.t() @ torch.tensor(translation, dtype=torch.float64)
    return back.float()


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> StyleGAN3:
    """The generator of a checkpoint (NVIDIA's pickles, or their state dict), float32, folded.

    Names and shapes say the sizes and filters. What they don't is read from a pickle's layers, else
    it is what the published constructor takes: `conv_clamp` 256, `output_scale` 0.25, `margin_size`
    10, `first_cutoff` 2, filters that are six samples long and activations on a grid twice as fine.
    Raises ValueError that names a tensor that is missing, left over or of the wrong shape, or a
    setting that can't be.
    """
    check_signs(tensors, NEEDED)
    state = {"synthesis.input.transform": torch.eye(3), **tensors}
    shapes = layers_of(state, settings)
    check_resolution(shapes[-1].out_size)
    count = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in state)
    dense = [shape_of(state, f"mapping.fc{number}.weight", 2) for number in range(count)]
    labelled = "mapping.embed.weight" in state
    embedding, label_dim = shape_of(state, "mapping.embed.weight", 2) if labelled else (0, 0)
    z_dim, widths = dense[0][1] - embedding, [shape[0] for shape in dense]
    if z_dim < 1:
        raise ValueError(f"mapping.fc0.weight takes {dense[0][1]} numbers, none of them from z")
    channels = shape_of(state, "synthesis.input.freqs", 2)[0]
    rate, bandwidth = sampling(shapes[0].in_size, settings)
    with torch.device("meta"):
        mapping = MappingNetwork(z_dim, label_dim, widths, embedding, len(shapes) + 1)
        synthesis = SynthesisNetwork(widths[-1], channels, shapes, rate, bandwidth)
        network = StyleGAN3(mapping, synthesis, shapes[-1].out_size)
    network = load_strictly(network, {"mapping.w_avg": torch.zeros(widths[-1]), **state})
    synthesis.scale = told(settings, "synthesis", "output_scale", OUTPUT_SCALE)
    with torch.no_grad():
        mapping.fold(rate_of_mapping(settings))
        synthesis.fold()
        if "mapping.w_avg" not in state:
            mapping.w_avg.copy_(mapping.average())
    return network.requires_grad_(False)

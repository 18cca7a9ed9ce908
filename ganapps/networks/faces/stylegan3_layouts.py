"""What a file says of a StyleGAN3: its layers, its filters, its input."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

from torch import Tensor

from ganapps.networks import shape_of
from ganapps.networks.faces.resampling import LONGEST

# What keeps it quick on a CPU: scaling a kernel by a style per input and a demodulation per output
# is scaling its input and its output (as in stylegan2.py), and filters are small matrices
# (resampling.py), a few channels at a time, so that the finer grid on which the activation acts
# never leaves the cache.
NEEDED = ("synthesis.input.freqs", "synthesis.input.affine.weight", "mapping.fc0.weight")


PLACE = re.compile(r"synthesis\.(L(\d{1,3})_(\d{1,5})_\d{1,5})\.")


# What the constructor takes where it is told nothing.
MARGIN = 10  # pixels around the picture


FIRST_CUTOFF = 2.0  # bandwidth of the input, in waves per picture


CLAMP = 256.0


LARGEST_FACTOR = 16


LARGEST_SIDE = 4096 + 2 * 64


@dataclass(frozen=True)
class LayerShape:
    """What one layer is made of; sizes are sides of its square pictures, `up` and `down` the
    factors of its filters."""

    name: str
    inputs: int
    outputs: int
    kernel: int
    in_size: int
    out_size: int
    up: int
    down: int
    up_taps: tuple[int, ...]  # shapes of its filters; () is none
    down_taps: tuple[int, ...]
    clamp: float | None

    @property
    def fine(self) -> int:
        """The side of the finer grid on which the activation acts."""
        kept = (self.out_size - 1) * self.down + 1
        return kept + (self.down_taps[0] - 1 if self.down_taps else 0)

    @property
    def before(self) -> int:
        """Zeros before the first sample of the finer grid (appendix C.3: samples lie in the middle
        of their pixels)."""
        total = self.fine - (self.in_size + self.kernel - 1) * self.up
        total += self.up_taps[0] - 1 if self.up_taps else 0
        return (total + self.up) // 2


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a StyleGAN3 generator?"""
    return set(NEEDED) <= shapes.keys()


def layers_of(state: Mapping[str, Tensor], settings: Mapping) -> list[LayerShape]:
    """The layers in their order; each takes the picture of the one before, the first one that of
    the input."""
    found = {match[1]: (int(match[2]), int(match[3])) for match in map(PLACE.match, state) if match}
    names = sorted(found, key=lambda name: found[name])
    if [found[name][0] for name in names] != list(range(len(names))) or len(names) < 2:
        raise ValueError("synthesis.L0_..., synthesis.L1_... are not the layers of one network")
    layers, in_size = [], found[names[0]][1]
    for name in names:
        last, out_size = name == names[-1], found[name][1]
        layers.append(_layer(state, settings, name, in_size, out_size, last))
        in_size = out_size
    if layers[-1].outputs not in (1, 3):
        raise ValueError(
            f"synthesis.{names[-1]} makes {layers[-1].outputs} channels; a picture has 1 or 3"
        )
    return layers


def _layer(
    state: Mapping[str, Tensor],
    settings: Mapping,
    name: str,
    in_size: int,
    out_size: int,
    last: bool,
) -> LayerShape:
    outputs, inputs, kernel = shape_of(state, f"synthesis.{name}.weight", 4)[:3]
    filters = [_filter(state, f"synthesis.{name}.{kind}_filter") for kind in ("up", "down")]
    up_taps, down_taps = filters
    up, down = (_factor(settings, name, f"{kind}_factor", filters) for kind in ("up", "down"))
    clamp = _said(settings, f"synthesis.{name}", "conv_clamp", CLAMP)
    sizes = (inputs, outputs, kernel, in_size, out_size)
    shape = LayerShape(name, *sizes, up, down, up_taps, down_taps, clamp)
    if last and (kernel != 1 or any(filters) or in_size != out_size):
        raise ValueError(
            f"synthesis.{name} is the last layer, and no plain 1x1 convolution to colours"
        )
    # the finer grid is at most twice as fine, and a filter longer
    sides = (
        in_size,
        out_size,
        shape.fine // 3,
    )
    if kernel not in (1, 3) or min(sides) < 1 or max(sides) > LARGEST_SIDE:
        raise ValueError(f"synthesis.{name} has sizes that no published network has")
    return shape


def _filter(state: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    """The shape of a filter, [K] or [K, K]; () where there is none."""
    if name not in state:
        return ()
    shape = shape_of(state, name)
    if len(shape) not in (1, 2) or len(set(shape)) != 1 or shape[0] > LONGEST:
        raise ValueError(f"{name} is {'x'.join(map(str, shape))}, which is no shape for it")
    return shape


def _factor(settings: Mapping, name: str, kind: str, filters: Sequence[tuple[int, ...]]) -> int:
    """How many times as fine, or as coarse, the grid gets: a pickle says it, and filters' lengths
    do."""
    up, down = (shape[0] if shape else 0 for shape in filters)
    # of a filter in samples, where the activation acts on a grid twice as fine as the output's
    length = down // 2
    guess = 1 if not any(filters) else 2 if kind == "down_factor" else up // max(length, 1)
    factor = told(settings, f"synthesis.{name}", kind, guess)
    if factor not in range(1, LARGEST_FACTOR + 1):
        raise ValueError(f"synthesis.{name} has the {kind} {factor}, which can't be")
    return int(factor)


def sampling(size: int, settings: Mapping) -> tuple[float, float]:
    """The input's samples per picture, and its bandwidth in waves per picture."""
    margin = told(settings, "synthesis", "margin_size", MARGIN)
    rate = told(settings, "synthesis.input", "sampling_rate", size - 2 * margin)
    cutoff = told(settings, "", "first_cutoff", FIRST_CUTOFF)
    bandwidth = told(settings, "synthesis.input", "bandwidth", cutoff)
    if not 0 < 2 * bandwidth < rate:
        raise ValueError(
            f"an input of {size} samples has no room for waves of {bandwidth:g} in a picture"
        )
    return rate, bandwidth


def rate_of_mapping(settings: Mapping) -> float:
    mapping = (settings.get("G_ema") or {}).get("mapping_kwargs") or {}
    said = _said(settings, "mapping.fc0", "bias_gain", mapping.get("lr_multiplier", 0.01))
    return _needed("lr_multiplier", _number("lr_multiplier", settings.get("lr_multiplier", said)))


def told(settings: Mapping, module: str, name: str, default: float) -> float:
    """The same as `_said`, of a number that has to be one."""
    return _needed(name, _said(settings, module, name, default))


def _needed(name: str, number: float | None) -> float:
    if number is None:
        raise ValueError(f"{name} is none; a number is needed")
    return number


def _said(settings: Mapping, module: str, name: str, default: float | None) -> float | None:
    """A number of the constructor: the row's word first, then that of the pickled module, then the
    pickled generator's."""
    pickled = settings.get("G_ema") or {}
    inner = (pickled.get("modules") or {}).get(module) or {}
    for part in (settings, inner, pickled):
        if name in part:
            return _number(name, part[name])
    return default


def _number(name: str, value: Any) -> float | None:
    """A number as a pickle (float, None) or a safetensors file ("256", "none") says it."""
    if value is None or str(value).lower() == "none":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = nan
    if not isfinite(number):
        raise ValueError(f"{name} is {value!r}; a number or none is needed")
    return number

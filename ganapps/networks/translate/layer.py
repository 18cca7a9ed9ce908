"""One layer of a picture-to-picture network, whole or in strips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks.translate import narrow, winograd
from ganapps.networks.translate.sums import Sums


class Options(TypedDict, total=False):
    """What the layers of one kind differ in, as `Layer` takes it."""

    resize: str | None
    like: int | None
    add: int | None
    again: bool


class Layer(nn.Module):
    """Join the sources, resize, pad, convolve, normalise by statistics of the picture, add an
    earlier layer, activate; each optional.

    `sources`: earlier layers whose channels are joined; `take`: which of the joined channels, in
    which order. `first`: what is done to them before all ("relu"). `resize` doubles the sides:
    "nearest", "bilinear", "corners" (bilinear, corners aligned), "halves" (bilinear as TensorFlow 1
    did it: between two pixels comes their mean). `like`: of "corners", the layer whose sides it
    takes instead, which may be odd. `pad`: left, right, top, bottom, by `padding` ("reflect",
    "replicate", "constant"). `norm`: "instance" (each channel by itself), "layer" (all channels
    together), "spread" (so too, epsilon added to the deviation) or None; its scale and shift are
    [C], or [styles, C] tables that a condition mixes. `again`: so cheap that strips make it anew
    rather than keep it.
    """

    weight: Tensor | None
    bias: Tensor | None
    scale: Tensor | None
    shift: Tensor | None
    fast: Tensor | None  # the weight as winograd.py takes it
    columns: Tensor | None  # the weight as narrow.py takes it

    def __init__(
        self,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        *,
        sources: Sequence[int],
        take: Sequence[int] | None = None,
        first: str | None = None,
        resize: str | None = None,
        like: int | None = None,
        pad: Sequence[int] = (0, 0, 0, 0),
        padding: str = "constant",
        stride: int = 1,
        groups: int = 1,
        transposed: bool = False,
        norm: str | None = None,
        scale: Tensor | None = None,
        shift: Tensor | None = None,
        epsilon: float = 1e-5,
        add: int | None = None,
        dropout: float = 0.0,
        activation: str | float | None = None,
        again: bool = False,
    ) -> None:
        super().__init__()
        self.sources, self.add, self.first, self.resize, self.stride, self.groups = (
            tuple(sources),
            add,
            first,
            resize,
            stride,
            groups,
        )
        self.like = like
        self.pad, self.padding, self.transposed, self.norm, self.epsilon = (
            tuple(pad),
            padding,
            transposed,
            norm,
            epsilon,
        )
        self.dropout, self.activation, self.again = dropout, activation, again
        self.take = None if take is None else tuple(take)
        self.reads = {*sources, *([] if add is None else [add])}  # all of the earlier layers
        for name, tensor in (
            ("weight", weight),
            ("bias", bias),
            ("scale", scale),
            ("shift", shift),
        ):
            self.register_parameter(
                name, None if tensor is None else nn.Parameter(tensor, requires_grad=False)
            )
        fast = columns = None
        if weight is not None and not transposed and stride == groups == 1:
            outputs, inputs, kernel = weight.shape[:3]
            if kernel == 3 and min(inputs, outputs) >= winograd.CHANNELS:
                fast = winograd.transform(weight)
            if kernel >= narrow.KERNEL and outputs <= narrow.OUTPUTS < inputs:
                columns = narrow.transform(weight)
        # no buffers: only a processor reads them, so they stay there
        self.fast, self.columns = fast, columns

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the output for sources of this size."""
        factor = 2 if self.resize or self.transposed else 1
        if self.stride == 1 or self.transposed:
            return factor * height, factor * width
        assert self.weight is not None, "only a convolution has a stride"
        left, right, top, bottom = self.pad
        tall, wide = self.weight.shape[2:]
        return (height + top + bottom - tall) // self.stride + 1, (
            width + left + right - wide
        ) // self.stride + 1

    def channels(self, inputs: int) -> int:
        """Channels of the output for sources of `inputs` channels together."""
        if self.weight is not None:
            return self.weight.shape[1 if self.transposed else 0]
        return len(self.take) if self.take else inputs

    def needs(self, first: int, last: int, height: int, made: int) -> tuple[int, int]:
        """Which rows of the sources (`height` of them) the output's rows `first` to `last`, of
        `made`, come from; the last one is excluded.
        """
        first, last = self._convolved(first, last, made if self.resize else height)
        if self.resize == "corners":
            below, above, _ = _corners(torch.tensor([first, last - 1]), height, made)
            return int(below[0]), int(above[1]) + 1
        if self.resize:
            before, after = self.resize == "bilinear", self.resize in ("bilinear", "halves")
            return max(0, first // 2 - before), min(height, (last - 1) // 2 + 1 + after)
        return first, last

    def raw(
        self,
        x: Tensor,
        start: int,
        first: int,
        last: int,
        height: int,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Rows `first` to `last` of the output before its norm; `size` is that of all of it (None:
        what `size` says).

        x [1, C, h, w]: rows of the joined sources, from row `start` of `height`; at least those
        that `needs` names.
        """
        size = size or self.size(height, x.shape[3])
        low, high = self.needs(first, last, height, size[0])
        x, start = self._taken(x[:, :, low - start : high - start]), low
        if self.resize:
            wanted = self._convolved(first, last, size[0])
            x = self._resized(self.resize, x, start, *wanted, height, size)
            start, height = wanted[0], size[0]
        weight = self.weight
        if weight is None:
            return x[:, :, first - start : last - start]
        if self.transposed:
            return self._transposed(x, weight, start, first, last)
        x = x[:, :, slice(*(row - start for row in self._convolved(first, last, height)))]
        above = max(0, self.pad[2] - first * self.stride)
        below = max(0, (last - 1) * self.stride - self.pad[2] + weight.shape[2] - height)
        if any((*self.pad[:2], above, below)):
            x = F.pad(x, (*self.pad[:2], above, below), mode=self.padding)
        return self._convolution(x, weight)

    def _convolution(self, x: Tensor, weight: Tensor) -> Tensor:
        if x.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
            if self.fast is not None:
                y = winograd.convolve(x, self.fast)
                return (
                    y
                    if self.bias is None or self.norm == "instance"
                    else y.add_(self.bias[:, None, None])
                )
            if self.columns is not None:
                return narrow.convolve(x, self.columns, weight.shape[0], self.bias)
        return F.conv2d(x, weight, self.bias, self.stride, groups=self.groups)

    def affine(self, sums: Sums, condition: Tensor | None) -> tuple[Tensor, Tensor] | None:
        """What to multiply and to add, [C, 1, 1] each, so that the picture with these sums is
        normalised; None: nothing.
        """
        if self.norm is None:
            return None
        mean, variance = sums.mean, sums.variance
        if self.norm != "instance":
            whole = mean.mean()
            mean, variance = whole, (variance + mean**2).mean() - whole**2
        rate = (
            1 / (variance.sqrt() + self.epsilon)
            if self.norm == "spread"
            else (variance + self.epsilon).rsqrt()
        )
        scale, shift = (None if t is None else t.cpu().double() for t in (self.scale, self.shift))
        if scale is not None and shift is not None and scale.dim() == 2:
            assert condition is not None, "this network needs a condition"
            scale, shift = condition.cpu().double() @ scale, condition.cpu().double() @ shift
        scale = rate if scale is None else rate * scale
        shift = -mean * scale if shift is None else shift - mean * scale
        count = len(sums.mean)
        scale, shift = (t.float().expand(count).reshape(-1, 1, 1) for t in (scale, shift))
        return scale, shift

    def finish(
        self,
        y: Tensor,
        affine: tuple[Tensor, Tensor] | None,
        added: Tensor | None,
        own: bool = True,
    ) -> Tensor:
        """The output of rows `y` made by `raw`; `own`: they may be overwritten."""
        if affine is not None:
            y = y.float()
            scale, shift = (t.to(y.device) for t in affine)
            y = torch.addcmul(shift, y, scale, out=y if own else None)
        elif not own:
            y = y.clone()
        if added is not None:
            y = y.add_(added)
        if self.activation == "relu":
            return y.relu_()
        if self.activation in ("tanh", "sigmoid"):
            return getattr(torch, f"{self.activation}_")(y)
        if self.activation is None:
            return y
        assert not isinstance(self.activation, str), f"{self.activation} is unknown"
        return F.leaky_relu_(y, self.activation)

    def _taken(self, x: Tensor) -> Tensor:
        if self.take is not None:
            low, count = self.take[0], len(self.take)
            in_order = self.take == tuple(range(low, low + count))
            x = x[:, low : low + count] if in_order else x[:, list(self.take)]
        return x.relu() if self.first == "relu" else x

    def _convolved(self, first: int, last: int, height: int) -> tuple[int, int]:
        """Rows that the convolution alone needs of its `height`."""
        if self.weight is None:
            return first, last
        kernel, top = self.weight.shape[2], self.pad[2]
        if self.transposed:
            return max(0, -(-(first + top - kernel + 1) // self.stride)), min(
                height, (last - 1 + top) // self.stride + 1
            )
        return max(0, first * self.stride - top), min(
            height, (last - 1) * self.stride - top + kernel
        )

    def _transposed(self, x: Tensor, weight: Tensor, start: int, first: int, last: int) -> Tensor:
        """A transposed convolution that doubles the sides; `pad` is what it cuts off."""
        kernel, cut = weight.shape[2], self.pad[2]
        low, high = self._convolved(first, last, 1 << 60)
        x = x[:, :, max(0, low - start) : high - start]
        low = max(low, start)
        y = F.conv_transpose2d(
            x, weight, self.bias, self.stride, (0, cut), (0, 2 * cut + self.stride - kernel)
        )
        begin = low * self.stride - cut
        return y[:, :, first - begin : last - begin]

    def _resized(
        self,
        how: str,
        x: Tensor,
        start: int,
        first: int,
        last: int,
        height: int,
        size: tuple[int, int],
    ) -> Tensor:
        """Rows `first` to `last` of x at this `size`, about twice its own; x holds what `needs`
        names.
        """
        if how == "halves":
            return _halves(_halves(x, 2), 3)[:, :, first - 2 * start : last - 2 * start]
        if how != "corners":
            x = F.interpolate(
                x,
                scale_factor=2.0,
                mode=how,
                align_corners=None if how == "nearest" else False,
            )
            return x[:, :, first - 2 * start : last - 2 * start]
        if last - first == size[0]:
            return F.interpolate(x, size=size, mode="bilinear", align_corners=True)
        below, above, weight = _corners(torch.arange(first, last, device=x.device), height, size[0])
        rows = F.interpolate(
            x, size=(x.shape[2], size[1]), mode="bilinear", align_corners=True
        ).permute(0, 2, 3, 1)[0]
        rows = torch.lerp(
            rows.index_select(0, below - start),
            rows.index_select(0, above - start),
            weight[:, None, None].to(rows),
        )
        return rows[None].permute(0, 3, 1, 2)


def _corners(rows: Tensor, height: int, made: int) -> tuple[Tensor, Tensor, Tensor]:
    """For rows of `made`, out of `height`, corners aligned: the row before, the row after, and how
    far towards the latter.
    """
    places = rows.float() * ((height - 1) / (made - 1))
    below = places.long().clamp_(max=height - 1)
    return below, (below + 1).clamp_(max=height - 1), places - below


def _halves(x: Tensor, side: int) -> Tensor:
    """x twice as long: behind each pixel its mean with the next one, behind the last itself
    again.
    """
    count = x.shape[side]
    beyond = torch.cat([x.narrow(side, 1, count - 1), x.narrow(side, count - 1, 1)], side)
    return torch.stack([x, (x + beyond) / 2], side + 1).flatten(side, side + 1)

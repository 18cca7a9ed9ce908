"""Finds faces and five points of each: a tiny YOLO v2 (Redmon 2017) with separable convolutions,
then 68 landmarks by a small dense network; both are face-api.js's (Mühler 2018).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks.contracts import FaceFinder, FoundFace
from ganapps.networks.taking import load_strictly

# in cells: how wide and how high a face is that each of the five numbers of a cell stands for
ANCHORS = (
    (1.603231, 2.094468),
    (6.041143, 7.080126),
    (2.882459, 3.518061),
    (4.266906, 5.178857),
    (9.041765, 10.66308),
)
FIRST_MEAN = (117.001, 114.697, 97.404)  # of 255: what is taken off before a face is looked for
SECOND_MEAN = (122.782, 117.001, 104.298)  # and before its landmarks are
# pixels: the looks that follow where none was found see faces that fill a picture, and small ones
SIDES = (416, 224, 608)
CLOSE = 112  # pixels: a face is looked at so large
LEAK = 0.1
LIKELY = 0.5  # the least score of a face
SAME = 0.4  # of their union that two boxes of one face share at least
ROOM = 1.2  # times the longer side of its box: the square in which landmarks are looked for
# the landmarks whose mean is a point: the eyes, the nose's tip, the corners of the mouth
POINTS = (range(36, 42), range(42, 48), range(30, 31), range(48, 49), range(54, 55))


class Separable(nn.Module):
    """A convolution of each channel alone, then one of all channels at each place."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise_filter = nn.Parameter(torch.empty(inputs, 1, 3, 3))
        self.pointwise_filter = nn.Parameter(torch.empty(outputs, inputs, 1, 1))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor, stride: int = 1) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H / stride, W / stride]"""
        x = F.conv2d(_padded(x, stride), self.depthwise_filter, None, stride, groups=x.shape[1])
        return F.conv2d(x, self.pointwise_filter, self.bias)


class Plain(nn.Module):
    """A convolution with a bias."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.empty(outputs, inputs, side, side))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor, stride: int = 1) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H / stride, W / stride]"""
        if self.filters.shape[2] > 1:
            x = _padded(x, stride)
        return F.conv2d(x, self.filters, self.bias, stride)


class Detector(nn.Module):
    """A picture -> for each of its cells five boxes with a score."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = Plain(3, 16, 3)
        self.conv1 = Separable(16, 32)
        self.conv2 = Separable(32, 64)
        self.conv3 = Separable(64, 128)
        self.conv4 = Separable(128, 256)
        self.conv5 = Separable(256, 512)
        self.conv8 = Plain(512, 5 * len(ANCHORS), 1)

    def forward(self, x: Tensor) -> Tensor:
        """[1, 3, S, S], S a multiple of 32 -> [S / 32, S / 32, 5, 5]: x, y, width, height, score as
        logarithms.
        """
        for conv in (self.conv0, self.conv1, self.conv2, self.conv3, self.conv4):
            x = F.max_pool2d(F.leaky_relu(conv(x), LEAK), 2)
        x = F.leaky_relu(self.conv5(x), LEAK)
        x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-torch.inf), 2, stride=1)
        x = self.conv8(x)[0].permute(1, 2, 0)  # [S / 32, S / 32, 25]
        return x.reshape(*x.shape[:2], len(ANCHORS), 5)


class Dense(nn.Module):
    """Four convolutions, each of which sees the sum of all before it."""

    def __init__(self, inputs: int, outputs: int, first: bool) -> None:
        super().__init__()
        self.conv0 = Plain(inputs, outputs, 3) if first else Separable(inputs, outputs)
        self.conv1 = Separable(outputs, outputs)
        self.conv2 = Separable(outputs, outputs)
        self.conv3 = Separable(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H / 2, W / 2]"""
        seen = x = F.relu(self.conv0(x, 2))
        for conv in (self.conv1, self.conv2, self.conv3):
            seen = seen + conv(x)
            x = F.relu(seen)
        return x


class Landmarks(nn.Module):
    """A face in a square -> its 68 landmarks."""

    def __init__(self) -> None:
        super().__init__()
        self.dense0 = Dense(3, 32, first=True)
        self.dense1 = Dense(32, 64, first=False)
        self.dense2 = Dense(64, 128, first=False)
        self.dense3 = Dense(128, 256, first=False)
        self.weights = nn.Parameter(torch.empty(136, 256))
        self.bias = nn.Parameter(torch.empty(136))

    def forward(self, x: Tensor) -> Tensor:
        """[1, 3, 112, 112] -> [68, 2]: x, y as shares of the square's side."""
        x = self.dense3(self.dense2(self.dense1(self.dense0(x))))  # [1, 256, 7, 7]
        x = F.avg_pool2d(x, 7).flatten(1)
        return F.linear(x, self.weights, self.bias).view(68, 2)


class FaceApi(FaceFinder):
    """The two, one behind the other."""

    def __init__(self) -> None:
        super().__init__()
        self.detector = Detector()
        self.landmarks = Landmarks()

    def find(self, x: Tensor) -> list[FoundFace]:
        """x [1, 3, H, W] in 0..1 -> the faces in it, the surest first."""
        found: list[tuple[float, Tensor]] = []
        for side in SIDES:
            found = found or self._boxes(x, side)
        return [FoundFace(score, self._points(x, box)) for score, box in found]

    def _boxes(self, x: Tensor, side: int) -> list[tuple[float, Tensor]]:
        """Scores, and boxes [left, top, right, bottom] in pixels."""
        height, width = x.shape[2:]
        scale = side / max(height, width)
        small = _resized(x, max(1, round(height * scale)), max(1, round(width * scale)))
        small = F.pad(
            _without(small, FIRST_MEAN), (0, side - small.shape[3], 0, side - small.shape[2])
        )
        y = self.detector(small)
        cells = y.shape[0]
        row, column = torch.meshgrid(torch.arange(cells), torch.arange(cells), indexing="ij")
        corner = torch.stack([column, row], dim=2)[:, :, None].to(y)
        anchors = torch.tensor(ANCHORS).to(y)
        middle = (y[..., :2].sigmoid() + corner) * (side / cells / scale)
        half = y[..., 2:4].exp() * anchors * (side / cells / scale) / 2
        boxes = torch.cat([middle - half, middle + half], dim=3).reshape(-1, 4)
        scores = y[..., 4].sigmoid().flatten()
        return _once(scores, boxes)

    def _points(self, x: Tensor, box: Tensor) -> list[tuple[float, float]]:
        left, top, right, bottom = box.tolist()
        side = max(right - left, bottom - top) * ROOM
        left, top = (left + right - side) / 2, (top + bottom - side) / 2
        marks = self.landmarks(_without(_square(x, left, top, side), SECOND_MEAN))
        places = marks * side + torch.tensor([left, top]).to(marks)
        return [tuple(places[list(group)].mean(dim=0).tolist()) for group in POINTS]


def build(tensors: Mapping[str, Tensor]) -> FaceApi:
    """The finder of tensors as `ganapps.training.finder` writes them: uint8, and beside each its
    `NAME.range`, what 0 and one step stand for. Raises ValueError where one is missing or odd.
    """
    network = FaceApi()
    load_strictly(network, widened(tensors))
    return network.eval().requires_grad_(False)


def widened(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """In float32 what is kept as uint8: of such a tensor NAME, `NAME.range` holds what 0 and one
    step stand for.
    """
    state = {}
    for name, stored in tensors.items():
        if name.endswith(".range"):
            continue
        if stored.dtype == torch.uint8:
            low, step = tensors[f"{name}.range"].tolist()
            stored = stored.float() * step + low
        state[name] = stored
    return state


def _padded(x: Tensor, stride: int) -> Tensor:
    """As TensorFlow pads for a window of 3: with a stride of 2 only behind (of even sides)."""
    return F.pad(x, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))


def _without(x: Tensor, mean: tuple[float, float, float]) -> Tensor:
    return x - torch.tensor(mean).to(x).view(1, 3, 1, 1) / 255


def _resized(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x, (height, width), mode="bilinear", antialias=True)


def _square(x: Tensor, left: float, top: float, side: float) -> Tensor:
    """The square as [1, 3, CLOSE, CLOSE]; black beyond the picture."""
    height, width = x.shape[2:]
    low_x, low_y = max(0, round(left)), max(0, round(top))
    high_x, high_y = min(width, round(left + side)), min(height, round(top + side))
    part = x[:, :, low_y : max(high_y, low_y + 1), low_x : max(high_x, low_x + 1)]
    around = (
        low_x - round(left),
        round(left + side) - high_x,
        low_y - round(top),
        round(top + side) - high_y,
    )
    return _resized(F.pad(part, tuple(max(0, n) for n in around)), CLOSE, CLOSE)


def _once(scores: Tensor, boxes: Tensor) -> list[tuple[float, Tensor]]:
    """The boxes that are likely, the surest first; of those that lie on each other one."""
    kept: list[tuple[float, Tensor]] = []
    for index in scores.argsort(descending=True).tolist():
        if scores[index] < LIKELY:
            break
        if all(_shared(boxes[index], other) < SAME for _, other in kept):
            kept.append((float(scores[index]), boxes[index]))
    return kept


def _shared(a: Tensor, b: Tensor) -> float:
    """How much of their union two boxes have in common."""
    inner = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod()
    union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inner
    return float(inner / union)

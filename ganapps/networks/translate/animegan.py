"""AnimeGANv2's generator: Chen, Liu and Chen 2020, "AnimeGAN: A Novel Lightweight GAN for Photo
Animation", second version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

from torch import Tensor

from ganapps.networks.taking import Taking, channels_last
from ganapps.networks.translate.layer import Layer, Options
from ganapps.networks.translate.layered import PICTURE, Layered

FIRST, LAST = "block_a.0.1.weight", "out_layer.0.weight"
LEAK = 0.2
TINY = 1e-12  # epsilon of TensorFlow's layer norm
# of its convolutions
SHAPES = {
    (32, 3, 7, 7),
    (64, 32, 3, 3),
    (128, 64, 3, 3),
    (256, 1, 3, 3),
    (512, 1, 3, 3),
    (32, 64, 7, 7),
    (3, 32, 1, 1),
}
# what ONNX calls them
RESIZES = {
    "asymmetric": "halves",
    "align_corners": "corners",
    "half_pixel": "bilinear",
    "pytorch_half_pixel": "bilinear",
}


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this an AnimeGANv2 generator: by bryandlee's names, or, as ONNX files name nothing, by the
    shapes?
    """
    if any(name.endswith(FIRST) for name in shapes):
        return {FIRST, LAST, "block_c.1.layers.0.1.weight"} <= set(shapes)
    return set(shapes.values()) >= SHAPES


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> Layered:
    """The generator of a checkpoint, float32.

    `settings`: `align_corners` (true) says how the maps are doubled; the weights converted from
    TensorFlow ask for it, later ones were published with either. `nodes`, of an ONNX file made from
    the authors' TensorFlow program, say which tensor is which, and how maps are doubled. Raises
    ValueError that names a tensor that is missing, left over or of the wrong shape.
    """
    if "nodes" in settings:
        nodes = settings["nodes"]
        generator, multiple = _Generator(Taking(_named(tensors, nodes)), _resize(nodes), TINY), 4
    elif settings.get("align_corners", True):
        # as bryandlee's program grows maps: to the sides that they had, odd ones too
        generator, multiple = _Generator(Taking(tensors), "corners", back=True), 1
    else:
        generator, multiple = _Generator(Taking(tensors), "bilinear"), 4
    return channels_last(Layered(generator.layers, multiple=multiple)).eval()


class _Generator:
    """Builds the five blocks of the paper's figure, one convolution after another."""

    def __init__(
        self, taking: Taking, resize: str, epsilon: float = 1e-5, back: bool = False
    ) -> None:
        """`back`: maps grow to the sides that they had on the way down, else to twice theirs."""
        self.taking, self.width, self.epsilon = taking, 3, epsilon
        self.layers: list[Layer] = []
        self.normed("block_a.0", 32, kernel=7, again=True)
        self.normed("block_a.1", 64, stride=2)
        self.normed("block_a.2", 64)
        half, whole = (len(self.layers) - 1, PICTURE) if back else (None, None)
        self.normed("block_b.0", 128, stride=2)
        self.normed("block_b.1", 128)
        self.normed("block_c.0", 128)
        for number in range(1, 5):
            self.inverted(f"block_c.{number}.layers", 256)
        self.normed("block_c.5", 128)
        self.normed("block_d.0", 128, resize=resize, like=half)
        self.normed("block_d.1", 128)
        self.normed("block_e.0", 64, resize=resize, like=whole)
        self.normed("block_e.1", 64)
        self.normed("block_e.2", 32, kernel=7)
        weight, _ = taking.convolution("out_layer.0", self.width, 1, 3, bias=False)
        self.add(Layer(weight, sources=[len(self.layers) - 1], activation="tanh"))
        taking.finish()

    def normed(
        self,
        name: str,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        groups: int = 1,
        **rest: Unpack[Options],
    ) -> None:
        """Reflection padding, convolution, norm over the whole picture, leaky ReLU."""
        side = kernel // 2
        pad = (0, 1, 0, 1) if stride == 2 else (side,) * 4
        self.layer(
            f"{name}.1",
            f"{name}.2",
            outputs,
            kernel,
            pad=pad,
            stride=stride,
            groups=groups,
            activation=LEAK,
            **rest,
        )

    def inverted(self, name: str, outputs: int) -> None:
        """Wider 1x1, depthwise 3x3, narrower 1x1; added to its input where the width stays."""
        came, width = len(self.layers) - 1, 2 * self.width
        add = came if self.width == outputs else None
        self.normed(f"{name}.0", width, kernel=1)
        self.normed(f"{name}.1", width, groups=width)
        self.layer(f"{name}.2", f"{name}.3", outputs, 1, add=add)

    def layer(
        self,
        convolution: str,
        norm: str,
        outputs: int,
        kernel: int,
        groups: int = 1,
        pad: Sequence[int] = (0, 0, 0, 0),
        stride: int = 1,
        activation: float | None = None,
        **rest: Unpack[Options],
    ) -> None:
        weight, bias = self.taking.convolution(
            convolution, self.width, kernel, outputs, groups, bias=groups > 1
        )
        scale, shift = (
            self.taking.tensor(f"{norm}.{leaf}", (outputs,)) for leaf in ("weight", "bias")
        )
        self.width = outputs
        self.add(
            Layer(
                weight,
                bias,
                sources=[len(self.layers) - 1],
                pad=pad,
                padding="reflect",
                stride=stride,
                norm="layer",
                scale=scale,
                shift=shift,
                groups=groups,
                epsilon=self.epsilon,
                activation=activation,
                **rest,
            )
        )

    def add(self, layer: Layer) -> None:
        self.layers.append(layer)


def _convolutions() -> Iterator[tuple[str, str | None]]:
    """The convolutions in the order in which a picture meets them, each with the norm behind it, by
    bryandlee's names.
    """
    for block, count in (("a", 3), ("b", 2), ("c", 6), ("d", 2), ("e", 3)):
        for n in range(count):
            if block == "c" and 0 < n < 5:
                place = f"block_c.{n}.layers"
                yield from (
                    (f"{place}.0.1", f"{place}.0.2"),
                    (f"{place}.1.1", f"{place}.1.2"),
                    (f"{place}.2", f"{place}.3"),
                )
            else:
                yield f"block_{block}.{n}.1", f"block_{block}.{n}.2"
    yield "out_layer.0", None


def _named(tensors: Mapping[str, Tensor], nodes: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """The tensors of an ONNX graph under bryandlee's names, known by where they stand: behind a
    convolution comes its bias, which is added; then a norm's scale, which is multiplied, and its
    shift, which is added or subtracted from.
    """
    named: dict[str, Tensor] = {}
    order = _convolutions()
    place = norm = came = None
    for node in nodes:
        operation, inputs = node["operation"], node["inputs"]
        if operation == "Conv" and len(inputs) > 1 and inputs[1] in tensors:
            place, norm = next(order, (f"convolution {node['outputs'][:1]}", None))
            named[f"{place}.weight"] = tensors[inputs[1]]
            came = node["outputs"][:1]
            if len(inputs) > 2 and inputs[2] in tensors:
                named[f"{place}.bias"] = tensors[inputs[2]]
        elif place is not None and operation in ("Mul", "Add", "Sub"):
            channels = named[f"{place}.weight"].shape[0] if named[f"{place}.weight"].dim() else 0
            for name in inputs:
                if (
                    name in tensors
                    and tensors[name].is_floating_point()
                    and tensors[name].numel() == channels > 1
                ):
                    bias = operation == "Add" and came and came[0] in inputs
                    role = (
                        f"{place}.bias"
                        if bias
                        else f"{norm}.weight"
                        if operation == "Mul"
                        else f"{norm}.bias"
                    )
                    named[role] = tensors[name].reshape(-1)
    return named


def _resize(nodes: Sequence[Mapping[str, Any]]) -> str:
    """How the graph doubles its maps. Raises ValueError for a way that none of the published ones
    goes.
    """
    told = {
        # of operator set 11, of 10
        node["texts"].get(
            "coordinate_transformation_mode",
            "half_pixel" if len(node["inputs"]) > 2 else "asymmetric",
        )
        for node in nodes
        if node["operation"] in ("Resize", "Upsample")
    }
    if len(told) != 1 or not told <= set(RESIZES):
        raise ValueError(f"its maps are resized in these ways: {', '.join(sorted(told)) or 'none'}")
    return RESIZES[told.pop()]

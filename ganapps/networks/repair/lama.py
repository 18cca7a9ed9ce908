"""LaMa, which fills large holes: Suvorov et al. 2022, "Resolution-robust Large Mask Inpainting with
Fourier Convolutions".
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from ganapps.networks import check_signs, shape_of
from ganapps.networks.contracts import Inpainter
from ganapps.networks.taking import stumbled
from ganapps.networks.upscale import known

SIGN = "model.1.bn_l.running_mean"
HALVINGS = 3


class LaMa(Inpainter):
    """spandrel's generator, without the pasting behind it: what it makes where the picture is known
    is wanted for soft rims.
    """

    multiple = 2**HALVINGS
    minimum = 16
    tile = 768
    hole = 256  # learned on crops of 256 pixels; beyond that it blurs
    memory = 12_000
    precisions = ("bfloat16",)

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        """x [N, 3, H, W], known [N, 1, H, W] 1 or 0 -> a whole picture [N, 3, H, W]."""
        return self.body(x * known, 1 - known)


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this LaMa's generator? Files keep it as `generator.model`, `model.model` or `model`."""
    return SIGN in shapes


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> LaMa:
    """The network of a checkpoint, float32. Raises ValueError that says what does not fit."""
    check_signs(tensors, (SIGN,))
    inputs = shape_of(tensors, "model.1.ffc.convl2l.weight", 4)[1]
    if inputs != 4:
        raise ValueError(f"as LaMa: it takes {inputs} channels; colours and a mask are 4")
    named = {f"model.{name}": tensor.float() for name, tensor in tensors.items()}
    try:
        descriptor = known.architecture("LaMa").load(named)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise stumbled("LaMa", error) from error
    return LaMa(descriptor.model.model.float()).eval().requires_grad_(False)

"""Networks that mend faces: Wang et al. 2021, "Towards Real-World Blind Face Restoration with
Generative Facial Prior" (GFPGAN), and Wang et al. 2022, "RestoreFormer".
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from ganapps.networks import contracts
from ganapps.networks.taking import stumbled
from ganapps.networks.upscale import known

SIGNS = {
    "GFPGAN": ("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"),
    "RestoreFormer": ("encoder.conv_in.weight", "quantize.embedding.weight"),
}


class FaceRestorer(contracts.FaceRestorer):
    """spandrel's network, its noise always the same."""

    side = 512
    precisions = ("bfloat16",)

    def __init__(self, body: nn.Module, family: str) -> None:
        super().__init__()
        self.body, self.family = body, family

    def forward(self, x: Tensor) -> Tensor:
        """x [N, 3, 512, 512] in 0..1 -> the same faces, mended."""
        fixed = {"randomize_noise": False} if self.family == "GFPGAN" else {}
        made, _ = self.body(x * 2 - 1, **fixed)
        return made / 2 + 0.5


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this GFPGAN, of its clean kind, or RestoreFormer?"""
    return _family(shapes) is not None


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> FaceRestorer:
    """The network of a checkpoint, float32. Raises ValueError that says what does not fit."""
    family = _family(tensors)
    if family is None:
        raise ValueError("it holds neither GFPGAN nor RestoreFormer")
    try:
        state = {name: tensor.float() for name, tensor in tensors.items()}
        descriptor = known.architecture(family).load(state)
        body = descriptor.model
        body.load_state_dict(state)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise stumbled(family, error) from error
    return FaceRestorer(body.float(), family).eval().requires_grad_(False)


def _family(names: Mapping[str, object]) -> str | None:
    for family, signs in SIGNS.items():
        if all(sign in names for sign in signs):
            return family
    return None

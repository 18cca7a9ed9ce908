"""How NVIDIA's TensorFlow program called the tensors of StyleGAN and StyleGAN2, and how they lie
there."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ganapps.networks.places import inside

PREFIX = "Gs."  # the average of the generators, the one that makes the pictures
STYLEGAN1 = PREFIX + "synthesis/4x4/Const/StyleMod/weight"
STYLEGAN2 = PREFIX + "synthesis/4x4/Conv/mod_weight"


def is_stylegan1(names: Mapping[str, object]) -> bool:
    """Is this a StyleGAN of the TensorFlow program?"""
    return STYLEGAN1 in names


def is_stylegan2(names: Mapping[str, object]) -> bool:
    """Is this a StyleGAN2 of the TensorFlow program?"""
    return STYLEGAN2 in names


def stylegan1(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """StyleGAN's tensors under genforce's names, and lying as there. A name that has none there is
    left as it is."""
    sizes = _sizes(tensors)
    state = {}
    for name, tensor in inside(PREFIX, tensors).items():
        for pattern, ours in _STYLEGAN1:
            if match := re.fullmatch(pattern, name):
                name = ours(match, sizes)
                break
        state[name] = _lying(name, tensor)
    return state


def stylegan2(tensors: Mapping[str, Tensor], settings: Mapping) -> tuple[dict[str, Tensor], dict]:
    """StyleGAN2's tensors under NVIDIA's later names and lying as there, and what its constructor
    was told, likewise."""
    told = settings.get("Gs") or {}
    # configurations B to D, without skips between pictures
    grows = any("ToRGB_lod" in name for name in tensors)
    state = {}
    for name, tensor in inside(PREFIX, tensors).items():
        if grows and (match := re.fullmatch(r"synthesis/ToRGB_lod(\d{1,2})/(\w+)", name)):
            if int(match[1]):
                continue  # pictures of the smaller sizes
            name = f"synthesis/{4 << _sizes(tensors) - 1}x0/ToRGB/{match[2]}"
        if name.rpartition("/")[2] == "lod":
            if tensor.any():
                raise ValueError(
                    f"{name} is {tensor.tolist()}: this network was still growing, "
                    "only grown ones are drawn"
                )
            continue
        ours = next((f(m) for p, f in _STYLEGAN2 if (m := re.fullmatch(p, name))), name)
        state[ours] = _changed(ours, name, tensor)
    kernel = told.get("resample_kernel") or [1, 3, 3, 1]
    if (
        not isinstance(kernel, list)
        or not all(isinstance(tap, (int, float)) for tap in kernel)
        or not sum(kernel)
    ):
        raise ValueError(f"resample_kernel is {str(kernel)[:40]}; a list of numbers is needed")
    taps = torch.tensor(kernel, dtype=torch.float32) / sum(kernel)
    state["synthesis.b4.resample_filter"] = torch.outer(taps, taps)
    synthesis = {
        "conv_clamp": told.get("conv_clamp"),
        "activation": told.get("nonlinearity", "lrelu"),
    }
    mapping = {
        "lr_multiplier": told.get("mapping_lrmul", 0.01),
        "activation": told.get("mapping_nonlinearity", "lrelu"),
    }
    return state, {**settings, "G_ema": {"synthesis_kwargs": synthesis, "mapping_kwargs": mapping}}


def _sizes(names: Mapping[str, object]) -> int:
    """How many resolutions the network has, from 4 px up."""
    found = [re.match(re.escape(PREFIX) + r"synthesis/(\d{1,5})x\d{1,5}/", name) for name in names]
    return max(int(match[1]) for match in found if match).bit_length() - 2


def _layer(match: re.Match) -> int:
    """The number of a layer by its resolution and name."""
    return 2 * (int(match[1]).bit_length() - 3) + (match[2] in ("Conv", "Conv1"))


_LEAVES = {
    "StyleMod/weight": "style.weight",
    "StyleMod/bias": "style.bias",
    "Noise/weight": "apply_noise.weight",
}
_STYLEGAN1 = (
    (r"dlatent_avg", lambda m, sizes: "truncation.w_avg"),
    (r"lod|synthesis/lod", lambda m, sizes: m[0].replace("/", ".")),
    (r"mapping/Dense(\d{1,2})/(weight|bias)", lambda m, sizes: f"mapping.dense{m[1]}.{m[2]}"),
    (r"synthesis/noise(\d{1,2})", lambda m, sizes: f"synthesis.layer{m[1]}.apply_noise.noise"),
    (
        r"synthesis/ToRGB_lod(\d{1,2})/(weight|bias)",
        lambda m, sizes: f"synthesis.output{sizes - 1 - int(m[1])}.{m[2]}",
    ),
    (
        r"synthesis/(\d{1,5})x\d{1,5}/(Const|Conv|Conv0_up|Conv1)/(.+)",
        lambda m, sizes: f"synthesis.layer{_layer(m)}.{_LEAVES.get(m[3], m[3])}",
    ),
)
_RESTS = {"mod_weight": "affine.weight", "mod_bias": "affine.bias"}
_CONVOLUTIONS = {
    "Conv": "conv1",
    "Conv0_up": "conv0",
    "Conv1": "conv1",
    "ToRGB": "torgb",
    "Skip": "skip",
}
_STYLEGAN2 = (
    (r"dlatent_avg", lambda m: "mapping.w_avg"),
    (r"mapping/Dense(\d{1,2})/(weight|bias)", lambda m: f"mapping.fc{m[1]}.{m[2]}"),
    (r"mapping/LabelEmbed/(weight|bias)", lambda m: f"mapping.embed.{m[1]}"),
    (r"synthesis/4x4/Const/const", lambda m: "synthesis.b4.const"),
    (
        r"synthesis/noise(\d{1,2})",
        lambda m: f"synthesis.b{4 << (int(m[1]) + 1) // 2}.conv{(int(m[1]) + 1) % 2}.noise_const",
    ),
    (
        r"synthesis/(\d{1,5})x\d{1,5}/(Conv|Conv0_up|Conv1|ToRGB|Skip)/(\w+)",
        lambda m: f"synthesis.b{m[1]}.{_CONVOLUTIONS[m[2]]}.{_RESTS.get(m[3], m[3])}",
    ),
)


def _lying(name: str, tensor: Tensor) -> Tensor:
    """A tensor as PyTorch has it: kernels of convolutions [O, I, h, w], of dense layers [O, I]."""
    if name.endswith(".weight") and tensor.dim() == 4:
        return tensor.permute(3, 2, 0, 1)
    return tensor.t() if name.endswith(".weight") and tensor.dim() == 2 else tensor


def _changed(ours: str, theirs: str, tensor: Tensor) -> Tensor:
    """One of StyleGAN2's tensors: doubling kernels lie turned, a style's bias lacks its one, shapes
    have ones more."""
    if theirs.endswith("mod_bias"):
        return tensor + 1
    if theirs.endswith(("Conv0_up/weight", "Skip/weight")) and tensor.dim() == 4:
        tensor = tensor.flip(0, 1)
    if ours.endswith(("b4.const", "noise_const")) and tensor.dim() == 4 and tensor.numel():
        return tensor[0, 0] if ours.endswith("noise_const") else tensor[0]
    return _lying(ours, tensor)

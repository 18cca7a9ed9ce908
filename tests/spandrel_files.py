"""Every architecture that spandrel reads, as small as it goes, with random weights."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ganapps.networks.torchvision_ops import ensure_torchvision

# Architecture: its class, and the settings that make it small. They follow from what its loader
# reads back off the tensors.
SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "Compact": ("Compact", {"num_feat": 8, "num_conv": 2, "upscale": 2}),
    "SwiftSRGAN": ("SwiftSRGAN", {"num_channels": 8, "num_blocks": 1}),
    "HAT": (
        "HAT",
        {
            "embed_dim": 12,
            "depths": (1,),
            "num_heads": (2,),
            "window_size": 8,
            "upscale": 2,
            "compress_ratio": 3,
            "squeeze_factor": 3,
        },
    ),
    "GRL": (
        "GRL",
        {
            "embed_dim": 12,
            "depths": [1],
            "num_heads_window": [1],
            "num_heads_stripe": [1],
            "upscale": 2,
            "upsampler": "pixelshuffle",
        },
    ),
    "Swin2SR": (
        "Swin2SR",
        {
            "embed_dim": 12,
            "depths": [1],
            "num_heads": [2],
            "window_size": 8,
            "upscale": 2,
            "upsampler": "pixelshuffle",
        },
    ),
    "SwinIR": (
        "SwinIR",
        {
            "embed_dim": 12,
            "depths": [1],
            "num_heads": [2],
            "window_size": 8,
            "upscale": 2,
            "upsampler": "pixelshuffle",
        },
    ),
    "OmniSR": ("OmniSR", {"num_feat": 16, "up_scale": 2}),
    "SCUNet": ("SCUNet", {"config": [1] * 7, "dim": 64}),
    "FBCNN": ("FBCNN", {"nc": [8, 8, 8, 512], "nb": 4}),
    "RGT": ("RGT", {"embed_dim": 12, "depth": [1], "num_heads": [2], "upscale": 2}),
    "DAT": (
        "DAT",
        {"embed_dim": 24, "split_size": [2, 4], "depth": [2], "num_heads": [2], "upscale": 2},
    ),
    "CRAFT": ("CRAFT", {"embed_dim": 12, "depths": [1], "num_heads": [6], "upscale": 2}),
    "KBNet": (
        "KBNet_s",
        {
            "width": 8,
            "middle_blk_num": 1,
            "enc_blk_nums": [1, 1, 1, 1],
            "dec_blk_nums": [1, 1, 1, 1],
        },
    ),
    "DITN": (
        "DITN",
        {"dim": 12, "ITL_blocks": 1, "SAL_blocks": 1, "UFONE_blocks": 1, "upscale": 2},
    ),
    "SPAN": ("SPAN", {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 8, "upscale": 2}),
    "RealCUGAN": ("UpCunet2x", {}),
    "SAFMN": ("SAFMN", {"dim": 16, "n_blocks": 1, "upscaling_factor": 2}),
    "SAFMNBCIE": ("SAFMNBCIE", {"dim": 16, "n_blocks": 1, "num_layers": 1}),
    "DCTLSA": ("DCTLSA", {"nf": 55, "upscale": 2}),
    "FFTformer": ("FFTformer", {"dim": 8, "num_blocks": [1, 1, 1], "num_refinement_blocks": 1}),
    "NAFNet": ("NAFNet", {"width": 8, "enc_blk_nums": [1], "dec_blk_nums": [1]}),
    "ATD": (
        "ATD",
        {
            "embed_dim": 12,
            "depths": (2,),
            "num_heads": (2,),
            "upscale": 2,
            "upsampler": "pixelshuffle",
            "category_size": 16,
            "num_tokens": 8,
        },
    ),
    "MixDehazeNet": ("MixDehazeNet", {"embed_dims": [8, 16, 32, 16, 8]}),
    "DRUNet": ("DRUNet", {"in_nc": 4, "out_nc": 3, "nc": [8, 8, 8, 8], "nb": 4}),
    "DnCNN": ("DnCNN", {"in_nc": 3, "out_nc": 3, "nc": 8, "nb": 17, "act_mode": "R"}),
    "DRCT": (
        "DRCT",
        {
            "embed_dim": 12,
            "depths": (1,),
            "num_heads": (2,),
            "window_size": 8,
            "upscale": 2,
            "upsampler": "pixelshuffle",
            "gc": 8,
        },
    ),
    "ESRGAN": ("ESRGAN", {"num_filters": 8, "num_blocks": 1, "scale": 2}),
    "PLKSR": ("RealPLKSR", {"dim": 16, "n_blocks": 1, "upscaling_factor": 2}),
    "RetinexFormer": ("RetinexFormer", {"n_feat": 8, "stage": 1}),
    "HVICIDNet": ("HVICIDNet", {"channels": [8, 8, 16, 32], "heads": [1, 2, 4, 8]}),
    "SeemoRe": ("SeemoRe", {"scale": 2, "num_experts": 2, "num_layers": 1, "embedding_dim": 8}),
    "MoSR": ("MoSR", {"upscale": 2, "n_block": 1, "dim": 8}),
    "MoESR": ("MoESR", {"scale": 2, "dim": 16, "n_blocks": 1, "n_block": 1}),
    "RCAN": (
        "RCAN",
        {"scale": 2, "n_resgroups": 1, "n_resblocks": 1, "n_feats": 8, "reduction": 4},
    ),
    "FDAT": (
        "FDAT",
        {
            "scale": 2,
            "embed_dim": 16,
            "num_groups": 1,
            "depth_per_group": 2,
            "num_heads": 2,
            "mid_dim": 16,
        },
    ),
    "AuraSR": (
        "AuraSR",
        {
            "dim": 8,
            "image_size": 32,
            "input_image_size": 16,
            "style_network": {"dim_in": 8, "dim_out": 32, "depth": 1},
            "up_dim_mults": (1, 1, 1, 1, 1),
            "down_dim_mults": (1, 1, 1),
            "attn_depths": (1, 1, 1, 1, 1),
            "mid_attn_depth": 1,
            "num_conv_kernels": 2,
            "self_attn_dim_head": 8,
            "self_attn_heads": 2,
            "unconditional": True,
        },
    ),
    "Uformer": (
        "Uformer",
        {"img_size": 128, "embed_dim": 8, "depths": [1] * 9, "num_heads": [1] * 9},
    ),
    "GFPGAN": ("GFPGAN", {"num_style_feat": 512}),
    "RestoreFormer": ("RestoreFormer", {"ch": 32}),
    "LaMa": ("LaMa", {}),
    "MMRealSR": (
        "MMRealSR",
        {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_block": 1, "num_grow_ch": 8},
    ),
    "IPT": ("IPT", {"num_layers": 1}),
}
# Other kinds of some, which need other sides of a picture: under the architecture's name, and more
# words.
OTHER_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "ESRGAN x2": (
        "ESRGAN",
        {"in_nc": 12, "num_filters": 8, "num_blocks": 1, "scale": 4, "shuffle_factor": 2},
    ),
    "ESRGAN x1": (
        "ESRGAN",
        {"in_nc": 48, "num_filters": 8, "num_blocks": 1, "scale": 4, "shuffle_factor": 4},
    ),
    "ESRGAN plus": ("ESRGAN", {"num_filters": 8, "num_blocks": 1, "scale": 2, "plus": True}),
    "KBNet l": (
        "KBNet_l",
        {
            "dim": 24,
            "num_blocks": [1] * 4,
            "num_refinement_blocks": 1,
            "heads": [1] * 4,
            "ffn_expansion_factor": 2,
        },
    ),
    "PLKSR plain": ("PLKSR", {"dim": 16, "n_blocks": 1, "upscaling_factor": 2}),
    "RCAN unshuffled": (
        "RCAN",
        {
            "scale": 2,
            "n_resgroups": 1,
            "n_resblocks": 1,
            "n_feats": 8,
            "reduction": 4,
            "unshuffle_mod": True,
        },
    ),
    "RealCUGAN fast": ("UpCunet2x_fast", {}),
    "SAFMNBCIE x4": (
        "SAFMNBCIE",
        {"dim": 16, "n_blocks": 1, "num_layers": 1, "upscaling_factor": 4},
    ),
    "SwinIR of JPEG": (
        "SwinIR",
        {
            "embed_dim": 12,
            "depths": [1],
            "num_heads": [2],
            "window_size": 7,
            "upscale": 1,
            "img_range": 255.0,
        },
    ),
    "SwinIR unshuffled": (
        "SwinIR",
        {
            "embed_dim": 12,
            "depths": [1],
            "num_heads": [2],
            "window_size": 8,
            "upscale": 4,
            "upsampler": "nearest+conv",
            "start_unshuffle": 2,
        },
    ),
}


def module(name: str) -> nn.Module:
    """The architecture's own module, small, its weights random and never zero."""
    ensure_torchvision()
    import spandrel

    kind, settings = (SMALL | OTHER_KINDS)[name]
    name = name.partition(" ")[0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = getattr(importlib.import_module(f"spandrel.architectures.{name}"), kind)(
            **settings
        )
    assert name in {
        str(s.architecture.id) for s in spandrel.MAIN_REGISTRY.architectures("detection")
    }
    chance = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.02 * torch.randn(weight.shape, generator=chance))
    return network.eval()


def tensors(name: str) -> dict[str, Tensor]:
    """The tensors of a file of it."""
    state = dict(module(name).state_dict())
    if name == "SwinIR unshuffled":  # such files say by this name that they fold
        state = {
            key.replace("conv_first.", "conv_first.1."): tensor for key, tensor in state.items()
        }
    return state


def original(name: str) -> Callable[[Tensor], Tensor]:
    """spandrel's own network of that file, called as spandrel calls it, and nothing filled up."""
    import spandrel

    descriptor = spandrel.ModelLoader().load_from_state_dict(tensors(name))
    descriptor.model.eval()
    return lambda x: descriptor._call_fn(descriptor.model, x)

"""In which numbers a training computes on this processor."""

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def has_bfloat16() -> bool:
    """Does this processor compute in bfloat16 (AVX512-BF16, AMX)? Where it only imitates it,
    float32 takes half the time or less.
    """
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def quick() -> torch.autocast:
    """bfloat16 where the processor has it, else float32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16())


def channels_last(network: Network) -> Network:
    """The same network, its kernels with their channels last: quicker in float32."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack the parameter

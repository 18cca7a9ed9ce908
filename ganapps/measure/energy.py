"""Joules that a GPU has used so far, where NVML tells."""

from __future__ import annotations

from functools import cache
from typing import Any


def joules(device: str) -> float | None:
    """The counter of the whole card behind torch's `device`, in joules since its driver was loaded.

    None for a processor, without the package pynvml (nvidia-ml-py), and for cards older than Volta,
    which do not count.
    """
    handle = _handle(device)
    if handle is None:
        return None
    import pynvml

    try:
        return pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
    except pynvml.NVMLError:
        return None


@cache
def _handle(device: str) -> Any | None:
    """NVML's name of a device; by its UUID, for CUDA_VISIBLE_DEVICES renumbers the cards and NVML
    does not.
    """
    if not device.startswith("cuda"):
        return None
    try:
        import pynvml
    except ImportError:
        return None
    import torch

    try:
        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetHandleByUUID(
            f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        )
    except pynvml.NVMLError:
        return None

"""Makes torchvision importable beside a torch that can't load its compiled operators (a CPU torch
with PyPI's torchvision).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys

import torch

_defined: list[
    torch.library.Library
] = []  # a library's definitions last as long as it is referred to


def ensure_torchvision() -> None:
    """Call before importing what imports torchvision (diffusers, spandrel). Does nothing where it
    works or is not installed.

    Only the names of the two missing operators are declared; nothing here uses them, so nothing
    else changes.
    """
    if _defined or importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _defined.append(library)
        importlib.import_module("torchvision")

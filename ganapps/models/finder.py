"""The networks that find and compare faces, which ship beside the models of the catalogue."""

from __future__ import annotations

from functools import cache

from ganapps.models import formats, hub
from ganapps.models.catalog import WEIGHTS
from ganapps.networks.contracts import FaceFinder, FaceLikeness
from ganapps.networks.find import faces
from ganapps.networks.find import likeness as likenesses

FILE = "face-finder.safetensors"
SHA256 = "602ce9ba79b212ea91776b8edf4c7dab9c75fdafc9c9bffc7c917a2ba4b62e31"
LIKENESS_FILE = "face-likeness.safetensors"
LIKENESS_SHA256 = "bb63f60beb8bd14f4a7e05efe632864507cc91bbe6d947ae216691ba039c2a7d"


@cache
def shipped() -> FaceFinder:
    """What finds faces, on the processor. Raises WeightsError where its file is not what it was."""
    path = hub.intact(WEIGHTS / FILE, SHA256, "the finder of faces")
    return faces.build(formats.read(path).tensors)


@cache
def likeness() -> FaceLikeness:
    """What compares faces, on the processor. Raises WeightsError where its file is not what it
    was.
    """
    path = hub.intact(WEIGHTS / LIKENESS_FILE, LIKENESS_SHA256, "what compares faces")
    return likenesses.build(formats.read(path).tensors)

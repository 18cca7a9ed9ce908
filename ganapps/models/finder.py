"""The network that finds faces, which ships beside the models of the catalogue."""

from __future__ import annotations

from functools import cache

from ganapps.models import formats, hub
from ganapps.models.catalog import WEIGHTS
from ganapps.networks.contracts import FaceFinder
from ganapps.networks.find import faces

FILE = "face-finder.safetensors"
SHA256 = "602ce9ba79b212ea91776b8edf4c7dab9c75fdafc9c9bffc7c917a2ba4b62e31"


@cache
def shipped() -> FaceFinder:
    """It, on the processor. Raises WeightsError where its file is not what it was."""
    path = hub.intact(WEIGHTS / FILE, SHA256, "the finder of faces")
    return faces.build(formats.read(path).tensors)

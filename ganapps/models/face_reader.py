"""The readers of faces that ship: each reads what a generator of heads draws."""

from __future__ import annotations

from functools import cache

from ganapps.models.directions import for_generator
from ganapps.networks.contracts import FaceReader
from ganapps.networks.find import reader


@cache
def of_generator(sha256: str | None) -> FaceReader | None:
    """The reader for the generator whose file has this sha256, on the processor; None for most.
    Raises WeightsError where its file is not what it was.
    """
    shipped = for_generator(sha256, "readers", "the reader of faces")
    return reader.build(shipped[0].tensors, shipped[0].settings) if shipped else None

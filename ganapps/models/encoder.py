"""The encoders that ship: each finds in a picture the styles of one generator's face."""

from __future__ import annotations

from functools import cache

from ganapps.models.directions import for_generator
from ganapps.networks.contracts import StyleEncoder
from ganapps.networks.faces import encoder


@cache
def of_generator(sha256: str | None) -> StyleEncoder | None:
    """The encoder for the generator whose file has this sha256, on the processor; None for most.
    Raises WeightsError where its file is not what it was.
    """
    shipped = for_generator(sha256, "encoders", "the encoder")
    return encoder.build(shipped[0].tensors) if shipped else None

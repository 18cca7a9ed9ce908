"""Waiting for what comes when it comes, on a busy machine too."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def wait(done: Callable[[], object], seconds: float = 30) -> None:
    """Until something is so."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it never came to be so"
        time.sleep(0.02)


def below(folder: Path | str) -> set[Path]:
    """All files and folders below one; what goes while it is listed is left out."""
    places = os.walk(folder)
    return {Path(place) / name for place, folders, names in places for name in folders + names}

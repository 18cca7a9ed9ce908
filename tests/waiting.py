"""Waiting for what comes when it comes, on a busy machine too."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait(done: Callable[[], object], seconds: float = 30) -> None:
    """Until something is so."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it never came to be so"
        time.sleep(0.02)

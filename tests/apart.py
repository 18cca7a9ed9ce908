"""A test in a process of its own."""

from __future__ import annotations

import functools
import inspect
import os
import subprocess
import sys
from collections.abc import Callable

INSIDE = "GANAPPS_TEST_APART"


def apart(test: Callable) -> Callable:
    """Run a test where nothing else takes memory or gives it back: what servers and threads of
    earlier tests do in their own time moves the figures of this process.
    """

    @functools.wraps(test)
    def run(*arguments: object, **named: object) -> None:
        if os.environ.get(INSIDE) == test.__name__:
            test(*arguments, **named)
            return
        name = f"{inspect.getfile(test)}::{test.__name__}"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", name],
            env={**os.environ, INSIDE: test.__name__},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr

    return run

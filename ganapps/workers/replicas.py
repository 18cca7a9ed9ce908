"""What is decided about the replicas on Ray before Ray is asked: how many, on what, and which one a
run goes to.
"""

from __future__ import annotations

import os
import threading
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from ganapps.errors import UserError

OPTIONS = Path(__file__).with_name("ray.toml")  # how many replicas, on what, for how many runs
TOGETHER = 2  # runs of one model that go where it is; of more, each goes to the least busy replica


def options() -> dict[str, Any]:
    """What Ray is told about the replicas: the file that GANAPPS_RAY names, else ray.toml. Raises
    UserError where it can't be read.
    """
    path = Path(os.environ.get("GANAPPS_RAY") or OPTIONS)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise UserError("{file} can't be read: {why}.", file=str(path), why=e) from e


class UnderWay:
    """The runs under way, by model."""

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self._runs: Counter[str] = Counter()

    def begun(self, model: str) -> str:
        """A run more of that model; the model that its replica is to hold already, "": any may
        compute it.
        """
        with self._counting:
            self._runs[model] += 1
            return model if self._runs[model] <= TOGETHER else ""

    def over(self, model: str) -> None:
        """A run less."""
        with self._counting:
            self._runs[model] -= 1

    def any(self) -> bool:
        """Is there a run at all?"""
        with self._counting:
            return any(self._runs.values())

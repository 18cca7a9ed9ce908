"""How a loss moves on the whole: calm where it only falls, a fight where it goes up and down."""

from __future__ import annotations

WINDOW = 200  # steps whose mean is one value: single batches differ by chance


class Trend:
    """Means of a loss over WINDOW steps, as they follow one another."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0
        self._last: float | None = None
        self._up = self._moved = 0.0

    def add(self, loss: float) -> None:
        """The loss of one more step."""
        self._sum += loss
        self._count += 1
        if self._count < WINDOW:
            return
        mean = self._sum / WINDOW
        if self._last is not None:
            self._up += max(0.0, mean - self._last)
            self._moved += abs(mean - self._last)
        self._sum, self._count, self._last = 0.0, 0, mean

    @property
    def upward(self) -> float | None:
        """Of all that the means moved, the share that went up: 0 where they only fell, a half where
        they end as high as they began. None where none has moved yet.
        """
        return round(self._up / self._moved, 4) if self._moved else None

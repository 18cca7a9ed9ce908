"""What a run has to tell between its steps: how often the network was called, and what had to be
changed.
"""

from __future__ import annotations

from ganapps.errors import Message


class Tally:
    """A run counts `_calls` and lists `_changes`; whoever steps it asks for what is new."""

    def __init__(self) -> None:
        self._calls = 0
        self._changes: list[Message] = []

    def calls(self) -> int:
        """Network calls since this was last asked."""
        calls, self._calls = self._calls, 0
        return calls

    def changes(self) -> tuple[Message, ...]:
        """What had to be changed since this was last asked."""
        changes, self._changes = tuple(self._changes), []
        return changes

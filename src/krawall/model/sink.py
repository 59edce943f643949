"""The contract of a sink: takes batches of a shard's lines. Never blocks the loop, never awaits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from krawall.model.exchange import Line


class Sink(Protocol):
    """Where lines go."""

    def accept(self, batch: Sequence[Line]) -> None:
        """Take a batch. Raises when the sink can go on no longer."""
        ...

    def flush(self) -> None:
        """Let go of what is held back, a few times a second."""
        ...

    def close(self) -> None:
        """Write what is left and close. Raises when that fails."""
        ...

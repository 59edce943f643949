"""Fans batches of lines out to sinks: at 64 lines, or when it is flushed. Small batches keep the loop short."""

from __future__ import annotations

from krawall.model.exchange import Line
from krawall.model.sink import Sink

BATCH = 64


class Outbox:
    """Holds lines until the next batch. A sink that raises is taken out; `trouble` keeps its reason."""

    __slots__ = ("_held", "sinks", "trouble")

    def __init__(self, sinks: list[Sink]) -> None:
        self._held: list[Line] = []
        self.sinks = sinks
        self.trouble = ""

    def put(self, line: Line) -> None:
        """Take a line."""
        self._held.append(line)
        if len(self._held) >= BATCH:
            self._hand_over()

    def flush(self) -> None:
        """Hand over what is held, and let the sinks write."""
        self._hand_over()
        for sink in list(self.sinks):
            sink.flush()

    def _hand_over(self) -> None:
        batch, self._held = self._held, []
        for sink in list(self.sinks):
            try:
                sink.accept(batch)
            except Exception as error:  # noqa: BLE001  a sink's boundary: the session goes on or stops by its reason
                self.trouble = f"{type(sink).__name__.lower()}: {error}"
                self.sinks.remove(sink)

    def close(self) -> None:
        """Hand over the rest and close every sink."""
        self.flush()
        for sink in self.sinks:
            try:
                sink.close()
            except Exception as error:  # noqa: BLE001  a sink's boundary
                self.trouble = self.trouble or f"{type(sink).__name__.lower()}: {error}"

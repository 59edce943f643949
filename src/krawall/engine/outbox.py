"""Fans batches of lines out to sinks: at 64 lines, or when it is flushed. Small batches keep the loop short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from krawall.errors import Unavailable
from krawall.model.exchange import Line
from krawall.model.sink import Basin, Sink, SinkKind

BATCH = 64


@contextmanager
def opened(kinds: Sequence[SinkKind], basin: Basin) -> Iterator[list[Sink]]:
    """Open the sinks that a scenario names; they are left when the block is.

    Raises:
        Unavailable: one does not open.
    """
    with ExitStack() as stack:
        sinks = []
        for kind in kinds:
            try:
                sinks.append(stack.enter_context(kind.open(basin)))
            except Exception as error:  # a sink's boundary: it may be anybody's
                raise Unavailable(f"the sink {kind.kind!r} does not open: {error}") from error
        yield sinks


class Kept:
    """A sink that keeps every line in memory."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def accept(self, batch: Sequence[Line]) -> None:
        """Keep a batch."""
        self.lines += batch

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing to close."""


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
            try:
                sink.flush()
            except Exception as error:  # noqa: BLE001  a sink's boundary: as for a batch
                self._take_out(sink, error)

    def _hand_over(self) -> None:
        batch, self._held = self._held, []
        for sink in list(self.sinks):
            try:
                sink.accept(batch)
            except Exception as error:  # noqa: BLE001  a sink's boundary: the session goes on or stops by its reason
                self._take_out(sink, error)

    def _take_out(self, sink: Sink, error: Exception) -> None:
        self.trouble = self.trouble or _words(sink, error)
        self.sinks.remove(sink)

    def close(self) -> None:
        """Hand over the rest and close every sink."""
        self.flush()
        for sink in self.sinks:
            try:
                sink.close()
            except Exception as error:  # noqa: BLE001  a sink's boundary
                self.trouble = self.trouble or _words(sink, error)


def _words(sink: Sink, error: Exception) -> str:
    return f"{type(sink).__name__.strip('_').lower()}: {error}"

"""The contract of a sink: takes batches of a shard's lines. Never blocks the loop, never awaits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Protocol

from krawall.model.base import Document
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


@dataclass(frozen=True)
class Basin:
    """Where a sink is opened: the session, which of its shards, and the folder where this shard keeps its files."""

    session: str
    shard: int
    shards: int
    directory: str


class SinkKind(Document):
    """Settings of a sink. The file name is the kind; a scenario names it: `sinks: [{KIND: {...}}]`."""

    api: ClassVar[int] = 1
    shorthand: ClassVar[str] = ""
    kind: str

    @abstractmethod
    def open(self, basin: Basin) -> AbstractContextManager[Sink]:
        """Open the sink; it is left when the shard is over, after its `close`."""

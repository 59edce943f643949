"""The contract of a sink: settings that open once per shard, and what then takes batches of its lines.

A sink never blocks the loop and never awaits. Times in lines are ns since the session began. A sink that raises is taken out,
and the session stops with its words, for what it keeps would have a hole: catch what you can do without.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Protocol

from krawall.model.base import Document
from krawall.model.connector import Secrets
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
    """Where a sink is opened: the session, which of its `shards`, and which attempt at it: one that died has another after it.

    `directory` is where files may be kept. Shards and attempts share it, so both belong into their names. What is in it goes
    into the archive with the session. `secrets` open references such as `${BOT_KEY}`.
    """

    session: str
    shard: int
    shards: int
    attempt: int
    directory: str
    secrets: Secrets


class SinkKind(Document):
    """Settings of a sink. The file name is the kind; a scenario names it: `sinks: [{KIND: {...}}]`."""

    api: ClassVar[int] = 1
    shorthand: ClassVar[str] = ""
    kind: str

    @abstractmethod
    def open(self, basin: Basin) -> AbstractContextManager[Sink]:
        """Open the sink; it is left when the shard is over, after its `close`."""

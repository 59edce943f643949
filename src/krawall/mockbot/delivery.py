"""One reply on its way out: where it goes, who keeps count, and the player that runs its script.

A script is a generator of absolute times (ns): it writes, then says when it wants to go on. Scripts are in `replies`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from http import HTTPStatus
from typing import Protocol

import msgspec

from krawall.clock import monotonic_ns
from krawall.mockbot.fate import Fates
from krawall.mockbot.oracle import Oracle, Record
from krawall.mockbot.pacer import Pacer

Script = Generator[int, None, None]

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_STRETCH = 32  # times a script may go on without waiting before other connections get their turn


def head(status: int, kind: bytes, size: bytes, *, close: bool = False, more: bytes = b"") -> bytes:
    """Return status line and headers. `size` and `more` are whole header lines, or empty."""
    ending = b"Connection: close\r\n" if close else b""
    reason = _REASONS.get(status, b"Unknown")
    return b"HTTP/1.1 %d %s\r\nContent-Type: %s\r\n%s%s%s\r\n" % (status, reason, kind, size, more, ending)


def sized(body: bytes) -> bytes:
    """Return the header line that announces a body of known length."""
    return b"Content-Length: %d\r\n" % len(body)


class Delivery(msgspec.Struct):
    """How one reply travels. `close`: the connection ends with it; `keep`: its record is logged, with token times."""

    transport: asyncio.Transport
    oracle: Oracle
    record: Record
    close: bool
    chunked: bool
    gzip: bool
    keep: bool
    finished: Callable[[], None]

    def end(self, how: str) -> None:
        """Close the record, then let the connection go on."""
        self.oracle.ended(self.record, how, self.keep)
        self.finished()


class Fated(Protocol):
    """Whoever knows what happens to requests now: the server's state."""

    fates: Fates


class Player:
    """Plays one script: lives from the request to the end of its reply, or of its connection."""

    def __init__(self, script: Script, delivery: Delivery, pacer: Pacer, state: Fated) -> None:
        self._script = script
        self._delivery = delivery
        self._pacer = pacer
        self._state = state
        self._due_ns = 0

    def go(self) -> None:
        """Run the script until it wants to wait. During a freeze nothing goes out: it waits for the thaw."""
        for _ in range(_STRETCH):
            now = monotonic_ns()
            wait = max(self._due_ns, self._state.fates.thaw(now))
            if wait > now:
                self._pacer.at(wait, self.go)
                return
            due = next(self._script, None)
            if due is None:
                return
            self._due_ns = due
        self._pacer.at(self._due_ns, self.go)

    def stop(self) -> None:
        """The client is gone."""
        self._script.close()
        if not self._delivery.record.end:
            self._delivery.oracle.ended(self._delivery.record, "aborted", self._delivery.keep)

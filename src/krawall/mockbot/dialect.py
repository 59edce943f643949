"""The contract of a dialect: bytes of a request in, bytes of replies out. A dialect is a module with these names.

Nothing here or in a dialect waits, draws or opens sockets. One more dialect is one more module and one line in `connection.DIALECTS`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from krawall.mockbot.behaviour import Usage
from krawall.mockbot.bot import Answer, Ask


class BadRequest(Exception):
    """The body is not a request of this dialect; the message is for the client."""


class Call(msgspec.Struct, frozen=True):
    """A parsed request. `conversation` is None where the client holds the history, else the id of the server's ("" for a new one)."""

    ask: Ask
    model: str = "mock"
    stream: bool = False
    include_usage: bool = False
    conversation: str | None = None


class Reply(msgspec.Struct, frozen=True):
    """All that a dialect needs to write a reply. `number` counts requests since the reset, and names the reply."""

    call: Call
    answer: Answer
    number: int
    usage: Usage = "end"


class Events(Protocol):
    """Writes the events of one stream. `ts` is the monotonic time of sending, ns, and goes into every event."""

    def opening(self, ts: int) -> bytes:
        """Return what comes with the first token, before it; may be empty."""

    def token(self, index: int, ts: int) -> bytes:
        """Return the event of one token."""

    def ending(self, ts: int) -> list[bytes]:
        """Return the events after the last token."""


class Dialect(Protocol):
    """One way to speak to the bot."""

    PATH: str

    def parse(self, body: bytes) -> Call:
        """Read a request. Raises BadRequest."""

    def whole(self, reply: Reply) -> bytes:
        """Return the body of a reply that is not streamed."""

    def events(self, reply: Reply) -> Events:
        """Return the writer of a streamed reply."""

    def error(self, status: int, message: str) -> bytes:
        """Return the body of an error reply."""

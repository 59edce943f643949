"""The contract of a dialect: bytes of a request in, bytes of replies out. A dialect is a module, or an object, with these names.

Nothing here or in a dialect waits, draws or opens sockets. One more dialect is one more module and one line in `routes`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from krawall.mockbot.behaviour import Usage
from krawall.mockbot.bot import Answer, Ask

EVENT_STREAM = b"text/event-stream; charset=utf-8"


class BadRequest(Exception):
    """What came cannot be answered; the message and the status are for the client."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Call(msgspec.Struct, frozen=True):
    """A parsed request.

    `conversation` is None where the client holds the history, else the id of the server's ("" for a new one). A `chained` call
    follows a reply: `follows` and `conversation` are that reply's id, and its own reply gets a new `conversation`, which is held
    unless `store` is off.
    `instructions` are a chained call's own and are not held. `shows_thoughts` is off where the client did not ask to see
    them: they take their time and are billed unseen. `cache` is off where the client did not ask for a prompt cache.
    `deferred`: the reply is a job to poll for; `channel`: it goes to whoever listens on the stream of that id.
    """

    ask: Ask
    model: str = "mock"
    stream: bool = False
    include_usage: bool = False
    conversation: str | None = None
    chained: bool = False
    follows: str = ""
    store: bool = True
    instructions: str = ""
    shows_thoughts: bool = True
    cache: bool = True
    deferred: bool = False
    channel: str = ""


class Reply(msgspec.Struct, frozen=True):
    """All that a dialect needs to write a reply. `number` counts requests since the reset, and names the reply."""

    call: Call
    answer: Answer
    number: int
    usage: Usage = "end"


class Events(Protocol):
    """Writes the events of one stream. `ts` is the monotonic time of sending, ns, and goes into every event.

    Tokens are counted over thoughts and reply; what ends one and begins the other comes with the first token of the other.
    """

    def early(self, ts: int) -> bytes:
        """Return what is sent at once with the head, long before the first token; may be empty."""

    def opening(self, ts: int) -> bytes:
        """Return what comes with the first token, before it; may be empty."""

    def token(self, index: int, ts: int) -> bytes:
        """Return the event of one token; empty for a thought that is not shown."""

    def ending(self, ts: int) -> list[bytes]:
        """Return the events after the last token, one or more."""

    def failure(self, ts: int, message: str) -> list[bytes]:
        """Return the events that end a stream in which something went wrong, one or more."""


class Dialect(Protocol):
    """One way to speak to the bot.

    STREAM is the content type of its streams, NEEDS the headers (lower case) that a request must have, KEYS the headers that
    may carry the API key instead of `Authorization: Bearer`.
    """

    STREAM: bytes
    NEEDS: tuple[bytes, ...]
    KEYS: tuple[bytes, ...]

    def parse(self, body: bytes) -> Call:
        """Read a request. Raises BadRequest."""

    def whole(self, reply: Reply) -> bytes:
        """Return the body of a reply that is not streamed."""

    def events(self, reply: Reply) -> Events:
        """Return the writer of a streamed reply."""

    def error(self, status: int, message: str) -> bytes:
        """Return the body of an error reply."""

"""Replies that come on a stream of their own: `GET /stream/{id}` listens, `POST /send/{id}` says a message as `POST /chat` does.

The stream stays open for as long as the client wants; it begins with `event: ready`. A message is answered at once with
202 {"id": "m1", "conversation_id": "ID"}, and its reply comes on the stream as the events of `/chat`, each with the `id` of the
message; the replies to several may come interleaved. The id of the stream is the conversation's, unless a message names one.
Who listens anew under an id takes it over; with nobody listening a message is refused with 409.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from krawall.mockbot import simple
from krawall.mockbot.delivery import Delivery, Player, Script
from krawall.mockbot.dialect import EVENT_STREAM, Call, Events, Reply
from krawall.mockbot.oracle import Oracle, Record
from krawall.mockbot.replies import Framing, Stream, play_events

STREAM_AT = "/stream/"
SEND_AT = "/send/"
_encode = msgspec.json.Encoder().encode


class Send:
    """The dialect of messages to one stream."""

    STREAM = EVENT_STREAM
    NEEDS = simple.NEEDS
    KEYS = simple.KEYS

    def __init__(self, name: str) -> None:
        self._name = name

    def parse(self, body: bytes) -> Call:
        """Read a request. Raises BadRequest."""
        call = simple.parse(body)
        return msgspec.structs.replace(
            call, stream=True, channel=self._name, conversation=call.conversation or self._name
        )

    def whole(self, reply: Reply) -> bytes:
        """Return the body of the answer to the request."""
        return _encode({"id": f"m{reply.number}", "conversation_id": reply.call.conversation})

    def events(self, reply: Reply) -> Events:
        """Return the writer of the events of the reply."""
        return _Marked(simple.events(reply), b'data: {"id":"m%d",' % reply.number)

    def error(self, status: int, message: str) -> bytes:
        """Return an error object."""
        return simple.error(status, message)


class _Marked:
    """The events of `/chat`, each with an id."""

    def __init__(self, events: Events, mark: bytes) -> None:
        self._events = events
        self._mark_with = mark

    def early(self, ts: int) -> bytes:
        return b""

    def opening(self, ts: int) -> bytes:
        return b""

    def token(self, index: int, ts: int) -> bytes:
        return self._marked(self._events.token(index, ts))

    def ending(self, ts: int) -> list[bytes]:
        return [self._marked(event) for event in self._events.ending(ts)]

    def failure(self, ts: int, message: str) -> list[bytes]:
        return [self._marked(event) for event in self._events.failure(ts, message)]

    def _marked(self, event: bytes) -> bytes:
        return event.replace(b"data: {", self._mark_with, 1)


class Listener:
    """One open stream: made by the connection that listens, gone with it. `player` makes the player of a script."""

    def __init__(
        self,
        name: str,
        transport: asyncio.Transport,
        player: Callable[[Script, Delivery], Player],
        *,
        chunked: bool,
        close: bool,
    ) -> None:
        self._transport = transport
        self._player = player
        self._framing = Framing(chunked, gzip=False, lasting=True)
        self._playing: dict[int, Player] = {}
        self._said = 0
        self._gone = False
        ready = b"event: ready\ndata: %s\n\n" % _encode({"id": name})
        transport.write(self._framing.head(close, EVENT_STREAM) + self._framing.pack(ready))

    def say(self, stream: Stream, oracle: Oracle, record: Record, *, keep: bool) -> None:
        """Begin to play a reply; one that nobody hears any more is aborted."""
        if self._gone:
            oracle.ended(record, "aborted", keep)
            return
        self._said += 1
        number = self._said
        delivery = Delivery(
            self._transport, oracle, record, False, False, False, keep, lambda: self._finished(number, record)
        )
        player = self._player(play_events(delivery, stream, self._framing), delivery)
        self._playing[number] = player
        player.go()

    def end(self) -> None:
        """End the stream cleanly: somebody else listens now."""
        self._gone = True
        self._transport.write(self._framing.finish())
        self._transport.close()

    def lost(self) -> None:
        """The connection is gone."""
        self._gone = True
        for player in self._playing.values():
            player.stop()
        self._playing.clear()

    def _finished(self, number: int, record: Record) -> None:
        self._playing.pop(number, None)
        if record.end == "truncated":
            self._gone = True
            self._transport.close()


class Channels:
    """Who listens under which id, on one server."""

    def __init__(self) -> None:
        self._open: dict[str, Listener] = {}

    def listen(self, name: str, listener: Listener) -> None:
        """Let somebody listen under an id, instead of whoever did before."""
        before = self._open.get(name)
        self._open[name] = listener
        if before:
            before.end()

    def leave(self, name: str, listener: Listener) -> None:
        """A connection is gone."""
        if self._open.get(name) is listener:
            del self._open[name]
        listener.lost()

    def listener(self, name: str) -> Listener | None:
        """Return who listens under an id."""
        return self._open.get(name)

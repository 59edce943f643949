"""The scripts of replies: in one piece, or token by token with the cuts and the splits of a behaviour.

Every time stamp is taken right before its bytes are handed to the kernel.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Protocol

import msgspec

from krawall.clock import monotonic_ns
from krawall.mockbot.behaviour import Split
from krawall.mockbot.delivery import Delivery, Script, head, sized
from krawall.mockbot.dialect import EVENT_STREAM, Events
from krawall.mockbot.fate import Cut

_REST_NS = 1_000_000  # split "random": the rest of an event follows at most this much later
_GZIP_WINDOW = 31  # zlib's window bits that mean the gzip format
_GZIP_LINE = b"Content-Encoding: gzip\r\n"
_WRONG = "the mock bot was told to fail in the middle of a reply"


class Packs(Protocol):
    """Whoever knows how events travel: `Framing` for bodies, others for connections that stay open."""

    def pack(self, data: bytes) -> bytes:
        """Return events as they travel."""

    def end(self) -> bytes:
        """Return what ends a reply."""

    def finish(self) -> bytes:
        """Return what ends the stream."""


class Whole(msgspec.Struct, frozen=True):
    """A reply in one piece. `cut_at` is the share of the body after which the connection is cut."""

    due_ns: int
    status: int
    body: bytes
    tokens: int = 0
    more: bytes = b""
    cut_at: float | None = None


class Stream(msgspec.Struct, frozen=True):
    """A reply token by token; `dues` has one absolute time for each. A cut comes after `cut_at` tokens.

    `seed` is for the places where writes are split; `kind` is the content type.
    """

    events: Events
    dues: Sequence[int]
    split: Split
    seed: str
    cut: Cut = ""
    cut_at: int = 0
    kind: bytes = EVENT_STREAM


def play_whole(delivery: Delivery, whole: Whole) -> Script:
    """Send a reply in one write when it is due."""
    body, more = whole.body, whole.more
    if delivery.gzip:
        packer = zlib.compressobj(wbits=_GZIP_WINDOW)
        body, more = packer.compress(body) + packer.flush(), more + _GZIP_LINE
    start = head(whole.status, b"application/json", sized(body), close=delivery.close, more=more)
    yield whole.due_ns
    delivery.record.status = whole.status
    now = monotonic_ns()
    if whole.cut_at is not None:
        delivery.transport.write(start + body[: int(len(body) * whole.cut_at)])
        delivery.transport.abort()
        delivery.end("disconnected")
        return
    delivery.transport.write(start + body)
    delivery.oracle.whole(delivery.record, now, whole.due_ns, whole.tokens)
    delivery.end("done")


def play_accepted(delivery: Delivery, due_ns: int, body: bytes, begin: Callable[[], None]) -> Script:
    """Send the answer to a request whose reply goes elsewhere, then begin that; the record belongs to the reply."""
    yield due_ns
    delivery.record.status = 202
    start = head(202, b"application/json", sized(body), close=delivery.close)
    delivery.transport.write(start + body)
    delivery.finished()
    begin()


def play_stream(delivery: Delivery, stream: Stream) -> Script:
    """Send the head at once, then what `play_events` sends."""
    framing = Framing(delivery.chunked, delivery.gzip)
    delivery.record.status = 200
    early = stream.events.early(monotonic_ns())
    start = framing.head(delivery.close, stream.kind)
    delivery.transport.write(start + framing.pack(early) if early else start)
    yield from play_events(delivery, stream, framing)


def play_events(delivery: Delivery, stream: Stream, framing: Packs) -> Script:
    """Send each token when it is due, then the end or the cut."""
    yield from (_one_by_one if stream.split == "token" else _split)(delivery, stream, framing)
    if not stream.cut:
        delivery.end("done")
        return
    yield stream.dues[stream.cut_at]
    if stream.cut == "error":
        said = b"".join(framing.pack(event) for event in stream.events.failure(monotonic_ns(), _WRONG))
        delivery.transport.write(said + framing.end())
        delivery.end("failed")
    elif stream.cut == "truncate":
        delivery.transport.write(framing.finish())
        delivery.end("truncated")
    else:
        delivery.transport.abort()
        delivery.end("disconnected")


def _one_by_one(delivery: Delivery, stream: Stream, framing: Packs) -> Script:
    """One write per event."""
    write, events, record = delivery.transport.write, stream.events, delivery.record
    total = len(stream.dues)
    for index in range(stream.cut_at if stream.cut else total):
        yield stream.dues[index]
        if index == 0 and (opening := events.opening(monotonic_ns())):
            write(framing.pack(opening))
        now = monotonic_ns()
        if data := events.token(index, now):
            write(framing.pack(data))
            delivery.oracle.token(record, now, stream.dues[index], delivery.keep)
        else:
            delivery.oracle.tokens_out += 1  # thought, not shown; or sent with a later one
        if index + 1 == total:
            *rest, last = events.ending(monotonic_ns())
            for event in rest:
                write(framing.pack(event))
            write(framing.pack(last) + framing.end())


def _split(delivery: Delivery, stream: Stream, framing: Packs) -> Script:
    """Several events per write, or writes that end inside an event; places are drawn."""
    write, events, total = delivery.transport.write, stream.events, len(stream.dues)
    rng = Random(stream.seed)
    for batch in _batches(stream, rng):
        due = stream.dues[batch[-1]]
        yield due
        now = monotonic_ns()
        parts = [events.opening(now)] if batch[0] == 0 else []
        tokens = [events.token(index, now) for index in batch]
        shown = sum(map(bool, tokens))
        parts += tokens
        parts += events.ending(now) if batch[-1] + 1 == total else []
        data = b"".join(framing.pack(part) for part in parts if part)
        if batch[-1] + 1 == total:
            data += framing.end()
        at = rng.randrange(1, len(data)) if stream.split == "random" and data else len(data)
        write(data[:at])
        delivery.oracle.tokens_out += len(batch) - shown
        for _ in range(shown):
            delivery.oracle.token(delivery.record, now, due, delivery.keep)
        if at < len(data):
            yield now + _REST_NS
            write(data[at:])


def _batches(stream: Stream, rng: Random) -> Iterator[range]:
    """Cut the tokens to send into groups that travel together."""
    total = stream.cut_at if stream.cut else len(stream.dues)
    start = 0
    while start < total:
        size = rng.randint(2, 4) if stream.split == "coalesce" else 1
        yield range(start, min(start + size, total))
        start += size


class Framing:
    """Packs events into the body of a stream: compressed if wished, chunked unless the client speaks HTTP/1.0.

    A `lasting` stream does not end with a reply.
    """

    def __init__(self, chunked: bool, gzip: bool, lasting: bool = False) -> None:
        self._chunked = chunked
        self._lasting = lasting
        self._packer = zlib.compressobj(wbits=_GZIP_WINDOW) if gzip else None

    def head(self, close: bool, kind: bytes) -> bytes:
        """Return what begins the stream; `kind` is its content type."""
        more = b"Cache-Control: no-cache\r\n" + (_GZIP_LINE if self._packer else b"")
        size = b"Transfer-Encoding: chunked\r\n" if self._chunked else b""
        return head(200, kind, size, close=close, more=more)

    def pack(self, data: bytes) -> bytes:
        """Return events as they travel."""
        if self._packer:
            data = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        return b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data

    def end(self) -> bytes:
        """Return what ends a reply."""
        return b"" if self._lasting else self.finish()

    def finish(self) -> bytes:
        """Return what ends the stream."""
        rest = self._packer.flush() if self._packer else b""
        if not self._chunked:
            return rest
        return (b"%x\r\n%s\r\n" % (len(rest), rest) if rest else b"") + b"0\r\n\r\n"

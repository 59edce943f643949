"""An HTTP/1.1 client connection: asyncio.Protocol + httptools (llhttp). One request at a time; every moment is stamped as bytes arrive.

States of a connection (RFC 9112), and what an unexpected close means in each:

    idle        nothing asked; bytes that arrive now, or a close, make the connection unusable
    waiting     request written, no byte of a reply yet    -> Closed(stale) when the connection was used before, else Closed
    head, body  a reply is arriving                         -> truncated, unless its end is the end of the connection
    done        reply complete                              -> idle, or closed when keep-alive is over
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Protocol, cast

import httptools

from krawall.clock import monotonic_ns
from krawall.model.exchange import FaultKind, TargetFault

KEPT = frozenset(
    {
        b"content-type",
        b"content-encoding",
        b"content-length",
        b"transfer-encoding",
        b"retry-after",
        b"retry-after-ms",
        b"location",
        b"set-cookie",
    }
)


class Receiver(Protocol):
    """Who reads a reply. Called from inside the event loop's read callback: must not block or raise anything but TargetFault."""

    def on_byte(self, at_ns: int) -> None:
        """The first byte arrived at `at_ns`."""
        ...

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """The head arrived; `headers` holds those of KEPT, names in lower case."""
        ...

    def on_body(self, data: bytes, at_ns: int) -> bool:
        """Decoded body bytes arrived at `at_ns`. Return True when the reply is over before the message is."""
        ...


class Closed(Exception):
    """The connection was closed without a byte of a reply. `stale`: it had served an earlier request."""

    def __init__(self, stale: bool, detail: str) -> None:
        super().__init__(detail)
        self.stale = stale


class Connection(asyncio.Protocol):
    """One keep-alive connection of one user."""

    __slots__ = (
        "_at", "_body_size", "_future", "_grace", "_head_size", "_headers", "_headers_done", "_inflate", "_loop",
        "_max_body", "_max_head", "_packed", "_parser", "_receiver", "_transport", "_until_eof",
        "byte_ns", "open", "served", "slow_s", "status",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, max_head: int, max_body: int) -> None:
        self._loop = loop
        self._max_head = max_head
        self._max_body = max_body
        self._transport: asyncio.Transport | None = None
        self._future: asyncio.Future[None] | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._receiver: Receiver | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.open = False
        self.served = 0
        self.slow_s = 0.0
        self._reset()

    def _reset(self) -> None:
        self.status = self.byte_ns = self._head_size = self._body_size = 0
        self._headers: dict[bytes, bytes] = {}
        self._headers_done = self._until_eof = self._packed = False
        self._inflate: zlib._Decompress | None = None

    def request(self, payload: bytes, receiver: Receiver) -> asyncio.Future[None]:
        """Write `payload` (head and body), return what is done when the reply is complete. Who gives up waiting must `abort`.

        A future, not a coroutine: every coroutine between a user and the socket is woken for every reply. It raises:
            Closed: the connection went away before the first byte of a reply.
            TargetFault: the reply breaks the protocol or a bound, or ends before its end.
        """
        self._future = future = self._loop.create_future()
        if self._transport is None or not self.open:
            future.set_exception(Closed(self.served > 0, "the connection is closed"))
            return future
        self._reset()
        self._receiver = receiver
        self._transport.write(payload)
        return future

    def _read_later(self) -> None:
        """Be a slow reader: leave the next bytes in the socket for a while."""
        if self._transport and self.open:
            self._transport.pause_reading()
            self._loop.call_later(self.slow_s, self._read_on)

    def _read_on(self) -> None:
        if self._transport and self.open:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once; what is under way is lost."""
        self.open = False
        if self._transport:
            self._transport.abort()

    # asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        at_ns = monotonic_ns()
        if self._future is None or self._future.done():
            self.abort()  # bytes that nobody asked for
            return
        if not self.byte_ns:
            self.byte_ns = at_ns
            if self._receiver:
                self._receiver.on_byte(at_ns)
        if not self._headers_done:
            self._head_size += len(data)
        try:
            self._at = at_ns
            self._parser.feed_data(data)
        except TargetFault as fault:
            self._fail(fault)
        except httptools.HttpParserUpgrade:
            self._fail(
                TargetFault(FaultKind.protocol, "the server switched protocols without being asked", status=self.status)
            )
        except httptools.HttpParserError as error:
            # What a callback raised is the context: a TargetFault, or an error of our own that must come out as it is.
            self._fail(error.__context__ or TargetFault(FaultKind.protocol, f"not an HTTP/1.1 reply: {error}"))
        if self.slow_s and self._future and not self._future.done():
            self._read_later()
        if not self._headers_done and self._head_size > self._max_head and self._future and not self._future.done():
            self._fail(TargetFault(FaultKind.protocol, f"the reply's head is larger than {self._max_head:,} bytes"))

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        future = self._future
        if future is None or future.done():
            return
        if self._until_eof and error is None:
            self._complete()
        elif self.byte_ns:
            detail = "the connection was cut in mid-reply" if error else "the connection was closed in mid-reply"
            self._fail(TargetFault(FaultKind.truncated, detail, status=self.status or None))
        else:
            detail = "the server closed the connection without an answer"
            if error:
                detail = f"the connection was cut without an answer: {getattr(error, 'strerror', None) or error}"
            future.set_exception(Closed(self.served > 0, detail))

    # httptools callbacks --------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in KEPT:
            before = self._headers.get(name)  # only cookies come several at a time
            self._headers[name] = value if before is None or name != b"set-cookie" else before + b"\n" + value

    def on_headers_complete(self) -> None:
        if self._receiver is None:
            self.abort()  # a second reply, which nobody asked for
            return
        self.status = status = self._parser.get_status_code()
        if status < 200:
            return
        self._headers_done = True
        headers = self._headers
        if encoding := headers.get(b"content-encoding"):
            self._inflate = _inflater(encoding.lower(), status)
        self._until_eof = (
            b"content-length" not in headers and headers.get(b"transfer-encoding", b"").lower() != b"chunked"
        )
        self._receiver.on_head(status, headers)

    def on_body(self, data: bytes) -> None:
        if self._inflate:
            data = self._decompress(data)
        self._body_size += len(data)
        if self._body_size > self._max_body:
            raise TargetFault(
                FaultKind.protocol, f"the reply is larger than {self._max_body:,} bytes", status=self.status
            )
        if self._receiver and self._receiver.on_body(data, self._at) and self._grace is None:
            # The reply is over; the server has a second to end the message, so that the connection can be used again.
            self._grace = self._loop.call_later(1.0, self._give_up_on_tail)

    def on_message_complete(self) -> None:
        if self.status < 200:  # 100 Continue, 103 Early Hints: the answer is still to come
            self._headers = {}
            return
        self._complete()
        transport = self._transport
        if transport is None or not self.open:
            return
        if transport.get_write_buffer_size():  # answered before it was read: a next request would wait behind the rest
            self.abort()
        elif not self._parser.should_keep_alive():
            self.open = False
            transport.close()

    # ------------------------------------------------------------------------------------------------

    def _decompress(self, data: bytes) -> bytes:
        inflate = cast("zlib._Decompress", self._inflate)
        self._packed = True
        try:
            out = inflate.decompress(data, self._max_body - self._body_size + 1)
        except zlib.error as error:
            raise TargetFault(
                FaultKind.protocol, f"the reply's compression is broken: {error}", status=self.status
            ) from None
        if inflate.unused_data:  # zlib would keep it all
            raise TargetFault(
                FaultKind.protocol, "there are bytes after the end of the compressed reply", status=self.status
            )
        return out

    def _give_up_on_tail(self) -> None:
        self._grace = None
        if self._future and not self._future.done():
            self._finish()
            self.abort()

    def _complete(self) -> None:
        """The message has ended; a compressed body may not have."""
        if self._packed and self._inflate and not self._inflate.eof and self._grace is None:
            self._fail(TargetFault(FaultKind.truncated, "the compressed reply ends before its end", status=self.status))
        else:
            self._finish()

    def _finish(self) -> None:
        self.served += 1
        self._receiver = None  # what follows is not for whoever asked
        if self._grace:
            self._grace.cancel()
            self._grace = None
        if self._future and not self._future.done():
            self._future.set_result(None)

    def _fail(self, fault: BaseException) -> None:
        if self._grace:  # the reply was over before; how its message ends does not matter
            self._finish()
        elif self._future and not self._future.done():
            self._future.set_exception(fault)
        self.abort()


def _inflater(encoding: bytes, status: int) -> zlib._Decompress | None:
    if encoding == b"identity":
        return None
    if encoding in (b"gzip", b"x-gzip", b"deflate"):
        return zlib.decompressobj(wbits=47)  # gzip or zlib, told by its first bytes
    name = f" {encoding.decode('latin-1')!r}" if len(encoding) <= 20 else ""  # a longer one is no name of an encoding
    raise TargetFault(FaultKind.protocol, f"content-encoding{name} is not understood", status=status)

"""A WebSocket client connection (RFC 6455) over picows: dialled at pinned addresses, messages stamped as their last frame arrives.

What the end of a connection means is decided here, once, in `ending`; what a message means is for connectors.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol

import picows

from krawall.clock import monotonic_ns
from krawall.model.base import NS_PER_S, format_duration
from krawall.model.connector import Tap
from krawall.model.exchange import FaultKind, TargetFault
from krawall.net.caller import OURS, Route, status_fault
from krawall.net.dial import os_reason, tls_reason

_NOT_TO_SET = OURS | {
    "connection",
    "upgrade",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
}
_BUFFER = 2048  # bytes held per connection before anything arrives; it grows with what arrives

_CODES = {  # RFC 6455 section 7.4.1 and the IANA registry of close codes
    1000: FaultKind.truncated,
    1001: FaultKind.truncated,
    1002: FaultKind.protocol,
    1003: FaultKind.protocol,
    1007: FaultKind.protocol,
    1008: FaultKind.rejected,
    1009: FaultKind.protocol,
    1010: FaultKind.protocol,
    1011: FaultKind.server,
    1012: FaultKind.server,
    1013: FaultKind.server,
    1014: FaultKind.server,
    3000: FaultKind.rejected,  # unauthorized
    3003: FaultKind.rejected,  # forbidden
}


class Receiver(Protocol):
    """Who reads a connection's messages. Called from the event loop's read callback."""

    def on_byte(self, at_ns: int) -> None:
        """The first part of a message in several frames arrived."""
        ...

    def on_message(self, data: bytes, at_ns: int, *, binary: bool) -> None:
        """A whole message arrived; what it raises as TargetFault ends the connection."""
        ...

    def on_gone(self, fault: TargetFault) -> None:
        """The connection is gone; `fault` says what that means for whoever waits. Called once."""
        ...


def _quiet() -> logging.LoggerAdapter[logging.Logger]:
    logger = logging.Logger("krawall.websocket")
    logger.disabled = True  # what goes wrong is a fault of the exchange; picows would write it to the log as well
    return logging.LoggerAdapter(logger)


_LOGGER = _quiet()


class Socket(picows.WSListener):
    """One open connection of one user, from the handshake to its end. `served` counts the messages that came."""

    def __init__(self, route: Route) -> None:
        super().__init__()
        self._route = route
        self._receiver: Receiver | None = None
        self._transport: Any = None
        self._parts: list[bytes] = []
        self._size = 0
        self._binary = False
        self._fault: TargetFault | None = None
        self._hung_up = False
        self.protocol = ""
        self.open = False
        self.served = 0
        self.slow_s = 0.0
        self.tap: Tap | None = None

    def attend(self, receiver: Receiver) -> None:
        """Give the messages to `receiver` from now on."""
        self._receiver = receiver

    def send(self, data: bytes, *, binary: bool) -> None:
        """Write one message."""
        if self.tap is not None:
            self.tap("sent", data)
        self._transport.send(picows.WSMsgType.BINARY if binary else picows.WSMsgType.TEXT, data)

    def hang_up(self) -> None:
        """Close at once; what is under way is lost."""
        self._hung_up = True
        self.open = False
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    async def close(self) -> None:
        """Say goodbye (RFC 6455 section 7.1.2) without waiting for the answer, and hang up."""
        if self.open:
            self._transport.send_close(picows.WSCloseCode.OK)
        self.hang_up()

    async def settle(self) -> None:
        """Wait until a lost connection is torn down, so that picows' own account of it is taken note of."""
        if self._transport is None:
            return
        try:
            await self._transport.wait_disconnected()
        except (picows.WSError, TargetFault):
            return

    # What picows calls -----------------------------------------------------------------------------

    def on_ws_connected(self, transport: Any) -> None:
        """Take note that hands were shaken."""
        self._transport = transport
        self.open = True

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        """Stamp a frame and put messages together."""
        at_ns = monotonic_ns()
        kind = frame.msg_type
        if self._hung_up or self._fault is not None:
            return
        if kind == picows.WSMsgType.CLOSE:
            self.open = False
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()
        elif kind == picows.WSMsgType.PONG:
            return
        else:
            try:
                self._take(frame, kind, at_ns)
            except TargetFault as fault:
                self._fail(fault)

    def on_ws_disconnected(self, transport: Any) -> None:
        """Tell whoever waits what the end means."""
        self.open = False
        receiver, self._receiver = self._receiver, None
        if receiver is not None and not self._hung_up:
            receiver.on_gone(self._fault or ending(self._route, transport.close_handshake))

    def _take(self, frame: Any, kind: Any, at_ns: int) -> None:
        first = kind != picows.WSMsgType.CONTINUATION
        if first == bool(self._parts):
            what = "a message began before the last one ended" if first else "a message goes on that never began"
            raise TargetFault(FaultKind.protocol, what)
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise TargetFault(FaultKind.protocol, "a frame is compressed or otherwise extended, which was not agreed")
        data = frame.get_payload_as_bytes()
        if first:
            self._binary = kind == picows.WSMsgType.BINARY
        if not frame.fin or not first:
            self._size += len(data)
            if self._size > self._route.target.sizes.event:
                raise TargetFault(
                    FaultKind.protocol, f"a message is larger than {self._route.target.sizes.event:,} bytes"
                )
            self._parts.append(data)
            if first and self._receiver is not None:
                self._receiver.on_byte(at_ns)
            if not frame.fin:
                return
            data = b"".join(self._parts)
            self._parts, self._size = [], 0
        self.served += 1
        if self.tap is not None:
            self.tap("received", data)
        if self._receiver is not None:
            self._receiver.on_message(data, at_ns, binary=self._binary)
        if self.slow_s and self.open:
            self._read_later()

    def _fail(self, fault: TargetFault) -> None:
        self._fault = fault
        self.open = False
        self._transport.disconnect(graceful=False)

    def _read_later(self) -> None:
        below = self._transport.underlying_transport
        below.pause_reading()
        asyncio.get_running_loop().call_later(self.slow_s, self._read_on)

    def _read_on(self) -> None:
        if self.open:
            self._transport.underlying_transport.resume_reading()


def ending(route: Route, goodbye: Any) -> TargetFault:
    """Return what the end of a connection is to whoever waits for a reply. `goodbye`: picows' account of the close frames."""
    if goodbye is not None and goodbye.recv is not None and goodbye.recv_then_sent:
        code = int(goodbye.recv.code)
        said = f": {route.quote(goodbye.recv.reason)}" if goodbye.recv.reason else ""
        if code == 0:
            return TargetFault(FaultKind.truncated, "the server closed the connection without a code")
        kind = _CODES.get(code, FaultKind.server)
        return TargetFault(kind, f"the server closed the connection with code {code}{said}", status=code)
    if goodbye is not None and goodbye.sent is not None and int(goodbye.sent.code) != 1000:  # picows objects to a frame
        return TargetFault(FaultKind.protocol, f"not the WebSocket protocol: {goodbye.sent.reason}"[:300])
    return TargetFault(FaultKind.truncated, "the connection was cut in mid-reply")


async def dial_websocket(
    route: Route, listener: Socket, protocols: Sequence[str], extra: Mapping[str, str], ping_ns: int
) -> int:
    """Connect `listener` to the first address that answers, shake hands, and return how long that took, ns.

    Raises:
        TargetFault: there is no way, TLS fails, or the answer is not 101.
    """
    began = monotonic_ns()
    sockets: list[socket.socket] = []
    try:
        async with asyncio.timeout(route.connect_ns / NS_PER_S):
            await _shake_hands(route, listener, protocols, extra, ping_ns, sockets)
    except TimeoutError:
        _cut(sockets)
        wait = format_duration(route.connect_ns)
        what = "no answer to the handshake" if sockets else "no connection"
        detail = f"{route.site.host}:{route.site.port}: {what} within {wait}"
        raise TargetFault(FaultKind.connect, detail) from None
    except asyncio.CancelledError:
        _cut(sockets)
        raise
    return monotonic_ns() - began


def _cut(sockets: list[socket.socket]) -> None:
    """End a connection whose handshake nobody waits for any more; picows would keep it until its own patience ends."""
    for each in sockets:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


async def _connected(route: Route, sockets: list[socket.socket]) -> socket.socket:
    loop = asyncio.get_running_loop()
    trouble = TargetFault(FaultKind.connect, f"{route.site.host} has no address")
    for address in route.addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, (address, route.site.port))
        except OSError as error:
            sock.close()
            where = f"{route.site.host}:{route.site.port}"
            trouble = TargetFault(FaultKind.connect, f"{where}: {os_reason(error)}")
        except asyncio.CancelledError:
            sock.close()
            raise
        else:
            sockets.append(sock)
            return sock
    raise trouble


def headers_of(route: Route, protocols: Sequence[str], extra: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of the handshake besides those of the protocol itself."""
    given = {name: value for name, value in {**route.headers, **extra}.items() if name not in _NOT_TO_SET}
    offered = {"sec-websocket-protocol": ", ".join(protocols)} if protocols else {}
    return {**route.who, **offered, **given}


async def _shake_hands(
    route: Route,
    listener: Socket,
    protocols: Sequence[str],
    extra: Mapping[str, str],
    ping_ns: int,
    sockets: list[socket.socket],
) -> None:
    sock = await _connected(route, sockets)
    scheme = "wss" if route.site.secure else "ws"
    pause_s = (ping_ns or NS_PER_S) / NS_PER_S  # an answer to a ping may take as long as the pause between pings
    try:
        transport, _ = await picows.ws_connect(
            lambda *_: listener,
            f"{scheme}://{route.site.authority}{route.path}",
            ssl_context=route.context,
            socket_factory=lambda _: sock,
            websocket_handshake_timeout=None,
            logger_name=_LOGGER,
            max_frame_size=route.target.sizes.event,
            extra_headers=headers_of(route, protocols, extra),
            max_redirects=0,
            read_buffer_init_size=_BUFFER,
            enable_auto_ping=bool(ping_ns),
            auto_ping_idle_timeout=pause_s,
            auto_ping_reply_timeout=pause_s,
        )
    except picows.WSHandshakeError as error:
        raise refusal(route, error) from None
    except ssl.SSLError as error:
        raise TargetFault(FaultKind.tls, tls_reason(error)) from None
    except OSError as error:
        raise TargetFault(FaultKind.connect, f"{route.site.host}:{route.site.port}: {os_reason(error)}") from None
    if transport.response is None:
        raise TargetFault(FaultKind.connect, "the server closed the connection without an answer")
    chosen = transport.response.headers.get("sec-websocket-protocol", "")
    if chosen and chosen not in protocols:
        listener.hang_up()
        raise TargetFault(
            FaultKind.protocol, f"the server chose the subprotocol {route.quote(chosen)!r}, which was not offered"
        )
    listener.protocol = chosen


def refusal(route: Route, error: picows.WSHandshakeError) -> TargetFault:
    """Return what an answer is that does not open a WebSocket."""
    response = error.response
    if response is None or response.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return TargetFault(FaultKind.protocol, f"the handshake failed: {route.quote(str(error))}")
    headers = {
        name.lower().encode("latin-1"): value.encode("latin-1", "replace") for name, value in response.headers.items()
    }
    status = int(response.status)
    words = route.quote((error.raw_body or b"")[:4096].decode("utf-8", "replace"))
    if 200 <= status < 300:
        said = f": {words}" if words else ""
        return TargetFault(
            FaultKind.protocol,
            f"{status}: the server does not speak WebSocket at this address{said}"[:300],
            status=status,
        )
    return status_fault(route, status, headers, words)

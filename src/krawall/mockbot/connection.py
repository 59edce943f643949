"""One HTTP/1.1 connection: requests are parsed as they come and answered one after another, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

import httptools

from krawall.clock import monotonic_ns
from krawall.mockbot import openai, simple
from krawall.mockbot.channels import Listener
from krawall.mockbot.chat import Request, authorized, script
from krawall.mockbot.control import Page, not_allowed, page
from krawall.mockbot.delivery import Delivery, Player, head, sized
from krawall.mockbot.dialect import Dialect
from krawall.mockbot.frames import accepted
from krawall.mockbot.pacer import Pacer
from krawall.mockbot.routes import dialect_at, stream_at
from krawall.mockbot.state import State
from krawall.mockbot.upgrade import KEY_LATER, TALKS, no_handshake, talk_at, wants_websocket
from krawall.mockbot.websocket import Talk

_HOP_BY_HOP = (b"connection", b"upgrade", b"http2-settings")
_BODY_LIMIT = 32 * 1024 * 1024  # bytes
_WAITING = 16  # pipelined requests before reading stops


class Connection(asyncio.Protocol):
    """Made by the server for every client; it is in `connections` while it is open."""

    def __init__(self, state: State, pacer: Pacer, connections: set[Connection]) -> None:
        self._state = state
        self._pacer = pacer
        self._open = connections
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._player: Player | None = None
        self._listening = ""
        self._listener: Listener | None = None
        self._talk: Talk | None = None
        self._busy = False
        self._closing = False
        self._paused = False
        self._received_ns = 0
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own type is no subclass
        self._open.add(self)
        self._state.open += 1
        self._state.oracle.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._waiting.clear()
        if self._player and self._busy:
            self._player.stop()
        if self._talk:
            self._talk.lost()
        if self._listener:
            self._state.channels.leave(self._listening, self._listener)
        self._state.open -= 1
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._received_ns = monotonic_ns()
        if self._talk:
            self._talk.data_received(data, self._received_ns)
            return
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            self._refuse(400, f"this is not HTTP: {error}")
        self._drain()

    def _parse(self, data: bytes) -> None:
        """Feed the parser. An upgrade to WebSocket is taken up where one is spoken; any other offer is not: the request is
        parsed again without it."""
        while data:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                rest = data[offer.args[0] :]
            method, target = self._parser.get_method(), self._target
            if method == b"CONNECT":
                self._refuse(405, "this is no proxy")
                return
            if self._upgraded(rest):
                return
            lines = [b"%s: %s\r\n" % item for item in self._headers.items() if item[0] not in _HOP_BY_HOP]
            self._parser = httptools.HttpRequestParser(self)
            self._target, self._headers = b"", {}
            data = b"%s %s HTTP/1.1\r\n%s\r\n%s" % (method, target, b"".join(lines), rest)

    def _upgraded(self, rest: bytes) -> bool:
        """Take up an upgrade to WebSocket, unless earlier requests wait; `rest` came behind the handshake."""
        path, _, query = self._target.decode("latin-1").partition("?")
        if self._busy or self._waiting or not wants_websocket(path, self._parser.get_method(), self._headers):
            return False
        opened = Request("GET", path, query, "1.1", self._headers, b"", True, self._received_ns)
        if path not in KEY_LATER and not authorized(self._state.behaviour.api_key, opened, simple.KEYS):
            return False  # what answers the request without the offer knows what to say
        self._transport.write(accepted(self._headers[b"sec-websocket-key"]))
        self._talk = talk_at(path, self._transport, self._state, self._pacer, opened)
        if rest:
            self._talk.data_received(rest, self._received_ns)
        return True

    # What the parser calls.

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        expects = self._headers.get(b"expect", b"").lower() == b"100-continue"
        if expects and not (self._busy or self._waiting or self._parser.should_upgrade()):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= _BODY_LIMIT:
            self._body.append(body)
        elif not self._closing:
            self._refuse(413, f"more than {_BODY_LIMIT} bytes")

    def on_message_complete(self) -> None:
        parser = self._parser
        if parser.should_upgrade():
            return  # comes again without the offer
        path, _, query = self._target.decode("latin-1").partition("?")
        request = Request(
            parser.get_method().decode(),
            path,
            query,
            parser.get_http_version(),
            self._headers,
            b"".join(self._body),
            parser.should_keep_alive(),
            self._received_ns,
        )
        self._target, self._headers, self._body, self._size = b"", {}, [], 0
        self._waiting.append(request)

    # Answering.

    def _drain(self) -> None:
        """Answer what is waiting, one at a time."""
        while self._waiting and not self._busy and not self._closing:
            self._answer(self._waiting.popleft())
        crowded = len(self._waiting) > _WAITING
        if crowded != self._paused and not self._closing:
            self._paused = crowded
            (self._transport.pause_reading if crowded else self._transport.resume_reading)()

    def _answer(self, request: Request) -> None:
        dialect = dialect_at(request.path, request.query)
        if dialect is None:
            if name := stream_at(request.path):
                self._listen(request, name)
            elif request.path in TALKS:
                self._send(request, no_handshake(self._state, request))
            else:
                self._send(request, page(self._state, request))
        elif request.method != "POST":
            self._send(request, not_allowed(["POST"]))
        else:
            self._chat(request, dialect)

    def _chat(self, request: Request, dialect: Dialect) -> None:
        oracle = self._state.oracle
        turn, session = (request.header(name).decode("latin-1") for name in (b"x-krawall-turn", b"x-krawall-session"))
        record = oracle.arrived(turn, request.received_ns, session)
        self._busy = True
        close = not request.keep_alive
        delivery = Delivery(
            self._transport,
            oracle,
            record,
            close,
            request.version != "1.0",
            False,
            False,
            lambda: self._finished(close),
        )
        self._player = Player(script(self._state, dialect, request, delivery), delivery, self._pacer, self._state)
        self._player.go()

    def _finished(self, close: bool) -> None:
        self._busy = False
        if close or self._transport.is_closing():
            self._close()
        elif self._waiting:
            asyncio.get_running_loop().call_soon(self._drain)

    def _listen(self, request: Request, name: str) -> None:
        """Keep the connection as the stream of that id."""
        if request.method != "GET":
            self._send(request, not_allowed(["GET"]))
        elif not authorized(self._state.behaviour.api_key, request, simple.KEYS):
            self._send(request, Page(simple.error(401, "the API key is missing or wrong"), 401))
        else:
            self._busy = True
            self._listening = name
            self._listener = Listener(
                name,
                self._transport,
                lambda script, delivery: Player(script, delivery, self._pacer, self._state),
                chunked=request.version != "1.0",
                close=not request.keep_alive,
            )
            self._state.channels.listen(name, self._listener)

    def _send(self, request: Request, answer: Page) -> None:
        close = not request.keep_alive
        start = head(answer.status, answer.kind, sized(answer.body), close=close, more=answer.more)
        self._transport.write(start if request.method == "HEAD" else start + answer.body)
        if close:
            self._close()

    def _refuse(self, status: int, message: str) -> None:
        """Answer what is no request at all and end the connection."""
        if not self._closing and not self._busy:
            body = openai.error(status, message)
            self._transport.write(head(status, b"application/json", sized(body), close=True) + body)
        self._waiting.clear()
        self._close()

    def _close(self) -> None:
        self._closing = True
        self._transport.close()

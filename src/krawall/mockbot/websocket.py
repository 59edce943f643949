"""Chats over WebSocket at `GET /ws`, on the port of everything else: each message is a request of `POST /chat`, and may have an id.

    {"message": "...", "conversation_id": "c1", "stream": true, "id": "q1"}
    {"type": "delta", "id": "q1", "text": "...", "ts": ns}       a token, thoughts and tools as in /chat
    {"type": "done", "id": "q1", "conversation_id": "c1", "ts": ns, "usage": {...}}
    {"type": "reply", "id": "q1", "reply": "...", ...}           without "stream"
    {"type": "error", "id": "q1", "error": {"message": "...", "status": 429, "retry_after_ms": 500}}

Several messages may be under way at once. The status 503 is no message but the close code 1013 (try again later); a truncated
stream ends with the close code 1000. The API key and `X-Mock-Behaviour` belong to the handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from krawall.clock import monotonic_ns
from krawall.mockbot import simple
from krawall.mockbot.behaviour import Rules
from krawall.mockbot.chat import Request
from krawall.mockbot.delivery import Delivery, Player, Script
from krawall.mockbot.dialect import BadRequest, Call, Reply
from krawall.mockbot.fate import Fate
from krawall.mockbot.frames import BINARY, CLOSE, PING, PONG, TEXT, BrokenFrames, Frames, frame, goodbye
from krawall.mockbot.oracle import Record
from krawall.mockbot.pacer import Pacer
from krawall.mockbot.replies import Stream, play_events
from krawall.mockbot.state import State

PATH = "/ws"
_TOLD = "the mock bot was told to fail"
_encode = msgspec.json.Encoder().encode

Pack = Callable[[bytes], bytes]
"""Turns a message into the bytes that carry it."""


class _Named(msgspec.Struct):
    id: str | int | None = None


_named = msgspec.json.Decoder(_Named).decode


class Packing:
    """What `replies.play_events` calls a framing: messages as frames; a stream cut short ends with a close frame."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack

    def pack(self, data: bytes) -> bytes:
        """Return a message as it travels."""
        return self._pack(data)

    def end(self) -> bytes:
        """Return what ends a reply: nothing, the connection stays."""
        return b""

    def finish(self) -> bytes:
        """Return what ends the connection."""
        return goodbye(1000)


class Events:
    """The events of `/chat` as messages of a type, with the id of the question."""

    def __init__(self, reply: Reply, name: str | int | None) -> None:
        self._events = simple.events(reply)
        self._name = b"" if name is None else b'"id":%s,' % _encode(name)

    def early(self, ts: int) -> bytes:
        """Return nothing: a message has no head."""
        return b""

    def opening(self, ts: int) -> bytes:
        """Return nothing."""
        return b""

    def token(self, index: int, ts: int) -> bytes:
        """Return a delta."""
        return self._typed(b"delta", self._events.token(index, ts))

    def ending(self, ts: int) -> list[bytes]:
        """Return what says that it is done."""
        return [self._typed(b"done", event) for event in self._events.ending(ts)]

    def failure(self, ts: int, message: str) -> list[bytes]:
        """Return an error."""
        return [self._typed(b"error", event) for event in self._events.failure(ts, message)]

    def _typed(self, kind: bytes, event: bytes) -> bytes:
        fields = event[event.index(b"data: {") + 7 : -2]
        return b'{"type":"%s",%s%s' % (kind, self._name, fields)


class Answers:
    """Plays the answers to the messages of one connection; several at a time. Gone with the connection."""

    def __init__(self, transport: asyncio.Transport, state: State, pacer: Pacer, opened: Request) -> None:
        self._transport = transport
        self._state = state
        self._pacer = pacer
        self._session = opened.header(b"x-krawall-session").decode("latin-1")
        self._override = opened.header(b"x-mock-behaviour")
        self._playing: dict[int, Player] = {}
        self._number = 0

    def say(self, body: bytes, received_ns: int, pack: Pack) -> None:
        """Answer a message. Order of what may happen: as in `chat.script`."""
        try:
            name = _named(body).id
        except (msgspec.DecodeError, UnicodeDecodeError):
            name = None
        oracle = self._state.oracle
        record = oracle.arrived("" if name is None else str(name), received_ns, self._session)
        self._number = number = self._number + 1
        delivery = Delivery(
            self._transport, oracle, record, False, False, False, False, lambda: self._finished(number, record)
        )
        player = Player(self._script(body, name, delivery, pack), delivery, self._pacer, self._state)
        self._playing[number] = player
        player.go()

    def stop(self) -> None:
        """The connection is gone."""
        for player in list(self._playing.values()):
            player.stop()
        self._playing.clear()

    def _finished(self, number: int, record: Record) -> None:
        self._playing.pop(number, None)
        if record.end == "truncated" or record.status == 503:
            self._transport.close()

    def _script(self, body: bytes, name: str | int | None, delivery: Delivery, pack: Pack) -> Script:
        received = delivery.record.received_ns
        try:
            rules = self._state.rules_for(self._override)
        except ValueError as error:
            return play_message(delivery, received, pack(error_message(name, 400, f"x-mock-behaviour: {error}")), 400)
        delivery.keep = rules.behaviour.oracle
        try:
            call = simple.parse(body)
        except BadRequest as error:
            return play_message(delivery, received, pack(error_message(name, error.status, str(error))), error.status)
        fate = self._state.fates.decide(rules, received)
        if fate.status != 200:
            due = self._state.fates.reply_due(rules, fate)
            return play_message(delivery, due, refused(name, fate, pack), fate.status)
        return self._answered(call, name, delivery, rules, fate, pack)

    def _answered(
        self, call: Call, name: str | int | None, delivery: Delivery, rules: Rules, fate: Fate, pack: Pack
    ) -> Script:
        state, behaviour, oracle, record = self._state, rules.behaviour, delivery.oracle, delivery.record
        number = oracle.requests
        record.said = call.ask.messages[-1].text[:120] if delivery.keep else ""
        call = state.recall(call)
        said = state.speaker.answer(
            call.ask, behaviour.persona, behaviour.seed, rules.tokens, rules.reasoning, fate.kind
        )
        state.remember(call, said)
        oracle.tokens_in += said.prompt_tokens
        record.thoughts = len(said.thoughts)
        reply = Reply(call, said, number, behaviour.usage)
        if not call.stream:
            fields = {"type": "reply"} | ({} if name is None else {"id": name}) | simple.content(reply)
            cut_at = fate.cut_at if fate.cut == "disconnect" else None
            due = state.fates.reply_due(rules, fate)
            return play_message(delivery, due, pack(_encode(fields)), 200, tokens=said.tokens, cut_at=cut_at)
        oracle.streams += 1
        record.status = 200
        dues = state.fates.token_dues(rules, fate, said.tokens)
        at, seed = int(fate.cut_at * said.tokens), f"{behaviour.seed} {number}"
        stream = Stream(Events(reply, name), dues, behaviour.split, seed, fate.cut, at)
        return play_events(delivery, stream, Packing(pack))


def error_message(name: str | int | None, status: int, message: str, retry_after_s: float | None = None) -> bytes:
    """Return an error as a message."""
    known: dict[str, object] = {"message": message, "status": status}
    if retry_after_s is not None:
        known["retry_after_ms"] = round(retry_after_s * 1000)
    return _encode({"type": "error"} | ({} if name is None else {"id": name}) | {"error": known})


def refused(name: str | int | None, fate: Fate, pack: Pack) -> bytes:
    """Return what a request meets that is told to fail."""
    if fate.status == 503:
        return goodbye(1013, _TOLD)
    words = "rate limit reached, try again later" if fate.status == 429 else _TOLD
    return pack(error_message(name, fate.status, words, fate.retry_after_s))


def play_message(
    delivery: Delivery, due_ns: int, data: bytes, status: int, *, tokens: int = 0, cut_at: float | None = None
) -> Script:
    """Send one message when it is due, or its beginning and no more."""
    yield due_ns
    delivery.record.status = status
    now = monotonic_ns()
    if cut_at is not None:
        delivery.transport.write(data[: int(len(data) * cut_at)])
        delivery.transport.abort()
        delivery.end("disconnected")
        return
    delivery.transport.write(data)
    delivery.oracle.whole(delivery.record, now, due_ns, tokens)
    delivery.end("done")


class Talk:
    """One WebSocket connection after its handshake; `hear` takes its messages, `answers` are stopped and `gone` called
    when it ends."""

    def __init__(
        self,
        transport: asyncio.Transport,
        hear: Callable[[bytes, int], None],
        answers: Answers,
        gone: Callable[[], None] | None = None,
    ) -> None:
        self._transport = transport
        self._hear = hear
        self._answers = answers
        self._gone = gone
        self._frames = Frames()
        self._over = False

    def data_received(self, data: bytes, at_ns: int) -> None:
        """Read frames; answer pings and goodbyes."""
        try:
            found: Sequence[tuple[int, bytes]] = self._frames.feed(data)
        except BrokenFrames as error:
            self._end(goodbye(error.code, str(error)))
            return
        for opcode, payload in found:
            if self._over:
                return
            if opcode in (TEXT, BINARY):
                self._hear(payload, at_ns)
            elif opcode == PING:
                self._transport.write(frame(payload, PONG))
            elif opcode == CLOSE:
                self._end(frame(payload[:2], CLOSE))

    def lost(self) -> None:
        """The connection is gone."""
        self._over = True
        self._answers.stop()
        if self._gone:
            self._gone()

    def _end(self, last: bytes) -> None:
        self._over = True
        if not self._transport.is_closing():
            self._transport.write(last)
            self._transport.close()


def talk(transport: asyncio.Transport, state: State, pacer: Pacer, opened: Request) -> Talk:
    """Return the protocol of a connection at `/ws`."""
    answers = Answers(transport, state, pacer, opened)
    return Talk(transport, lambda payload, at_ns: answers.say(payload, at_ns, frame), answers)

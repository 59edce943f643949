"""Messages of a connection that stays open, gathered into the reply to one question: what belongs to it, and where it ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from krawall.model.base import NS_PER_S
from krawall.model.connector import Mark
from krawall.model.exchange import FaultKind, Reply, TargetFault
from krawall.net.caller import Route, unreadable
from krawall.net.said import Said
from krawall.wire.document import decode_any
from krawall.wire.paths import Path
from krawall.wire.reply import NotMapped, Reader
from krawall.wire.rules import Rule


@dataclass(frozen=True, slots=True)
class Manners:
    """How a server answers. Without rules, `done` or `silence_ns` the next message is the whole reply; `told`: unless whoever
    hands messages on says which is the last.

    `ignored` messages are no part of a reply; with `match` only those count where the id of the question stands.
    """

    ends: tuple[Rule, ...] = ()
    done: bytes | None = None
    silence_ns: int = 0
    ignored: tuple[Rule, ...] = ()
    match: Path | None = None
    told: bool = False

    @property
    def single(self) -> bool:
        """Whether a reply is one message."""
        return not (self.ends or self.done is not None or self.silence_ns or self.told)

    @property
    def looks(self) -> bool:
        """Whether messages must be decoded to judge them."""
        return bool(self.ends or self.ignored or self.match)


class Gathering:
    """Reads the messages of one user's connection. Lives as long as its user; one question at a time."""

    __slots__ = (
        "_future", "_greetings", "_id", "_last_ns", "_loop", "_manners", "_mark", "_reader", "_route", "_said", "_timer",
        "heard",
    )  # fmt: skip

    def __init__(self, route: Route, reader: Reader, manners: Manners) -> None:
        self._loop = asyncio.get_running_loop()
        self._route = route
        self._reader = reader
        self._manners = manners
        self._future: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._greetings = 0
        self._id = ""
        self._last_ns = 0
        self._said = Said()
        self.heard = False  # a message came since the question

    def greet(self, messages: int) -> asyncio.Future[None]:
        """Return what is done when the server has said so many messages of its own."""
        self._greetings = messages
        self._said = Said()
        self._future = future = self._loop.create_future()
        if not messages:
            future.set_result(None)
        return future

    @property
    def conversation_id(self) -> str | None:
        """The id of the conversation that the messages since the last beginning have named."""
        return self._said.conversation_id

    def begin(self, mark: Mark, question: str) -> asyncio.Future[None]:
        """Return what is done when the reply is complete; `question` is the id to match. Raises what ends it as TargetFault."""
        self._mark = mark
        self._id = question
        self._said = Said()
        self.heard = False
        self._future = future = self._loop.create_future()
        return future

    def reply(self, mark: Mark) -> Reply:
        """Return what was gathered, once the future is done.

        Raises:
            TargetFault: the target said that it failed, or nothing.
        """
        return self._said.reply(self._route, mark)

    def failed(self, fault: TargetFault) -> TargetFault:
        """Return the fault with what had been said before it."""
        return self._said.before(fault)

    def forget(self) -> None:
        """Nobody waits any more."""
        self._future = None
        self._quiet()

    # What a connection calls ------------------------------------------------------------------------

    def on_byte(self, at_ns: int) -> None:
        """Something of a message came."""
        if not self.heard and not self._greetings and self._future and not self._future.done():
            self.heard = True
            self._mark.byte(at_ns)

    def on_message(self, data: bytes, at_ns: int, *, binary: bool, last: bool = False) -> None:
        """Read a message, the `last` one of a reply for all that is known; what nobody waits for is dropped."""
        future = self._future
        if future is None or future.done():
            return
        if not binary and not data.isascii():
            _check_utf8(data)
        if self._greetings:
            self._greeting(data)
            return
        self.on_byte(at_ns)
        self._said.grow(len(data), self._route.target.sizes.body)
        if self._take(data, at_ns) or last:
            self._quiet()
            future.set_result(None)

    def on_gone(self, fault: TargetFault) -> None:
        """The connection is gone."""
        self._quiet()
        future = self._future
        if future is None or future.done():
            return
        if not self.heard and fault.fault.kind is FaultKind.truncated:
            said = fault.fault.detail.removesuffix(" in mid-reply")
            fault = TargetFault(FaultKind.connect, f"{said} without an answer", status=fault.fault.status)
        future.set_exception(fault)

    # -------------------------------------------------------------------------------------------------

    def _greeting(self, data: bytes) -> None:
        with suppress(NotMapped):  # it may be a greeting for people
            self._said.keep(self._reader.event(data))
        self._greetings -= 1
        if self._said.error:
            raise TargetFault(FaultKind.server, self._route.quote(self._said.error))
        if not self._greetings and self._future:
            self._future.set_result(None)

    def _take(self, data: bytes, at_ns: int) -> bool:
        """Read a message of the reply; return whether it was the last."""
        manners = self._manners
        if data == manners.done:
            return True
        document = None
        if manners.looks:
            try:
                document = decode_any(data)
            except NotMapped:
                document = None  # plain text: no rule holds, and no id stands in it
            if any(rule.holds(document) for rule in manners.ignored):
                return False
            if manners.match is not None and self._id not in map(str, manners.match.find(document)):
                return False
        self._mark.event(at_ns)
        self._read(data, at_ns)
        if self._said.error or manners.single or any(rule.holds(document) for rule in manners.ends):
            return True
        if manners.silence_ns:
            self._last_ns = at_ns
            self._listen_on(manners.silence_ns)
        return False

    def _read(self, data: bytes, at_ns: int) -> None:
        read = self._reader.read if self._manners.single else self._reader.event
        try:
            found = read(data)
        except NotMapped as error:
            raise unreadable(self._route, read, data, error, 0) from None
        self._said.take(found, at_ns, self._mark)

    def _listen_on(self, for_ns: int) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(for_ns / NS_PER_S, self._still)

    def _still(self) -> None:
        """The timer rang: is it silent for long enough, or did something come meanwhile?"""
        self._timer = None
        rest = self._last_ns + self._manners.silence_ns - self._mark.now()
        if rest > 0:
            self._listen_on(rest)
        elif self._future and not self._future.done():
            self._future.set_result(None)

    def _quiet(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _check_utf8(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError:
        raise TargetFault(FaultKind.protocol, "a text message is not valid UTF-8") from None

"""What plugin authors import, and the types they get. Checked by mypy, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Any, ClassVar, Literal, assert_type

from krawall.model.base import Duration
from krawall.model.check import Expectation
from krawall.model.connector import Channel, Connector, Gate, Line, Mark, Secrets
from krawall.model.exchange import Check, Exchange, Fault, FaultKind, Message, Prompt, Reply, TargetFault, Usage
from krawall.model.policy import Timeouts
from krawall.model.spread import Spread, SpreadValue
from krawall.model.step import Conversation, Step
from krawall.model.target import Target
from krawall.model.text import Expression, Text


class Greet(Step):
    """A step as a stranger writes it."""

    shorthand: ClassVar[str] = "text"
    kind: Literal["greet"] = "greet"
    text: Text
    when: Expression | None = None
    after: Spread = SpreadValue("fixed", 0)

    async def run(self, conversation: Conversation, path: str) -> None:
        assert_type(self.text, str)
        assert_type(self.when, str | None)
        assert_type(self.after, SpreadValue)
        assert_type(conversation.rng, Random)
        assert_type(conversation.vars, dict[str, Any])
        assert_type(conversation.last, Reply | None)
        assert_type(conversation.render(self.text), str)
        await conversation.pause(self.after)
        reply = await conversation.say(self.text, path)
        assert_type(reply, Reply | None)
        if reply is None:
            conversation.end("nobody answered")
        assert_type(reply, Reply)
        assert_type(reply.usage, Usage | None)

    def lanes(self) -> Mapping[str, Sequence[Step]]:
        return assert_type(super().lanes(), Mapping[str, Sequence[Step]])

    def messages(self) -> tuple[float, float]:
        return 1, 1


class Parrot(Connector):
    """A connector as a stranger writes it."""

    kind: Literal["parrot"] = "parrot"
    rest: Duration = 0

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        assert_type(self.rest, int)
        assert_type(target.url, str)
        assert_type(timeouts.first_token, int)
        assert_type(secrets.resolve("${KEY}"), str)
        assert_type(gate.addresses("127.0.0.1", 80), Sequence[str])
        return opened()


@asynccontextmanager
async def opened() -> AsyncIterator[Line]:
    yield ParrotLine()


class ParrotLine:
    """A line and its channel; both fit their protocols."""

    def channel(self) -> Channel:
        return ParrotChannel()

    async def probe(self) -> None:
        raise TargetFault(FaultKind.connect, "nobody is there", status=None, retry_after_ns=1)


class ParrotChannel:
    """Says everything twice."""

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        assert_type(prompt.messages, list[Message])
        assert_type(prompt.extra, dict[str, str])
        mark.sent()
        assert_type(mark.now(), int)
        mark.token(prompt.text, mark.now(), visible=True)
        assert_type(mark.tokens(), int)
        return Reply(prompt.text * 2, 200, Usage(1, 2), "stop")

    def slow(self, by_ns: int) -> None: ...

    async def close(self) -> None: ...


def readings(exchange: Exchange, expectation: Expectation) -> None:
    """What a reader of the log gets."""
    assert_type(exchange.fault, Fault | None)
    assert_type(exchange.usage, Usage | None)
    assert_type(exchange.gaps_us, list[int])
    assert_type(exchange.checks, list[Check])
    assert_type(expectation.condition, str)

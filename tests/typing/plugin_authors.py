"""What plugin authors import, and the types they get. Checked by mypy, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from random import Random
from typing import Any, ClassVar, Literal, assert_type

from krawall.plugins import (
    Basin,
    Channel,
    Check,
    Connector,
    Context,
    Conversation,
    Duration,
    Exchange,
    Expectation,
    Expression,
    Fault,
    FaultKind,
    Fetched,
    Gate,
    Hook,
    Hooked,
    Line,
    LogLine,
    Mark,
    Message,
    Prompt,
    Reply,
    Score,
    Scorer,
    Secrets,
    Sink,
    SinkKind,
    Spread,
    SpreadValue,
    Step,
    Surroundings,
    Tap,
    Target,
    TargetFault,
    Text,
    Timeouts,
    Usage,
)


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

    def listen(self, tap: Tap | None) -> None:
        if tap is not None:
            tap("sent", b"hello")

    async def close(self) -> None: ...


def readings(exchange: Exchange, expectation: Expectation) -> None:
    """What a reader of the log gets."""
    assert_type(exchange.fault, Fault | None)
    assert_type(exchange.usage, Usage | None)
    assert_type(exchange.gaps_us, list[int])
    assert_type(exchange.checks, list[Check])
    assert_type(expectation.condition, str)


class Signed(Hook):
    """A hook as a stranger writes it."""

    api: ClassVar[int] = 1
    shorthand: ClassVar[str] = "key"
    kind: Literal["signed"] = "signed"
    key: str

    def urls(self) -> list[str]:
        return ["https://keys.example.com/"]

    @asynccontextmanager
    async def open(self, around: Surroundings) -> AsyncIterator[Hooked]:
        assert_type(around.now(), int)
        assert_type(around.directory, str)
        assert_type(await around.fetch("GET", "https://keys.example.com/"), Fetched)
        yield Signing()


class Signing(Hooked):
    """Overrides what it cares for."""

    async def on_error(self, prompt: Prompt, fault: Fault) -> bool:
        return fault.status == 401


class Short(Scorer):
    """A scorer as a stranger writes it."""

    api: ClassVar[int] = 1
    kind: Literal["short"] = "short"

    def score(self, said: str, heard: str, context: Context) -> Score:
        assert_type(context.before, Sequence[tuple[str, str]])
        return Score(1 / (1 + len(heard)), "by its length")


class Counter(SinkKind):
    """A sink as a stranger writes it."""

    api: ClassVar[int] = 1
    kind: Literal["counter"] = "counter"

    def open(self, basin: Basin) -> AbstractContextManager[Sink]:
        assert_type(basin.attempt, int)
        assert_type(basin.secrets.resolve("${KEY}"), str)
        return nullcontext(Counting())


class Counting:
    """Fits the protocol."""

    def accept(self, batch: Sequence[LogLine]) -> None:
        for line in batch:
            if isinstance(line, Exchange):
                assert_type(line.heard, str)

    def flush(self) -> None: ...

    def close(self) -> None: ...

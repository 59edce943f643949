"""A rehearsal: the first conversations of a plan by the real engine, in virtual time, with a target that only echoes. Nothing is
sent and nothing waits; what is said is what a session with this plan will say, as far as no reply decides it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from types import FrameType
from typing import Any, Literal

from pydantic import PrivateAttr

from krawall.clock import monotonic_ns
from krawall.conversation.tokens import estimate
from krawall.engine.outbox import Kept
from krawall.engine.program import Program
from krawall.engine.shard import Shard
from krawall.engine.virtual import clock, run_virtual
from krawall.model.base import NS_PER_S, Record
from krawall.model.budget import Budget, Spend
from krawall.model.connector import Channel, Connector, Gate, Mark, Secrets, Tap
from krawall.model.connector import Line as Opened
from krawall.model.exchange import Exchange, Prompt, Reply, Told, Usage
from krawall.model.load import Closed
from krawall.model.plan import Granted, Plan, ShardSpec
from krawall.model.policy import OnError, Timeouts
from krawall.model.progress import Orders, Progress
from krawall.model.step import walk
from krawall.model.target import Target

MOST_MESSAGES = 500
MOST_REAL_S = 5.0
_LOOK_EVERY = 2_000  # calls of functions between two looks at the real clock
_PLENTY = 10**15


class Message(Record, frozen=True):
    """What is said: `role` is system or user, `step` the place in the scenario, empty for the system's message."""

    step: str
    role: str
    text: str


class Prompted(Record, frozen=True):
    """What a turn sends: estimated tokens of what we say (system message included), and how many replies go with it."""

    tokens: int
    replies: int


class Rehearsed(Record, frozen=True):
    """One conversation. `think_s`: its delays, seconds; `ended`: why it did not come to its end, empty if it did."""

    number: int
    messages: list[Message]
    prompts: list[Prompted]
    think_s: float
    ended: str = ""


def rehearse(plan: Plan, conversations: int, *, most_messages: int = MOST_MESSAGES) -> list[Rehearsed]:
    """Return the first conversations of a plan, fewer when they are very long. Takes at most 5 s; for a thread of its own."""
    kept = _Heard()
    why = ""
    try:
        _within(MOST_REAL_S, lambda: run_virtual(_play(_echoing(plan, conversations), kept, most_messages)))
    except* _TooLong:
        why = "the rehearsal took too long"
    if len(kept.prompts) >= most_messages:
        why = f"the rehearsal ends after {most_messages} messages"
    return _conversations(kept, conversations, why)


class _TooLong(KeyboardInterrupt):
    """The rehearsal took longer than it may. Like Ctrl-C it passes asyncio and every boundary of the engine."""


class _Heard(Kept):
    """The lines; and `prompts`: what the target was sent, in the same order."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: list[Prompt] = []


class _Listener(Connector):
    """Echoes at once, and keeps the prompts. No plugin: nobody can ask for it."""

    kind: Literal["listener"] = "listener"
    _prompts: list[Prompt] = PrivateAttr(default_factory=list)

    @classmethod
    def keeping(cls, prompts: list[Prompt]) -> _Listener:
        made = cls()
        made._prompts = prompts
        return made

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Opened]:
        return nullcontext(_Ear(self._prompts))


class _Ear:
    """The line of a listener."""

    def __init__(self, prompts: list[Prompt]) -> None:
        self._prompts = prompts

    def channel(self) -> Channel:
        return _Echo(self._prompts)

    async def probe(self) -> None:
        """There is nothing to reach."""


class _Echo:
    """The channel of the only user."""

    def __init__(self, prompts: list[Prompt]) -> None:
        self._prompts = prompts

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        self._prompts.append(prompt)
        mark.sent()
        mark.byte(mark.now())
        mark.token(prompt.text, mark.now())
        return Reply(prompt.text, 200, Usage(1, 1), "stop", prompt.conversation_id or "rehearsal")

    def listen(self, tap: Tap | None) -> None:
        """Nothing goes over a wire."""

    def slow(self, by_ns: int) -> None:
        """There is no socket to read slowly from."""

    async def close(self) -> None:
        """Nothing to close."""


def _echoing(plan: Plan, conversations: int) -> Plan:
    """Return the plan with a target that echoes, and without what a target decides: faults, checks that end, caps."""
    scenario = plan.scenario.model_copy(
        deep=True, update={"budget": Budget(), "thresholds": [], "inject": [], "on_error": OnError()}
    )
    for _, step in walk(scenario.steps):
        for name in ("expect", "checks"):
            for expectation in getattr(step, name, ()):
                # An echo keeps no promise that was asked of a chatbot. The copy is ours alone.
                expectation.__dict__["hard"] = False
    return plan.model_copy(
        update={
            "scenario": scenario,
            "target": Target(connector="echo", history=plan.target.history),
            "load": Closed(users=1, conversations=conversations),
            "granted": Granted(tier="loopback", host="127.0.0.1", addresses=["127.0.0.1"]),
        }
    )


async def _play(plan: Plan, kept: _Heard, most_messages: int) -> None:
    # Tasks that the end of the time cut short have nothing to say.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    program = Program(plan, ShardSpec("rehearsal", 0, 1, 1, ""))
    program.env = {name: f"${{{name}}}" for name in program.env}  # values of the workers' environment are not for show
    program.connector = lambda: _Listener.keeping(kept.prompts)  # type: ignore[method-assign]
    shard = Shard(program, [kept], clock)

    async def report(progress: Progress) -> Orders:
        # What asks to stop has used up its messages, or met an error of its own making.
        stop = bool(progress.stop)
        return Orders(
            go_at_ns=clock(),
            stop="now" if stop else "no",
            allowance=Spend(_PLENTY, _PLENTY, most_messages, _PLENTY),
            reason=progress.stop,
            answers=progress.seq,
        )

    await shard.play(report)


def _within(seconds: float, play: Callable[[], None]) -> None:
    """Call `play`; raise _TooLong out of whatever it does when the time is up.

    A loop of a scenario can be long without ever waiting, so no timer would do: the interpreter is asked to look at the
    clock each so many calls.
    """
    deadline_ns = monotonic_ns() + round(seconds * NS_PER_S)
    calls = 0

    def look(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += 1
        if calls % _LOOK_EVERY == 0 and monotonic_ns() > deadline_ns:
            sys.setprofile(None)
            raise _TooLong

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        play()
    finally:
        sys.setprofile(before)


def _conversations(kept: _Heard, most: int, why: str) -> list[Rehearsed]:
    told = {line.conversation: line for line in kept.lines if isinstance(line, Told)}
    turns: dict[int, list[tuple[Exchange, Prompt]]] = {}
    exchanges = [line for line in kept.lines if isinstance(line, Exchange)]
    for exchange, prompt in zip(exchanges, kept.prompts, strict=False):  # the last lines may be missing
        turns.setdefault(exchange.conversation, []).append((exchange, prompt))
    return [
        _rehearsed(number, turns.get(number, []), told.get(number), why) for number in sorted({*told, *turns})[:most]
    ]


def _rehearsed(number: int, turns: list[tuple[Exchange, Prompt]], told: Told | None, why: str) -> Rehearsed:
    system = turns[0][1].system if turns else None
    messages = [Message("", "system", system)] if system else []
    messages += [Message(exchange.step, "user", exchange.said) for exchange, _ in turns]
    think_s = (told.done_ns - told.start_ns) / NS_PER_S if told else 0.0
    ended = why or "cut short"
    if told is not None:
        ended = "" if told.outcome in ("completed", "ended") else why or told.reason or told.outcome
    return Rehearsed(number, messages, [_prompted(prompt) for _, prompt in turns], think_s, ended)


def _prompted(prompt: Prompt) -> Prompted:
    own = [message.content for message in prompt.messages if message.role != "assistant"]
    tokens = sum(estimate(text) for text in [prompt.system or "", *own])
    return Prompted(tokens, len(prompt.messages) - len(own))

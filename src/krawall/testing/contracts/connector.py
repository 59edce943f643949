"""What every connector must do, whatever it speaks. The author sets the scene, the suite asks.

@asynccontextmanager
async def stage(how: str) -> AsyncIterator[Scene]:    # a target that behaves so; see HOWS
    ...

@pytest.mark.parametrize("case", cases(HOWS), ids=str)
async def test_contract(case: Case) -> None:
    await case.run(stage)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from krawall.errors import Refused
from krawall.model.connector import Channel
from krawall.model.exchange import FaultKind, TargetFault
from krawall.model.target import Target
from krawall.testing.asking import SESSION, Answer, Pins, ask, line_of

TEXT = "one two three"
"""What is asked, always, and what a target of the kind `good` answers."""

FAULTS: dict[str, FaultKind] = {
    "absent": FaultKind.connect,  # nobody listens
    "vanishing": FaultKind.connect,  # takes the request, hangs up without an answer
    "cut": FaultKind.truncated,  # hangs up in mid-reply
    "garbage": FaultKind.protocol,  # answers what its protocol does not allow
    "unmapped": FaultKind.protocol,  # answers well, but nothing stands where the mapping says
    "empty": FaultKind.protocol,  # answers well, and says nothing
    "huge": FaultKind.protocol,  # answers without end, far beyond the target's sizes
    "rejecting": FaultKind.rejected,  # does not accept who we are, and repeats what it was sent
    "busy": FaultKind.rate_limited,  # asks to come back in 7 seconds
    "broken": FaultKind.server,  # says that it failed
    "moved": FaultKind.protocol,  # points to another host
}
HOWS = ("good", "wire", "silent", *FAULTS)
"""How targets behave. `wire` is no behaviour but says that the connector sends something that `Scene.sent` shows;
`silent` takes the request and never answers."""


@dataclass(frozen=True)
class Scene:
    """A target that behaves in one way. `sent`: the requests so far, as bytes; `strangers`: connections to the other host."""

    target: Target
    secrets: Mapping[str, str] = field(default_factory=dict)
    sent: Callable[[], list[bytes]] = list
    strangers: Callable[[], int] = int


Stage = Callable[[str], AbstractAsyncContextManager[Scene]]


@dataclass(frozen=True)
class Case:
    """One demand of the contract; `needs` are the ways of behaving that it takes."""

    name: str
    needs: frozenset[str]
    run: Callable[[Stage], Awaitable[None]]

    def __str__(self) -> str:
        return self.name


def cases(hows: Collection[str]) -> list[Case]:
    """Return the demands that apply to a connector whose targets can behave in these ways."""
    return [case for case in _CASES if case.needs <= set(hows)]


_CASES: list[Case] = []


def _demand(*needs: str) -> Callable[[Callable[[Stage], Awaitable[None]]], None]:
    def add(run: Callable[[Stage], Awaitable[None]]) -> None:
        _CASES.append(Case(run.__name__.replace("_", " ").strip(), frozenset(needs), run))

    return add


def _good(answer: Answer) -> None:
    mark = answer.mark
    assert answer.text == TEXT
    assert answer.reply is not None
    assert "".join(mark.text) == TEXT, "the tokens that a person can read make up the text"
    assert mark.tokens() == len(mark.gaps_us) + 1 >= 1
    assert 0 < mark.sent_ns <= mark.byte_ns <= mark.token_ns <= mark.seen_ns <= mark.last_ns <= mark.now()


async def _talk(stage: Stage, how: str, talking: Callable[[Channel, Scene], Awaitable[None]]) -> None:
    async with asyncio.timeout(20), stage(how) as scene, line_of(scene.target, secrets=scene.secrets) as line:
        channel = line.channel()
        try:
            await talking(channel, scene)
        finally:
            await channel.close()
            await channel.close()  # twice does no harm


@_demand("good")
async def _answers_and_stamps_every_exchange_of_a_channel(stage: Stage) -> None:
    async def talking(channel: Channel, scene: Scene) -> None:
        for _ in range(5):
            _good(await ask(channel, TEXT))

    await _talk(stage, "good", talking)


@_demand("good")
async def _channels_do_not_disturb_each_other(stage: Stage) -> None:
    async with asyncio.timeout(20), stage("good") as scene, line_of(scene.target, secrets=scene.secrets) as line:
        channels = [line.channel() for _ in range(4)]
        for answer in await asyncio.gather(*(ask(channel, TEXT) for channel in channels)):
            _good(answer)
        await channels[0].close()
        _good(await ask(channels[1], TEXT))
        for channel in channels:
            await channel.close()


@_demand("good")
async def _a_slow_reader_gets_the_same_reply(stage: Stage) -> None:
    async def talking(channel: Channel, scene: Scene) -> None:
        channel.slow(1_000_000)
        _good(await ask(channel, TEXT))
        channel.slow(0)
        _good(await ask(channel, TEXT))

    await _talk(stage, "good", talking)


@_demand("good")
async def _a_probe_of_a_target_that_is_there_is_quiet(stage: Stage) -> None:
    async with asyncio.timeout(20), stage("good") as scene, line_of(scene.target, secrets=scene.secrets) as line:
        await line.probe()
        assert scene.sent() == []


@_demand("absent")
async def _a_probe_of_a_target_that_is_not_there_says_so(stage: Stage) -> None:
    async with asyncio.timeout(20), stage("absent") as scene, line_of(scene.target, secrets=scene.secrets) as line:
        found: FaultKind | None = None
        try:
            await line.probe()
        except TargetFault as trouble:
            found = trouble.fault.kind
        assert found is FaultKind.connect


@_demand("good", "wire")
async def _every_request_names_the_session(stage: Stage) -> None:
    async def talking(channel: Channel, scene: Scene) -> None:
        for _ in range(3):
            await ask(channel, TEXT)
        assert len(scene.sent()) == 3
        assert all(SESSION.encode() in request and b"krawall/" in request for request in scene.sent())

    await _talk(stage, "good", talking)


@_demand("good", "wire")
async def _a_host_that_was_not_granted_is_never_reached(stage: Stage) -> None:
    async with asyncio.timeout(20), stage("good") as scene:
        try:
            async with line_of(scene.target, secrets=scene.secrets, gate=Pins("granted.test", ["127.0.0.1"])) as line:
                await ask(line.channel(), TEXT)
        except Refused:
            assert scene.sent() == []
        else:
            raise AssertionError("the gate was not asked, or its answer not heeded")


@_demand("silent")
async def _a_cancelled_exchange_ends_at_once_and_leaves_the_channel_usable(stage: Stage) -> None:
    async def talking(channel: Channel, scene: Scene) -> None:
        for _ in range(2):
            try:
                async with asyncio.timeout(0.05):
                    await ask(channel, TEXT)
            except TimeoutError:
                continue
            raise AssertionError("a cancelled exchange came to an end of its own")

    await _talk(stage, "silent", talking)


@_demand("moved")
async def _a_redirect_to_another_host_is_not_followed(stage: Stage) -> None:
    async def talking(channel: Channel, scene: Scene) -> None:
        assert (await ask(channel, TEXT)).fault.kind is FAULTS["moved"]
        assert scene.strangers() == 0

    await _talk(stage, "moved", talking)


@_demand("busy")
async def _the_wait_that_a_busy_target_asks_for_is_kept(stage: Stage) -> None:
    async def talking(channel: Channel, scene: Scene) -> None:
        assert (await ask(channel, TEXT)).fault.retry_after_ns == 7_000_000_000

    await _talk(stage, "busy", talking)


@_demand("rejecting", "wire")
async def _no_fault_repeats_a_secret(stage: Stage) -> None:
    async def talking(channel: Channel, scene: Scene) -> None:
        detail = (await ask(channel, TEXT)).fault.detail
        assert scene.secrets, "the scene is to have a secret"
        assert any(value.encode() in request for request in scene.sent() for value in scene.secrets.values())
        assert not any(value in detail for value in scene.secrets.values())

    await _talk(stage, "rejecting", talking)


def _fault_case(how: str) -> Case:
    async def run(stage: Stage) -> None:
        async def talking(channel: Channel, scene: Scene) -> None:
            for _ in range(2):  # the second exchange finds the channel as good as new
                fault = (await ask(channel, TEXT)).fault
                assert fault.kind is FAULTS[how], fault
                assert 0 < len(fault.detail) <= 400
                assert not fault.injected

        await _talk(stage, how, talking)

    return Case(f"{how}: {FAULTS[how].value}", frozenset([how]), run)


_CASES += map(_fault_case, FAULTS)

"""Hooks beside whole conversations, in virtual time: what they take is in no measured time, and no timeout of the target runs on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Literal

import msgspec
import pytest
from pydantic import PrivateAttr

from krawall.engine.hooked import HookedLine
from krawall.model.base import NS_PER_S
from krawall.model.connector import Channel, Connector, Gate, Line, Mark, Secrets, Tap
from krawall.model.exchange import Fault, FaultKind, Prompt, Reply, TargetFault, json_bytes
from krawall.model.hook import Fetched, Hooked
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.testing.asking import Known
from krawall.testing.playing import Played, plan_of, play
from krawall.testing.virtual import clock, run_virtual

MS = 1_000_000
FIRST_MS = 300
OAUTH = {"oauth2": {"token url": "http://127.0.0.1:1/token", "client id": "me", "client secret": "${SECRET}"}}


class Tokens:
    """A token server without a socket. `takes_s`: how long it thinks; `status`: its answer from `fails_from_s` on."""

    def __init__(
        self, takes_s: float = 0.0, life_s: float | None = 3600.0, fails: tuple[float, float] = (0, 0)
    ) -> None:
        self.takes_s = takes_s
        self.life_s = life_s
        self.fails = fails
        self.asked_s: list[float] = []
        self.newest = ""
        self.began_ns = 0

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"", timeout_ns: int = 0
    ) -> Fetched:
        self.began_ns = self.began_ns or clock()
        self.asked_s.append((clock() - self.began_ns) / NS_PER_S)
        await asyncio.sleep(self.takes_s)
        if self.fails[0] <= self.asked_s[-1] < self.fails[1]:
            return Fetched(503, {}, b"")
        self.newest = f"token-number-{len(self.asked_s)}"
        return Fetched(200, {}, json_bytes({"access_token": self.newest, "expires_in": self.life_s}))


class Bot(Connector):
    """Answers after 300 ms. `refuses`: whether a token is answered with 401; `around`: hooks put round its line by the test."""

    kind: Literal["bot"] = "bot"
    _refuses: Callable[[str], bool] = PrivateAttr(default_factory=lambda: lambda token: False)
    _hooks: list[Hooked] = PrivateAttr(default_factory=list)
    _seen: list[Prompt] = PrivateAttr(default_factory=list)

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        return nullcontext(HookedLine(BotLine(self), self._hooks) if self._hooks else BotLine(self))


class BotLine:
    def __init__(self, bot: Bot) -> None:
        self.bot = bot

    def channel(self) -> Channel:
        return BotChannel(self.bot)

    async def probe(self) -> None:
        """There is nothing to reach."""


class BotChannel:
    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        mark.sent()
        self._bot._seen.append(prompt)
        await asyncio.sleep(FIRST_MS / 1000)
        mark.byte(mark.now())
        token = prompt.extra.get("authorization", "").removeprefix("Bearer ")
        if self._bot._refuses(token):
            raise TargetFault(FaultKind.rejected, f"401: {token} is over", status=401)
        mark.token("fine", mark.now())
        return Reply("fine", 200)

    def listen(self, tap: Tap | None) -> None:
        """Nothing goes over a wire."""

    def slow(self, by_ns: int) -> None:
        """There is no socket."""

    async def close(self) -> None:
        """Nothing to close."""


def bot(refuses: Callable[[str], bool] | None = None, hooks: list[Hooked] | None = None) -> Bot:
    made = Bot()
    if refuses:
        made._refuses = refuses
    made._hooks = hooks or []
    return made


def played(made: Bot, tokens: Tokens | None, *, seconds: int = 60, users: int = 3, more: str = "") -> Played:
    target: dict[str, Any] = {"connector": "echo", **({"auth": OAUTH} if tokens else {})}
    scenario = (
        f"name: t\ntarget: {json.dumps(target)}\nsteps: [hi, {{delay: 700ms}}]\n"
        f"load: {{users: {users}, duration: {seconds}s}}\non_error: {{default: skip}}\n{more}"
    )
    plan = plan_of(scenario)
    got = run_virtual(play(plan, clock, secrets=Known({"SECRET": "client-secret"}), fetch=tokens, connector=made))
    assert got.trouble == ""
    return got


def times_of(got: Played) -> set[tuple[float, float]]:
    """Every (lag, latency) that was measured, ms."""
    return {((line.sent_ns - line.planned_ns) / MS, (line.last_ns - line.sent_ns) / MS) for line in got.exchanges}


def test_a_slow_token_server_is_in_no_measured_time_and_nobody_waits_for_it() -> None:
    tokens = Tokens(takes_s=5, life_s=20)
    plain, signed = played(bot(), None), played(bot(), tokens)
    assert times_of(signed) == times_of(plain) == {(0.0, float(FIRST_MS))}
    assert len(signed.exchanges) == len(plain.exchanges) == 180, "nobody had to wait: the load is the same"
    assert [round(at) for at in tokens.asked_s] == [0, 10, 20, 30, 40, 50, 60][: len(tokens.asked_s)]
    assert len(tokens.asked_s) >= 6


def test_where_everybody_has_to_wait_it_is_in_no_measured_time_either() -> None:
    """Tokens are over before the next one can be there."""
    tokens = Tokens(takes_s=45, life_s=50)
    got = played(bot(), tokens, seconds=300, more="timeouts: {first token: 2s, turn: 5s}\n")
    assert times_of(got) == {(0.0, float(FIRST_MS))}
    assert [line.fault for line in got.exchanges if line.fault] == []
    assert got.tally.view().errors == {}


def test_a_renewal_after_a_401_is_no_timeout_of_the_target_however_long_it_takes() -> None:
    tokens = Tokens(takes_s=40)
    made = bot(lambda token: token == "token-number-1" and clock() > tokens.began_ns + 60 * NS_PER_S)
    got = played(made, tokens, seconds=120, more="timeouts: {connect: 1s, first token: 2s, turn: 5s}\n")
    assert [line.fault for line in got.exchanges if line.fault] == []
    assert times_of(got) == {(0.0, float(FIRST_MS))}
    assert len(tokens.asked_s) == 2
    refused = [prompt for prompt in made._seen if "number-1" in prompt.extra["authorization"]]
    assert len(made._seen) == len(got.exchanges) + 3, "each user was refused once and sent once more"
    assert len(refused) > 3


def test_a_target_that_refuses_every_token_is_no_reason_to_ask_for_ever_more() -> None:
    tokens = Tokens()
    got = played(bot(lambda token: True), tokens, seconds=5)
    assert {line.fault.detail for line in got.exchanges if line.fault} == {"401: *** is over"}
    assert len(tokens.asked_s) == 2
    assert "ten answers of 401" in got.last.stop


def test_without_a_first_token_the_session_does_not_begin() -> None:
    got = played(bot(), Tokens(fails=(0, 1)))
    assert (got.last.state, got.last.reason) == ("failed", "unreachable: the token server answers 503")
    assert got.lines == []


def test_a_token_server_in_trouble_is_asked_ever_more_seldom_and_the_old_token_goes_on() -> None:
    tokens = Tokens(life_s=200, fails=(100, 190))
    got = played(bot(), tokens, seconds=240)
    assert got.tally.view().errors == {}
    assert times_of(got) == {(0.0, float(FIRST_MS))}
    rests = [round(b - a, 1) for a, b in zip(tokens.asked_s[1:], tokens.asked_s[2:], strict=False)]
    assert rests[:6] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
    assert round(tokens.asked_s[8]) == 200, "once more when the old token is over"


def test_what_a_token_server_fails_to_give_is_told_in_its_own_words() -> None:
    tokens = Tokens(life_s=10, fails=(1, 10_000))
    got = played(bot(), tokens, seconds=40)
    details = {line.fault.detail for line in got.exchanges if line.fault}
    assert details == {"the token server answers 503"}
    assert {line.sent_ns for line in got.exchanges if line.fault} == {0}
    assert len(tokens.asked_s) < 12


# hooks of one's own --------------------------------------------------------------------------------------


class Noting(Hooked):
    """Notes what it is told, and takes its time."""

    def __init__(self, name: str, told: list[str], *, slow_s: float = 0.0, extra: dict[str, str] | None = None) -> None:
        self._name, self._told, self._slow_s, self._extra = name, told, slow_s, extra or {}

    async def before_send(self, prompt: Prompt) -> Prompt:
        self._told.append(f"{self._name} before")
        await asyncio.sleep(self._slow_s)
        return msgspec.structs.replace(prompt, extra={**prompt.extra, **self._extra})

    async def after_receive(self, prompt: Prompt, reply: Reply) -> Reply:
        self._told.append(f"{self._name} after")
        await asyncio.sleep(self._slow_s)
        return msgspec.structs.replace(reply, text=f"{reply.text} {self._name}")

    async def on_error(self, prompt: Prompt, fault: Fault) -> bool:
        self._told.append(f"{self._name} error")
        await asyncio.sleep(self._slow_s)
        return False


def test_hooks_act_in_order_and_in_the_reverse_order_after_the_reply() -> None:
    told: list[str] = []
    got = played(bot(hooks=[Noting("a", told), Noting("b", told)]), None, users=1, seconds=1)
    assert told == ["a before", "b before", "b after", "a after"]
    assert got.exchanges[0].heard == "fine b a"


def test_slow_hooks_are_in_no_measured_time_and_in_no_timeout() -> None:
    timeouts = "timeouts: {connect: 1s, first token: 2s, between tokens: 2s, turn: 3s}\n"
    hooks: list[Hooked] = [Noting("slow", [], slow_s=50)]
    got = played(bot(hooks=hooks), None, users=2, seconds=200, more=timeouts)
    assert times_of(got) == {(0.0, float(FIRST_MS))}
    assert got.tally.view().errors == {}


def test_a_slow_look_at_a_fault_moves_neither_when_it_was_sent_nor_when_it_was_meant() -> None:
    hooks: list[Hooked] = [Noting("slow", [], slow_s=50)]
    got = played(bot(lambda token: True, hooks), None, users=1, seconds=100, more="timeouts: {turn: 3s}\n")
    fault = got.exchanges[0].fault
    assert fault is not None
    assert (fault.kind, fault.status) == ("rejected", 401)
    assert {(line.sent_ns - line.planned_ns, line.start_ns - line.planned_ns) for line in got.exchanges} == {(0, 0)}


def test_every_hook_is_told_of_a_fault_even_when_one_cannot_mend_it() -> None:
    class Broken(Hooked):
        async def on_error(self, prompt: Prompt, fault: Fault) -> bool:
            raise TargetFault(FaultKind.server, "the token server is away")

    told: list[str] = []
    hooks = [Noting("a", told), Broken(), Noting("b", told)]
    got = played(bot(lambda token: True, hooks), None, users=1, seconds=1)
    assert told == ["a before", "b before", "b error", "a error"]
    fault = got.exchanges[0].fault
    assert fault is not None
    assert fault.detail == "the token server is away"


@pytest.mark.parametrize(
    "extra", [{"x-a": "one\r\nx-b: two"}, {"x a": "b"}, {"x-a": "snow ☃"}, {"": "a"}, {"x-a": "\x00"}]
)
def test_a_hook_cannot_write_a_header_into_another(extra: dict[str, str]) -> None:
    made = bot(hooks=[Noting("a", [], extra=extra)])
    got = played(made, None, users=1, seconds=1)
    fault = got.exchanges[0].fault
    assert fault is not None
    assert (fault.kind, made._seen) == ("protocol", [])
    assert "no header can be" in fault.detail


def test_hooks_that_only_look_at_what_is_written_down_leave_the_channel_alone() -> None:
    class Keeping(Hooked):
        def keep(self, text: str) -> str:
            return text.upper()

    assert isinstance(HookedLine(BotLine(bot()), [Keeping()]).channel(), BotChannel)
    assert not isinstance(HookedLine(BotLine(bot()), [Keeping(), Noting("a", [])]).channel(), BotChannel)

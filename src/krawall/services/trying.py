"""One conversation of a scenario, really played: the real engine over real sockets against the mock bot on loopback.

It takes a process of its own, which is gone when the conversation is over: nothing is kept, no session is made, no target is
asked. What a session's caps are for is bounded here by `MOST_MESSAGES` and `MOST_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from krawall.errors import TooMany, Unavailable
from krawall.model.base import NS_PER_S, PICO_PER_USD, Record
from krawall.model.exchange import Checked, Exchange, Line, Told
from krawall.model.plan import Plan
from krawall.services.replaying import Replay, replay
from krawall.services.starting import Planner, StartSession

MOST_MESSAGES = 20
MOST_S = 20.0
AT_ONCE = 2
_GRACE_S = 10.0  # for the process to begin and to end
_NS_PER_MS = 1_000_000
NOWHERE: dict[str, Any] = {"preset": "mock", "url": "http://127.0.0.1:9/v1/chat/completions", "stream": True}
"""The mock bot before it has a port."""

Persona = Literal["default", "shop", "support", "code", "repetitive", "rate-limited", "flaky", "echo"]
"""How the mock bot answers (see docs/guide/mock.md)."""


class Wanted(Record, frozen=True):
    """What the process is told: the plan as JSON, and how the mock bot answers."""

    plan: str
    persona: str


class Tried(Record, frozen=True):
    """What came of it. `ended`: why the conversation did not come to its own end, empty when it did."""

    persona: str
    seed: int
    replay: Replay
    ended: str = ""


class Trying:
    """Plays single conversations. One per process; at most two at once. `command` starts the process that plays one."""

    def __init__(self, planner: Planner, command: Sequence[str]) -> None:
        self._planner = planner
        self._command = command
        self._playing = 0

    async def play(
        self, scenario: str | dict[str, Any], *, seed: int | None = None, persona: Persona = "default"
    ) -> Tried:
        """Play the first conversation of a scenario (id, name, `template:NAME`, or the scenario itself); its target is left alone.

        Raises:
            DocumentError, NotFound, Refused: the scenario cannot be played.
            TooMany: two are being played already.
            Unavailable: the process failed, or took longer than it may.
        """
        wanted = StartSession(
            scenario=scenario, target=NOWHERE, seed=seed, load={"users": 1, "conversations": 1}, thresholds=[]
        )
        plan = (await self._planner.plan(wanted)).plan
        if self._playing >= AT_ONCE:
            raise TooMany("other conversations are being tried", retry_after_s=MOST_S, hint="try again in a moment")
        self._playing += 1
        try:
            return await self._run(plan, persona)
        finally:
            self._playing -= 1

    async def _run(self, plan: Plan, persona: str) -> Tried:
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        wanted = msgspec.json.encode(Wanted(plan.to_json().decode(), persona))
        try:
            async with asyncio.timeout(MOST_S + _GRACE_S):
                out, errors = await process.communicate(wanted)
        except TimeoutError:
            raise Unavailable(
                f"the conversation took longer than {MOST_S:.0f} s and was cut off",
                hint="look for a loop without an end",
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            told = errors.decode("utf-8", "replace").strip()
            raise Unavailable(f"the conversation could not be played ({process.returncode}): {told[-1000:]}")
        return msgspec.json.decode(out, type=Tried)


def tried(plan: Plan, persona: str, lines: Sequence[Line], why: str = "") -> Tried:
    """Return what the log lines of one conversation tell. `why`: what stopped it from outside, empty when nothing did."""
    told = next((line for line in lines if isinstance(line, Told)), None)
    ended = why
    if told is not None and told.outcome not in ("completed", "ended"):
        ended = why or told.reason or told.outcome
    return Tried(persona, plan.seed, replay("", 0, [_item(line) for line in _in_order(lines)]), ended)


def _in_order(lines: Sequence[Line]) -> list[Exchange | Checked | Told]:
    """Return the lines as they came, the end last."""
    said = [line for line in lines if isinstance(line, Exchange | Checked)]
    return [*said, *(line for line in lines if isinstance(line, Told))]


def _item(line: Exchange | Checked | Told) -> dict[str, Any]:
    """Return a line as the archive shows it (see `archive.query.conversation`), as far as a replay reads it. Times in ms."""
    if isinstance(line, Checked):
        return {
            "kind": "checked",
            "turn": line.turn,
            "step": line.step,
            "checks": msgspec.to_builtins(line.checks, str_keys=True),
        }
    if isinstance(line, Told):
        at_ms = line.start_ns / _NS_PER_MS
        return {"kind": "end", "user": line.user, "outcome": line.outcome, "reason": line.reason, "at_ms": at_ms}
    usage, fault = line.usage, line.fault
    done_ns = line.last_ns or line.done_ns
    return {
        "kind": "message", "n": 0, "user": line.user, "turn": line.turn, "attempt": line.attempt, "step": line.step,
        "phase": line.phase, "at_ms": (line.sent_ns or line.start_ns) / _NS_PER_MS,
        "latency_ms": (done_ns - line.sent_ns) / _NS_PER_MS if line.sent_ns else None,
        "ttft_ms": (line.seen_ns - line.sent_ns) / _NS_PER_MS if line.seen_ns else None,
        "status": line.status or (fault.status if fault else None), "error": fault.kind.value if fault else None,
        "detail": fault.detail if fault else None, "injected": line.injected, "said": line.said, "heard": line.heard,
        "tokens_in": usage.tokens_in if usage else None, "tokens_out": usage.tokens_out if usage else None,
        "estimated": usage.estimated if usage else False, "cost_usd": usage.cost_pico / PICO_PER_USD if usage else 0.0,
        "checks": [{"name": each.name, "ok": each.ok, "detail": each.detail} for each in line.checks],
        "repetition": line.repetition if line.repetition >= 0 else None,
    }  # fmt: skip


def deadline_ns(now_ns: int) -> int:
    """Return when a conversation that begins now has to be over."""
    return now_ns + round(MOST_S * NS_PER_S)

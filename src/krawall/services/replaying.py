"""A conversation as it can be watched again: its turns on their own clock, and what in it is out of the ordinary. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from krawall.conversation.repetition import score
from krawall.model.base import Record

AnomalyKind = Literal["slow", "error", "retry", "repetition", "truncated", "check", "score", "injected"]

REPEATING = 0.9
"""From this similarity to an earlier reply on, a reply counts as repeating it."""
SLOWER = 2.0
"""So many times the conversation's median, and above the session's p95 where that is known, is slow."""
SCORED = "similar:"
"""How names of checks begin that measure how good a reply is, where others say whether something holds."""
FEWEST = 3
"""Turns below which a conversation has no median to speak of."""


class Anomaly(Record, frozen=True):
    """Something out of the ordinary at a turn; `words` say it to a person."""

    turn: int
    kind: AnomalyKind
    words: str


class Attempt(Record, frozen=True):
    """One try at a turn. Times in ms since the conversation began; None: it did not happen."""

    number: int
    sent_ms: float
    first_ms: float | None
    done_ms: float
    latency_ms: float | None
    ttft_ms: float | None
    status: int | None
    error: str | None
    detail: str | None
    injected: str | None
    tokens_in: int | None
    tokens_out: int | None
    estimated: bool
    cost_usd: float
    message: int


class Check(Record, frozen=True):
    """What was expected of a reply, and whether it held."""

    name: str
    ok: bool
    detail: str


class Turn(Record, frozen=True):
    """One message and its reply. `wait_ms`: the silence before it, since the end of the turn before. `message`: its number."""

    number: int
    step: str
    phase: str
    said: str
    heard: str
    wait_ms: float
    begin_ms: float
    end_ms: float
    repetition: float
    attempts: list[Attempt]
    checks: list[Check]
    anomalies: list[Anomaly]


class Replay(Record, frozen=True):
    """A conversation. `outcome` and `reason` are "" while it is not over. `at_ms`: when it began, since the session began."""

    session: str
    conversation: int
    user: int
    at_ms: float
    duration_ms: float
    outcome: str
    reason: str
    tokens_in: int
    tokens_out: int
    cost_usd: float
    turns: list[Turn]
    anomalies: list[Anomaly]


def replay(session: str, number: int, items: Sequence[Mapping[str, Any]], p95_ms: float | None = None) -> Replay:
    """Return the conversation that log items tell (see `archive.query.conversation`), at least one of them a message.

    `p95_ms`: of the latency in the whole session. Of a conversation that was played again after its process died, the last
    playing counts.
    """
    played = _last_playing(items)
    messages = [item for item in played if item["kind"] == "message"]
    end = next((item for item in played if item["kind"] == "end"), None)
    zero = min((item["at_ms"] for item in messages), default=end["at_ms"] if end else 0.0)
    turns = _turns(messages, [item for item in played if item["kind"] == "checked"], zero, p95_ms)
    return Replay(
        session=session,
        conversation=number,
        user=messages[0]["user"] if messages else end["user"] if end else 0,
        at_ms=zero,
        duration_ms=max((turn.end_ms for turn in turns), default=0.0),
        outcome=end["outcome"] if end else "",
        reason=end["reason"] if end else "",
        tokens_in=sum(item["tokens_in"] or 0 for item in messages),
        tokens_out=sum(item["tokens_out"] or 0 for item in messages),
        cost_usd=sum(item["cost_usd"] for item in messages),
        turns=turns,
        anomalies=[anomaly for turn in turns for anomaly in turn.anomalies],
    )


def _last_playing(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the items from the last first turn on."""
    start = 0
    for index, item in enumerate(items):
        again = item["kind"] == "message" and item["turn"] == 1 and item["attempt"] == 1
        if again and any(before["kind"] == "message" for before in items[start:index]):
            start = index
    return list(items[start:])


def _turns(
    messages: list[Mapping[str, Any]], checked: list[Mapping[str, Any]], zero: float, p95_ms: float | None
) -> list[Turn]:
    by_turn: dict[int, list[Mapping[str, Any]]] = {}
    for item in messages:
        by_turn.setdefault(item["turn"], []).append(item)
    latencies = [tries[-1]["latency_ms"] for tries in by_turn.values() if tries[-1]["latency_ms"] is not None]
    limit = _slow_from(latencies, p95_ms)
    turns: list[Turn] = []
    heard: list[str] = []
    for number, tries in sorted(by_turn.items()):
        attempts = [_attempt(item, zero) for item in sorted(tries, key=lambda item: item["attempt"])]
        last = max(tries, key=lambda item: item["attempt"])
        reply = last["heard"] or ""
        said_before = score(reply, heard) if last["repetition"] is None else last["repetition"]
        checks = [*_checks(last), *(check for item in checked if item["turn"] == number for check in _checks(item))]
        begin, end = attempts[0].sent_ms, attempts[-1].done_ms
        turns.append(
            Turn(
                number, last["step"], last["phase"], last["said"] or "", reply,
                max(0.0, begin - turns[-1].end_ms) if turns else 0.0, begin, end, said_before, attempts, checks,
                _anomalies(number, attempts, said_before, checks, limit),
            )
        )  # fmt: skip
        if reply and not last["error"]:
            heard.append(reply)
    return turns


def _slow_from(latencies: Sequence[float], p95_ms: float | None) -> float | None:
    """Return from which latency on a turn is slow, ms; None: there is nothing to judge by."""
    own = SLOWER * statistics.median(latencies) if len(latencies) >= FEWEST else None
    if own is None:
        return p95_ms
    return own if p95_ms is None else max(own, p95_ms)


def _attempt(item: Mapping[str, Any], zero: float) -> Attempt:
    sent = item["at_ms"] - zero
    latency, ttft = item["latency_ms"], item["ttft_ms"]
    return Attempt(
        item["attempt"], sent, None if ttft is None else sent + ttft, sent + (latency or 0.0), latency, ttft,
        item["status"], item["error"], item["detail"], item["injected"], item["tokens_in"], item["tokens_out"],
        item["estimated"], item["cost_usd"], item["n"],
    )  # fmt: skip


def _checks(item: Mapping[str, Any]) -> list[Check]:
    return [Check(each["name"], each["ok"], each["detail"]) for each in item["checks"] or ()]


def _anomalies(
    turn: int, attempts: Sequence[Attempt], repetition: float, checks: Sequence[Check], slow_ms: float | None
) -> list[Anomaly]:
    last, found = attempts[-1], []

    def note(kind: AnomalyKind, words: str) -> None:
        found.append(Anomaly(turn, kind, words))

    if last.injected:
        note("injected", f"a fault of our own was put in: {last.injected}")
    elif last.error == "truncated":
        note("truncated", last.detail or "the reply ended before its end")
    elif last.error:
        note("error", f"{last.error.replace('_', ' ')}: {last.detail}" if last.detail else last.error)
    if len(attempts) > 1:
        note("retry", f"took {len(attempts)} attempts")
    if slow_ms is not None and last.latency_ms is not None and last.latency_ms > slow_ms:
        note("slow", f"{last.latency_ms:,.0f} ms, slow from {slow_ms:,.0f} ms on")
    if repetition >= REPEATING and not last.error:
        note("repetition", f"repeats an earlier reply ({repetition:.0%} the same)")
    for check in checks:
        if not check.ok and check.name.startswith(SCORED):
            note("score", f"low score, {check.detail}" if check.detail else f"low score: {check.name}")
        elif not check.ok:
            note("check", f"expected {check.name}: {check.detail}" if check.detail else f"expected {check.name}")
    return found

"""What log lines of one conversation tell, and that the mock bot knows every persona that can be asked for."""

from __future__ import annotations

from typing import get_args

from krawall.mockbot.personas import PERSONAS
from krawall.model.exchange import Check, Checked, Exchange, Fault, FaultKind, Told, Usage
from krawall.services.trying import Persona, tried
from krawall.testing.served import a_plan

MS = 1_000_000


def exchange(turn: int, **more) -> Exchange:
    at = turn * 100 * MS
    given = {"conversation": 0, "user": 0, "turn": turn, "attempt": 1, "phase": "measure", "step": f"steps.{turn - 1}"}
    times = {"planned_ns": at, "start_ns": at, "sent_ns": at, "done_ns": at + 60 * MS}
    return Exchange(**{**given, **times, "said": f"said {turn}", "heard": f"heard {turn}", **more})


def told(outcome: str, reason: str = "") -> Told:
    return Told(0, 0, "measure", 0, 0, 400 * MS, outcome, reason=reason)


def test_turns_have_their_texts_times_and_checks():
    first = exchange(1, seen_ns=120 * MS, last_ns=150 * MS, usage=Usage(10, 5), checks=[Check("length", ok=True)])
    found = tried(
        a_plan(), "shop", [first, Checked(0, 1, "measure", "steps.1", [Check("later", ok=False)]), told("completed")]
    )
    turn = found.replay.turns[0]
    assert (found.ended, found.persona, found.replay.outcome) == ("", "shop", "completed")
    assert (turn.said, turn.heard, turn.attempts[0].ttft_ms, turn.attempts[0].latency_ms) == (
        "said 1",
        "heard 1",
        20.0,
        50.0,
    )
    assert [(check.name, check.ok) for check in turn.checks] == [("length", True), ("later", False)]
    assert (found.replay.tokens_in, found.replay.tokens_out) == (10, 5)


def test_the_end_is_told_last_wherever_its_line_stands():
    found = tried(a_plan(), "default", [told("ended"), exchange(1), exchange(2)])
    assert [turn.number for turn in found.replay.turns] == [1, 2]
    assert found.replay.outcome == "ended"
    assert found.ended == ""


def test_what_stopped_it_is_said():
    broken = exchange(1, fault=Fault(FaultKind.server, "500", 500))
    assert tried(a_plan(), "flaky", [broken, told("failed", "server: 500")]).ended == "server: 500"
    assert tried(a_plan(), "default", [exchange(1), told("abandoned", "stopped")], "cut off").ended == "cut off"
    assert tried(a_plan(), "default", [exchange(1)], "cut off").ended == "cut off"


def test_a_fault_is_an_error_of_its_turn():
    found = tried(a_plan(), "flaky", [exchange(1, fault=Fault(FaultKind.server, "busy", 503)), told("completed")])
    attempt = found.replay.turns[0].attempts[0]
    assert (attempt.error, attempt.detail, attempt.status) == ("server", "busy", 503)


def test_every_persona_of_the_mock_bot_can_be_asked_for():
    assert set(get_args(Persona)) == set(PERSONAS)

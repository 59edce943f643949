from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from krawall.services.replaying import replay


def message(turn: int, at: float, latency: float | None = 100.0, **more: Any) -> dict[str, Any]:
    return {
        "kind": "message", "n": turn, "conversation": 4, "user": 2, "turn": turn, "attempt": 1, "step": f"steps.{turn - 1}",
        "phase": "measure", "at_ms": at, "latency_ms": latency, "ttft_ms": None if latency is None else latency / 2,
        "status": 200, "error": None, "detail": None, "injected": None, "tokens_in": 5, "tokens_out": 7, "estimated": False,
        "cost_usd": 0.001, "said": f"question {turn}", "heard": f"answer number {turn} is {turn * 7919}", "checks": [],
        "repetition": None, "shard": 0, **more,
    }  # fmt: skip


END = {"kind": "end", "user": 2, "at_ms": 1000.0, "outcome": "completed", "reason": ""}


def kinds(found):
    return [(anomaly.turn, anomaly.kind) for anomaly in found.anomalies]


def test_turns_are_on_the_conversations_own_clock_with_its_real_silences():
    found = replay("ses_1", 4, [message(1, 1000), message(2, 1600), END])
    first, second = found.turns
    assert (first.begin_ms, first.end_ms, second.begin_ms, second.wait_ms) == (0, 100, 600, 500)
    assert (found.at_ms, found.duration_ms, found.outcome, found.user) == (1000, 700, "completed", 2)
    assert (found.tokens_in, found.tokens_out) == (10, 14)
    assert kinds(found) == []


def test_a_turn_of_twice_the_median_is_slow_unless_the_whole_session_is():
    items = [message(1, 0), message(2, 200), message(3, 400, 300.0)]
    assert kinds(replay("s", 4, items)) == [(3, "slow")]
    assert kinds(replay("s", 4, items, p95_ms=400)) == []
    assert kinds(replay("s", 4, items[2:], p95_ms=250)) == [(3, "slow")]
    assert kinds(replay("s", 4, items[2:])) == []


def test_faults_are_told_and_our_own_are_told_apart():
    items = [
        message(1, 0, None, error="timeout", detail="no first token within 20s", heard=None),
        message(2, 10, error="truncated", detail="the stream ended before its end"),
        message(3, 20, error="server", injected="status"),
    ]
    assert kinds(replay("s", 4, items)) == [(1, "error"), (2, "truncated"), (3, "injected")]


def test_attempts_at_a_turn_belong_together():
    items = [message(1, 0, 50.0, error="rate_limited", detail="429", heard=""), message(1, 300, attempt=2)]
    found = replay("s", 4, items)
    assert kinds(found) == [(1, "retry")]
    assert [attempt.sent_ms for attempt in found.turns[0].attempts] == [0, 300]
    assert (found.turns[0].begin_ms, found.turns[0].end_ms) == (0, 400)


def test_what_was_said_before_is_marked_whether_the_session_measured_it_or_not():
    same = {"heard": "I am sorry, I cannot help with that."}
    assert kinds(replay("s", 4, [message(1, 0, **same), message(2, 200, **same)])) == [(2, "repetition")]
    assert kinds(replay("s", 4, [message(1, 0, repetition=0.95)])) == [(1, "repetition")]


def test_checks_of_a_turn_and_of_a_step_after_it_are_the_turns():
    bad = {"name": "contains", "ok": False, "detail": "no 'parcel'"}
    items = [
        message(1, 0, checks=[{"name": "ttft", "ok": True, "detail": ""}, bad]),
        {"kind": "checked", "turn": 1, "step": "steps.1", "phase": "measure", "checks": [bad]},
    ]
    found = replay("s", 4, items)
    assert len(found.turns[0].checks) == 3
    assert kinds(found) == [(1, "check"), (1, "check")]


def test_of_a_conversation_that_was_played_again_the_last_playing_counts():
    found = replay("s", 4, [message(1, 0), message(2, 200), message(1, 5000), message(2, 5200), message(3, 5400), END])
    assert [turn.begin_ms for turn in found.turns] == [0, 200, 400]


@given(
    st.lists(
        st.tuples(st.floats(0, 5000), st.one_of(st.none(), st.floats(0, 5000)), st.integers(1, 3)),
        min_size=1,
        max_size=8,
    )
)
def test_no_turn_ends_before_it_begins_and_every_anomaly_has_its_turn(plan):
    items, at = [], 0.0
    for turn, (wait, latency, attempts) in enumerate(plan, 1):
        for attempt in range(1, attempts + 1):
            at += wait
            items.append(message(turn, at, latency, attempt=attempt))
            at += latency or 0
    found = replay("s", 4, items)
    assert [turn.number for turn in found.turns] == list(range(1, len(plan) + 1))
    assert all(turn.begin_ms <= turn.end_ms and turn.wait_ms >= 0 for turn in found.turns)
    assert {anomaly.turn for anomaly in found.anomalies} <= {turn.number for turn in found.turns}
    assert found.duration_ms == max(turn.end_ms for turn in found.turns)

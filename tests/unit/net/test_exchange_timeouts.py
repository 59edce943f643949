"""The timeouts of an exchange, to the nanosecond: the echo connector in virtual time against what the numbers say."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.model.exchange import Exchange
from krawall.testing.playing import Played, plan_of, play
from krawall.testing.virtual import clock, run_virtual

MS = 1_000_000


def played(steps: str, timeouts: str = "", target: str = "", more: str = "") -> Played:
    scenario = (
        f"name: t\ntarget: {{connector: echo, options: {{{target}}}}}\nsteps: {steps}\n"
        f"timeouts: {{{timeouts}}}\nload: {{users: 1, conversations: 1}}\non_error: {{default: skip}}\n{more}"
    )
    got = run_virtual(play(plan_of(scenario), clock))
    assert got.trouble == ""
    assert got.last.health.in_flight == 0
    return got


def took_ms(line: Exchange) -> float:
    return (line.done_ns - line.start_ns) / MS


@dataclass(frozen=True)
class Speaker:
    """An echo: `words` words, the first after `first`, the others `gap` apart (ms)."""

    first: int
    gap: int
    words: int

    def ends(self, first_token: int, between: int, turn: int) -> tuple[int, str]:
        """When an exchange with it ends, ms, and by which timeout, by the definitions."""
        over = [(self.first + self.gap * (self.words - 1), ""), (turn, "the turn took longer than")]
        if self.first > first_token:
            over.append((first_token, "no first token within"))
        if self.words > 1 and self.gap > between:
            over.append((self.first + between, "no further token within"))
        return min(over)


EVEN = st.integers(min_value=0, max_value=400).map(
    lambda number: 2 * number
)  # so that nothing happens at the same moment
ODD = EVEN.map(lambda number: number + 1)


@given(EVEN, EVEN, st.lists(st.integers(1, 6), min_size=1, max_size=5), ODD, ODD, ODD)
def test_the_first_timeout_that_is_due_ends_the_exchange_at_its_moment(
    first: int, gap: int, sizes: list[int], first_token: int, between: int, turn: int
) -> None:
    steps = [" ".join(["word"] * size) for size in sizes]
    timeouts = f"first token: {first_token}ms, between tokens: {between}ms, turn: {turn}ms"
    got = played(str(steps), timeouts, f"first token: {first}ms, gap: {gap}ms")
    assert len(got.exchanges) == len(sizes)
    for line, size in zip(got.exchanges, sizes, strict=True):
        at_ms, words = Speaker(first, gap, size).ends(first_token, between, turn)
        assert took_ms(line) == at_ms
        assert (line.fault.kind if line.fault else "") == ("timeout" if words else "")
        assert (line.fault.detail if line.fault else "").startswith(words)
    faults = sum(line.fault is not None for line in got.exchanges)
    assert got.tally.view().errors == ({"timeout": faults} if faults else {})


@pytest.mark.parametrize(
    ("timeouts", "target", "words", "at_ms"),
    [
        ("first token: 2s", "first token: 5s", "no first token within 2s", 2000),
        ("between tokens: 1s", "first token: 3s, gap: 2s", "no further token within 1s", 4000),
        ("turn: 5s", "first token: 1s, gap: 1s", "the turn took longer than 5s", 5000),
        ("conversation: 2500ms", "first token: 1s, gap: 1s", "the conversation took longer than 2500ms", 2500),
    ],
    ids=["first token", "between tokens", "turn", "conversation"],
)
def test_each_timeout_is_named_and_keeps_what_was_heard(timeouts: str, target: str, words: str, at_ms: int) -> None:
    got = played("[a b c d e f g h]", timeouts, target)
    (line,) = got.exchanges
    assert line.fault is not None
    assert (line.fault.kind, line.fault.detail, line.fault.injected) == ("timeout", words, False)
    assert took_ms(line) == at_ms
    assert line.heard == "a b c d e f g h"[: max(0, 2 * line.events - 1)]
    assert got.tally.view().errors == {"timeout": 1}


def test_tokens_that_keep_coming_may_take_longer_than_any_gap_allows() -> None:
    got = played(f"[{' '.join(['w'] * 100)}]", "first token: 2s, between tokens: 2s", "first token: 1s, gap: 1s")
    assert got.tally.view().ok == 1
    assert took_ms(got.exchanges[0]) == 100_000


def test_a_timer_of_an_earlier_turn_does_not_end_a_later_one() -> None:
    """The timer is lazy: it may fire in the midst of a later exchange, and must then look at that one."""
    steps = "[{loop: 50, steps: [hi, {delay: 700ms}]}]"
    got = played(steps, "first token: 1100ms, between tokens: 1300ms, turn: 1700ms", "first token: 900ms")
    assert (got.tally.view().ok, got.tally.view().errors) == (50, {})
    assert {took_ms(line) for line in got.exchanges} == {900}


def test_after_a_timeout_the_next_turn_has_all_its_time() -> None:
    got = played("[a, b b, c]", "first token: 1s, between tokens: 500ms", "first token: 800ms, gap: 600ms")
    assert [took_ms(line) for line in got.exchanges] == [800, 1300, 800]
    assert [bool(line.fault) for line in got.exchanges] == [False, True, False]


def test_a_conversation_that_runs_out_of_time_in_a_pause_ends_there() -> None:
    got = played("[a, {delay: 60s}, b]", "conversation: 10s", "first token: 1s")
    (told,) = got.told
    assert (told.outcome, told.reason) == ("failed", "the conversation took longer than its timeout")
    assert told.done_ns - told.start_ns == 10_000 * MS
    assert got.tally.view().errors == {}


def test_pauses_count_from_the_end_of_the_reply() -> None:
    got = played("[a, {delay: 2s}, b, {delay: 1s..1s}, c]", target="first token: 300ms")
    assert [line.planned_ns / MS for line in got.exchanges] == [0, 2300, 3600]
    assert all(line.planned_ns == line.start_ns == line.sent_ns for line in got.exchanges)


def test_an_injected_exchange_is_watched_by_its_own_stamps() -> None:
    words = " ".join(["w"] * 60)
    got = played(
        f"[{words}]", "connect: 2s, first token: 2s, between tokens: 2s", "first token: 1s, gap: 1s",
        "inject: [{kind: truncate, share: 1, after: 50}]",
    )  # fmt: skip
    (line,) = got.exchanges
    assert line.fault is not None
    assert (line.fault.kind, line.fault.injected, line.events) == ("truncated", True, 50)
    assert took_ms(line) == 51_000


def test_an_injected_exchange_can_run_out_of_time_too() -> None:
    got = played(
        "[a b c]", "between tokens: 2s", "gap: 5s", "inject: [{kind: truncate, share: 1, after: 50}]"
    )  # fmt: skip
    (line,) = got.exchanges
    assert line.fault is not None
    assert (line.fault.kind, line.fault.injected) == ("timeout", True)
    assert took_ms(line) == 2000
    assert got.tally.view().errors == {}


def test_an_injected_delay_is_not_part_of_the_latency() -> None:
    got = played("[a, b]", "first token: 3s", "first token: 1s", "inject: [{kind: delay, share: 1, by: 2s}]")
    for line in got.exchanges:
        assert line.fault is None
        assert (line.sent_ns - line.start_ns, line.last_ns - line.sent_ns) == (2000 * MS, 1000 * MS)

"""Properties of the tally over arbitrary lines, then what each kind of line counts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.metrics.cell import NUMBERS, Cell
from krawall.metrics.tally import Tally
from krawall.model.exchange import Check, Checked, Dropped, Exchange, Fault, FaultKind, Line, Told, Usage

MS = 1_000_000
PHASES = st.sampled_from(["warm-up", "measure", "cool-down"])
STEPS = st.sampled_from(["steps.0", "steps.2", "steps.2.loop.0", "steps.20"])
TIMES = st.integers(0, 10**12)
TOKENS = st.integers(0, 10**6)
CHECKS = st.lists(st.builds(Check, st.sampled_from(["contains", "regex"]), st.booleans()), max_size=3)
FAULTS = st.none() | st.builds(Fault, st.sampled_from(FaultKind), st.just(""), injected=st.booleans())
USAGES = st.none() | st.builds(
    Usage, TOKENS, TOKENS, cached=TOKENS, reasoning=TOKENS, estimated=st.booleans(), cost_pico=st.integers(0, 10**12)
)
EXCHANGES = st.builds(
    Exchange,
    *(st.integers(0, 9), st.integers(0, 9), st.integers(1, 50), st.integers(1, 3), PHASES, STEPS),
    *(TIMES, TIMES, TIMES, TIMES, TIMES, TIMES, TIMES, TIMES, TIMES),
    connect_ns=st.integers(0, 10**9),
    events=st.integers(0, 100),
    gaps_us=st.lists(st.integers(0, 5 * 10**6), max_size=5),
    usage=USAGES,
    status=st.none() | st.sampled_from([200, 401, 429, 503]),
    fault=FAULTS,
    final=st.booleans(),
    injected=st.none() | st.sampled_from(["delay", "drop"]),
    checks=CHECKS,
    repetition=st.just(-1.0) | st.floats(0, 1),
)
TOLDS = st.builds(
    Told,
    *(st.integers(0, 9), st.integers(0, 9), PHASES, TIMES, TIMES, TIMES),
    st.sampled_from(["completed", "ended", "failed", "capped", "abandoned"]),
    turns=st.integers(0, 40),
    cost_pico=st.integers(0, 10**12),
    checks_bad=st.integers(0, 2),
    slow=st.booleans(),
)
LINES = st.lists(
    st.one_of(
        EXCHANGES,
        TOLDS,
        st.builds(Dropped, st.integers(0, 9), PHASES, TIMES),
        st.builds(Checked, st.integers(0, 9), st.integers(1, 50), PHASES, STEPS, CHECKS),
    ),
    max_size=12,
)


def tally_of(lines: list[Line]) -> Tally:
    made = Tally()
    for line in lines:
        made.add(line)
    return made


def merged(*tallies: Tally) -> Tally:
    made = Tally()
    for tally in tallies:
        made.merge(tally)
    return made


@given(LINES, LINES, LINES)
@settings(max_examples=25)
def test_merging_is_associative_and_commutative_and_equals_adding(a: list[Line], b: list[Line], c: list[Line]) -> None:
    first, second, third = tally_of(a), tally_of(b), tally_of(c)
    whole = tally_of(a + b + c)
    assert merged(merged(first, second), third) == whole
    assert merged(first, merged(third, second)) == whole
    assert merged(third, second, first) == whole


@given(LINES, LINES)
@settings(max_examples=25)
def test_what_was_added_can_be_subtracted(a: list[Line], b: list[Line]) -> None:
    rest = merged(tally_of(a), tally_of(b)).minus(tally_of(b))
    alone = tally_of(a)
    for key in rest.cells.keys() | alone.cells.keys():
        left, right = rest.cells.get(key, Cell()), alone.cells.get(key, Cell())
        assert left.numbers() == right.numbers()
        assert left.checks == right.checks
        assert (left.errors, left.failed, left.statuses, left.injected) == (
            right.errors,
            right.failed,
            right.statuses,
            right.injected,
        )
        assert left.outcomes == right.outcomes
        for name in left.histograms.keys() | right.histograms.keys():
            ours, theirs = left.histograms[name], right.histograms[name]
            assert (ours.buckets, ours.count, ours.total) == (theirs.buckets, theirs.count, theirs.total)


@given(LINES)
@settings(max_examples=25)
def test_a_tally_survives_its_codec_and_a_log_line_its_json(lines: list[Line]) -> None:
    made = tally_of(lines)
    assert Tally.decode(made.encode()) == made
    again = [msgspec.json.decode(msgspec.json.encode(line), type=Line) for line in lines]
    assert tally_of(again) == made, "recount reads the same numbers from the log"


@given(LINES)
@settings(max_examples=25)
def test_views_of_the_phases_add_up_to_the_whole(lines: list[Line]) -> None:
    made = tally_of(lines)
    whole = made.view()
    parts = Cell()
    for phase in ("warm-up", "measure", "cool-down"):
        parts.merge(made.view(phase))
    assert parts == whole
    attempts = sum(isinstance(line, Exchange) for line in lines)
    assert whole.attempts == attempts == sum(cell.attempts for cell in made.select(step="steps"))
    assert whole.turns >= whole.ok + sum(whole.failed.values())
    assert made.histogram("latency") == whole.histograms["latency"]


def test_no_bytes_are_an_empty_tally_and_others_are_refused() -> None:
    assert Tally.decode(b"") == Tally()
    with pytest.raises(msgspec.DecodeError):
        Tally.decode(b"\x93abc")


def exchange(**changes: Any) -> Exchange:
    """Return a streamed reply: planned at 1 s, sent after 5 ms of which 3 ms connecting, 4 tokens 10 ms apart."""
    plain: dict[str, Any] = {
        "conversation": 1,
        "user": 1,
        "turn": 1,
        "attempt": 1,
        "phase": "measure",
        "step": "steps.0",
        "planned_ns": 1000 * MS,
        "start_ns": 1000 * MS,
        "sent_ns": 1005 * MS,
        "connect_ns": 3 * MS,
        "byte_ns": 1105 * MS,
        "event_ns": 1106 * MS,
        "token_ns": 1110 * MS,
        "seen_ns": 1120 * MS,
        "last_ns": 1140 * MS,
        "done_ns": 1150 * MS,
        "events": 4,
        "gaps_us": [10_000, 10_000, 10_000],
        "usage": Usage(tokens_in=50, tokens_out=8, cached=10, reasoning=2, cost_pico=7_000_000),
        "status": 200,
    }
    return Exchange(**(plain | changes))


def only(*lines: Line) -> Cell:
    return tally_of(list(lines)).view()


def sums(cell: Cell) -> dict[str, int]:
    return {name: histogram.total for name, histogram in cell.histograms.items()}


def test_a_reply_is_measured_from_the_send_and_from_the_intended_send() -> None:
    cell = only(exchange())
    assert sums(cell) == {
        "send_lag": 2_000,
        "connect": 3_000,
        "first_byte": 100_000,
        "first_event": 101_000,
        "ttft": 115_000,
        "ttft_any": 105_000,
        "latency": 135_000,
        "latency_intended": 140_000,
        "itl": 30_000,
        "itl_max": 10_000,
        "tpot": 5 * MS,  # 30 ms for the 6 tokens after the first event, which brought 2 of the 8
        "tokens.input": 50,
        "tokens.output": 8,
        "cost": 7_000,
        "amplification": 160_000,
    }
    assert (cell.attempts, cell.turns, cell.ok, cell.events) == (1, 1, 1, 4)
    assert (cell.tokens_in, cell.tokens_out, cell.cached, cell.reasoning, cell.estimated) == (50, 8, 10, 2, 0)
    assert (cell.cost_pico, cell.statuses, cell.errors) == (7_000_000, {200: 1}, {})
    assert (cell.first_ns, cell.last_ns) == (1000 * MS, 1150 * MS)


def test_a_reply_without_tokens_ends_when_the_exchange_does() -> None:
    whole = exchange(event_ns=0, token_ns=0, seen_ns=0, last_ns=0, events=0, gaps_us=[], usage=None)
    assert sums(only(whole)).keys() == {"send_lag", "connect", "first_byte", "latency", "latency_intended"}
    assert sums(only(whole))["latency"] == 145_000


def test_tpot_with_one_token_an_event_is_the_span_over_tokens_minus_one() -> None:
    assert sums(only(exchange(usage=Usage(1, 4))))["tpot"] == 10 * MS
    assert "tpot" not in sums(only(exchange(usage=Usage(1, 1), events=1, gaps_us=[])))
    assert "tpot" not in sums(only(exchange(usage=None)))


def test_send_lag_is_never_negative() -> None:
    assert sums(only(exchange(sent_ns=999 * MS)))["send_lag"] == 0


def test_a_failed_attempt_counts_its_kind_and_no_time_but_the_sending() -> None:
    failed = exchange(fault=Fault(FaultKind.timeout, "slow"), status=None)
    cell = only(failed)
    assert sums(cell).keys() == {"send_lag", "connect", "tokens.input", "tokens.output", "cost"}
    assert (cell.turns, cell.ok, cell.errors, cell.failed, cell.stalls) == (1, 0, {"timeout": 1}, {"timeout": 1}, 0)


def test_an_attempt_that_was_never_sent_has_no_times() -> None:
    assert sums(only(exchange(fault=Fault(FaultKind.connect, "refused"), sent_ns=0, usage=None))) == {}


def test_a_retried_turn_is_one_turn_whose_error_stays_visible() -> None:
    first = exchange(fault=Fault(FaultKind.rate_limited, "", 429), status=429, final=False)
    cell = only(first, exchange(attempt=2))
    assert (cell.attempts, cell.turns, cell.ok) == (2, 1, 1)
    assert (cell.errors, cell.failed, cell.statuses) == ({"rate_limited": 1}, {}, {429: 1, 200: 1})


def test_injected_faults_are_never_the_targets() -> None:
    marked = exchange(fault=Fault(FaultKind.server, "made up", 503, injected=True), injected="status", status=503)
    cell = only(marked)
    assert (cell.errors, cell.failed, cell.statuses, cell.injected) == ({}, {}, {}, {"status": 1})
    assert (cell.attempts, cell.turns, cell.ok, cell.cost_pico) == (1, 1, 0, 7_000_000)
    assert not cell.histograms


def test_an_injected_delay_leaves_the_reply_counted_but_not_timed() -> None:
    cell = only(exchange(injected="delay", repetition=0.5))
    assert (cell.ok, cell.injected, cell.statuses) == (1, {"delay": 1}, {200: 1})
    assert not cell.histograms


def test_a_fault_of_the_target_on_an_injected_attempt_counts_as_both() -> None:
    cell = only(exchange(injected="slow", fault=Fault(FaultKind.truncated, "")))
    assert (cell.errors, cell.injected) == ({"truncated": 1}, {"slow": 1})
    assert only(exchange(fault=Fault(FaultKind.server, "", injected=True))).injected == {"server": 1}


@pytest.mark.parametrize(
    ("gaps_ms", "stalls"),
    [
        ([10, 10, 1001], 1),
        ([10, 10, 1000], 0),
        ([200, 200, 1500], 0),  # 8 x 200 ms is above 1.5 s
        ([200, 200, 1601, 1700], 0),  # the median of four is the mean of the middle two: 900.5 ms
        ([100, 200, 1601, 2000, 100, 100, 200], 2),
        ([3000], 0),
    ],
)
def test_a_stall_is_a_gap_above_a_second_and_above_eight_medians(gaps_ms: list[int], stalls: int) -> None:
    assert only(exchange(gaps_us=[gap * 1000 for gap in gaps_ms])).stalls == stalls


def test_turns_after_the_32nd_share_a_label() -> None:
    made = tally_of([exchange(turn=turn) for turn in (1, 32, 33, 90)])
    assert sorted(key[2] for key in made.cells) == [1, 32, 33]
    assert made.view(turn=33).attempts == 2


def test_a_step_matches_itself_and_what_is_nested_in_it() -> None:
    made = tally_of([exchange(step=step) for step in ("steps.2", "steps.2.loop.0", "steps.20")])
    assert made.view(step="steps.2").attempts == 2
    assert made.view(phase="warm-up").attempts == 0


def test_estimated_tokens_and_repetition_and_checks_are_counted() -> None:
    cell = only(
        exchange(usage=Usage(3, 4, estimated=True), repetition=0.25, checks=[Check("contains", True)]),
        Checked(1, 1, "measure", "steps.1", [Check("contains", False), Check("regex", True)]),
    )
    assert (cell.estimated, cell.histograms["repetition"].total) == (7, 250_000)
    assert cell.checks == {"contains": [1, 1], "regex": [1, 0]}
    assert cell.turns == 1


def told(outcome: str = "completed", **changes: Any) -> Told:
    return Told(
        **{
            "conversation": 1,
            "user": 1,
            "phase": "measure",
            "planned_ns": 5 * MS,
            "start_ns": 10 * MS,
            "done_ns": 2010 * MS,
            "outcome": outcome,
            "turns": 3,
            "tokens_in": 100,
            "tokens_out": 20,
            "cost_pico": 9_000_000,
        }
        | changes
    )


def test_a_conversation_counts_its_outcome_length_and_cost() -> None:
    cell = only(told())
    assert (cell.outcomes, cell.good, cell.own_ends) == ({"completed": 1}, 1, 1)
    assert sums(cell) == {
        "conversation_time": 2_000_000,
        "turns": 3,
        "cost_per_conversation": 9_000,
        "tokens_per_conversation": 120,
    }
    assert (cell.first_ns, cell.last_ns) == (5 * MS, 2010 * MS)


def test_good_conversations_completed_with_every_check_held_and_in_time() -> None:
    lines = [told(), told("ended"), told("failed"), told(checks_bad=1), told(slow=True)]
    assert only(*lines).good == 1


def test_conversations_cut_short_are_in_no_distribution_and_failures_have_no_time() -> None:
    assert sums(only(told("capped"), told("abandoned"))) == {}
    assert only(told("capped"), told("abandoned")).own_ends == 0
    assert "conversation_time" not in sums(only(told("failed")))
    assert sums(only(told("failed")))["cost_per_conversation"] == 9_000


def test_dropped_arrivals_are_counted() -> None:
    cell = only(Dropped(7, "measure", 3 * MS))
    assert (cell.dropped, cell.first_ns, cell.attempts) == (1, 3 * MS, 0)


def test_what_is_not_a_part_cannot_be_subtracted_from_a_tally() -> None:
    with pytest.raises(ValueError, match="not a part"):
        Tally().minus(tally_of([exchange()]))
    with pytest.raises(ValueError, match="not a part"):
        only(told()).minus(only(told(), Dropped(1, "measure", 0)))


def test_a_difference_spans_from_the_earlier_end() -> None:
    before = tally_of([exchange()])
    after = merged(before, tally_of([exchange(done_ns=1500 * MS)]))
    difference = after.minus(before).view()
    assert (difference.first_ns, difference.last_ns) == (1150 * MS, 1500 * MS)
    assert after.minus(after) == Tally()


def test_a_copy_of_a_tally_is_independent() -> None:
    made = tally_of([exchange()])
    twin = made.copy()
    twin.add(exchange())
    assert made == tally_of([exchange()])


def test_every_number_of_a_cell_is_a_slot_that_starts_at_zero() -> None:
    assert Cell().numbers() == [0] * len(NUMBERS)
    assert Cell().empty

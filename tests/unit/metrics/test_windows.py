"""Windows: the worst completed one counts, windows begin within the phase, and the states kept are bounded."""

from __future__ import annotations

from krawall.metrics.tally import Tally
from krawall.metrics.thresholds import abort_now, parse
from krawall.metrics.windows import Windows
from krawall.model.exchange import Exchange

S = 1_000_000_000
MS = 1_000_000


def play(windows: Windows, latencies_ms: list[int], begin_s: int = 0) -> Tally:
    """Add one reply a second, with these latencies, ticking after each; return the last state."""
    state = Tally()
    for second, latency in enumerate(latencies_ms, begin_s):
        state = state.copy()
        sent = second * S + 1
        state.add(Exchange(second, 1, 1, 1, "measure", "steps.0", sent, sent, sent, sent + latency * MS))
        windows.tick(state, (second + 1) * S)
    return state


def test_the_worst_completed_window_is_kept() -> None:
    rule = parse("avg(latency) < 500ms, over 3s")
    windows = Windows([rule])
    play(windows, [100, 100, 100, 400, 400, 400, 100, 100])
    assert windows.worst[rule.text].value == 400
    assert windows.worst[rule.text].outcome == "pass"


def test_a_failed_window_is_not_forgotten() -> None:
    rule = parse("avg(latency) < 300ms, over 2s")
    windows = Windows([rule])
    play(windows, [100, 400, 400, 100, 100, 100, 100])
    assert (windows.worst[rule.text].outcome, windows.worst[rule.text].value) == ("fail", 400)


def test_there_is_no_window_before_one_has_passed() -> None:
    rule = parse("avg(latency) < 300ms, over 5s, abort")
    windows = Windows([rule])
    state = play(windows, [900] * 4)
    assert windows.worst == {}
    assert windows.latest(rule) is None
    assert abort_now(rule, state, windows.latest(rule), 4 * S) is None


def test_the_latest_window_serves_the_abort() -> None:
    rule = parse("avg(latency) < 300ms, over 2s, abort")
    windows = Windows([rule])
    state = play(windows, [100, 100, 100, 900, 900])
    latest = windows.latest(rule)
    assert latest is not None
    assert latest.view().attempts == 2
    assert abort_now(rule, state, latest, 5 * S) is not None


def test_windows_begin_within_the_phase() -> None:
    rule = parse("value(turns_per_s) > 0.5, over 3s")
    windows = Windows([rule], begin_ns=10 * S, end_ns=14 * S)
    play(windows, [100] * 4, begin_s=10)
    assert windows.worst[rule.text].value == 1


def test_a_pace_is_not_judged_after_the_phase_but_slow_replies_are() -> None:
    pace, slow = parse("value(turns_per_s) > 0.5, over 2s"), parse("max(latency) < 1s, over 2s")
    windows = Windows([pace, slow], end_ns=4 * S)
    state = play(windows, [100] * 4).copy()
    state.add(Exchange(9, 1, 1, 1, "measure", "steps.0", 4 * S, 4 * S, 4 * S, 6 * S))
    windows.tick(state, 6 * S)
    assert (windows.worst[pace.text].outcome, windows.worst[pace.text].value) == ("pass", 1)
    assert (windows.worst[slow.text].outcome, windows.worst[slow.text].value) == ("fail", 2000)


def test_a_tick_that_is_late_or_repeated_changes_nothing() -> None:
    rule = parse("avg(latency) < 500ms, over 2s")
    windows = Windows([rule])
    state = play(windows, [100, 400, 100])
    known = windows.worst[rule.text]
    windows.tick(state, 3 * S)
    windows.tick(Tally(), 1 * S)
    assert windows.worst[rule.text] == known


def test_only_states_that_a_window_needs_are_kept() -> None:
    windows = Windows([parse("max(latency) < 1s, over 3s"), parse("max(latency) < 1s, over 2s")])
    play(windows, [100] * 30)
    assert len(windows._states) <= 5
    assert Windows([parse("max(latency) < 1s")]).worst == {}


def test_after_a_hole_the_first_window_covers_it_and_the_worst_is_still_known() -> None:
    rule = parse("max(latency) < 1s, over 2s")
    before = Windows([rule])
    state = play(before, [100, 400, 100, 100])
    after = Windows([rule])
    after.go_on(before.worst, state, 4 * S)
    assert after.worst == before.worst
    state = state.copy()
    state.add(Exchange(9, 1, 1, 1, "measure", "steps.0", 7 * S, 7 * S, 7 * S, 7 * S + 900 * MS))
    after.tick(state, 15 * S)
    assert after.worst[rule.text].value == 900
    assert after.latest(rule) is not None
    assert after.latest(rule).view().attempts == 1


def test_a_hole_before_the_phase_changes_nothing() -> None:
    rule = parse("max(latency) < 1s, over 2s")
    windows = Windows([rule], begin_ns=10 * S)
    windows.go_on({}, Tally(), 4 * S)
    play(windows, [100] * 4, begin_s=10)
    assert windows.worst[rule.text].value == 100

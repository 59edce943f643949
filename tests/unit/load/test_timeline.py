"""The timeline against a walk through time, a nanosecond at a step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from krawall.load.timeline import Pause, Timeline

toggles = st.lists(st.integers(1, 6), max_size=9)  # how long each stretch lasts: running, paused, running, ...


def timeline_of(lengths: list[int]) -> tuple[Timeline, list[int]]:
    """Return a timeline, and its time at each moment, counted by hand."""
    timeline, now, moved, walked = Timeline(), 0, 0, [0]
    for index, length in enumerate(lengths):
        for _ in range(length):
            now += 1
            moved += index % 2 == 0
            walked.append(moved)
        if index % 2 == 0:
            timeline.pause(now)
        else:
            timeline.resume(now)
    return timeline, walked


@given(toggles)
def test_the_timeline_moves_only_between_pauses(lengths: list[int]) -> None:
    timeline, walked = timeline_of(lengths)
    assert [timeline.at(now) for now in range(len(walked))] == walked


@given(toggles)
def test_pacing_is_real_time_less_the_shift_once_a_pause_is_over(lengths: list[int]) -> None:
    timeline, walked = timeline_of(lengths)
    end = len(walked) - 1
    if not timeline.paused:
        assert timeline.at(end) == end - timeline.shift_ns
        assert timeline.at(end + 7) == timeline.at(end) + 7
    else:
        assert timeline.at(end + 7) == timeline.at(end)


@given(toggles, st.integers(0, 20), st.integers(0, 20))
def test_stretches_of_standing_still_add_up(lengths: list[int], a: int, b: int) -> None:
    timeline, _ = timeline_of(lengths)
    low, high = sorted((a, b))
    assert timeline.still(0, low) + timeline.still(low, high) == timeline.still(0, high)


@given(toggles)
def test_what_was_kept_goes_on_the_same(lengths: list[int]) -> None:
    timeline, _ = timeline_of(lengths)
    again = Timeline(timeline.pauses)
    assert (again.paused, again.shift_ns, again.at(99)) == (timeline.paused, timeline.shift_ns, timeline.at(99))


def test_a_pause_before_the_start_counts_from_the_start_and_one_of_no_length_is_forgotten() -> None:
    timeline = Timeline()
    timeline.pause(-5)
    timeline.pause(3)
    assert timeline.pauses == [Pause(0)]
    assert timeline.at(-5) == -5
    timeline.resume(0)
    assert timeline.pauses == []
    timeline.resume(9)
    assert timeline.at(9) == 9

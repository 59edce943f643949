"""What happens to requests, and when their tokens are due."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.mockbot.behaviour import Behaviour, Freeze, Limit, rules
from krawall.mockbot.fate import Fate, Fates

SECOND = 1_000_000_000


def fates_of(behaviour: Behaviour, arrivals: list[int]) -> list[Fate]:
    """Decide on requests that arrive at these times."""
    fates, compiled = Fates(behaviour, 0), rules(behaviour)
    return [fates.decide(compiled, at) for at in arrivals]


@given(st.integers(), st.lists(st.integers(0, SECOND), max_size=30).map(sorted))
def test_the_same_seed_and_arrivals_meet_the_same_fates(seed: int, arrivals: list[int]) -> None:
    behaviour = Behaviour(persona="flaky", seed=seed, servers=2, stations=3, service="exp(20ms)")
    assert fates_of(behaviour, arrivals) == fates_of(behaviour, arrivals)


def test_faults_come_as_often_as_they_were_asked_for() -> None:
    behaviour = Behaviour(errors={"500": 0.1, "503": 0.2}, disconnect=0.25, truncate=0.25, seed=4)
    fates = fates_of(behaviour, [0] * 20_000)
    served = [fate for fate in fates if fate.status == 200]
    shares = [sum(fate.status == status for fate in fates) / len(fates) for status in (500, 503)]
    cuts = [sum(fate.cut == cut for fate in served) / len(served) for cut in ("disconnect", "truncate")]
    assert shares == pytest.approx([0.1, 0.2], abs=0.01)
    assert cuts == pytest.approx([0.25, 0.25], abs=0.015)


def test_kinds_come_as_often_as_they_were_asked_for_and_disturb_no_faults() -> None:
    faults: dict[str, Any] = {"disconnect": 0.2, "stream_error": 0.3, "seed": 4}
    fates = fates_of(Behaviour(tools=0.2, refusal=0.1, **faults), [0] * 20_000)
    shares = [sum(fate.kind == kind for fate in fates) / len(fates) for kind in ("tool", "refusal")]
    assert shares == pytest.approx([0.2, 0.1], abs=0.015)
    plain = fates_of(Behaviour(**faults), [0] * 20_000)
    assert [(fate.cut, fate.cut_at) for fate in fates] == [(fate.cut, fate.cut_at) for fate in plain]
    assert sum(fate.cut == "error" for fate in plain) / len(plain) == pytest.approx(0.3, abs=0.015)


def test_a_probability_of_one_is_certain() -> None:
    assert {fate.status for fate in fates_of(Behaviour(errors={"418": 1.0}), [0] * 500)} == {418}
    assert {fate.cut for fate in fates_of(Behaviour(disconnect=1, truncate=1), [0] * 500)} == {"disconnect"}


def test_what_is_over_the_limit_is_429_and_occupies_no_server() -> None:
    behaviour = Behaviour(limit=Limit(rate=1, burst=2, retry_after_s=3.5), servers=1, service="10ms")
    fates = fates_of(behaviour, [0, 0, 0, SECOND])
    assert [(fate.status, fate.retry_after_s) for fate in fates] == [(200, None), (200, None), (429, 3.5), (200, None)]
    assert [fate.base_ns for fate in fates] == [10_000_000, 20_000_000, 0, SECOND + 10_000_000]


def test_stations_have_queues_of_their_own_and_share_the_arrivals() -> None:
    behaviour = Behaviour(stations=2, servers=1, service="1ms")
    last = max(fate.base_ns for fate in fates_of(behaviour, [0] * 1000))
    assert 500 <= last / 1_000_000 < 600


@given(st.integers(1, 200), st.sampled_from(["0", "3ms", "1ms..5ms", "exp(2ms)"]), st.integers())
def test_tokens_are_due_at_absolute_times_in_order(tokens: int, gap: str, seed: int) -> None:
    behaviour = Behaviour(first_token="20ms", gap=gap, seed=seed)
    dues = list(Fates(behaviour, 0).token_dues(rules(behaviour), Fate(7 * SECOND), tokens))
    assert len(dues) == tokens
    assert dues[0] == 7 * SECOND + 20_000_000
    assert all(earlier <= later for earlier, later in pairwise(dues))
    if gap == "3ms":
        assert dues == [dues[0] + index * 3_000_000 for index in range(tokens)]


def test_errors_take_the_latency_and_refusals_none() -> None:
    behaviour = Behaviour(latency="30ms")
    fates = Fates(behaviour, 0)
    assert fates.reply_due(rules(behaviour), Fate(5, status=500)) == 30_000_005
    assert fates.reply_due(rules(behaviour), Fate(5, status=429, retry_after_s=1)) == 5


def test_a_freeze_lasts_from_its_start_to_its_end_on_the_clock_of_the_reset() -> None:
    fates = Fates(Behaviour(freeze=Freeze(at_s=2, for_s=0.5)), 100 * SECOND)
    at, end = 102 * SECOND, 102 * SECOND + SECOND // 2
    assert [fates.thaw(now) for now in (at - 1, at, end - 1, end)] == [at - 1, end, end, end]
    assert Fates(Behaviour(), 0).thaw(5) == 5

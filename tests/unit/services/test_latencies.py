"""Times of many sessions: merged from their histograms, the same as if all had been one session."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from krawall.metrics.summary import numbers
from krawall.metrics.tally import Tally
from krawall.services.latencies import Latencies, Times, kept, merged
from krawall.testing.logs import S, an_exchange

ms = st.integers(1, 60_000)


def _tally(times: list[int], phase: str = "measure") -> Tally:
    tally = Tally()
    for turn, each in enumerate(times, 1):
        exchange = an_exchange(0, turn)
        at = {"done_ns": exchange.sent_ns + each * S // 1000, "last_ns": exchange.sent_ns + each * S // 1000}
        tally.add(replace(exchange, phase=phase, **at))
    return tally


@given(st.lists(st.lists(ms, max_size=30), max_size=6))
def test_merged_is_the_same_as_one_session_that_had_all(sessions: list[list[int]]) -> None:
    found = merged([kept(_tally(times)) for times in sessions])
    whole = _tally([each for times in sessions for each in times]).histogram("latency", "measure")
    assert found.sessions == len(sessions)
    assert found.latency == (numbers(whole, "latency") if whole.count else None)


def test_only_what_is_measured_counts() -> None:
    assert merged([kept(_tally([5, 6], phase="warm-up"))]) == Times(1)


class _Store:
    def __init__(self, ids: list[str]) -> None:
        self.ids = ids
        self.asked = 0

    async def ended(self, since_ns: int, until_ns: int, tx: object = None) -> list[str]:
        return self.ids

    async def latencies(self, since_ns: int, until_ns: int, tx: object = None) -> list[bytes]:
        self.asked += 1
        return [kept(_tally([7])) for _ in self.ids]


async def test_the_same_sessions_are_merged_once() -> None:
    store = _Store(["a"])
    over = Latencies(store)
    first = await over.over(0, 10)
    assert (await over.over(1, 11)) == first
    store.ids = ["a", "b"]
    assert (await over.over(1, 11)).sessions == 2
    store.ids = []
    assert await over.over(5, 15) == Times()
    assert store.asked == 2

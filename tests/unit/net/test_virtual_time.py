"""The event loop in virtual time, which every timing test stands on."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.testing.virtual import START_NS, clock, run_virtual

MS = 1_000_000


@given(st.lists(st.integers(min_value=1, max_value=10**7), min_size=1, max_size=8))
def test_sleepers_wake_in_order_each_at_exactly_its_nanosecond(waits_ms: list[int]) -> None:
    woke: list[tuple[int, int]] = []

    async def sleeper(wait_ms: int) -> None:
        await asyncio.sleep(wait_ms / 1000)
        woke.append((wait_ms, clock() - START_NS))

    async def main() -> None:
        await asyncio.gather(*map(sleeper, waits_ms))

    run_virtual(main())
    assert woke == [(wait, wait * MS) for wait in sorted(waits_ms)]


def test_a_year_takes_no_time_and_the_result_comes_back() -> None:
    async def main() -> int:
        await asyncio.sleep(365 * 86_400)
        return clock() - START_NS

    assert run_virtual(main()) == 365 * 86_400 * 1000 * MS


def test_work_without_waiting_takes_no_virtual_time() -> None:
    async def main() -> int:
        for _ in range(1000):
            await asyncio.sleep(0)
        return clock()

    assert run_virtual(main()) == START_NS


def test_a_timeout_is_due_at_its_moment() -> None:
    async def main() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await asyncio.sleep(2)
        return clock() - START_NS

    assert run_virtual(main()) == 1500 * MS


def test_waiting_for_what_never_comes_is_an_error_and_not_a_hang() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing is scheduled"):
        run_virtual(main())

"""When a connection is tried again: spaced as configured, the same for the same seed, and never after the user has left."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.engine.mark import Stamps
from krawall.model.exchange import FaultKind, TargetFault
from krawall.net.redial import Reconnect, pauses, persist
from krawall.testing.virtual import clock, run_virtual

MS = 1_000_000


@given(
    wait=st.integers(1, 5_000),
    factor=st.floats(1, 10),
    cap=st.integers(1, 60_000),
    jitter=st.floats(0, 1),
    tries=st.integers(0, 12),
    seed=st.integers(),
)
def test_pauses_grow_to_the_cap_and_are_drawn_below_it(
    wait: int, factor: float, cap: int, jitter: float, tries: int, seed: int
) -> None:
    fields = {"wait": f"{wait}ms", "factor": factor, "cap": f"{cap}ms", "jitter": jitter, "max": tries}
    policy = Reconnect.model_validate(fields)
    found = list(pauses(policy, Random(seed)))
    assert len(found) == tries
    assert found == list(pauses(policy, Random(seed)))
    for at, pause in enumerate(found):
        whole = min(wait * MS * factor**at, cap * MS)
        assert whole * (1 - jitter) - 2 <= pause <= whole + 2 + whole * 1e-9


def refused(kind: FaultKind = FaultKind.connect) -> TargetFault:
    return TargetFault(kind, "nobody there")


async def tries(policy: Reconnect | None, kind: FaultKind = FaultKind.connect, succeed_at: int = 99) -> list[int]:
    """Return the pauses between the tries that there were, ms of virtual time."""
    at: list[int] = []

    async def attempt() -> None:
        at.append(clock())
        if len(at) < succeed_at:
            raise refused(kind)

    with suppress(TargetFault):
        await persist(attempt, policy, Random(1), Stamps(clock), asyncio.Event())
    return [round((after - before) / MS) for before, after in itertools.pairwise(at)]


def test_tries_are_spaced_as_configured() -> None:
    policy = Reconnect.model_validate({"wait": "100ms", "factor": 3, "cap": "1s", "jitter": 0, "max": 4})
    assert run_virtual(tries(policy)) == [100, 300, 900, 1000]
    assert run_virtual(tries(policy, FaultKind.server)) == [100, 300, 900, 1000]
    assert run_virtual(tries(policy, succeed_at=3)) == [100, 300]


@pytest.mark.parametrize("kind", [FaultKind.rejected, FaultKind.protocol, FaultKind.tls, FaultKind.rate_limited])
def test_what_does_not_mend_itself_is_tried_once(kind: FaultKind) -> None:
    assert run_virtual(tries(Reconnect(), kind)) == []


def test_without_a_policy_there_is_one_try() -> None:
    assert run_virtual(tries(None)) == []


def test_nothing_is_tried_after_the_user_has_left() -> None:
    async def scene() -> tuple[int, int, TargetFault]:
        gone, count = asyncio.Event(), 0
        mark = Stamps(clock)

        async def attempt() -> None:
            nonlocal count
            count += 1
            raise refused()

        began = clock()
        asyncio.get_running_loop().call_later(0.25, gone.set)
        with pytest.raises(TargetFault) as caught:
            await persist(attempt, Reconnect.model_validate({"wait": "1s", "jitter": 0}), Random(1), mark, gone)
        return count, (clock() - began) // MS, caught.value

    count, waited_ms, fault = run_virtual(scene())
    assert count == 1
    assert waited_ms <= 251
    assert fault.fault.kind is FaultKind.cancelled

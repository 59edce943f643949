"""Who fails again and again waits longer and longer, and no table grows without bound."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.model.base import NS_PER_S
from krawall.services.throttle import Throttle, Turns, delay_s, network


@given(st.integers(0, 5000), st.integers(0, 20), st.floats(0.1, 10), st.floats(10, 10_000))
def test_delays_grow_to_a_limit(failures: int, free: int, first_s: float, most_s: float) -> None:
    delay, following = (delay_s(n, free=free, first_s=first_s, most_s=most_s) for n in (failures, failures + 1))
    assert 0 <= delay <= following <= most_s
    assert (delay == 0) == (failures <= free)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 30)), max_size=60), st.integers(1, 4))
def test_the_table_is_bounded_and_waits_end(tries: list[tuple[str, int]], most_keys: int) -> None:
    throttle, now = Throttle(free=1, most_s=60, most_keys=most_keys), 0
    for key, later_s in tries:
        now += later_s * NS_PER_S
        throttle.fail(key, now)
        assert 0 <= throttle.wait_s(key, now) <= 60
        assert throttle.wait_s(key, now + 60 * NS_PER_S) == 0
        assert len(throttle) <= most_keys


def test_the_first_failures_are_free_and_each_further_one_doubles_the_wait() -> None:
    throttle = Throttle(free=2)
    waits = []
    for _ in range(6):
        throttle.fail("a", 0)
        waits.append(throttle.wait_s("a", 0))
    assert waits == [0, 0, 1, 2, 4, 8]
    assert throttle.wait_s("b", 0) == 0
    throttle.succeed("a")
    assert throttle.wait_s("a", 0) == 0


def test_failures_are_forgotten_after_a_while_without_any() -> None:
    throttle = Throttle(free=0, first_s=1, most_s=10, forget_s=10)
    for _ in range(3):
        throttle.fail("a", 0)
    throttle.fail("a", 14 * NS_PER_S)  # 4 s until free, 10 s to forget: the fourth failure counts on
    assert throttle.wait_s("a", 14 * NS_PER_S) == 8
    throttle.fail("a", 60 * NS_PER_S)
    assert throttle.wait_s("a", 60 * NS_PER_S) == 1


def test_or_they_are_not() -> None:
    throttle = Throttle(free=0, first_s=1, most_s=10, forget_s=None)
    throttle.fail("a", 0)
    throttle.fail("a", 10**6 * NS_PER_S)
    assert throttle.wait_s("a", 10**6 * NS_PER_S) == 2


@pytest.mark.parametrize(
    ("ip", "one"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_one_subscriber_is_one_sender(ip: str, one: str) -> None:
    assert network(ip) == one


async def test_one_key_is_in_one_hand_and_no_lock_is_kept() -> None:
    turns, inside, most = Turns(), {"a": 0, "b": 0}, {"a": 0, "b": 0}

    async def work(key: str) -> None:
        async with turns.of(key):
            inside[key] += 1
            most[key] = max(most[key], inside[key])
            await asyncio.sleep(0)
            inside[key] -= 1
            if key == "b":
                raise ValueError

    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(work("a")) for _ in range(5)]
        waiting[-1].cancel()
        failed = await asyncio.gather(*(work("b") for _ in range(3)), return_exceptions=True)
    assert most == {"a": 1, "b": 1}
    assert [type(each) for each in failed] == [ValueError] * 3
    assert len(turns) == 0

"""The parts are the whole, whatever the number of shards and users."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.load.spend import add
from krawall.load.striping import conversations_of_user, shard_count, share, split_spend, users_of
from krawall.model.budget import Spend
from krawall.model.load import Closed, Open, Stage

spends = st.builds(Spend, *[st.integers(0, 10**13)] * 4)


@given(st.integers(0, 10**9), st.integers(1, 50))
def test_shares_add_up_and_differ_by_one_at_most(total: int, count: int) -> None:
    parts = [share(total, index, count) for index in range(count)]
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1


@given(st.integers(0, 300), st.integers(1, 9))
def test_a_share_counts_the_indices_of_its_shard(total: int, count: int) -> None:
    assert [share(total, index, count) for index in range(count)] == [
        len(range(index, total, count)) for index in range(count)
    ]


@given(spends, st.integers(1, 20))
def test_split_spends_add_up(total: Spend, count: int) -> None:
    whole = Spend()
    for index in range(count):
        whole = add(whole, split_spend(total, index, count))
    assert whole == total


@given(st.integers(0, 300), st.integers(1, 40), st.sampled_from([1, 3, 7]))
def test_conversations_are_each_played_once_by_any_users_and_shards(total: int, peak: int, count: int) -> None:
    played = [
        j
        for index in range(count)
        for user in users_of(index, count, peak)
        for j in conversations_of_user(user, peak, total)
    ]
    assert sorted(played) == list(range(total))


def test_without_a_total_a_user_goes_on() -> None:
    assert list(islice(conversations_of_user(2, 5, None), 4)) == [2, 7, 12, 17]
    assert list(conversations_of_user(2, 5, 13)) == [2, 7, 12]


@pytest.mark.parametrize(
    ("load", "processes", "cores", "shards"),
    [
        (Closed(users=1, conversations=5), None, 8, 1),
        (Closed(users=500, duration="1s"), None, 8, 1),
        (Closed(users=501, duration="1s"), None, 8, 2),
        (Closed(users=9000, duration="1s"), None, 8, 8),
        (Closed(users=9000, conversations=3), None, 8, 3),
        (Closed(users=[Stage(over="1s", to=1200)]), None, 8, 3),
        (Closed(users=3, duration="1s"), 16, 1, 3),
        (Closed(users=30, duration="1s"), 4, 1, 4),
        (Closed(users=30, conversations=0), None, 4, 1),
        (Closed(users=30, duration="1s"), 0, 4, 1),
        (Open(rate=2000.0, duration="1s"), None, 8, 1),
        (Open(rate=2001.0, duration="1s"), None, 8, 2),
        (Open.model_validate({"rate": 9000.0, "duration": "1s", "max users": 2}), None, 8, 2),
        (Open.model_validate({"rate": 1.0, "duration": "1s", "max users": 2}), 9, 8, 2),
    ],
)
def test_how_many_shards(load: Closed | Open, processes: int | None, cores: int, shards: int) -> None:
    assert shard_count(load, processes, cores) == shards

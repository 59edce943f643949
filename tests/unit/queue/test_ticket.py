"""Ids of jobs and the pauses between their tries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import Internal
from krawall.ids import new_id
from krawall.queue.ticket import check_id, pause_ms

HOUR_MS = 3_600_000


@given(st.from_regex(r"(ses|dlv|tgt)_[0-9a-z]{22}([:/.-][0-9]{1,4}){0,2}", fullmatch=True))
def test_our_own_ids_and_parts_of_them_may_be_ids_of_jobs(id):
    assert check_id(id) == id


def test_a_new_id_may_be_the_id_of_a_job():
    assert check_id(new_id("ses"))


@pytest.mark.parametrize(
    "id", ["", " ", "a b", "a\n", "1", "123", "0:1", ":a", "-a", "é", "wait", "a:lock", "logs:a", "x" * 201]
)
def test_what_the_queue_could_mistake_may_not(id):
    with pytest.raises(Internal, match="id of a job"):
        check_id(id)


@given(first=st.floats(0, 1e6), failed=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_a_pause_is_at_least_half_of_the_longest_and_never_above_an_hour(first, failed, chance):
    longest = min(first * 2.0 ** min(failed - 1, 64), HOUR_MS)
    assert longest / 2 - 0.5 <= pause_ms(first, failed, chance) <= longest + 0.5


@given(first=st.floats(0, 1e6), failed=st.integers(1, 100), chance=st.floats(0, 1))
def test_pauses_grow(first, failed, chance):
    assert pause_ms(first, failed, chance) <= pause_ms(first, failed + 1, chance)


def test_pauses_double():
    assert [pause_ms(100, failed, 1.0) for failed in (1, 2, 3, 4)] == [100, 200, 400, 800]

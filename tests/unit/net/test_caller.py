"""What is read from a reply's head: how long to wait, and which fault a status is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from hypothesis import given
from hypothesis import strategies as st

from krawall.clock import wall_ns
from krawall.model.base import NS_PER_S
from krawall.net.caller import LONGEST_WAIT_NS, retry_after

NUMBER = st.one_of(
    st.integers().map(lambda number: str(number).encode()),
    st.floats().map(lambda number: str(number).encode()),
    st.binary(max_size=40),
    st.from_regex(rb"[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,9} [0-9]{1,3}:[0-9]{2}:[0-9]{2} (GMT|UTC|-0000|[+-][0-9]{4,9})"),
)  # fmt: skip


@given(NUMBER, st.sampled_from([b"retry-after", b"retry-after-ms"]))
def test_whatever_a_server_writes_is_a_wait_of_up_to_a_year_or_none(value: bytes, name: bytes) -> None:
    wait = retry_after({name: value})
    assert wait is None or 0 <= wait <= LONGEST_WAIT_NS


@given(st.integers(min_value=0, max_value=10**6))
def test_seconds_and_milliseconds_are_taken_at_their_word(number: int) -> None:
    assert retry_after({b"retry-after": b"%d" % number}) == number * NS_PER_S
    assert retry_after({b"retry-after-ms": b"%d" % number}) == number * 1_000_000
    assert retry_after({b"retry-after": b"1", b"retry-after-ms": b"%d" % number}) == number * 1_000_000


@given(st.integers(min_value=-(10**7), max_value=10**7))
def test_a_date_is_counted_from_now_and_never_lies_in_the_past(ahead_s: int) -> None:
    date = datetime.fromtimestamp(wall_ns() // NS_PER_S, UTC) + timedelta(seconds=ahead_s)
    wait = retry_after({b"retry-after": format_datetime(date, usegmt=True).encode()})
    assert wait is not None
    assert max(0, ahead_s - 60) * NS_PER_S <= wait <= max(0, ahead_s) * NS_PER_S

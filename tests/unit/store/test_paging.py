from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import DocumentError
from krawall.store.paging import decode_cursor, encode_cursor, page_of

KEYS = st.one_of(st.text(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(KEYS, max_size=4))
def test_a_cursor_gives_back_what_it_was_made_of(keys):
    cursor = encode_cursor(*keys)
    decoded = decode_cursor(cursor, *(type(key) for key in keys))
    assert decoded == keys
    assert cursor.replace("-", "").replace("_", "").isalnum() or not cursor


@given(st.text())
def test_any_other_text_is_refused_at_its_place(text):
    with pytest.raises(DocumentError) as refused:
        decode_cursor(text, str, int)
    assert [place.path for place in refused.value.places] == ["cursor"]


@pytest.mark.parametrize("keys", [("a",), (1, "a"), ("a", "b"), ("a", 1, 2), ("a", 1.5), ("a", 2**63)])
def test_a_cursor_of_another_list_is_refused(keys):
    with pytest.raises(DocumentError):
        decode_cursor(encode_cursor(*keys), str, int)


def test_a_whole_number_stands_for_a_float():
    assert decode_cursor(encode_cursor(3, "x"), float, str) == [3, "x"]


@given(st.lists(st.integers(0, 50), unique=True), st.integers(1, 7))
def test_following_the_cursors_visits_every_row_once(numbers, limit):
    rows, seen, cursor = sorted(numbers), [], None
    while True:
        after = decode_cursor(cursor, int)[0] if cursor else -1
        found = [row for row in rows if row > after][: limit + 1]
        page = page_of(found, limit, str, lambda row: (row,))
        assert len(page.items) <= limit
        seen += page.items
        if page.next is None:
            break
        cursor = page.next
    assert seen == [str(row) for row in rows]

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from krawall.store.documents import canonical, etag_of

VALUES = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=3))
BODIES = st.dictionaries(
    st.text(max_size=3), VALUES | st.dictionaries(st.text(max_size=3), VALUES, max_size=3), max_size=4
)


@given(st.text(max_size=5), BODIES)
def test_an_etag_depends_on_the_content_and_not_on_the_order_of_keys(name, body):
    turned = dict(reversed(body.items()))
    assert canonical(body) == canonical(turned)
    assert etag_of(1, name, body) == etag_of(1, name, turned)
    assert etag_of(1, name, body) != etag_of(1, name + "x", body)
    assert etag_of(1, name, body) != etag_of(1, name, body | {"one more": 1})
    assert etag_of(2, name, body).startswith('"2-')

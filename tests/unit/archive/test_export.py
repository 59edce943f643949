from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.archive.export import cell


@given(st.text())
def test_no_cell_begins_like_a_formula_and_no_text_is_lost(text: str) -> None:
    shown = cell(text)

    assert isinstance(shown, str)
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert shown in (text, "'" + text)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_what_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert cell(text) == "'" + text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-1.5, -1.5),
        (None, None),
        (True, "true"),
        (False, "false"),
        ([], ""),
        ([{"name": "a"}], '[{"name":"a"}]'),
        ("a=b", "a=b"),
    ],
)
def test_values_are_written_as_they_are(value: object, shown: object) -> None:
    assert cell(value) == shown

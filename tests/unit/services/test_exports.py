"""Rows as files, and iterators that block as streams."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.errors import DocumentError
from krawall.services.exports import begun, check, flat, from_thread, rows_as

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=10,
)


async def each(rows):
    for row in rows:
        yield row


async def whole(chunks):
    return b"".join([chunk async for chunk in chunks])


ROWS = [{"second": 1, "name": "=cmd()"}, {"second": 2, "name": 'b,"c"\n'}]


async def test_rows_come_back_from_every_format():
    assert json.loads(await whole(rows_as("json", each(ROWS), []))) == ROWS
    assert [json.loads(line) for line in (await whole(rows_as("jsonl", each(ROWS), []))).splitlines()] == ROWS
    text = (await whole(rows_as("csv", each(ROWS), ["second", "name", "more"]))).decode()
    assert list(csv.DictReader(io.StringIO(text, newline=""))) == [
        {"second": "1", "name": "'=cmd()", "more": ""},
        {"second": "2", "name": 'b,"c"\n', "more": ""},
    ]


async def test_no_rows_are_a_file_too():
    assert json.loads(await whole(rows_as("json", each([]), []))) == []
    assert await whole(rows_as("jsonl", each([]), [])) == b""
    assert await whole(rows_as("csv", each([]), ["a", "b"])) == b"a,b\r\n"


@settings(max_examples=50)
@given(TREES)
def test_every_leaf_has_one_line(tree):
    def leaves(node):
        if isinstance(node, dict):
            return sum(leaves(inner) for inner in node.values())
        return sum(leaves(inner) for inner in node) if isinstance(node, list) else 1

    assert len(flat(tree)) == leaves(tree)


def test_a_leaf_is_named_by_its_path():
    assert flat({"a": {"b": [1, {"c": None}]}}) == [("a.b.0", 1), ("a.b.1.c", None)]


def test_parquet_is_for_rows_of_the_log():
    check("messages", "parquet")
    check("ticks", "csv")
    for what in ("summary", "ticks"):
        with pytest.raises(DocumentError):
            check(what, "parquet")


async def test_what_fails_at_once_fails_before_the_file_begins():
    def broken():
        raise DocumentError("x", [])
        yield b""

    with pytest.raises(DocumentError):
        await begun(from_thread(broken()))


async def test_an_iterator_is_closed_when_its_reader_leaves():
    closed = []

    def endless():
        try:
            while True:
                yield b"x"
        finally:
            closed.append(True)

    chunks = await begun(from_thread(endless()))
    assert await anext(chunks) == b"x"
    assert await anext(chunks) == b"x"
    await chunks.aclose()
    assert closed == [True]

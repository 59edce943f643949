"""The log comes back as it was written, and a torn tail costs one line at most."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from krawall.model.exchange import Check, Dropped, Exchange, Fault, FaultKind, Line, Told, Usage
from krawall.wire.log import FORMAT, Header, LogReader, encode_lines, read_lines

ns = st.integers(0, 2**53)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
usages = st.none() | st.builds(Usage, tokens_in=ns, tokens_out=ns, estimated=st.booleans())
faults = st.none() | st.builds(Fault, st.sampled_from(FaultKind), texts, st.none() | st.integers(100, 599))
exchanges = st.builds(
    Exchange, ns, ns, ns, ns, texts, texts, ns, ns, ns, ns, gaps_us=st.lists(ns, max_size=4), usage=usages, fault=faults, said=texts, heard=texts,
    checks=st.lists(st.builds(Check, texts, st.booleans()), max_size=2),
)  # fmt: skip
tolds = st.builds(Told, ns, ns, texts, ns, ns, ns, texts, reason=texts)
records = st.lists(exchanges | tolds | st.builds(Dropped, ns, texts, ns), max_size=8)
HEADER = Header(FORMAT, "0.1", "ses_1", 0, 1, 0, "ab12")


@given(records, st.integers(1, 300))
def test_what_is_written_is_read_back_in_chunks_of_any_size(lines: list[Line], size: int) -> None:
    data = encode_lines([HEADER, *lines])
    assert data.count(b"\n") == len(lines) + 1
    for stream in (io.BytesIO(data), [data[at : at + size] for at in range(0, len(data), size)]):
        reader = LogReader(stream)
        assert list(reader) == [HEADER, *lines]
        assert reader.torn == 0


@given(records, st.integers(0, 10_000))
def test_a_torn_tail_costs_one_line_at_most(lines: list[Line], cut: int) -> None:
    data = encode_lines(lines)
    kept = data[: cut % (len(data) + 1)]
    reader = LogReader(io.BytesIO(kept))
    found = list(reader)
    assert found == lines[: len(found)]
    whole = kept.count(b"\n")
    assert whole <= len(found) <= whole + 1  # the last line may lack its line end alone
    assert reader.torn == (0 if kept.endswith(b"\n") or not kept or len(found) > whole else 1)


def test_lines_that_cannot_be_read_are_counted_and_the_rest_goes_on() -> None:
    good = encode_lines([Dropped(1, "measure", 5)])
    bad = [
        b"\0\0\0\n",
        b'{"k":"new","a":1}\n',
        b'{"k":"d"}\n',
        b"\xff\n",
        b"[" * 5000 + b"\n",
        b'{"k":"d","conversation":"x"}\n',
        b"[]\n",
    ]
    reader = LogReader([good, *[piece for line in bad for piece in (line, good)], b"\n \r\n"])
    assert list(reader) == [Dropped(1, "measure", 5)] * 8
    assert reader.torn == 7


def test_unknown_keys_are_ignored_and_the_header_is_plain() -> None:
    line = json.loads(encode_lines([HEADER]))
    assert line == {
        "k": "h",
        "krawall": 1,
        "version": "0.1",
        "session": "ses_1",
        "shard": 0,
        "attempt": 1,
        "segment": 0,
        "plan_hash": "ab12",
    }
    assert list(read_lines([json.dumps({**line, "later": [1]}).encode()])) == [HEADER]


def test_half_a_surrogate_pair_does_not_lose_the_line() -> None:
    told = Told(1, 2, "measure", 0, 0, 0, "ended", reason="a\ud83d\nb")
    assert list(read_lines([encode_lines([HEADER, told])])) == [HEADER, msgspec.structs.replace(told, reason="a?\nb")]


def test_a_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "0-1-0.jsonl"
    path.write_bytes(encode_lines([HEADER, Dropped(1, "x", 2)]))
    with path.open("rb") as stream:
        assert list(read_lines(stream)) == [HEADER, Dropped(1, "x", 2)]

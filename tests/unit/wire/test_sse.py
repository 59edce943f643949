"""The event parser against an independent line-by-line oracle of the WHATWG rules, over any split of the bytes."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.wire.sse import Event, EventParser


def oracle(stream: bytes) -> tuple[list[tuple[bytes, str, str]], int | None, str]:
    """Read the whole stream at once, one line at a time, in the words of the standard."""
    stream = stream.removeprefix(b"\xef\xbb\xbf")
    lines = re.split(rb"\r\n|\n|\r", stream)[:-1]  # what follows the last line end is an incomplete line
    events: list[tuple[bytes, str, str]] = []
    data, kind, identity, last, retry = b"", "", "", "", None
    for line in lines:
        if line == b"":
            last = identity
            if data:
                events.append((data[:-1], kind, last))
            data, kind = b"", ""
            continue
        if line[:1] == b":":
            continue
        name, value = line, b""
        if b":" in line:
            at = line.index(b":")
            name, value = line[:at], line[at + 1 :]
            if value[:1] == b" ":
                value = value[1:]
        if name == b"data":
            data += value + b"\n"
        elif name == b"event":
            kind = value.decode("utf-8", "replace")
        elif name == b"id" and 0 not in value:
            identity = value.decode("utf-8", "replace")
        elif name == b"retry" and value and all(48 <= digit <= 57 for digit in value):
            retry = int(value)
    return events, retry, last


def parse(chunks: list[bytes], limit: int = 4_000_000) -> tuple[list[tuple[bytes, str, str]], int | None, str]:
    parser = EventParser(limit)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return [(event.data, event.event, event.id) for event in events], parser.retry_ms, parser.last_id


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(marks)]


TOKENS = [
    b"data", b"data:", b"data: ", b"event", b"event: ", b"id: ", b"id:", b"retry: ", b"retry:", b":", b" ", b"\n", b"\n", b"\n",
    b"\n\n", b"\r", b"\r\n", b"\0", b"12", b"x", b"\xef\xbb\xbf", b"\xef", b"\xff", b"\xc3\xa9", b"data: a\n\ndata: b\n\n", b": hi\n\n",
]  # fmt: skip
streams = st.lists(st.sampled_from(TOKENS) | st.binary(max_size=3), max_size=40).map(b"".join)


@settings(max_examples=200)
@given(streams, st.lists(st.integers(0, 400), max_size=12))
def test_any_split_of_any_bytes_gives_what_the_standard_says(stream: bytes, places: list[int]) -> None:
    assert parse(cut(stream, places)) == oracle(stream)


@given(streams)
def test_byte_by_byte_equals_the_whole(stream: bytes) -> None:
    assert parse([stream[at : at + 1] for at in range(len(stream))]) == parse([stream])


@given(st.lists(st.binary(max_size=8).map(lambda data: re.sub(rb"[\r\n]", b"", data)), max_size=8), st.data())
def test_whole_events_come_back_and_nothing_is_pending(texts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(b"data: " + text + b"\n\n" for text in texts)
    parser = EventParser()
    places = data.draw(st.lists(st.integers(0, max(1, len(stream))), max_size=5))
    events = [event for chunk in cut(stream, places) for event in parser.feed(chunk)]
    assert [event.data for event in events] == texts
    assert not parser.pending


@given(streams, st.lists(st.integers(0, 400), max_size=6), st.integers(1, 40))
def test_the_limit_falls_alike_on_every_split(stream: bytes, places: list[int], limit: int) -> None:
    def outcome(chunks: list[bytes]) -> object:
        try:
            return parse(chunks, limit)
        except ValueError as error:
            return str(error)

    whole = outcome([stream + b"\n"])
    assert outcome(cut(stream + b"\n", places)) == whole
    assert isinstance(whole, tuple) or whole == f"event larger than {limit} bytes"


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [Event(b"YHOO\n+2\n10")]),
        (
            b": test\n\ndata: one\nid: 1\n\ndata:two\nid\n\ndata:  three\n\n",
            [Event(b"one", "", "1"), Event(b"two"), Event(b" three")],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [Event(b""), Event(b"\n")]),
        (b"data:test\n\ndata: test\n\n", [Event(b"test"), Event(b"test")]),
        (b"event: add\ndata: 7\n\ndata: 8\n\nevent: lost\n\n", [Event(b"7", "add"), Event(b"8")]),
        (b"id: 4\ndata: a\n\ndata: b\n\nid: 5\n\n", [Event(b"a", "", "4"), Event(b"b", "", "4")]),
        (b"id: 4\n\nid: 5\0\ndata: a\n\n", [Event(b"a", "", "4")]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [Event(b"a")]),
        (b"data: \xff\r\n\r\n", [Event(b"\xff")]),
    ],
)
def test_examples_of_the_standard(stream: bytes, events: list[Event]) -> None:
    assert EventParser().feed(stream) == events


def test_a_carriage_return_ends_its_event_without_waiting_for_more() -> None:
    parser = EventParser()
    assert parser.feed(b"data: a\r\n\r") == [Event(b"a")]
    assert not parser.pending
    assert parser.feed(b"\ndata: b\r\n\r\n") == [Event(b"b")]


def test_retry_takes_digits_only() -> None:
    parser = EventParser()
    parser.feed(b"retry: 250\nretry: 3s\nretry:\nretry: -1\n\n")
    assert parser.retry_ms == 250


@pytest.mark.parametrize("rest", [b"dat", b"data: a", b"data: a\n", b"event: x\n", b"id: 3\n", b"data: a\r\n"])
def test_an_unfinished_event_is_pending_then_discarded(rest: bytes) -> None:
    parser = EventParser()
    assert parser.feed(b"id: 1\ndata: whole\n\n" + rest) == [Event(b"whole", "", "1")]
    assert parser.pending
    parser.finish()
    assert not parser.pending
    assert parser.feed(b"\n\n") == []
    assert parser.last_id == "1"


@pytest.mark.parametrize("quiet", [b"", b": ping\n", b": ping\n\n", b"retry: 5\n", b"unknown: 1\n"])
def test_what_is_no_event_is_not_pending(quiet: bytes) -> None:
    parser = EventParser()
    parser.feed(b"data: a\n\n" + quiet)
    assert not parser.pending


def test_lines_without_end_and_data_without_end_are_bounded() -> None:
    for piece in (b"x" * 100, b": comment", b"data\n", b"data:\n", b"data: abc\n"):
        parser = EventParser(1000)
        with pytest.raises(ValueError, match="event larger than 1000 bytes"):
            list(map(parser.feed, [piece] * 1002))

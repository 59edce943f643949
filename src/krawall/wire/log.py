"""The log of a shard: JSON lines, a header first in each segment, then the records of `krawall.model.exchange`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

import msgspec

from krawall.model.base import Record
from krawall.model.exchange import Checked, Dropped, Exchange, Line, Told

FORMAT = 1


class Header(Record, frozen=True, tag_field="k", tag="h"):
    """The first line of a segment: which shard of which session wrote it. `krawall` is the version of the format."""

    krawall: int
    version: str
    session: str
    shard: int
    attempt: int
    segment: int
    plan_hash: str


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Exchange | Told | Dropped | Checked | Header)


def encode_lines(lines: Sequence[Line | Header]) -> bytes:
    """Return the records as JSON lines, each with its line end."""
    try:
        return _encoder.encode_lines(lines)
    except UnicodeEncodeError:  # half a surrogate pair in a text: it becomes "?", the line is not lost
        texts = [json.dumps(msgspec.to_builtins(line), ensure_ascii=False) + "\n" for line in lines]
        return "".join(texts).encode("utf-8", "replace")


class LogReader:
    """Reads one segment, once: iterate over it. `stream`: a binary file, or its bytes in chunks of any size.

    `torn` counts the lines that could not be read: the last one of a process that was killed, or one of an unknown kind.
    Unknown keys in a line are ignored. A last line without its line end counts when it is whole.
    """

    def __init__(self, stream: BinaryIO | Iterable[bytes]) -> None:
        self._stream = stream
        self.torn = 0

    def __iter__(self) -> Iterator[Line | Header]:
        held: list[bytes] = []
        for chunk in self._stream:
            if b"\n" not in chunk:
                held.append(chunk)
                continue
            lines = chunk.split(b"\n")
            if held:
                lines[0] = b"".join(held) + lines[0]
                held.clear()
            if lines[-1]:
                held.append(lines[-1])
            lines.pop()
            yield from self._decode(lines)
        yield from self._decode([b"".join(held)])

    def _decode(self, lines: Sequence[bytes]) -> Iterator[Line | Header]:
        for line in lines:
            if line and not line.isspace():
                try:
                    record = _decoder.decode(line)
                except (ValueError, RecursionError):
                    self.torn += 1
                else:
                    yield record


def read_lines(stream: BinaryIO | Iterable[bytes]) -> Iterator[Line | Header]:
    """Return the records of a segment; take a `LogReader` to learn how many lines were torn."""
    return iter(LogReader(stream))

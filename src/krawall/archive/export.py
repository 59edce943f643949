"""Messages and conversations of a session as a file, in pieces: nothing is held whole but one batch of rows."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from krawall.archive import columns
from krawall.archive.duck import Connection, answering, quoted
from krawall.archive.live import LiveLog
from krawall.archive.pages import Row, messages_of, rows
from krawall.archive.readers import CompactLog, readers
from krawall.errors import DocumentError, Place

Kind = Literal["messages", "conversations"]
Format = Literal["csv", "json", "jsonl", "parquet"]
KINDS: tuple[Kind, ...] = ("messages", "conversations")
FORMATS: tuple[Format, ...] = ("csv", "json", "jsonl", "parquet")

_SHOWN: dict[Kind, str] = {"messages": columns.MESSAGE_SHOWN, "conversations": columns.CONVERSATION_SHOWN}
_NUMBERS = ("INTEGER", "BIGINT", "DOUBLE")
_BATCH = 2 * columns.TEXT_GROUP
_PIECE = 1 << 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def export(folder: Path, kind: Kind, format: Format, *, until_ns: int | None = None) -> Iterator[bytes]:
    """Return all messages or conversations of a session in pieces of a file. Reading a piece blocks: for a thread.

    CSV has a line of names, and a `'` before cells that a spreadsheet would take for a formula; `checks` are JSON there and
    in Parquet. `json` is one list, `jsonl` an object per line.

    Raises:
        DocumentError: there is no such kind or format.
        Unavailable: as for `messages`.
    """
    if kind not in KINDS:
        raise DocumentError("export", [Place("kind", f"{kind!r} is none of {', '.join(KINDS)}")])
    if format not in FORMATS:
        raise DocumentError("export", [Place("format", f"{format!r} is none of {', '.join(FORMATS)}")])
    reader = readers.get(folder)
    if format == "parquet":
        return _parquet(folder, reader, kind, until_ns)
    batches = _batches(folder, reader, kind, until_ns)
    if format == "csv":
        return _csv(_columns(folder, reader, kind), batches)
    return _json(batches) if format == "json" else _jsonl(batches)


def _batches(folder: Path, reader: CompactLog | LiveLog, kind: Kind, until_ns: int | None) -> Iterator[list[Row]]:
    with answering(folder), reader.cursor(until_ns) as cursor:
        newest = reader.newest(cursor, kind, until_ns)
        for start in range(0, newest + 1, _BATCH):
            numbers = list(range(start, min(start + _BATCH, newest + 1)))
            if kind == "messages":
                yield messages_of(cursor, numbers, True)
            else:
                yield rows(cursor, kind, columns.CONVERSATION_SHOWN, numbers)


def _jsonl(batches: Iterator[list[Row]]) -> Iterator[bytes]:
    for batch in batches:
        yield msgspec.json.Encoder().encode_lines(batch)


def _json(batches: Iterator[list[Row]]) -> Iterator[bytes]:
    before = b"["
    for batch in batches:
        yield before + b",\n".join(map(msgspec.json.encode, batch))
        before = b",\n"
    yield b"]\n" if before != b"[" else b"[]\n"


def _columns(folder: Path, reader: CompactLog | LiveLog, kind: Kind) -> dict[str, bool]:
    """Return the columns, and whether what they hold is a number."""
    with answering(folder), reader.cursor() as cursor:
        cursor.execute(f"SELECT {_SHOWN[kind]} FROM {kind} LIMIT 0")
        found = {column[0]: str(column[1]) in _NUMBERS for column in cursor.description or []}
    return {**found, "said": False, "heard": False} if kind == "messages" else found


def _csv(names: dict[str, bool], batches: Iterator[list[Row]]) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(names)
    yield text.getvalue().encode()
    others = [name for name, number in names.items() if not number]
    for batch in batches:
        for row in batch:
            for name in others:
                row[name] = cell(row[name])
        text = io.StringIO(newline="")
        csv.writer(text).writerows(row.values() for row in batch)
        yield text.getvalue().encode()


def cell(value: object) -> object:
    """Return a value as a cell of a CSV file that no spreadsheet takes for a formula."""
    if isinstance(value, str):
        return "'" + value if value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode() if value else ""
    return value


def _parquet(folder: Path, reader: CompactLog | LiveLog, kind: Kind, until_ns: int | None) -> Iterator[bytes]:
    with answering(folder), tempfile.TemporaryDirectory(dir=reader.work) as made:
        path = Path(made) / f"{kind}.parquet"
        with reader.cursor(until_ns) as cursor:
            _write(cursor, kind, reader.newest(cursor, kind, until_ns), path)
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                yield piece


def _write(cursor: Connection, kind: Kind, newest: int, path: Path) -> None:
    if kind == "messages":
        # Both have the rows 0, 1, 2, ... in this order, so they are put side by side without a search.
        texts = "SELECT said, heard FROM texts"
        query = f"SELECT * FROM (SELECT {columns.MESSAGE_SHOWN} FROM messages) POSITIONAL JOIN ({texts})"
    else:
        query = f"SELECT {columns.CONVERSATION_SHOWN} FROM conversations"
    cursor.execute(
        f"COPY (SELECT * FROM ({query}) WHERE n <= {newest:d}) TO {quoted(path)} (FORMAT parquet, COMPRESSION zstd)"
    )

"""Files of a session to take away: what there is, in which formats, and how rows of numbers become CSV, JSON or JSON lines."""

from __future__ import annotations

import asyncio
import csv
import io
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from krawall.archive.export import Format, cell
from krawall.errors import DocumentError, Place

What = Literal["messages", "conversations", "summary", "ticks"]
Row = dict[str, Any]

MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True)
class Export:
    """A file that is being made: its chunks come as they are asked for. Who takes it closes `content`."""

    media_type: str
    name: str
    content: AsyncGenerator[bytes, None]


def check(what: What, format: Format) -> None:
    """Raise DocumentError when there is no such file."""
    if format == "parquet" and what in ("summary", "ticks"):
        raise DocumentError(
            "query", [Place("format", f"{what} come as csv, json or jsonl; parquet is for messages and conversations")]
        )


async def begun(content: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Return the same chunks after the first one was made, so that what fails at once fails here."""
    first = await anext(content, b"")

    async def whole() -> AsyncGenerator[bytes, None]:
        async with aclosing(content):
            yield first
            async for chunk in content:
                yield chunk

    return whole()


async def from_thread(chunks: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of an iterator that blocks, each made in a thread; close it in the end."""
    alone = threading.Lock()

    def take() -> bytes | None:
        with alone:
            return next(chunks, None)

    def close() -> None:
        with alone:  # a chunk that nobody waits for any more may still be in the making
            getattr(chunks, "close", lambda: None)()

    try:
        while (chunk := await asyncio.to_thread(take)) is not None:
            yield chunk
    finally:
        await asyncio.to_thread(close)


async def rows_as(format: Format, rows: AsyncIterator[Row], columns: Iterable[str]) -> AsyncGenerator[bytes, None]:
    """Yield rows as a file. `columns`: the heads of CSV."""
    heads = list(columns)
    if format == "csv":
        yield _csv([heads])
    first = True
    async for row in rows:
        if format == "csv":
            yield _csv([[row.get(head) for head in heads]])
        elif format == "jsonl":
            yield msgspec.json.encode(row) + b"\n"
        else:
            yield (b"[\n" if first else b",\n") + msgspec.json.encode(row)
        first = False
    if format == "json":
        yield b"[]\n" if first else b"\n]\n"


def flat(value: object, path: str = "") -> list[tuple[str, object]]:
    """Return every leaf of plain data with its path, such as `metrics.ttft.p95`."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in flat(inner, f"{path}.{key}" if path else str(key))]
    if isinstance(value, list):
        return [leaf for index, inner in enumerate(value) for leaf in flat(inner, f"{path}.{index}")]
    return [(path, value)]


def _csv(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode()

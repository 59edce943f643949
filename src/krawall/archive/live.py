"""A log that is still being written, as tables: each call takes in what came since the last one, and no line twice."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from krawall.archive import columns
from krawall.archive.duck import Connection, connect
from krawall.archive.segments import BROKEN, SegmentKey, open_segment, segments

CHUNK = 16 << 20

_TABLES = {
    "messages": (columns.MESSAGE, columns.IS_MESSAGE, columns.MESSAGE_ORDER),
    "conversations": (columns.CONVERSATION, columns.IS_CONVERSATION, columns.CONVERSATION_ORDER),
}
_ALWAYS = 2**63 - 1


class LiveLog:
    """The log of one session in memory, on disk where it is too big for that. Shared by threads; lives while it is asked.

    A row is numbered, and seen, once its `done_ns` is before the moment that somebody asked for: those that come later
    are later rows, so numbers never change. (A line that arrives after its moment was shown is numbered behind.)
    """

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        self._temporary = tempfile.TemporaryDirectory(prefix="krawall-")
        self.work = Path(self._temporary.name)
        self._connection = connect([folder], self.work)
        self._lock = threading.Lock()
        self._read: dict[SegmentKey, int] = {}
        self._whole: set[SegmentKey] = set()
        self._rows = dict.fromkeys(_TABLES, 0)
        self._tables()

    def cursor(self, until_ns: int | None = None) -> Connection:
        """Return a connection that sees the tables as far as `until_ns`, ns since the session began; None: all of it."""
        with self._lock:
            self._take_in()
            for table in _TABLES:
                self._settle(table, _ALWAYS if until_ns is None else until_ns)
            return self._connection.cursor()

    def newest(self, cursor: Connection, table: str, until_ns: int | None) -> int:
        """Return the highest number in a table of what was done by `until_ns`, -1 when there is none."""
        return highest(cursor, table, until_ns)

    def _tables(self) -> None:
        empty = self.work / "0-0-0.jsonl"
        empty.write_bytes(b"{}\n")
        self._connection.execute(
            f"CREATE TEMP TABLE lines AS SELECT * FROM ({columns.LINES}) WHERE false", {"files": [str(empty)]}
        )
        for table, (select, _, order) in _TABLES.items():
            self._connection.execute(f"CREATE TABLE new_{table} AS {select} FROM lines")
            self._connection.execute(f"CREATE TABLE {table} AS {columns.numbered(f'SELECT * FROM new_{table}', order)}")
        self._connection.execute(f"CREATE TABLE checked AS {columns.CHECKED} FROM lines")
        self._connection.execute(f"CREATE VIEW texts AS SELECT n, {columns.TEXTS} FROM messages")

    def _take_in(self) -> None:
        """Read the whole lines that segments have gained, of all segments at once as far as they are few."""
        chunks: dict[SegmentKey, int] = {}  # where the next one begins, of those that wait to be loaded
        held, whole = 0, set()
        for key, path in segments(self._log).items():
            for data, end in self._gained(key, path) if key not in self._whole else ():
                with open(self._waiting(key), "ab" if key in chunks else "wb") as file:
                    file.write(data)
                chunks[key] = end
                held += len(data)
                if held >= CHUNK:
                    self._load(chunks)
                    chunks, held = {}, 0
            if path.suffix == ".zst":  # no longer written to
                whole.add(key)
        if chunks:
            self._load(chunks)
        self._whole |= whole

    def _waiting(self, key: SegmentKey) -> Path:
        """Return where the lines of a segment are that wait to be loaded."""
        return self.work / f"{key.shard}-{key.attempt}-{key.number}.jsonl"

    def _gained(self, key: SegmentKey, path: Path) -> Iterator[tuple[memoryview, int]]:
        """Yield what a segment has gained, in chunks of whole lines, each with where the next one begins."""
        at = self._read.get(key, 0)
        with suppress(FileNotFoundError, *BROKEN), open_segment(path) as file:
            file.seek(at)
            while data := file.read(CHUNK) + file.readline():
                end = data.rfind(b"\n") + 1
                at += end
                if end:
                    yield memoryview(data)[:end], at
                if end < len(data):
                    return

    def _load(self, chunks: dict[SegmentKey, int]) -> None:
        paths = [self._waiting(key) for key in chunks]
        run = self._connection.execute
        with self._transaction():
            run(f"CREATE OR REPLACE TEMP TABLE lines AS {columns.LINES}", {"files": [str(path) for path in paths]})
            for table, (select, condition, _) in _TABLES.items():
                run(f"INSERT INTO new_{table} {select} FROM lines WHERE {condition}")
            run(f"INSERT INTO checked {columns.CHECKED} FROM lines WHERE {columns.IS_CHECKED}")
            run("DROP TABLE lines")
        self._read |= chunks
        for path in paths:
            path.unlink()

    def _settle(self, table: str, until_ns: int) -> None:
        """Number the rows that were done by `until_ns`."""
        run, base, order = self._connection.execute, self._rows[table], _TABLES[table][2]
        until = {"until": until_ns}
        due = run(f"SELECT count(*) FROM new_{table} WHERE done_ns <= $until", until).fetchone()
        if not due or not due[0]:
            return
        with self._transaction():
            rows = columns.numbered(f"SELECT * FROM new_{table} WHERE done_ns <= $until", order, base)
            run(f"INSERT INTO {table} {rows}", until)
            run(f"CREATE OR REPLACE TABLE new_{table} AS SELECT * FROM new_{table} WHERE done_ns > $until", until)
        self._rows[table] = base + due[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        done = False
        self._connection.execute("BEGIN")
        try:
            yield
            self._connection.execute("COMMIT")
            done = True
        finally:
            if not done:
                self._connection.execute("ROLLBACK")


def highest(cursor: Connection, table: str, until_ns: int | None = None) -> int:
    """Return the highest number of a row in a table, -1 when it is empty."""
    until = "" if until_ns is None else f" WHERE done_ns <= {until_ns:d}"
    row = cursor.execute(f"SELECT max(n) FROM {table}{until}").fetchone()
    return -1 if row is None or row[0] is None else int(row[0])

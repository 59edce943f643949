"""Compaction: the log of a finished session becomes Parquet, numbered and in order, and its segments are compressed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from krawall.archive import columns
from krawall.archive.duck import Connection, answering, connect, quoted
from krawall.archive.segments import compress, segments, sync_folder
from krawall.errors import Unavailable

MESSAGES = "messages.parquet"
FILES = ("checked.parquet", "conversations.parquet", "texts.parquet", MESSAGES)
"""What compaction writes, in the order in which it appears: a session is compacted when the last one is there."""

_WORK = ".compact-"
_LEVEL = 1  # reads a third faster than level 3, for a sixth more bytes


def compact(folder: Path, *, compress_log: bool = True) -> int:
    """Write the Parquet files of the finished session in `folder`, compress its segments, return its number of messages.

    Lines that cannot be read are left out. Called again, it only does what is missing; two callers take turns; killed
    at any point, it leaves a session that can be read and compacted. Takes up to 256 MB of memory and room on the disk
    of `folder` for as much as the log has; about 30 s for a million messages. Blocks: for a thread.

    Raises:
        Unavailable: the folder cannot be written, or the disk is full.
    """
    with answering(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _alone(folder):
                if not (folder / MESSAGES).exists():
                    _write(folder)
                if compress_log:
                    for path in segments(folder / "log").values():
                        compress(path)
        except OSError as error:
            raise Unavailable(f"cannot compact {folder}: {error.strerror or error}") from None
        return rows(folder)


def rows(folder: Path) -> int:
    """Return the number of messages of a compacted session."""
    with tempfile.TemporaryDirectory(prefix="krawall-") as temporary, answering(folder):
        connection = connect([folder], Path(temporary))
        found = connection.execute(f"SELECT count(*) FROM read_parquet({quoted(folder / MESSAGES)})").fetchone()
        return int(found[0]) if found else 0


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system lets go of when its holder dies."""
    with open(folder / ".compact.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(folder: Path) -> None:
    for left in folder.glob(f"{_WORK}*"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_WORK, dir=folder) as name:
        work = Path(name)
        connection = connect([folder], work)
        try:
            write_files(connection, [path for path in segments(folder / "log").values() if path.stat().st_size], work)
        finally:
            connection.close()
        for file in FILES:
            _sync(work / file)
            (work / file).replace(folder / file)
        sync_folder(folder)


def write_files(connection: Connection, paths: list[Path], into: Path) -> None:
    """Write the Parquet files of the log in `paths`."""
    lines = columns.LINES if paths else f"SELECT * FROM ({columns.LINES}) WHERE false"
    if not paths:
        (into / "0-0-0.jsonl").write_bytes(b"{}\n")  # the columns of no lines at all
        paths = [into / "0-0-0.jsonl"]
    files = {"files": [str(path) for path in paths]}
    messages = columns.numbered(f"{columns.MESSAGE} FROM ({lines}) WHERE {columns.IS_MESSAGE}", columns.MESSAGE_ORDER)
    _copy(connection, messages, into / "both.parquet", columns.TEXT_GROUP, files)
    both = f"read_parquet({quoted(into / 'both.parquet')})"
    _copy(connection, f"SELECT * EXCLUDE (said, heard) FROM {both}", into / MESSAGES)
    _copy(connection, f"SELECT n, {columns.TEXTS} FROM {both}", into / "texts.parquet", columns.TEXT_GROUP)
    (into / "both.parquet").unlink()
    few = f"SELECT * EXCLUDE (said, heard) FROM ({lines}) WHERE k IN ('c', 'e')"
    connection.execute(f"CREATE TABLE ends AS {few}", files)
    checked = f"{columns.CHECKED} FROM ends WHERE {columns.IS_CHECKED} ORDER BY conversation"
    _copy(connection, checked, into / "checked.parquet")
    told = f"{columns.CONVERSATION} FROM ends WHERE {columns.IS_CONVERSATION}"
    lost = columns.LOST.format(messages=quoted(into / MESSAGES), told=f"({told})")
    conversations = columns.numbered(f"SELECT * FROM ({told} UNION ALL {lost})", columns.CONVERSATION_ORDER)
    _copy(connection, conversations, into / "conversations.parquet")


def _copy(
    connection: Connection,
    query: str,
    path: Path,
    group: int = columns.GROUP,
    parameters: dict[str, list[str]] | None = None,
) -> None:
    how = f"(FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL {_LEVEL}, ROW_GROUP_SIZE {group})"
    connection.execute(f"COPY ({query}) TO {quoted(path)} {how}", parameters or {})


def _sync(path: Path) -> None:
    os.chmod(path, 0o600)  # like the segments: what was said is nobody else's
    with open(path, "rb") as file:
        os.fsync(file.fileno())

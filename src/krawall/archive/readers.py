"""Which tables a session has, and keeping the last few at hand: to open a session takes longer than to ask it something."""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from krawall.archive.compact import FILES, MESSAGES
from krawall.archive.duck import Connection, answering, connect, quoted
from krawall.archive.live import LiveLog, highest

Stamp = tuple[int, ...]

MOST = 4  # sessions at hand, each with up to 256 MB


class CompactLog:
    """The Parquet files of one session, as tables. Shared by threads."""

    def __init__(self, folder: Path) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="krawall-")
        views = [
            f"CREATE VIEW {Path(file).stem} AS SELECT * FROM read_parquet({quoted(folder / file)})" for file in FILES
        ]
        self.work = Path(self._temporary.name)
        self._connection = connect([folder], self.work, views)
        self._newest = {table: highest(self._connection, table) for table in ("messages", "conversations")}

    def cursor(self, until_ns: int | None = None) -> Connection:
        """Return a connection that sees the tables; a session that is over has no `until_ns`."""
        return self._connection.cursor()

    def newest(self, cursor: Connection, table: str, until_ns: int | None) -> int:
        """Return the highest number in a table, -1 when it is empty."""
        return self._newest[table]


class Readers:
    """The sessions that were asked last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, tuple[Stamp, CompactLog | LiveLog]] = OrderedDict()

    def get(self, folder: Path) -> CompactLog | LiveLog:
        """Return the tables of the session in `folder`: its Parquet files, or its log until there are some; a folder that is not there (yet) is empty.

        Raises:
            Unavailable: the files cannot be read.
        """
        folder = folder.absolute()
        stamp = _stamp(folder)
        with self._lock:
            known = self._open.pop(folder, None)
            if known is None or known[0] != stamp:
                with answering(folder):
                    known = (stamp, CompactLog(folder) if stamp[0] else LiveLog(folder))
            self._open[folder] = known
            while len(self._open) > MOST:
                self._open.popitem(last=False)
            return known[1]

    def drop(self, folder: Path) -> None:
        """Let go of a session, whose files are about to be deleted."""
        with self._lock:
            self._open.pop(folder.absolute(), None)


def _stamp(folder: Path) -> Stamp:
    """Return what tells one writing of the Parquet files, or of a log before there are some, from another."""
    for path, parquet in ((folder / MESSAGES, True), (folder / "log", False)):
        with suppress(FileNotFoundError):
            facts = path.stat()
            return (parquet, facts.st_ino, *((facts.st_mtime_ns, facts.st_size) if parquet else ()))
    return (False,)


readers = Readers()  # the one of this process: whoever asks about a session shares what is open of it

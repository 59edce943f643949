"""The directory of this machine that stands before a bucket: a spool per session to push from, and a cache of what was fetched."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec

from krawall.archive.buckets import File
from krawall.archive.readers import readers
from krawall.clock import wall_ns

IN_USE_NS = 600 * 1_000_000_000  # a folder that was asked for so recently may be read right now

_MARKS = ".marks.json"


class Filling:
    """A session's folder in the cache while it is brought up to date. `path`: where it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._marks: dict[str, str] = _table(path / _MARKS)

    def has(self, file: File) -> bool:
        """Whether this form of the file is here already."""
        return self._marks.get(file.name) == file.mark and (self.path / file.name).exists()

    def note(self, file: File) -> None:
        """Remember that the file is here."""
        self._marks[file.name] = file.mark
        _write(self.path / _MARKS, self._marks)

    def keep_only(self, names: set[str]) -> None:
        """Remove files that the bucket has no longer."""
        for name in set(self._marks) - names:
            (self.path / name).unlink(missing_ok=True)
            del self._marks[name]
        _write(self.path / _MARKS, self._marks)


class Cache:
    """Owned by an archive. The bound on its bytes is kept as far as nobody reads what would have to go."""

    def __init__(self, root: Path, most_bytes: int) -> None:
        self._root = root
        self._most = most_bytes
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def spool(self, session: str) -> Path:
        """Return where an engine writes the session's files."""
        return self._root / "spool" / session

    def folder(self, session: str) -> Path:
        """Return where fetched files of the session are."""
        return self._root / "fetched" / session

    @asynccontextmanager
    async def filling(self, session: str) -> AsyncIterator[Filling]:
        """Lend the session's folder to one filler at a time; afterwards make room."""
        lock = self._locks.setdefault(session, asyncio.Lock())
        async with lock:
            path = self.folder(session)
            path.mkdir(parents=True, exist_ok=True)
            os.utime(path, ns=(wall_ns(), wall_ns()))
            yield Filling(path)
            os.utime(path, ns=(wall_ns(), wall_ns()))
        await asyncio.to_thread(self._make_room, session)

    def _make_room(self, besides: str) -> None:
        """Remove the folders that were not asked for the longest, until the rest fits."""
        folders = sorted(
            (path.stat().st_mtime_ns, path) for path in (self._root / "fetched").iterdir() if path.is_dir()
        )
        sizes = {path: _bytes_of(path) for _, path in folders}
        total = sum(sizes.values())
        for used_ns, path in folders:
            if total <= self._most or used_ns > wall_ns() - IN_USE_NS:
                return
            if path.name != besides:
                readers.drop(path)
                shutil.rmtree(path, ignore_errors=True)
                total -= sizes[path]


class Pushed:
    """What of a spool is in the bucket already: size and time of change of each file when it was uploaded."""

    def __init__(self, spool: Path, stamps: dict[str, str]) -> None:
        self._spool = spool
        self.stamps = stamps

    @classmethod
    def read(cls, spool: Path) -> Pushed:
        """Return what was noted for a spool."""
        return cls(spool, _table(spool / ".pushed.json"))

    def changed(self, name: str, path: Path) -> str | None:
        """Return the file's stamp when it is not the one that was uploaded; None when it is, or there is no file."""
        try:
            facts = path.stat()
        except FileNotFoundError:
            return None
        stamp = f"{facts.st_size}-{facts.st_mtime_ns}"
        return None if self.stamps.get(name) == stamp else stamp

    def note(self, name: str, stamp: str) -> None:
        """Remember what was uploaded."""
        self.stamps[name] = stamp

    def forget(self, name: str) -> None:
        """The bucket has this file no longer."""
        self.stamps.pop(name, None)

    def write(self) -> None:
        """Write it down for the next process."""
        if self._spool.is_dir():
            _write(self._spool / ".pushed.json", self.stamps)


def _table(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}  # nothing is known: everything is transferred again


def _write(path: Path, table: dict[str, str]) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.write_bytes(msgspec.json.encode(table))
    temporary.replace(path)


def _bytes_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total

"""The directory of this machine that stands before a bucket: a spool per session to push from, and a cache of what was fetched."""

from __future__ import annotations

import asyncio
import fcntl
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
from krawall.errors import Unavailable

LOCK_S = 0.05  # between two looks whether another process is done
IN_USE_NS = 600 * 1_000_000_000  # a folder that was asked for so recently may be read right now


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """One form of a file. `bucket`: how the bucket marks it, `here`: size and time of change on this machine."""

    bucket: str
    here: str


class Marks:
    """What a folder and the bucket have in common, kept in the folder. Owned by whoever holds the session's lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / ".marks.json"
        try:
            self._marks = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Mark])
        except (FileNotFoundError, msgspec.DecodeError):
            self._marks = {}  # nothing is known: everything is transferred again

    def has(self, file: File) -> bool:
        """Whether this form of the file is in the folder."""
        mark = self._marks.get(file.name)
        return mark is not None and mark.bucket == file.mark and (self.folder / file.name).exists()

    def all_of(self, names: set[str]) -> bool:
        """Whether all these files are in the folder, in whatever form the bucket had them."""
        return all(name in self._marks and (self.folder / name).exists() for name in names)

    def changed(self, name: str) -> str | None:
        """Return the file's form here when the bucket does not have it; None when it does, or there is no file."""
        here = self._here(name)
        mark = self._marks.get(name)
        return None if here is None or (mark is not None and mark.here == here) else here

    def note(self, name: str, bucket: str, here: str | None = None) -> None:
        """Remember that both have the file in these forms; without `here`, the form that it has now."""
        self._marks[name] = Mark(bucket, here or self._here(name) or "")
        self._write()

    def replaced(self, name: str) -> bool:
        """Whether the bucket has the file and the folder has it no longer."""
        return name in self._marks and not (self.folder / name).exists()

    def forget(self, name: str) -> None:
        """The bucket has this file no longer."""
        self._marks.pop(name, None)
        self._write()

    def keep_only(self, names: set[str]) -> None:
        """Remove files that the bucket had and has no longer."""
        for name in set(self._marks) - names:
            (self.folder / name).unlink(missing_ok=True)
            self.forget(name)

    def _here(self, name: str) -> str | None:
        try:
            facts = (self.folder / name).stat()
        except FileNotFoundError:
            return None
        return f"{facts.st_size}-{facts.st_mtime_ns}"

    def _write(self) -> None:
        temporary = self._path.with_name(f".marks.{os.getpid()}.new")
        temporary.write_bytes(msgspec.json.encode(self._marks))
        temporary.replace(self._path)


class Cache:
    """Owned by an archive. The bound on its bytes is kept as far as nobody reads what would have to go."""

    def __init__(self, root: Path, most_bytes: int) -> None:
        self._root = root
        self._most = most_bytes
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def spool(self, session: str) -> Path:
        """Return where an engine writes the session's files."""
        return self._root / "spool" / session

    def spools(self) -> list[str]:
        """Return the sessions that have a spool."""
        root = self._root / "spool"
        return sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []

    def folder(self, session: str) -> Path:
        """Return where fetched files of the session are."""
        return self._root / "fetched" / session

    @asynccontextmanager
    async def holding(self, session: str) -> AsyncIterator[None]:
        """Keep others, also other processes of this machine, from transferring files of the session meanwhile."""
        async with self._locks.setdefault(session, asyncio.Lock()):
            try:
                handle = _opened(self._root / "locks" / session)
                try:
                    while not _locked(handle):  # noqa: ASYNC110  # another process has it
                        await asyncio.sleep(LOCK_S)
                    yield
                finally:
                    os.close(handle)  # lets go of the lock
            except OSError as error:
                raise Unavailable(f"cannot write {self._root}: {error.strerror or error}") from None

    async def make_room(self, besides: str) -> None:
        """Remove the folders that were not asked for the longest, until the rest fits; not that of session `besides`."""
        await asyncio.to_thread(self._make_room, besides)

    def _make_room(self, besides: str) -> None:
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


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _bytes_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total

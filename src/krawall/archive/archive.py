"""The archive: the files of all sessions under one URL, in a directory or in a bucket. Knows nothing of what is in them.

An engine writes into a folder of this machine: the session's own one where the archive is a directory, else a spool from
which `push` uploads. Readers get a folder too: `fetch` brings files of a bucket into a cache.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from krawall.archive.cache import Cache, Marks
from krawall.archive.compact import FILES
from krawall.archive.readers import readers
from krawall.clock import wall_ns
from krawall.errors import DocumentError, NotFound, Place, Unavailable

if TYPE_CHECKING:
    from krawall.archive.buckets import Bucket

_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.-]*/)*[A-Za-z0-9][A-Za-z0-9_.-]*")


class Archive:
    """Owned by a process of the server or a worker; needs no closing. All methods raise Unavailable where files cannot be had."""

    def __init__(self, local: Path | None, bucket: Bucket | None, cache: Cache, shown: str) -> None:
        self.local = local
        self.shown = shown
        self._bucket = bucket
        self._cache = cache

    @classmethod
    def open(cls, url: str, cache: Path, *, cache_bytes: int = 4 << 30) -> Archive:
        """Return the archive at `url`; nothing is read or written yet.

        Args:
            url: `file:///DIR`, or `s3://BUCKET/PREFIX`, `gs://...`, `az://...`. Keys of a bucket come from the
                environment (AWS_ACCESS_KEY_ID and so on); `?endpoint=URL&region=NAME` name another server.
            cache: directory for what is fetched from a bucket or waits to be pushed there.
            cache_bytes: above so many bytes, what was not asked for in a while goes.

        Raises:
            DocumentError: the URL is none of these.
        """
        parts = urlsplit(url)
        if parts.scheme == "file":
            if parts.netloc not in ("", "localhost") or not parts.path.strip("/"):
                raise DocumentError("archive", [Place("archive", f"{url!r} names no directory")])
            return cls(Path(unquote(parts.path)), None, Cache(cache, cache_bytes), url)
        from krawall.archive.buckets import (
            Bucket,  # its library takes an eighth of a second, for nothing with a directory
        )

        bucket = Bucket.open(url)
        return cls(None, bucket, Cache(cache, cache_bytes), bucket.shown)

    def place(self, session: str) -> Path:
        """Return the folder of this machine in which an engine writes the session's files. It need not exist yet."""
        return self._home(session) if self._bucket is None else self._cache.spool(_known(session))

    def _home(self, session: str) -> Path:
        assert self.local is not None
        return self.local / "sessions" / _known(session)

    async def push(self, session: str, *, names: list[str] | None = None) -> list[str]:
        """Upload what is new or changed on this machine, of `names` if given; return what was uploaded.

        That is what engines wrote to `place`, and what somebody wrote to the folder that `fetch` returned. A file that
        was compressed replaces its plain form. Nothing to do where the archive is a directory.
        """
        if self._bucket is None:
            return []
        done: list[str] = []
        async with self._cache.holding(_known(session)):
            for folder in (self._cache.spool(session), self._cache.folder(session)):
                done += await self._push(self._bucket, session, folder, names)
        return done

    async def _push(self, bucket: Bucket, session: str, folder: Path, names: list[str] | None) -> list[str]:
        done = []
        there = await asyncio.to_thread(files_in, folder)
        marks = await asyncio.to_thread(Marks, folder)
        for name, path in there.items():
            if names is not None and name not in names:
                continue
            if here := marks.changed(name):
                mark = await bucket.upload(f"{session}/{name}", path)
                if mark is None:
                    continue  # gone meanwhile: compressed
                marks.note(name, mark, here)
                done.append(name)
            if name.endswith(".zst") and marks.replaced(plain := name.removesuffix(".zst")):
                await bucket.delete([f"{session}/{plain}"])
                marks.forget(plain)
        return done

    async def release(self, session: str) -> None:
        """Push what is left and remove the spool: this machine plays the session no longer."""
        if self._bucket is not None:
            await self.push(session)
            async with self._cache.holding(session):
                await asyncio.to_thread(_remove, self._cache.spool(session))

    async def spools(self) -> list[str]:
        """Return the sessions of which this machine holds a spool; none where the archive is a directory."""
        return [] if self._bucket is None else await asyncio.to_thread(self._cache.spools)

    async def fetch(self, session: str, *names: str) -> Path:
        """Return a folder of this machine that holds the newest form of the files, of all without `names`.

        Missing ones are left out; a session without files has an empty folder, or none. Who asks for one of the Parquet
        files gets all of them. What is written to the folder stays on this machine until `push`.
        """
        wanted = {_name(name) for name in names}
        if self._bucket is None:
            return self._home(session)
        if wanted & set(FILES):
            wanted |= set(FILES)
        folder = self._cache.folder(_known(session))
        async with self._cache.holding(session):
            if await self._bring(self._bucket, session, folder, wanted):
                await self._cache.make_room(session)
        return folder

    async def _bring(self, bucket: Bucket, session: str, folder: Path, wanted: set[str]) -> bool:
        """Download what the folder does not have; False when it has all of it."""
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        os.utime(folder, ns=(wall_ns(), wall_ns()))  # somebody is about to read it
        marks = await asyncio.to_thread(Marks, folder)
        if wanted == set(FILES) and marks.all_of(wanted):
            return False  # these are written once
        there = await bucket.files(f"{session}/")
        missing = [file for file in there if (not wanted or file.name in wanted) and not marks.has(file)]
        for file in missing:
            await bucket.download(f"{session}/{file.name}", folder / file.name)
            marks.note(file.name, file.mark)
        marks.keep_only({file.name for file in there})
        return bool(missing)

    async def put(self, session: str, name: str, data: bytes) -> None:
        """Write a file, whole or not at all."""
        if self._bucket is None:
            await asyncio.to_thread(_write, self._home(session) / _name(name), data)
        else:
            await self._bucket.put(f"{_known(session)}/{_name(name)}", data)

    async def read(self, session: str, name: str) -> bytes:
        """Return a file.

        Raises:
            NotFound: there is none.
        """
        if self._bucket is not None:
            return await self._bucket.read(f"{_known(session)}/{_name(name)}")
        try:
            return await asyncio.to_thread((self._home(session) / _name(name)).read_bytes)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise NotFound(f"session {session} has no file {name!r} in the archive") from None
        except OSError as error:
            raise Unavailable(f"cannot read {name!r} of session {session}: {error.strerror}") from None

    async def names(self, session: str) -> list[tuple[str, int]]:
        """Return the names of the session's files with their bytes, sorted; empty when there are none."""
        if self._bucket is not None:
            return sorted((file.name, file.bytes) for file in await self._bucket.files(f"{_known(session)}/"))
        return await asyncio.to_thread(_sizes, self._home(session))

    async def delete(self, session: str) -> None:
        """Remove all files of the session; nothing when there are none."""
        if self._bucket is None:
            await asyncio.to_thread(_remove, self._home(session))
            return
        async with self._cache.holding(_known(session)):
            await self._bucket.delete([f"{session}/{file.name}" for file in await self._bucket.files(f"{session}/")])
            for folder in (self._cache.spool(session), self._cache.folder(session)):
                await asyncio.to_thread(_remove, folder)

    async def ping(self) -> None:
        """Ask whether files can be written and listed.

        Raises:
            Unavailable: they cannot; says where and why.
        """
        if self._bucket is not None:
            await self._bucket.ping()
        else:
            await asyncio.to_thread(_try_writing, self.local)


def files_in(folder: Path) -> dict[str, Path]:
    """Return the files in a session's folder by name, without those that are being written."""
    found = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        name = path.relative_to(folder).as_posix()
        if _NAME.fullmatch(name) and path.is_file() and not path.is_symlink():
            found[name] = path
    return found


def _known(session: str) -> str:
    """Return the id of a session when it is one: it becomes part of a path."""
    if not _SESSION.fullmatch(session):
        raise NotFound(f"{session!r} is not the id of a session")
    return session


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise NotFound(f"{name!r} is not the name of a session's file")
    return name


def _sizes(folder: Path) -> list[tuple[str, int]]:
    sizes = []
    for name, path in files_in(folder).items():
        try:
            sizes.append((name, path.stat().st_size))
        except FileNotFoundError:
            continue  # compressed or deleted meanwhile
    return sizes


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None


def _remove(folder: Path) -> None:
    readers.drop(folder)
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise Unavailable(f"cannot delete {folder}: {error.strerror}") from None


def _try_writing(root: Path | None) -> None:
    assert root is not None
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(b"?")
    except OSError as error:
        raise Unavailable(f"the archive in {root} cannot be written: {error.strerror}") from None

"""A bucket: S3, Google Cloud Storage or Azure by URL. The only module that imports obstore."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError, UnknownConfigurationKeyError
from obstore.store import ObjectStore, from_url

from krawall.errors import DocumentError, NotFound, Place, Unavailable

SCHEMES = ("s3", "gs", "az")
_OPTIONS = {"endpoint": "endpoint", "region": "region", "anonymous": "skip_signature"}
_KEYS = {"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"}
_PIECE = 8 << 20  # bytes of a part; S3 refuses parts of less than 5 MB
_MOST_KEYS = 1000  # of one request to delete
_HINT = "look at the bucket's name, the endpoint, and the keys in the environment (AWS_ACCESS_KEY_ID, ...)"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a session as the bucket lists it. `mark` changes whenever it is written."""

    name: str
    bytes: int
    mark: str


class Bucket:
    """Files by key below the URL's prefix and `sessions/`. `shown`: the URL without its options."""

    def __init__(self, store: ObjectStore, shown: str) -> None:
        self._store = store
        self.shown = shown

    @classmethod
    def open(cls, url: str) -> Bucket:
        """Return the bucket at `url`, such as `s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu-west-1`.

        Options are `endpoint`, `region` and `anonymous=true`; all others, and the keys, come from the environment. An
        endpoint without TLS is used when it is written out as http://.

        Raises:
            DocumentError: the URL is not one of a bucket.
        """
        parts = urlsplit(url)
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        if parts.scheme not in SCHEMES or not parts.netloc:
            raise _wrong(f"{shown!r} is none of file:///DIR, s3://BUCKET, gs://BUCKET, az://CONTAINER")
        if "@" in parts.netloc:
            raise _wrong(f"{shown!r} must not hold keys; they come from the environment")
        given = dict(parse_qsl(parts.query))
        if unknown := set(given) - set(_OPTIONS):
            raise _wrong(f"{shown!r} has no option {min(unknown)!r}; there are {', '.join(_OPTIONS)}")
        if (
            parts.scheme == "s3"
            and given.keys() & {"endpoint", "anonymous"} == {"endpoint"}
            and not _KEYS & set(os.environ)
        ):
            # Without keys the client would ask the metadata service of a cloud for some, which another server has not.
            raise DocumentError("archive", [Place("archive", f"{shown!r} has no keys")], hint=_HINT)
        config: dict[str, Any] = {_OPTIONS[name]: value for name, value in given.items()}
        limits: dict[str, Any] = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=120)}
        if (given.get("endpoint") or _endpoint()).startswith("http://"):
            limits["allow_http"] = True
        try:
            store: ObjectStore = cast(Any, from_url)(  # its overloads know one provider each
                shown,
                config=config or None,
                client_options=limits,
                retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=20)},
            )
        except (BaseError, ValueError) as error:
            raise _wrong(f"{shown!r}: {_first_line(error)}") from None
        return cls(store, shown)

    async def files(self, prefix: str) -> list[File]:
        """Return the files below `prefix`, which ends with a slash; their names are without it."""
        base = f"sessions/{prefix}"
        with self._speaking():
            found = []
            async for batch in obstore.list(self._store, base):
                for meta in batch:
                    # The store's own prefix is not a part of the paths that it lists.
                    mark = meta.get("e_tag") or meta["last_modified"].isoformat()
                    found.append(File(meta["path"].removeprefix(base), meta["size"], mark))
            return found

    async def put(self, key: str, data: bytes) -> None:
        """Write a file, whole or not at all."""
        with self._speaking():
            await obstore.put_async(self._store, f"sessions/{key}", data)

    async def upload(self, key: str, path: Path) -> str | None:
        """Write a file from one of this machine, in parts where it is big; return its mark, None when that one is gone."""
        with self._speaking():
            try:
                done = await obstore.put_async(
                    self._store, f"sessions/{key}", path, chunk_size=_PIECE, max_concurrency=3
                )
            except FileNotFoundError:
                if await asyncio.to_thread(path.exists):
                    raise  # it is the bucket that is not there
                return None
        return done["e_tag"] or ""

    async def read(self, key: str) -> bytes:
        """Return a file.

        Raises:
            NotFound: there is none.
        """
        with self._speaking(), self._naming(key):
            answer = await obstore.get_async(self._store, f"sessions/{key}")
            return bytes(await answer.bytes_async())

    async def download(self, key: str, path: Path) -> None:
        """Write a file to one of this machine, whole or not at all; a piece of it at a time is in memory."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        with self._speaking(), self._naming(key):
            answer = await obstore.get_async(self._store, f"sessions/{key}")
            try:
                with await asyncio.to_thread(open, part, "wb") as file:
                    async for piece in answer.stream(min_chunk_size=_PIECE):
                        await asyncio.to_thread(file.write, piece)
            except OSError as error:
                raise Unavailable(f"cannot write {path}: {error.strerror}") from None
        part.replace(path)

    async def delete(self, keys: list[str]) -> None:
        """Remove files; one that is not there is no error."""
        with self._speaking():
            for at in range(0, len(keys), _MOST_KEYS):
                try:
                    await obstore.delete_async(self._store, [f"sessions/{key}" for key in keys[at : at + _MOST_KEYS]])
                except FileNotFoundError:
                    continue

    async def ping(self) -> None:
        """Write, list and remove a small file.

        Raises:
            Unavailable: one of these did not work.
        """
        with self._speaking():
            await obstore.put_async(self._store, "ping", b"?")
            await obstore.delete_async(self._store, "ping")

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except UnknownConfigurationKeyError as error:
            raise _wrong(f"{self.shown}: {_first_line(error)}") from None
        except (BaseError, FileNotFoundError, PermissionError) as error:
            raise Unavailable(
                f"the archive at {self.shown} does not answer: {_first_line(error)}", hint=_HINT
            ) from None

    @contextmanager
    def _naming(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            session, _, name = key.partition("/")
            raise NotFound(f"session {session} has no file {name!r} in the archive") from None


def _endpoint() -> str:
    """Return the S3 server that the environment names, empty for none."""
    found = (os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"))
    return next(filter(None, found), "")


def _first_line(error: Exception) -> str:
    # Later lines repeat the request with its headers.
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _wrong(message: str) -> DocumentError:
    return DocumentError("archive", [Place("archive", message)])

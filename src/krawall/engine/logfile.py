"""The log sink: JSONL segments of a shard. Lines are encoded on the loop, in small batches; a thread does the writing."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

import msgspec

from krawall.errors import Unavailable
from krawall.model.exchange import Exchange, Line
from krawall.version import __version__
from krawall.wire.log import Header, encode_lines

SEGMENT_BYTES = 256 << 20
BACKLOG_BYTES = 64 << 20
CHUNK_BYTES = 256 << 10  # each hand-over wakes the writer, which costs the loop more than the bytes do


class LogFile:
    """Owned by one shard. Raises Unavailable from `accept` once the disk has refused a write."""

    def __init__(self, directory: str, session: str, shard: int, attempt: int, plan_hash: str, bodies: bool) -> None:
        self._directory = Path(directory)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._header = (session, shard, attempt, plan_hash)
        self._bodies = bodies
        self._segment = 0
        self._in_segment = 0
        self._held = bytearray()
        self._backlog = 0
        self._queue: SimpleQueue[bytearray | None] = SimpleQueue()
        self._error: OSError | None = None
        self.bodies_dropped = 0
        self._file = self._open()
        self._thread = threading.Thread(target=self._write_all, name="krawall-log", daemon=True)
        self._thread.start()

    def _open(self) -> int:
        session, shard, attempt, plan_hash = self._header
        path = self._directory / f"{shard}-{attempt}-{self._segment}.jsonl"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            self._write(
                handle, encode_lines([Header(1, __version__, session, shard, attempt, self._segment, plan_hash)])
            )
        except OSError as error:
            raise Unavailable(f"cannot write {path}: {error.strerror}") from None
        self._in_segment = 0
        return handle

    def accept(self, batch: Sequence[Line]) -> None:
        """Encode and hand to the writer. Bodies are left out, and counted, while the disk is far behind."""
        if self._error:
            raise Unavailable(f"the log cannot be written: {self._error.strerror}")
        if not self._bodies or self._backlog > BACKLOG_BYTES:
            batch = [_bare(line) for line in batch]
            self.bodies_dropped += len(batch) if self._bodies else 0
        self._held += encode_lines(batch)
        if len(self._held) >= CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand what is held to the writer."""
        if self._held:
            data, self._held = self._held, bytearray()
            self._backlog += len(data)
            self._queue.put(data)

    def close(self) -> None:
        """Write the rest, wait for the writer, sync."""
        self.flush()
        self._queue.put(None)
        self._thread.join()
        try:
            os.fsync(self._file)
            os.close(self._file)
        except OSError as error:
            self._error = self._error or error
        if self._error:
            raise Unavailable(f"the log cannot be written: {self._error.strerror}")

    def _write_all(self) -> None:
        while (data := self._queue.get()) is not None:
            self._backlog -= len(data)
            if self._error:
                continue
            try:
                self._write(self._file, data)
                self._in_segment += len(data)
                if self._in_segment >= SEGMENT_BYTES:
                    os.close(self._file)
                    self._segment += 1
                    self._file = self._open()
            except OSError as error:
                self._error = error
            except Unavailable as error:
                self._error = OSError(0, error.message)

    @staticmethod
    def _write(handle: int, data: bytes | bytearray) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]


def _bare(line: Line) -> Line:
    return msgspec.structs.replace(line, said="", heard="") if isinstance(line, Exchange) else line

"""The log sink: JSONL segments of a shard. Lines are encoded on the loop, in small batches; a thread does the writing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue

import msgspec

from krawall.clock import monotonic_ns
from krawall.errors import Unavailable
from krawall.model.base import NS_PER_S
from krawall.model.exchange import Exchange, Line
from krawall.version import __version__
from krawall.wire.log import Header, encode_lines

SEGMENT_BYTES = 32 << 20
BACKLOG_BYTES = 64 << 20
_TURN = bytearray()  # no bytes: begin the next segment
CHUNK_BYTES = 256 << 10  # each hand-over wakes the writer, which costs the loop more than the bytes do


class LogFile:
    """Owned by one shard. Raises Unavailable from `accept` once the disk has refused a write.

    A segment is closed when it is full, and when it is older than `rotate_s` (0: never) and holds lines.
    """

    def __init__(
        self,
        directory: str,
        session: str,
        shard: int,
        attempt: int,
        plan_hash: str,
        bodies: bool,
        rotate_s: float = 0.0,
        clock: Callable[[], int] = monotonic_ns,
    ) -> None:
        self._directory = Path(directory)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._header = (session, shard, attempt, plan_hash)
        self._bodies = bodies
        self._rotate_ns = round(rotate_s * NS_PER_S)
        self._clock = clock
        self._opened_ns = 0
        self._turning = False
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
        self._opened_ns = self._clock()
        self._turning = False
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
        """Hand what is held to the writer, and tell it when its segment is old."""
        if self._held:
            data, self._held = self._held, bytearray()
            self._backlog += len(data)
            self._queue.put(data)
        if self._rotate_ns and not self._turning and self._clock() - self._opened_ns >= self._rotate_ns:
            self._turning = True
            self._queue.put(_TURN)

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
                if self._in_segment >= SEGMENT_BYTES or data is _TURN:
                    self._turn()
            except OSError as error:
                self._error = error
            except Unavailable as error:
                self._error = OSError(0, error.message)

    def _turn(self) -> None:
        """Begin the next segment, unless this one has no lines yet."""
        if self._in_segment:
            os.close(self._file)
            self._segment += 1
            self._file = self._open()
        else:
            self._opened_ns, self._turning = self._clock(), False

    @staticmethod
    def _write(handle: int, data: bytes | bytearray) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]


def _bare(line: Line) -> Line:
    return msgspec.structs.replace(line, said="", heard="") if isinstance(line, Exchange) else line

"""A shard in a child process: progress up, orders down, over a pipe. `python -m krawall.engine.process` is the child.

A frame is a length (4 bytes, little endian) and a msgpack body. The parent sends one Start, then Orders; the child sends
Progress and gets one Orders for each. Further Orders may come at any time. When the pipe closes, the child stops at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from krawall.engine.logfile import LogFile
from krawall.engine.program import Program
from krawall.engine.shard import Shard
from krawall.errors import KrawallError, Unavailable
from krawall.model.base import Record
from krawall.model.plan import ShardSpec
from krawall.model.progress import Orders, Progress
from krawall.plugins.assemble import read_plan

_LENGTH = struct.Struct("<I")
_MOST = 64 << 20


class Start(Record, frozen=True):
    """The first frame: the plan as JSON, and which shard of it."""

    plan: bytes
    spec: ShardSpec


async def read_frame(reader: asyncio.StreamReader, kind: type[Any]) -> Any:
    """Return the next frame as `kind`; None at the end of the pipe."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(4))
        return msgspec.msgpack.decode(await reader.readexactly(length), type=kind) if length <= _MOST else None
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def frame(record: Record) -> bytes:
    """Return the bytes of a frame."""
    body = msgspec.msgpack.encode(record)
    return _LENGTH.pack(len(body)) + body


# the parent's side --------------------------------------------------------------------------------------


class Child:
    """A running shard process, seen from the parent."""

    def __init__(self, process: asyncio.subprocess.Process, spec: ShardSpec) -> None:
        self._process = process
        self.spec = spec

    async def reports(self) -> AsyncIterator[Progress]:
        """Yield what the child reports, until its pipe closes."""
        assert self._process.stdout
        while (progress := await read_frame(self._process.stdout, Progress)) is not None:
            yield progress

    def send(self, orders: Orders) -> None:
        """Send orders; a child that is gone gets none."""
        assert self._process.stdin
        if not self._process.stdin.is_closing():
            self._process.stdin.write(frame(orders))

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def wait(self) -> int:
        """Return the exit code."""
        return await self._process.wait()


@asynccontextmanager
async def child(plan: bytes, spec: ShardSpec, stderr: int) -> AsyncIterator[Child]:
    """Start a shard process; it is gone when the block is left.

    `stderr`: file descriptor for what the child (a plugin, the interpreter) prints.

    Raises:
        Unavailable: the process does not start.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "krawall.engine.process",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=stderr, limit=_MOST,
        )  # fmt: skip
    except OSError as error:
        raise Unavailable(f"an engine process does not start: {error.strerror}") from None
    assert process.stdin
    process.stdin.write(frame(Start(plan, spec)))
    try:
        yield Child(process, spec)
    finally:
        process.stdin.close()
        if process.returncode is None:
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


# the child's side ---------------------------------------------------------------------------------------


class Pipe:
    """The child's end: `report` sends progress and waits for orders."""

    def __init__(self, reader: asyncio.StreamReader, out: int) -> None:
        self._reader = reader
        self._out = out
        self._answer: asyncio.Future[Orders] | None = None
        self.shard: Shard | None = None

    async def report(self, progress: Progress) -> Orders:
        """Send and wait for the answer.

        Raises:
            ConnectionError: the parent is gone.
        """
        self._answer = asyncio.get_running_loop().create_future()
        data = memoryview(frame(progress))
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except OSError as error:
            raise ConnectionError("the conductor is gone") from error
        return await self._answer

    async def listen(self) -> None:
        """Take orders until the pipe closes; then stop at once."""
        while (orders := await read_frame(self._reader, Orders)) is not None:
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(orders)
            elif self.shard is not None:
                self.shard.obey(orders)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the conductor is gone"))
        if self.shard is not None:
            self.shard.stop("now", "blind: the conductor is gone")


async def _main(out: int) -> int:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_MOST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb", buffering=0))
    start = await read_frame(reader, Start)
    if start is None:
        return 1
    pipe = Pipe(reader, out)
    spec: ShardSpec = start.spec
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(pipe.listen())
        try:
            plan = read_plan(start.plan)
            program = Program(plan, spec)
            log = LogFile(spec.directory, spec.session, spec.index, spec.attempt, plan.digest(), spec.bodies)
            pipe.shard = Shard(program, [log])
            gc.collect()
            gc.freeze()
            gc.set_threshold(100_000, 50, 100)
            await pipe.shard.play(pipe.report)
        except KrawallError as error:
            await _last_word(pipe, spec, error.message)
        except ConnectionError:
            pass  # nobody is left to tell; the log is closed by `play`
        finally:
            listening.cancel()
    return 0


async def _last_word(pipe: Pipe, spec: ShardSpec, reason: str) -> None:
    try:
        await pipe.report(Progress(spec.index, spec.attempt, 0, 0, "failed", reason=reason))
    except ConnectionError:
        return


def main() -> None:
    """Run a shard; the pipe is standard input and output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the conductor decides what it means
    out = os.dup(1)
    os.dup2(2, 1)  # whatever prints goes to standard error, never into the pipe
    import uvloop

    sys.exit(uvloop.run(_main(out)))


if __name__ == "__main__":
    main()

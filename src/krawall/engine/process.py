"""A shard in a child process: progress up, orders down, over a pipe. `python -m krawall.engine.process` is the child.

A frame is a length (4 bytes, little endian) and a msgpack body. The parent sends one Start, then Orders; the child sends
Progress and gets one Orders for each, which says so, but none for its last word. Further Orders may come at any time; one
that stops answers everything. When the pipe closes, the child stops at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from krawall.engine.gate import Environment, Opened
from krawall.engine.logfile import LogFile
from krawall.engine.outbox import opened
from krawall.engine.program import Program
from krawall.engine.sent import open_cell
from krawall.engine.shard import Shard
from krawall.errors import KrawallError, Unavailable
from krawall.model.base import Record
from krawall.model.connector import Secrets
from krawall.model.plan import ShardSpec
from krawall.model.progress import Orders, Progress
from krawall.model.sink import Basin
from krawall.plugins.assemble import read_plan
from krawall.plugins.sinking import sinks_of

_LENGTH = struct.Struct("<I")
_MOST = 64 << 20


class Start(Record, frozen=True):
    """The first frame: the plan as JSON, and which shard of it.

    References in the target are environment variables when `environment`; else they are credentials, `sealed` by name and
    opened with the keys of the directory `keys`, and texts see the variables of `env` and no others.
    """

    plan: bytes
    spec: ShardSpec
    sealed: dict[str, bytes] = {}
    keys: str = ""
    environment: bool = True
    env: dict[str, str] = {}


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
async def child(
    plan: bytes,
    spec: ShardSpec,
    stderr: int,
    *,
    sealed: Mapping[str, bytes] | None = None,
    keys: str = "",
    environment: bool = True,
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[Child]:
    """Start a shard process; it is gone when the block is left.

    Args:
        plan: the plan as JSON.
        spec: which shard of it.
        stderr: file descriptor for what the child (a plugin, the interpreter) prints.
        sealed: credentials by name, as the vault sealed them; for `environment=False`.
        keys: directory of the vault's keys.json. A key in KRAWALL_KEY reaches the child by itself.
        environment: references and texts read this process's environment.
        env: what `env.NAME` in texts may read instead; for `environment=False`.

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
    process.stdin.write(frame(Start(plan, spec, dict(sealed or {}), keys, environment, dict(env or {}))))
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
        with suppress(ConnectionError):  # orders that crossed its last word; nobody needs them any more
            await process.stdin.wait_closed()


# the child's side ---------------------------------------------------------------------------------------


class Pipe:
    """The child's end: `report` sends progress and waits for orders. `seq` is that of the newest report."""

    def __init__(self, reader: asyncio.StreamReader, out: int) -> None:
        self._reader = reader
        self._out = out
        self._answer: asyncio.Future[Orders] | None = None
        self.seq = 0
        self.shard: Shard | None = None

    async def report(self, progress: Progress) -> Orders:
        """Send and wait for the answer; there is none to a last word.

        Raises:
            ConnectionError: the parent is gone.
        """
        self.seq = progress.seq
        self._answer = asyncio.get_running_loop().create_future()
        data = memoryview(frame(progress))
        try:
            while data:
                data = data[os.write(self._out, data) :]
        except OSError as error:
            raise ConnectionError("the conductor is gone") from error
        return Orders() if progress.state in ("done", "failed") else await self._answer

    async def listen(self) -> None:
        """Take orders until the pipe closes; then stop at once."""
        while (orders := await read_frame(self._reader, Orders)) is not None:
            self._take(orders)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the conductor is gone"))
        if self.shard is not None:
            self.shard.stop("now", "blind: the conductor is gone")

    def _take(self, orders: Orders) -> None:
        asked = self._answer is not None and not self._answer.done()
        if asked and (orders.answers == self.seq or orders.stop != "no"):
            assert self._answer is not None
            self._answer.set_result(orders)
        elif self.shard is not None:
            self.shard.hear(orders)


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
            await _play(pipe, start)
        except KrawallError as error:
            await _last_word(pipe, spec, error.message)
        except ConnectionError:
            pass  # nobody is left to tell; the log is closed by `play`
        finally:
            listening.cancel()
    return 0


async def _play(pipe: Pipe, start: Start) -> None:
    spec, plan = start.spec, read_plan(start.plan)
    secrets = _secrets(start)
    program = Program(plan, spec, None if start.environment else start.env)
    log = LogFile(spec.directory, spec.session, spec.index, spec.attempt, plan.digest(), spec.bodies, spec.rotate_s)
    sent = open_cell(Path(spec.directory) / f"{spec.index}-{spec.attempt}.sent")
    basin = Basin(spec.session, spec.index, spec.count, spec.attempt, spec.directory, secrets)
    with opened(sinks_of(plan.scenario), basin) as sinks:
        pipe.shard = Shard(program, [log, *sinks], secrets=secrets, sent=sent)
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)
        await pipe.shard.play(pipe.report)


def _secrets(start: Start) -> Secrets:
    """Return what opens references. The vault's key does not stay where a plugin or a text could find it."""
    key = os.environ.pop("KRAWALL_KEY", None)
    if start.environment:
        return Environment()
    if not start.sealed:
        return Opened({})
    from krawall.vault import Vault

    vault = Vault.open(Path(start.keys), key)
    return Opened({name: vault.unseal(name, blob) for name, blob in start.sealed.items()})


async def _last_word(pipe: Pipe, spec: ShardSpec, reason: str) -> None:
    try:
        await pipe.report(Progress(spec.index, spec.attempt, pipe.seq + 1, 0, "failed", reason=reason))
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

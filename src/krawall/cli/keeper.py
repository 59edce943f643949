"""Keeps the worker of a server alive: started, started again when it dies, adopted from a server that was killed, ended in order.

The worker holds DATA/worker.lock for as long as it lives. Its standard input is a pipe from the server: when that closes, the
server is gone, and the worker finishes what it plays and goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from pathlib import Path

from krawall.cli.locks import WORKER, holder_of
from krawall.clock import monotonic_ns
from krawall.errors import Unavailable

LOOK_S = 0.5
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A worker that lived for so long did not die of its start."""

TAKEN = 75
"""Exit code of a worker that found the lock taken (EX_TEMPFAIL of sysexits.h)."""

COMMAND = (sys.executable, "-m", "krawall", "worker", "--attached")


class Keeper:
    """Looks after one worker. `say`: tells a person what happens to it."""

    def __init__(
        self, home: Path, environment: dict[str, str], say: Callable[[str], None], command: Sequence[str] = COMMAND
    ) -> None:
        self._lock = home / WORKER
        self._environment = environment
        self._say = say
        self._command = command

    async def keep(self, stop: asyncio.Event, now: asyncio.Event) -> None:
        """Keep a worker alive until `stop` is set, then end it: in order, or at once when `now` is set too."""
        pause, adopted = FIRST_PAUSE_S, False
        while not stop.is_set():
            if holder := holder_of(self._lock):
                if not adopted:
                    self._say(f"a worker is there already (process {holder.pid}); it goes on")
                adopted = True
                await _until(stop, LOOK_S)
                continue
            adopted = False
            began = monotonic_ns()
            code = await self._run(stop, now)
            if stop.is_set() or code == TAKEN:
                continue
            if monotonic_ns() - began > STEADY_S * 1e9:
                pause = FIRST_PAUSE_S
            self._say(f"the worker ended with {_told(code)}; another one starts in {pause:g} s")
            await _until(stop, pause)
            pause = min(LONGEST_PAUSE_S, pause * 2)
        await self._end_orphan(now)

    async def _run(self, stop: asyncio.Event, now: asyncio.Event) -> int:
        """Run a worker to its end, or end it when told to; return its exit code."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, stdin=PIPE, start_new_session=True
            )
        except OSError as error:
            raise Unavailable(f"a worker does not start: {error.strerror}") from None
        try:
            async with asyncio.TaskGroup() as group:
                ending = group.create_task(_end(process, stop, now))
                code = await process.wait()
                ending.cancel()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
        return code

    async def _end_orphan(self, now: asyncio.Event) -> None:
        """End a worker whose own server was killed; one of a server that lives is not ours to end."""
        holder = holder_of(self._lock)
        if holder is None or not holder.orphan:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(holder.pid, signal.SIGTERM)
            while holder_of(self._lock) == holder:
                if now.is_set():
                    os.kill(holder.pid, signal.SIGKILL)
                await _until(now, LOOK_S / 5)
                await asyncio.sleep(LOOK_S / 10)


async def _end(process: Process, stop: asyncio.Event, now: asyncio.Event) -> None:
    """End a worker when it is time: its engines end with it, since their pipes close."""
    await stop.wait()
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        await now.wait()
        process.kill()


async def _until(event: asyncio.Event, most_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(most_s):
            await event.wait()


def _told(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

"""Jobs: what to do next. The only module that imports bullmq, whose scripts do the work inside the server.

Of bullmq's Python worker only the parts are used that its manual mode is made of (take, wait, complete, fail, extend): its own
loop ends with the first cancelled job, counts a job as failed when the server is away as it ends, and cannot say until when
a lock is held. Ours can: a handler runs under a lease that is shorter than the lock, so nobody else has its job meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

import msgspec
from bullmq import Queue, Worker  # type: ignore[import-untyped]

from krawall.clock import wall_ns
from krawall.errors import KrawallError
from krawall.ids import new_id
from krawall.model.base import Record
from krawall.model.job import QUEUES, Job
from krawall.queue.connection import ANSWER_S, GONE, PREFIX, answering, open_client
from krawall.queue.ticket import check_id, pause_ms

Handler = Callable[[Job, "Taken"], Awaitable[None]]

FAILED_KEPT = 100
"""How many jobs that failed to the end are kept per queue, newest first."""

STATES = ("waiting", "active", "delayed", "prioritized", "failed")

_BULL = PREFIX + "jobs"
_LOG = logging.getLogger(__name__)
_WAIT_S = 5.0  # an idle worker looks by itself so often, in case the marker that wakes it was lost
_LONGEST_WAIT_S = 10.0  # what bullmq waits at most for a delayed job
_ELSEWHERE_S = 1.0  # before a job that a worker leaves to others is taken again, perhaps by the same
_LEASE = 0.8  # of the lock: what is left is the time to clean up in


class Elsewhere(Exception):
    """Raised by a handler: not by this worker. The job goes back for others to take, in a moment; the try does not count."""


class Taken(Record, frozen=True):
    """How a job came to a handler: its id, which try it is (from 1), how often a worker died over it."""

    id: str
    attempt: int
    stalled: int


class FailedJob(Record, frozen=True):
    """A job that failed to the end. `job` is None when it cannot be read. `failed_ns` is wall-clock time."""

    id: str
    job: Job | None
    reason: str
    attempts: int
    failed_ns: int


class Jobs:
    """The queues of a server, owned by a process for as long as it runs."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = open_client(url, text=True)
        self._queues: dict[str, Any] = {
            name: Queue(name, {"connection": self._client, "prefix": _BULL}) for name in sorted(set(QUEUES.values()))
        }

    async def close(self) -> None:
        """Give back the connections. Blocks of `work` have connections of their own."""
        await self._client.aclose()

    async def enqueue(
        self, job: Job, *, id: str, delay_s: float = 0.0, priority: int = 0, attempts: int = 1, backoff_s: float = 1.0
    ) -> None:
        """Add a job, unless one with this id waits, is delayed or is being worked on.

        Args:
            id: letters, digits and _ . : / @ -, not digits alone; free again when its job is done or failed to the end.
            delay_s: not before so many seconds from now, by the clock of this machine.
            priority: 0 comes before all others, then 1, 2, ... 2,097,152.
            attempts: how often it is tried before it counts as failed.
            backoff_s: the longest pause before the second try; doubled for each one after it; at least half of it is waited.

        Raises:
            Unavailable: the server is away. Whether the job was added is then unknown: ask again, with the same id.
        """
        queue, name = self._queues[QUEUES[type(job)]], str(job.__struct_config__.tag)
        options = {
            "jobId": check_id(id),
            "delay": round(delay_s * 1000),
            "priority": priority,
            "attempts": attempts,
            "backoff": {"type": "krawall", "delay": round(backoff_s * 1000)},
            "removeOnComplete": True,
            "removeOnFail": FAILED_KEPT,
            "stackTraceLimit": 1,
        }
        async with answering(self._url):
            if await queue.backend.isJobInState("failed", id):
                await queue.remove(id)  # what failed to the end holds its id for as long as it is kept
            await queue.add(name, msgspec.to_builtins(job), options)

    def work(
        self, queue: str, handler: Handler, *, concurrency: int, lock_s: float = 15.0, stalled_s: float = 5.0
    ) -> Work:
        """Return a block (`async with`) that takes jobs of `queue` while it lasts.

        Leaving it stops taking, cancels the handlers (CancelledError) and waits for them; their jobs go back into the queue at
        once and the try does not count. A handler that raises is tried again as its job says. It is also cancelled when the
        server has not confirmed its lock for 0.8 x `lock_s`, since somebody else may get the job then.

        Args:
            concurrency: how many handlers at once.
            lock_s: seconds after which the job of a worker that died may be taken over.
            stalled_s: seconds between two looks for such jobs; it takes at most lock_s + 2 x stalled_s.
        """
        return Work(self._url, queue, handler, concurrency=concurrency, lock_s=lock_s, stalled_s=stalled_s)

    async def has(self, queue: str, id: str) -> bool:
        """Return whether a job with this id waits, is delayed or is being worked on."""
        backend = self._queues[queue].backend
        async with answering(self._url):
            if not await self._client.exists(backend.toKey(id)):
                return False
            return not await backend.isJobInState("failed", id)

    async def remove(self, queue: str, id: str) -> bool:
        """Remove a job; return False, and leave it, when a worker holds it."""
        async with answering(self._url):
            return bool(await self._queues[queue].remove(id))

    async def counts(self) -> dict[str, dict[str, int]]:
        """Return how many jobs each queue holds, by state (see STATES)."""
        async with answering(self._url):
            found = {name: await queue.getJobCounts(*STATES) for name, queue in self._queues.items()}
        return {name: {state: int(counts[state]) for state in STATES} for name, counts in found.items()}

    async def failed(self, queue: str) -> list[FailedJob]:
        """Return the jobs that failed to the end, newest first, at most FAILED_KEPT."""
        async with answering(self._url):
            found = await self._queues[queue].getFailed(0, FAILED_KEPT - 1)
        return [
            FailedJob(
                id=job.id,
                job=_read(job.data),
                reason=job.failedReason or "",
                attempts=job.attemptsMade,
                failed_ns=job.finishedOn * 1_000_000,
            )
            for job in found
        ]


class Work:
    """A block that takes the jobs of one queue; made by `Jobs.work`."""

    def __init__(
        self, url: str, queue: str, handler: Handler, *, concurrency: int, lock_s: float, stalled_s: float
    ) -> None:
        self._queue, self._handler = queue, handler
        self._lock_s, self._stalled_s = lock_s, stalled_s
        self._client = open_client(url, text=True, retries=0)
        self._worker: Any = Worker(
            queue,
            None,
            {
                "connection": self._client,
                "prefix": _BULL,
                "lockDuration": round(lock_s * 1000),
                "stalledInterval": round(stalled_s * 1000),
                "maxStalledCount": 1_000_000,
                "drainDelay": _WAIT_S,
                "settings": {"backoffStrategy": _backoff_ms},
            },
        )
        # Redis 6.2 and later wait for fractions of a second; unasked, bullmq rounds a delay up to whole ones.
        self._worker.backend.blocking_connection.capabilities = {"canBlockFor1Ms": False, "canDoubleTimeout": True}
        self._places = asyncio.Semaphore(concurrency)
        self._group = asyncio.TaskGroup()
        self._held: dict[str, _Held] = {}
        self._leaving = False
        self._pause: asyncio.Timeout | None = None

    async def __aenter__(self) -> None:
        await self._group.__aenter__()
        self._taker = self._group.create_task(self._take())
        self._watchers = [self._group.create_task(self._renew()), self._group.create_task(self._look_for_stalled())]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving = True
        if self._pause is not None:
            self._pause.reschedule(0)
        tasks = {self._taker}
        try:
            await asyncio.sleep(0)  # a task that is cancelled before its first step never gets to hand its job back
            tasks |= {held.task for held in self._held.values() if held.task is not None}
            for held in self._held.values():
                if held.task is not None and held.lease is not None:
                    held.task.cancel()
            await asyncio.wait(tasks)
        finally:
            for task in (*tasks, *self._watchers):
                task.cancel()
            await self._group.__aexit__(None, None, None)  # the block's own error stays what it is, not one of a group
            await self._client.aclose()

    async def _take(self) -> None:
        while not self._leaving:
            await self._places.acquire()
            held = await self._next()
            if held is None:
                return
            self._held[held.token] = held
            if self._leaving:
                await self._hand_back(held)
                return
            held.task = self._group.create_task(self._run(held))

    async def _next(self) -> _Held | None:
        """Return the next job once there is one; None when the block is left."""
        loop, pause_s = asyncio.get_running_loop(), 0.05
        while not self._leaving:
            asked, token = loop.time(), new_id("run")
            try:
                async with asyncio.timeout(ANSWER_S):
                    job = await self._worker.moveToActive(token)
                if job is not None:
                    return _Held(job, token, until=asked + _LEASE * self._lock_s)
                pause_s = 0.05
                await self._unless_left(self._worker.waitForJob())
            except GONE as error:
                _LOG.debug("queue %s: %s; trying again in %.2f s", self._queue, error, pause_s)
                await self._unless_left(asyncio.sleep(pause_s))
                pause_s = min(1.0, pause_s * 2)
        return None

    async def _unless_left(self, what: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(0 if self._leaving else _LONGEST_WAIT_S + ANSWER_S) as self._pause:
                await what
        except TimeoutError:
            if not self._leaving:
                raise
        finally:
            self._pause = None

    async def _run(self, held: _Held) -> None:
        try:
            await self._handle(held)
        finally:
            del self._held[held.token]
            held.ended.set()
            self._places.release()

    async def _handle(self, held: _Held) -> None:
        job = held.job
        taken = Taken(id=job.id, attempt=job.attemptsMade + 1, stalled=job.stalledCounter)
        lease = asyncio.timeout_at(held.until)
        try:
            async with lease:
                held.lease = lease
                await self._former_ended(held)
                await self._handler(msgspec.convert(job.data, Job), taken)
        except asyncio.CancelledError as error:
            held.lease = None
            if self._leaving:
                await self._hand_back(held)
                raise
            if held.task is None or held.task.cancelling():
                raise
            await self._failed(held, taken, error)  # nobody cancelled it: it did so itself
        except Elsewhere as error:
            held.lease = None
            _LOG.info("job %s of %s is left to others: %s", job.id, self._queue, error)
            await self._hand_back(held, _ELSEWHERE_S)
        except Exception as error:  # noqa: BLE001  # a job's boundary
            held.lease = None
            if lease.expired():
                _LOG.warning("job %s of %s: its lock is not sure any more; stopped", job.id, self._queue)
                await self._hand_back(held)  # refused when somebody has it already
            else:
                await self._failed(held, taken, error)
        else:
            held.lease = None
            await self._tell(held, lambda: job.moveToCompleted(None, held.token))

    async def _failed(self, held: _Held, taken: Taken, error: BaseException) -> None:
        cause = None if isinstance(error, KrawallError) else error  # what is meant for people needs no traceback
        _LOG.warning("job %s of %s failed in try %d: %s", taken.id, self._queue, taken.attempt, error, exc_info=cause)
        reason = RuntimeError(f"{type(error).__name__}: {error}"[:1000])
        await self._tell(held, lambda: held.job.moveToFailed(reason, held.token))

    async def _former_ended(self, held: _Held) -> None:
        """Wait until a handler of ours that lost this very job has cleaned up: none runs beside itself."""
        for former in list(self._held.values()):
            if former is not held and former.job.id == held.job.id:
                former.lose()
                await former.ended.wait()

    async def _hand_back(self, held: _Held, after_s: float = 0.0) -> None:
        """Put a job back; the try does not count. Should that fail, its lock runs out and it counts as stalled."""
        due_ms = wall_ns() // 1_000_000 + round(after_s * 1000)
        await self._tell(held, lambda: held.job.moveToDelayed(due_ms, held.token), once=True)

    async def _tell(self, held: _Held, what: Callable[[], Awaitable[object]], *, once: bool = False) -> None:
        """Say how a job ended, again and again while the lock is ours: it did end, even if the server is away just now."""
        while True:
            try:
                async with asyncio.timeout(ANSWER_S):
                    await what()
            except GONE as error:
                if once or asyncio.get_running_loop().time() >= held.until:
                    _LOG.warning("job %s of %s ended, the server does not know: %s", held.job.id, self._queue, error)
                    return
            except (
                TypeError
            ) as error:  # bullmq's way to say that the lock or the job is gone, or that it was told before
                _LOG.info("job %s of %s: %s", held.job.id, self._queue, error)
                return
            else:
                return
            await asyncio.sleep(0.1)

    async def _renew(self) -> None:
        """Renew the locks of what is held, four times in the life of a lock."""
        loop, pause_s = asyncio.get_running_loop(), self._lock_s / 4
        while True:
            await asyncio.sleep(pause_s)
            held, asked, pause_s = [one for one in self._held.values() if not one.lost], loop.time(), self._lock_s / 4
            if not held:
                continue
            ids, tokens = [one.job.id for one in held], [one.token for one in held]
            try:
                async with asyncio.timeout(self._lock_s / 4):
                    gone = set(await self._worker.backend.extendLocks(ids, tokens, round(self._lock_s * 1000)))
            except GONE:
                pause_s = self._lock_s / 40
                continue
            for one in held:
                if one.job.id in gone:
                    one.lose()
                else:
                    one.keep(asked + _LEASE * self._lock_s)

    async def _look_for_stalled(self) -> None:
        """Put back jobs whose worker died: those seen active at one look and without a lock at the next one."""
        while True:
            with suppress(TimeoutError):  # it raises nothing else; a look that fails is made up for by the next one
                async with asyncio.timeout(ANSWER_S):
                    await self._worker.runStalledJobsCheck()
            await asyncio.sleep(self._stalled_s)


class _Held:
    """A job that this process has taken. `until`: the loop's time to which its lock is surely ours."""

    def __init__(self, job: Any, token: str, until: float) -> None:
        self.job, self.token, self.until = job, token, until
        self.task: asyncio.Task[None] | None = None
        self.lease: asyncio.Timeout | None = None  # while the handler runs
        self.lost = False
        self.ended = asyncio.Event()

    def keep(self, until: float) -> None:
        self.until = until
        if self.lease is not None and not self.lease.expired():
            self.lease.reschedule(until)

    def lose(self) -> None:
        self.lost = True
        self.keep(0.0)


def _backoff_ms(attempts_made: int, _kind: str, _error: BaseException, job: Any) -> int:
    return pause_ms(float(job.opts["backoff"]["delay"]), attempts_made, random.random())


def _read(data: Any) -> Job | None:
    try:
        return msgspec.convert(data, Job)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        return None

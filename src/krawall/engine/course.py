"""Where a shard is on the session's timeline, and all in it who wait: for a moment, for the end of a pause, for a change.

state     what those who wait do                  what may begin
running   sleep until their moments               turns
paused    sleep; at their moments they are held   nothing: the timeline stands still, turns in flight finish
stopping  raise Stopped, at once                  nothing
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable

from krawall.engine.ends import Stopped
from krawall.model.base import NS_PER_S
from krawall.model.progress import Adjusted, Orders


class Course:
    """One per shard. Moments are ns on the engine's clock; `zero` is the moment at which the timeline would have begun,
    had there been no pauses: it moves when one ends. `barred`: no turn may begin, for a pause or a stop. `heard`: the time
    of the timeline at which the newest of so many `changes` of the load was heard of.
    """

    __slots__ = (
        "_asleep",
        "_clock",
        "_held",
        "_idle",
        "_loop",
        "_paused_at",
        "_shifts",
        "_woke",
        "adjusted",
        "barred",
        "changes",
        "heard",
        "origin",
        "paused",
        "resumed",
        "stop_reason",
        "stopping",
        "zero",
    )

    def __init__(self, clock: Callable[[], int], woke: Callable[[int, int], None]) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._woke = woke  # told the moment at which somebody meant to wake, and did
        self._asleep: set[asyncio.Future[None]] = set()
        self._held: set[asyncio.Future[None]] = set()
        self._idle: set[asyncio.Future[None]] = set()
        self._paused_at = 0
        self._shifts: list[tuple[int, int]] = []  # when a pause ended here, and `zero` before it
        self.origin = self.zero = self.resumed = 0
        self.paused = self.stopping = self.barred = False
        self.stop_reason = ""
        self.adjusted: Adjusted | None = None
        self.changes = self.heard = 0

    # what is told from above ------------------------------------------------------------------------------

    def begin(self, origin_ns: int, replaces: bool = False) -> None:
        """The session begins, or began, at this moment. What `replaces` a lost attempt is not late for the time before it."""
        self.origin = self.zero = origin_ns
        if replaces:
            self.resumed = self._clock()

    def stop(self, reason: str) -> None:
        """Stop: everybody who waits learns it now."""
        self.stopping = self.barred = True
        self.stop_reason = self.stop_reason or reason or "stopped"
        for future in [*self._asleep, *self._held, *self._idle]:
            wake(future)

    def pause(self, orders: Orders) -> None:
        """Stand still or go on, as ordered; the shift is the conductor's, so that all shards have one timeline."""
        now, zero = self._clock(), self.origin + orders.shift_ns
        moved = zero != self.zero
        if moved:
            self._shifts.append((now, self.zero))
            self.zero, self.resumed = zero, now
        if orders.paused and (moved or not self.paused):
            self._paused_at = max(now, self.origin)
        elif self.paused and not orders.paused:
            self.resumed = now
            for future in self._held:
                wake(future)
        self.paused = orders.paused
        self.barred = self.paused or self.stopping

    def change(self, adjusted: Adjusted) -> None:
        """The load is another one from now on, or from its moment on."""
        self.adjusted = adjusted
        self.changes += 1
        self.heard = self.now()
        for future in self._idle:
            wake(future)

    # what users ask -----------------------------------------------------------------------------------------

    def now(self) -> int:
        """Return the time of the timeline, ns."""
        return (self._paused_at if self.paused else self._clock()) - self.zero

    def since(self, moment_ns: int) -> int:
        """Return the time of the timeline at a moment that may lie before the last pause."""
        if moment_ns >= self.resumed:
            return moment_ns - self.zero
        at = bisect_right(self._shifts, moment_ns, key=lambda shift: shift[0])
        return moment_ns - (self._shifts[at][1] if at < len(self._shifts) else self.zero)

    async def sleep_until(self, at_ns: int) -> int:
        """Sleep until a moment, later by every pause on the way; return the moment that it has become.

        Raises:
            Stopped: the session is to stop.
        """
        now = self._clock()
        if at_ns <= now and not self.barred:
            self._woke(max(at_ns, self.resumed), now)
            return at_ns
        if not self.paused:
            due = at_ns - self.zero
        else:  # what is left to wait for begins to run when the pause ends
            due = self._paused_at - self.zero + max(0, at_ns - now)
        while True:
            if self.barred:
                await self._released()
            zero = self.zero
            wait = due + zero - self._clock()
            if wait > 0:
                await self._nap(self._asleep, wait)
            if not self.barred and self.zero == zero:  # a timer may fire early by its own resolution
                break
        at_ns = max(due + zero, self.resumed)  # nobody is late for having been paused
        self._woke(at_ns, self._clock())
        return at_ns

    async def idle_until(self, at_ns: int | None, free_ns: int = 0) -> bool:
        """Wait for a time of the timeline, None: for ever; False when the load has been changed meanwhile.

        `free_ns`: the moment from which whoever asks could have gone on; before it nobody is late.

        Raises:
            Stopped: the session is to stop.
        """
        seen = self.changes
        while self.changes == seen:
            if self.barred:
                await self._released()
                continue
            zero = self.zero
            wait = None if at_ns is None else at_ns + zero - self._clock()
            if wait is None or wait > 0:
                await self._nap(self._idle, wait)
            if at_ns is not None and not self.barred and self.zero == zero and self.changes == seen:
                self._woke(max(at_ns + zero, self.resumed, free_ns), self._clock())
                return True
        return False

    async def _released(self) -> None:
        while self.paused and not self.stopping:
            await self._nap(self._held, None)
        if self.stopping:
            raise Stopped(self.stop_reason)

    async def _nap(self, among: set[asyncio.Future[None]], ns: int | None) -> None:
        future: asyncio.Future[None] = self._loop.create_future()
        handle = None if ns is None else self._loop.call_later(ns / NS_PER_S, wake, future)
        among.add(future)
        try:
            await future
        finally:
            if handle:
                handle.cancel()
            among.discard(future)


def wake(future: asyncio.Future[None]) -> None:
    """Let somebody go on who waits for this."""
    if not future.done():
        future.set_result(None)

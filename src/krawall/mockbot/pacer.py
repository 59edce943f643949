"""Wakes callbacks at absolute monotonic times, more exactly than the event loop's own timers.

Loop timers are counted in milliseconds. Measured for 1,500 wake-ups 1.37 ms apart on a two-core machine, lateness in us:

    asyncio call_later   p50 680   p90 1081          uvloop call_later   p50 162   p90 573, and up to 1,433 early
    asyncio timerfd      p50 101   p90  211          uvloop timerfd      p50  92   p90 279, never early

So there is one timerfd for all callbacks, which both loops only watch, and a heap. Both loops are then equally exact and
uvloop is the faster one. Where there is no timerfd (not Linux) the loop's timer is used and early wake-ups wait again.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from krawall.clock import monotonic_ns

_BATCH = 64  # callbacks before other sockets get their turn
_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("s", ctypes.c_long), ("ns", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Pacer:
    """A heap of (due, callback) over one timer. Belongs to one server, on the loop that it was made in.

    `exact` uses a timerfd; without it the loop's own timer wakes up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, exact: bool = sys.platform == "linux") -> None:
        self._loop = loop
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._armed_ns = 0  # 0: not armed
        self._handle: asyncio.TimerHandle | None = None
        self._closed = False
        self._fd = -1
        if exact:
            libc = ctypes.CDLL(None)
            self._settime = libc.timerfd_settime
            self._setting = _Itimerspec()
            self._address = ctypes.byref(self._setting)
            self._fd = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd >= 0:
            loop.add_reader(self._fd, self._expired)

    def at(self, due_ns: int, wake: Callable[[], None]) -> None:
        """Call `wake` once, at `due_ns` or as soon after as can be, never before."""
        if self._closed:
            return
        heappush(self._heap, (due_ns, next(self._order), wake))
        if not self._armed_ns or due_ns < self._armed_ns:
            self._arm(due_ns)

    def close(self) -> None:
        """Forget everything that is due and give the timer back."""
        self._closed = True
        self._heap.clear()
        if self._handle:
            self._handle.cancel()
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _arm(self, due_ns: int) -> None:
        self._armed_ns = due_ns
        if self._fd >= 0:
            seconds, rest = divmod(max(due_ns, 1), 1_000_000_000)
            value = self._setting.value
            value.s, value.ns = seconds, rest
            self._settime(self._fd, _ABSOLUTE, self._address, None)
            return
        if self._handle:
            self._handle.cancel()
        self._handle = self._loop.call_later(max(0, due_ns - monotonic_ns()) / 1e9, self._due)

    def _expired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:  # armed anew after it fired
            return
        self._due()

    def _due(self) -> None:
        heap = self._heap
        for _ in range(_BATCH):
            if not heap or heap[0][0] > monotonic_ns():
                break
            heappop(heap)[2]()
        self._armed_ns = 0
        if heap:
            self._arm(heap[0][0])

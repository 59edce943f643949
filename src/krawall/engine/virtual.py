"""An asyncio event loop in virtual time: where the usual loop would wait, this one puts its clock forward.

Deterministic and instant: a schedule of hours runs in milliseconds, and timers fire at exactly their nanosecond. For code that
waits for timers alone; what waits for a socket or a thread would wait for ever, which is an error here.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from krawall.model.base import NS_PER_S

START_NS = 1_000 * NS_PER_S  # not 0, which means "did not happen" in stamps

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    """A selector that puts the clock forward instead of waiting."""

    now_ns = START_NS

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:
            raise RuntimeError("everybody waits and nothing is scheduled: virtual time cannot go on")
        self.now_ns += max(1, round(timeout * NS_PER_S))
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `clock` is its time in ns, `time` the same in seconds."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    @property
    def _clock_resolution(self) -> float:
        # What asyncio adds to `time` to see what is due; it must be enough to change a float of that size.
        return max(1e-9, 2 * math.ulp(self.time()))

    @_clock_resolution.setter
    def _clock_resolution(self, value: float) -> None:
        """The base class sets its own once; it depends on the time here."""

    def time(self) -> float:
        """Return the virtual time, s."""
        return self._jumping.now_ns / NS_PER_S

    def clock(self) -> int:
        """Return the virtual time, ns."""
        return self._jumping.now_ns


def clock() -> int:
    """Return the virtual time of the running loop, ns; takes the place of `krawall.clock.monotonic_ns`."""
    return cast(VirtualLoop, asyncio.get_running_loop()).clock()


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time, return its result.

    Raises:
        RuntimeError: everybody waits for something that no timer will bring.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)

"""What Ctrl-C and SIGTERM mean for something that runs on: once in order, twice at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

INTERRUPTED = 130


class Ending:
    """How a process is asked to end. `stop` is set by the first signal, `now` by the second; the third ends the process.

    Before `opened` is called there is nothing to end in order: the first signal cancels the task that opens.
    """

    def __init__(self, asked: Callable[[], None], again: Callable[[], None] | None = None) -> None:
        self.stop, self.now = asyncio.Event(), asyncio.Event()
        self._asked, self._again = asked, again
        self._opening = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signalled)

    def opened(self) -> None:
        """From now on the first signal means: in order."""
        self._opening = None

    def _signalled(self) -> None:
        if self.now.is_set():
            os._exit(INTERRUPTED)
        if self.stop.is_set():
            self.now.set()
            if self._again:
                self._again()
            return
        self.stop.set()
        if self._opening:
            self._opening.cancel()
        else:
            self._asked()

"""What Ctrl-C and SIGTERM mean for something that runs on: once in order, twice at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

INTERRUPTED = 130


def once_and_again(once: Callable[[], None], again: Callable[[], None]) -> None:
    """Call `once` at the first SIGINT or SIGTERM and `again` at the second; the third ends the process."""
    left = [once, again]

    def asked() -> None:
        if left:
            left.pop(0)()
        else:
            os._exit(INTERRUPTED)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)

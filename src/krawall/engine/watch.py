"""Timeouts of an exchange at no cost per exchange: one lazy timer per user.

The timer fires no later than the earliest moment at which any timeout could be due, looks at the stamps, and sets itself
again; an exchange that is over before it fires costs nothing. On expiry the user's task is cancelled and the
cancellation is turned into a fault (as asyncio.timeout does).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from krawall.engine.mark import Stamps
from krawall.model.base import NS_PER_S, format_duration
from krawall.model.exchange import Fault, FaultKind
from krawall.model.policy import Timeouts


class Watch:
    """Watches one user's exchanges. `expired` names the timeout that ran out, until the next `begin`."""

    __slots__ = (
        "_began",
        "_clock",
        "_first",
        "_handle",
        "_limit",
        "_loop",
        "_mark",
        "_period",
        "_task",
        "_timeouts",
        "expired",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], int], mark: Stamps, timeouts: Timeouts
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._mark = mark
        self._timeouts = timeouts
        self._period = min(timeouts.first_token, timeouts.between_tokens, timeouts.turn)
        self._handle: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._began = 0
        self._limit = 0
        self.expired: Fault | None = None

    def begin(self, now: int, conversation_deadline: int, task: asyncio.Task[None], mark: Stamps) -> None:
        """An exchange begins at `now` (ns), stamped in `mark`. `conversation_deadline` is 0 when there is none."""
        self.expired = None
        self._mark = mark
        self._task = task
        self._began = now
        self._limit = conversation_deadline
        if self._handle is None or conversation_deadline:
            self._arm(now)

    def end(self) -> None:
        """The exchange is over."""
        self._task = None

    def close(self) -> None:
        """The user leaves."""
        self._task = None
        if self._handle:
            self._handle.cancel()
            self._handle = None

    def _arm(self, now: int) -> None:
        if self._handle:
            self._handle.cancel()
        wait = min(self._period, self._due()[0] - now)
        self._handle = self._loop.call_later(max(0.001, wait / NS_PER_S), self._look)

    def _due(self) -> tuple[int, str, int]:
        """Return (when, which timeout, its length) of what runs out first."""
        timeouts, mark = self._timeouts, self._mark
        if mark.holding_ns:  # what holds it back has a timeout of its own
            return self._clock() + timeouts.turn, "", 0
        began = self._began + mark.held_ns
        turn = (began + timeouts.turn, "the turn took longer than", timeouts.turn)
        start = mark.sent_ns or (began + timeouts.connect)
        if mark.last_ns:
            token = (mark.last_ns + timeouts.between_tokens, "no further token within", timeouts.between_tokens)
        else:
            token = (start + timeouts.first_token, "no first token within", timeouts.first_token)
        first = min(turn, token)
        if self._limit and self._limit + mark.held_ns < first[0]:
            return self._limit + mark.held_ns, "the conversation took longer than", timeouts.conversation or 0
        return first

    def _look(self) -> None:
        self._handle = None
        if self._task is None:
            return
        now = self._clock()
        due, words, length = self._due()
        if now >= due:
            self.expired = Fault(FaultKind.timeout, f"{words} {format_duration(length)}")
            self._task.cancel()
            return
        self._arm(now)

"""Closed model: the users of a shard, through every change of the load. Each finishes its conversation before it moves on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from krawall.engine.conversation import Talk
from krawall.engine.user import User
from krawall.load.adjusting import Lane, Lanes
from krawall.load.profile import Span
from krawall.load.striping import users_of
from krawall.model.load import Closed

if TYPE_CHECKING:
    from krawall.engine.shard import Shard


class Crew:
    """One per shard. A user is one task, for as long as the newest load has work for it."""

    def __init__(self, shard: Shard, load: Closed, tasks: asyncio.TaskGroup) -> None:
        self._shard = shard
        self._course = shard.course
        self._tasks = tasks
        self._lanes = Lanes(load)
        self._pause = None if load.pause.shape == "fixed" and load.pause.a == 0 else load.pause
        self._alive: set[int] = set()
        self._epoch = -1

    def change(self) -> None:
        """Hire whom the newest load asks for; those who are there see it by themselves."""
        spec, adjusted = self._shard.program.spec, self._course.adjusted
        epoch = adjusted.epoch if adjusted else 0
        if epoch == self._epoch:
            return
        self._epoch = epoch
        for index in users_of(spec.index, spec.count, self._lanes.users(adjusted)):
            if index not in self._alive:
                self._alive.add(index)
                self._shard.hire(self._tasks, self._live(index))

    async def close(self) -> None:
        """Every user has hung up by itself."""

    async def _live(self, index: int) -> None:
        """Play user `index` in one epoch after another."""
        user: User | None = None
        lane = self._lanes.of(index, self._course.adjusted)
        try:
            while lane is not None and not self._course.stopping:
                user = await self._play(index, lane, user)
                before, lane = lane, self._lanes.of(index, self._course.adjusted)
                if lane is not None and lane.epoch == before.epoch:
                    return
        finally:
            self._alive.discard(index)
            if user:
                await user.close()

    async def _play(self, index: int, lane: Lane, user: User | None) -> User | None:
        """Play a lane to its end or to the next epoch; conversation n of a user is its n-th number in the lane."""
        course, number = self._course, lane.first
        free_ns = self._shard.clock() if user else 0  # it has only now finished what it played before
        for span in lane.spans:
            while not await course.idle_until(span.start_ns, free_ns):
                if lane.epoch != self._epoch:
                    return user
            user = user or User(self._shard, index)
            ready_ns = max(course.zero + span.start_ns, course.resumed, free_ns)
            while self._goes_on(lane, span, ready_ns):
                if not await self._may_play(index, lane, number, span.end_ns):
                    return user
                if number not in self._shard.done_before:
                    ready_ns = await self._converse(user, lane, number, ready_ns)
                number += lane.step
        return user

    def _goes_on(self, lane: Lane, span: Span, ready_ns: int) -> bool:
        course = self._course
        if course.stopping or lane.epoch != self._epoch:
            return False
        # In a pause real time goes on, the timeline does not.
        return span.end_ns is None or (course.now() if course.paused else ready_ns - course.zero) < span.end_ns

    async def _may_play(self, index: int, lane: Lane, number: int, end_ns: int | None) -> bool:
        """Tell whether a number of the lane is to be played; wait while nobody knows."""
        while lane.epoch == self._epoch:
            if lane.end is None or number < lane.end:
                return not self._shard.used_up(number)
            newest = self._lanes.of(index, self._course.adjusted)
            if newest is None or (newest == lane and (not lane.more or await self._course.idle_until(end_ns))):
                return False
            lane = newest  # its end may have grown
        return False

    async def _converse(self, user: User, lane: Lane, number: int, ready_ns: int) -> int:
        """Play one conversation and the pause after it; return when the next one is meant to begin."""
        shard, course = self._shard, self._course
        if course.barred:
            ready_ns = await course.sleep_until(ready_ns)
        if await shard.start_conversation(number, lane.epoch):
            await Talk(user, number, ready_ns).run()
        ready_ns = shard.clock()
        if self._pause is not None and not course.stopping:
            ready_ns = await course.sleep_until(ready_ns + self._pause.draw(shard.jitter))
        return ready_ns

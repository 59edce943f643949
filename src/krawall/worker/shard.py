"""Job `shard`: plays one shard of a session in an engine process, under an attempt number that fences it.

What can happen to an attempt, and what follows:

    it ends                         its log goes to the archive, its last word to the conductor: the job is done
    its process dies                the shard is claimed again, the next attempt goes on from now
    it was blind for too long       the same; nobody could have told it to stop, so it stopped
    another worker claimed it       it is a zombie: told to stop now, its reports count no more
    the worker leaves               it drains; whoever takes the job next claims the shard again
    the worker lacks a plugin       nothing is claimed; a worker that has it takes the job, or the session fails
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from krawall.archive.segments import open_segment
from krawall.clock import monotonic_ns
from krawall.engine.process import Child, child
from krawall.errors import Conflict, KrawallError, NotFound, PluginError, Unavailable
from krawall.model.base import NS_PER_S
from krawall.model.exchange import Told
from krawall.model.job import PlayShard
from krawall.model.plan import ShardSpec
from krawall.model.progress import Orders, Progress
from krawall.model.session import Session, Shard, State
from krawall.services.directory import SessionDirectory
from krawall.wire.auth import references_in
from krawall.worker.equipment import equipped
from krawall.worker.link import ENDED, ShardLink
from krawall.worker.tools import Tools

MOST_DEATHS = 3  # in a row, each before the shard had played for STEADY_S
STEADY_S = 5.0
LEAVE_S = 10.0  # how long an engine may drain when its worker leaves
READY_S = 0.2  # how often a shard that is ready asks whether it may begin
REMOTE_ROTATE_S = 5.0  # a segment that only this machine holds is at most so old
_told = msgspec.json.Decoder(Told)


async def play(tools: Tools, job: PlayShard) -> None:
    """Play a shard to its end; nothing to do when it is done or its session is over."""
    lacks = ""
    try:
        plan = await tools.store.sessions.plan(job.session)
        try:
            await equipped(tools, plan)
        except PluginError as error:
            lacks = error.message
        shard = await tools.store.shards.claim(job.session, job.shard, tools.id)
    except (Conflict, NotFound):
        return
    if lacks:
        await _Playing(tools, await tools.store.sessions.get(job.session), shard).give_up(lacks)
        return
    deaths = 0
    while True:
        began = monotonic_ns()
        playing = _Playing(tools, await tools.store.sessions.get(job.session), shard)
        if await playing.run():
            return
        deaths = deaths + 1 if monotonic_ns() - began < STEADY_S * NS_PER_S else 1
        if deaths >= MOST_DEATHS:
            await playing.give_up(f"the engine process of shard {job.shard} died {deaths} times in a row")
            return
        try:
            shard = await tools.store.shards.claim(job.session, job.shard, tools.id, expect=shard.attempt)
        except (Conflict, NotFound):
            return


class _Playing:
    """One attempt."""

    def __init__(self, tools: Tools, session: Session, shard: Shard) -> None:
        self._tools = tools
        self._session = session
        self._shard = shard
        self._link = ShardLink(tools.bus, tools.clock, session.id, shard.number, shard.attempt)
        self._folder = tools.archive.place(session.id)
        self._last: Progress | None = None

    async def run(self) -> bool:
        """Play; True when there is nothing left to do for this shard."""
        what = f"{self._session.id} shard {self._shard.number}"
        self._tools.playing[what] += 1
        try:
            return await self._run()
        except KrawallError as error:
            if isinstance(error, Unavailable):
                raise  # something of ours is away: the queue tries the job again
            await self.give_up(error.message)
            return True
        finally:
            self._tools.playing.subtract({what: 1})

    async def _run(self) -> bool:
        tools = self._tools
        plan = await tools.store.sessions.plan(self._session.id)
        sealed = await tools.store.credentials.sealed(references(plan))
        env = {name: os.environ[name] for name in tools.allow_env if name in os.environ}
        played = await tools.archive.fetch(self._session.id) if self._shard.attempt > 1 else self._folder
        spec = await asyncio.to_thread(self._spec, SessionDirectory(played))
        SessionDirectory(self._folder).log.mkdir(parents=True, exist_ok=True)
        with SessionDirectory(self._folder).engine_log() as errors:
            async with (
                self._link.following() as changes,
                child(
                    plan, spec, errors.fileno(), sealed=sealed, keys=str(tools.home), environment=False, env=env
                ) as running,
                asyncio.TaskGroup() as group,
            ):
                relay = group.create_task(_relay(changes, running))
                try:
                    await self._talk(running)
                except asyncio.CancelledError:
                    await self._leave(running)
                    raise
                finally:
                    relay.cancel()
        return await self._ended()

    def _spec(self, played: SessionDirectory) -> ShardSpec:
        """`played` holds the log of earlier attempts, wherever they were played."""
        shard = self._shard
        return ShardSpec(
            session=self._session.id,
            index=shard.number,
            count=self._session.shards,
            attempt=shard.attempt,
            directory=str(SessionDirectory(self._folder).log),
            skip_done=done(played, shard.number) if shard.attempt > 1 else [],
            rotate_s=0.0 if self._tools.archive.local is not None else REMOTE_ROTATE_S,
        )

    async def _talk(self, running: Child) -> None:
        """Carry reports up and orders down until the process has said its last word or is gone."""
        async for progress in running.reports():
            self._last = progress
            if progress.state in ("done", "failed"):
                running.send(Orders())
                continue
            orders = await self._link.ask(progress, self._over)
            if progress.state == "ready" and not orders.go_at_ns and orders.stop == "no":
                await asyncio.sleep(READY_S)
                orders = await self._link.read() or orders
            running.send(orders)
            if self._tools.archive.local is None:
                await self._tools.archive.push(self._session.id)

    async def _leave(self, running: Child) -> None:
        """Let turns in flight finish, so that little is lost; the next attempt goes on after them."""
        running.send(Orders(stop="drain", reason="the worker leaves"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                async for progress in running.reports():
                    self._last = progress
                    running.send(Orders(stop="drain", reason="the worker leaves"))
        with contextlib.suppress(Unavailable):
            await self._tools.archive.push(self._session.id)
            await self._count_so_far()

    async def _ended(self) -> bool:
        """Say the last word; False when the shard is to be played on by another attempt."""
        await self._tools.archive.push(self._session.id)
        last = self._last
        if last is None or last.state not in ("done", "failed") or last.reason.startswith("blind"):
            await self._count_so_far()
            return False
        await self._last_word(last)
        return True

    async def _count_so_far(self) -> None:
        """What this attempt did counts, though the shard is not done."""
        if self._last is not None:
            self._last = msgspec.structs.replace(self._last, seq=self._last.seq + 1, state="playing", reason=ENDED)
            with contextlib.suppress(Unavailable):
                await self._link.say(self._last)

    async def _last_word(self, progress: Progress) -> None:
        async with self._link.following() as changes, asyncio.TaskGroup() as group:
            relay = group.create_task(_drop(changes))
            try:
                await self._link.ask(progress, self._over)
            finally:
                relay.cancel()

    async def _over(self) -> bool:
        try:
            session = await self._tools.store.sessions.get(self._session.id)
            return session.state is State.finished
        except NotFound:
            return True

    async def give_up(self, reason: str) -> None:
        """Tell the conductor that this shard cannot be played."""
        seq = self._last.seq + 1 if self._last is not None else 1
        failed = Progress(self._shard.number, self._shard.attempt, seq, 0, "failed", reason=reason)
        if self._last is not None:
            failed = msgspec.structs.replace(self._last, seq=seq, state="failed", reason=reason)
        await self._last_word(failed)


async def _relay(changes: AsyncIterator[Orders], running: Child) -> None:
    async for orders in changes:
        running.send(orders)


async def _drop(changes: AsyncIterator[Orders]) -> None:
    async for _ in changes:
        continue


def references(plan: bytes) -> list[str]:
    """Return the names of the credentials that a plan's target and sinks refer to, sorted."""
    whole = msgspec.json.decode(plan)
    return sorted(references_in([whole["target"], whole["scenario"].get("sinks", [])]))


def done(directory: SessionDirectory, shard: int) -> list[int]:
    """Return the conversations that earlier attempts at a shard have brought to an end, by their log."""
    found: list[int] = []
    for path in directory.segments(shard):
        found += _done(path)
    return found


def _done(path: Path) -> list[int]:
    found = []
    with open_segment(path) as file:
        for line in file:
            if line.startswith(b'{"k":"c"') and line.endswith(b"\n"):
                with contextlib.suppress(msgspec.MsgspecError):
                    told = _told.decode(line)
                    if told.outcome != "abandoned":
                        found.append(told.conversation)
    return found

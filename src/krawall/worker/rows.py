"""What a conductor writes down: once a second progress, tick, money and events, in one transaction under its fence."""

from __future__ import annotations

import msgspec

from krawall.clock import iso, monotonic_ns, wall_ns
from krawall.conduct.conductor import Conductor
from krawall.errors import Unavailable
from krawall.model.base import NS_PER_S
from krawall.model.event import (
    BudgetReached,
    EventBody,
    SessionStarted,
    SessionStopping,
    ShardLost,
    ShardReplaced,
    ThresholdBreached,
)
from krawall.model.plan import Plan
from krawall.model.session import Session, ShardState, State
from krawall.model.summary import Picture, Point
from krawall.services.directory import Manifest, SessionDirectory
from krawall.services.picture import picture
from krawall.worker.link import encode
from krawall.worker.tools import Tools


class Rows:
    """The rows of one session, as one conductor writes them. `manifest` becomes the file of the session's folder."""

    def __init__(self, tools: Tools, session: Session, fence: int, manifest: Manifest) -> None:
        self._tools = tools
        self._session = session
        self.fence = fence
        self.manifest = manifest
        self.began_ns = self._wrote_ns = monotonic_ns()
        self._state = session.state
        self.revision = -1  # the conductor's, as of the last write
        self._points = 0
        self._pending: list[EventBody] = []
        self._reported: dict[tuple[int, int], int] = {}

    async def begin(self, plan: Plan) -> None:
        """Make the session's folder, and say in its row that its shards are being gathered."""
        tools, id = self._tools, self._session.id
        directory = SessionDirectory(tools.archive.place(id))
        if not (directory.path / "manifest.json").exists():
            directory.log.mkdir(parents=True, exist_ok=True)
            directory.write("plan.json", plan.to_json())
            directory.save(self.manifest)
            await tools.archive.push(id)
        if self._state is State.queued:
            await tools.store.sessions.write(id, self.fence, state=State.starting)
            self._state = State.starting

    def silent_ns(self) -> int:
        """Return how long nothing could be written."""
        return monotonic_ns() - self._wrote_ns

    async def tick(self, conductor: Conductor) -> bool:
        """Write what is new. False: the fence is no longer the newest, nothing was written.

        Raises:
            Unavailable: the database is away; what is new stays new.
        """
        points = conductor.points[self._points :]
        revision, shown = conductor.revision, picture(conductor, self.manifest)
        if not await self._write(conductor, shown, points):
            return False
        self._wrote_ns = monotonic_ns()
        self.revision = revision
        self._points += len(points)
        if self._state is not conductor.state:
            self._state = conductor.state
        await self._show(conductor, shown, points)
        return True

    async def _write(self, conductor: Conductor, shown: Picture, points: list[Point]) -> bool:
        store, id = self._tools.store, self._session.id
        cell = conductor.latest.view()
        events, started_ns = self._transitions(conductor)
        pending = len(self._pending)
        p95 = shown.metrics["latency"].p95 if "latency" in shown.metrics else None
        async with store.begin() as tx:
            mine = await store.sessions.write(
                id, self.fence,
                state=conductor.state if conductor.state is not self._state else None,
                started_ns=started_ns,
                reason=conductor.reason, reason_kind=conductor.reason_kind,
                conversations=sum(cell.outcomes.values()), turns=cell.turns, errors=sum(cell.errors.values()),
                cost_pico=cell.cost_pico, p95_ms=p95,
                picture=msgspec.json.encode(shown), saved=conductor.save().encode(),
                tx=tx,
            )  # fmt: skip
            if not mine:
                return False
            for progress in conductor.reports:
                key = (progress.shard, progress.attempt)
                if self._reported.get(key) != progress.seq:
                    state = ShardState(progress.state) if progress.state in ("done", "failed") else ShardState.playing
                    await store.shards.report(id, *key, encode(progress), state, tx=tx)
                    self._reported[key] = progress.seq
            for point in points:
                await store.ticks.add(id, int(point.at_s), msgspec.json.encode(point), tx=tx)
            if points:
                day = iso(self._session.created_ns)[:10]
                await store.ledger.settle(id, self._session.target, day, conductor.spent, tx=tx)
            for body in (*self._pending[:pending], *events):
                await store.events.append(body, f"worker {self._tools.id}", session=id, tx=tx)
        del self._pending[:pending]
        return True

    def _transitions(self, conductor: Conductor) -> tuple[list[EventBody], int | None]:
        """Return the events of what changed since the last write, and when the session started if that is new."""
        if conductor.state is self._state:
            return [], None
        events: list[EventBody] = []
        started_ns = None
        begun = self._state in (State.queued, State.starting) and conductor.origin
        if begun:
            events.append(SessionStarted(self._session.shards))
            started_ns = wall_ns() - conductor.elapsed_ns
            self.manifest.started_at = iso(started_ns)
        if conductor.state is State.stopping:
            if conductor.reason_kind == "cap":
                events.append(BudgetReached(conductor.reason))
            elif conductor.reason_kind == "threshold":
                events.append(ThresholdBreached(conductor.reason, None, conductor.reason))
            if conductor.reason_kind != "person":
                events.append(SessionStopping(conductor.reason, conductor.orders.stop == "now"))
        return events, started_ns

    async def _show(self, conductor: Conductor, shown: Picture, points: list[Point]) -> None:
        """Send the live picture. It may be lost."""
        newest = conductor.latest.view().attempts
        second = int(points[-1].at_s) if points else int(conductor.elapsed_ns / NS_PER_S)
        tick = {"second": second, "point": points[-1] if points else None, "picture": shown, "newest": newest}
        try:
            await self._tools.bus.publish(f"session.{self._session.id}", msgspec.json.encode({"tick": tick}))
            await self._tools.bus.publish(
                "events", msgspec.json.encode({"tick": {"names": [f"progress:{self._session.id}"]}})
            )
        except Unavailable:
            return

    def replaced(self, lost: ShardLost, by: ShardReplaced) -> None:
        """Note that a shard was lost and is played by another attempt; written with the conductor's next state, or not at all."""
        self._pending += [lost, by]

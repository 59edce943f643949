"""Job `session`: conducts one session: gathers its shards, merges what they report, writes rows, gives orders, finishes.

Whoever conducts holds the newest fence of the session's row. A conductor that lost its worker is replaced by another one,
which reads the rows and goes on; a zombie's writes change nothing, and it leaves.

    report on the board -> conductor.report -> orders on the board           as soon as it is poked, twice a second anyway
    tick                -> rows (progress, tick, events) in one transaction   once a second
    wish in the row     -> conductor.stop, pause, resume, adjust              as soon as it is poked, once a second anyway
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import structlog

from krawall.clock import iso, monotonic_ns, wall_ns
from krawall.conduct.conductor import Conductor
from krawall.errors import Conflict, KrawallError, NotFound, PluginError, Unavailable
from krawall.model.base import NS_PER_S
from krawall.model.event import ShardLost, ShardReplaced
from krawall.model.job import Compact, ConductSession
from krawall.model.plan import Plan
from krawall.model.progress import Orders
from krawall.model.session import Session, Shard, State, Wish
from krawall.plugins.assemble import read_plan
from krawall.services.directory import Manifest
from krawall.services.planning import planned
from krawall.services.sessions import enqueue
from krawall.services.tracing import Noted, about_target
from krawall.version import __version__
from krawall.worker.equipment import STEPS, equipped
from krawall.worker.finish import finish, refuse
from krawall.worker.link import ENDED, decode_orders, decode_progress, encode, field
from krawall.worker.rows import Rows
from krawall.worker.tools import Tools

LOOK_S = 0.5  # the boards are read so often, whether or not a poke came
START_TIMEOUT_S = 60.0  # between the first shard that is ready and the last
REPLACED_AFTER_NS = 12 * NS_PER_S  # an attempt that nobody hears any more has stopped sending by then
GIVEN_UP_NS = 40 * NS_PER_S  # a shard of a stopped session that was silent for so long is over
BLIND_NS = 8 * NS_PER_S  # without the database for so long the shards get no answers, and stop by themselves

_log = structlog.get_logger("krawall.worker.session")


async def conduct(tools: Tools, job: ConductSession, noted: Noted) -> None:
    """Conduct a session to its end; nothing to do when it is over. `noted`: the span of the job."""
    lacks: PluginError | None = None
    try:
        text = await tools.store.sessions.plan(job.session)
        try:
            await equipped(tools, text, STEPS)
        except PluginError as error:
            lacks = error
        fence = await tools.store.sessions.claim(job.session, tools.id)
        session = await tools.store.sessions.get(job.session)
    except (Conflict, NotFound):
        return
    if lacks is not None:
        await refuse(tools, session, fence, lacks)
        return
    plan = read_plan(text)
    noted.note(about_target(plan.target))
    await enqueue(tools.jobs, session.id, session.shards)
    tools.playing[session.id] += 1
    try:
        conducting = await Conducting.begin(tools, session, fence, plan)
        if await conducting.run():
            await tools.jobs.enqueue(Compact(session.id), id=f"compact.{session.id}", attempts=5, backoff_s=10)
    finally:
        tools.playing.subtract({session.id: 1})


class Conducting:
    """One session under one fence. Owned by its job."""

    def __init__(self, tools: Tools, session: Session, rows: Rows, conductor: Conductor) -> None:
        self._tools = tools
        self._session = session
        self._rows = rows
        self._conductor = conductor
        self._wish = Wish()
        self._orders: dict[str, Orders] = {}
        self._answered: dict[str, bytes] = {}  # the report that was answered last, as it stood on the board
        self._newest: dict[int, int] = {}  # shard -> attempt
        self._workers: dict[int, str] = {}  # shard -> who plays it, as far as is known
        self._heard: dict[int, int] = {}  # shard -> when, ns of this machine's clock
        self._first_ready = 0
        self._mine = True
        self._writing = asyncio.Lock()
        self._states: dict[int, str] = {}

    @classmethod
    async def begin(cls, tools: Tools, session: Session, fence: int, plan: Plan) -> Conducting:
        """Return a conductor that goes on where the rows say that the last one was."""
        saved = await tools.store.sessions.saved(session.id)
        manifest = manifest_of(session, plan)
        conductor = Conductor.restored(plan, session.shards, tools.clock.now, saved)
        conducting = cls(tools, session, Rows(tools, session, fence, manifest), conductor)
        for shard in await tools.store.shards.of(session.id):
            conducting._known(shard)
        for place, data in (await tools.bus.board(f"down.{session.id}")).items():
            number, _, attempt = place.partition(".")
            conducting._orders[place] = orders = decode_orders(data)
            conductor.told(int(number), orders, int(attempt))
        for progress in conductor.reports:
            conducting._newest[progress.shard] = progress.attempt
            conducting._states[progress.shard] = progress.state
            conducting._heard[progress.shard] = monotonic_ns()
        await conducting._rows.begin(plan)
        return conducting

    def _known(self, shard: Shard) -> None:
        """Take in what the row of a shard says."""
        self._workers[shard.number] = shard.worker
        if shard.progress:
            self._conductor.recall(decode_progress(shard.progress))

    async def run(self) -> bool:
        """Conduct to the end; False when another conductor has taken over."""
        id = self._session.id
        with structlog.contextvars.bound_contextvars(session=id):
            async with self._tools.bus.follow(f"up.{id}", f"wish.{id}") as pokes, asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen(pokes))
                try:
                    mine = await self._clock()
                finally:
                    listening.cancel()
            if not mine:
                _log.warning("another conductor has taken over")
                return False
            return await finish(self._tools, self._session, self._rows, self._conductor)

    async def _listen(self, pokes: AsyncIterator[object]) -> None:
        async for poke in pokes:
            with contextlib.suppress(Unavailable):
                if getattr(poke, "gap", False):
                    await self._look()
                elif getattr(poke, "channel", "").startswith("wish."):
                    await self._obey_wish()
                else:
                    await self._take(poke.payload.decode())  # type: ignore[attr-defined]

    async def _clock(self) -> bool:
        """Look, tick, write, until every shard has said its last word. False: the fence is no longer the newest."""
        next_tick = asyncio.get_running_loop().time()
        while True:
            with contextlib.suppress(Unavailable):
                await self._look()
            if asyncio.get_running_loop().time() >= next_tick:
                next_tick += 1.0
                with contextlib.suppress(Unavailable):
                    await self._obey_wish()
                self._conductor.tick()
                self._start_in_time()
                wrote = await self._write()
                if not self._mine:
                    return False
                if wrote and self._over():
                    return True
            await asyncio.sleep(LOOK_S / 2)

    async def _write(self) -> bool:
        """Write the rows; False when that was not possible."""
        try:
            async with self._writing:
                self._mine = await self._rows.tick(self._conductor)
        except Conflict:
            self._mine = False
        except Unavailable as error:
            _log.warning("the database is away", error=error.message)
            return False
        return self._mine

    def _over(self) -> bool:
        return all(self._ended(shard) for shard in range(self._session.shards))

    def _ended(self, shard: int) -> bool:
        """A session that was stopped does not wait for shards that nobody plays."""
        if self._states.get(shard) in ("done", "failed"):
            return True
        if self._conductor.orders.stop == "no":
            return False
        return not self._newest.get(shard) or monotonic_ns() - self._heard.get(shard, 0) > GIVEN_UP_NS

    # shards -----------------------------------------------------------------------------------------

    async def _look(self) -> None:
        for place, data in (await self._tools.bus.board(f"up.{self._session.id}")).items():
            await self._answer(place, data)

    async def _take(self, place: str) -> None:
        data = await self._tools.bus.board_get(f"up.{self._session.id}", place)
        if data:
            await self._answer(place, data)

    async def _answer(self, place: str, data: bytes) -> None:
        if self._answered.get(place) == data:
            return
        progress = decode_progress(data)
        shard, attempt = progress.shard, progress.attempt
        newest = self._newest.get(shard, 0)
        if attempt < newest:
            if self._orders.get(place, Orders()).stop != "now":
                await self._tell(
                    place, Orders(answers=progress.seq, stop="now", reason="a later attempt plays this shard")
                )
            return
        told = self._orders.get(place)
        if told is not None and told.answers >= progress.seq and self._states.get(shard) == progress.state:
            return
        if self._rows.silent_ns() > BLIND_NS:
            return  # nothing can be kept: better that shards stop than that they play unseen
        if attempt > newest and newest:
            row = await self._tools.store.shards.get(self._session.id, shard)
            if self._newest[shard] < attempt:  # or another poke has been faster
                self._replaced(shard, self._newest[shard], attempt, row.worker)
        self._newest[shard] = max(attempt, self._newest.get(shard, 0))
        if progress.state == "ready" and newest and self._too_early(shard):
            await self._tell(place, Orders(answers=progress.seq))
            return
        # An attempt that has said that it ended sends no more: the next one may begin at once.
        self._heard[shard] = 0 if progress.reason == ENDED else monotonic_ns()
        self._states[shard] = progress.state
        self._first_ready = self._first_ready or monotonic_ns()
        started = self._conductor.origin
        orders = self._conductor.report(progress)
        if not await self._kept():
            return
        await self._tell(place, orders)
        self._answered[place] = data
        if self._conductor.origin and not started:
            await self._tell_all()

    async def _kept(self) -> bool:
        """See that a change is in the rows before anybody hears of it: whoever replaces this conductor must know it too."""
        return self._rows.revision == self._conductor.revision or await self._write()

    def _too_early(self, shard: int) -> bool:
        """The lost attempt may still be sending: a worker that was cut off stops by itself within this time."""
        return monotonic_ns() - self._heard.get(shard, 0) < REPLACED_AFTER_NS and self._states.get(shard) != "ready"

    def _replaced(self, shard: int, before: int, attempt: int, worker: str) -> None:
        conductor = self._conductor
        why = "its engine process died" if self._heard.get(shard) == 0 else "its worker is gone"
        lost = ShardLost(shard, before, self._workers.get(shard, ""), conductor.heard_s(shard))
        conductor.lost(shard, None, before, why)
        conductor.replaced(shard, attempt)
        self._rows.replaced(lost, ShardReplaced(shard, attempt, worker, conductor.elapsed_ns / NS_PER_S))
        self._newest[shard] = attempt
        self._workers[shard] = worker

    async def _tell(self, place: str, orders: Orders) -> None:
        self._orders[place] = orders
        await self._tools.bus.board_put(f"down.{self._session.id}", place, encode(orders))
        await self._tools.bus.publish(f"down.{self._session.id}", place.encode())

    async def _tell_all(self) -> None:
        """Repeat to every shard what it was told, with what holds now."""
        now = self._conductor.orders
        for shard, attempt in self._newest.items():
            place = field(shard, attempt)
            told = self._orders.get(place, Orders())
            await self._tell(place, msgspec.structs.replace(now, answers=told.answers, allowance=told.allowance))

    # wishes -----------------------------------------------------------------------------------------

    async def _obey_wish(self) -> None:
        wish = (await self._tools.store.sessions.get(self._session.id)).wish
        before, self._wish = self._wish, wish
        if wish == before:
            return
        conductor = self._conductor
        try:
            if wish.epoch > conductor.epoch:
                conductor.adjust(wish.users, wish.rate, wish.epoch)
            if wish.paused and not conductor.paused:
                conductor.pause()
            elif conductor.paused and not wish.paused:
                conductor.resume()
        except KrawallError as error:
            _log.warning("a wish cannot be granted", wish=str(wish), error=error.message)
        if wish.stop != "no":
            conductor.stop("person", wish.reason or "stopped by a person", now=wish.stop == "now")
        if await self._kept():
            await self._tell_all()

    def _start_in_time(self) -> None:
        conductor = self._conductor
        if conductor.state is not State.starting or not self._first_ready:
            return
        if monotonic_ns() - self._first_ready > START_TIMEOUT_S * NS_PER_S:
            missing = self._session.shards - len(self._states)
            conductor.stop(
                "internal",
                f"{missing} of {self._session.shards} shards found no engine within {START_TIMEOUT_S:.0f} s; "
                "start more workers or ask for fewer shards",
                now=True,
            )


def manifest_of(session: Session, plan: Plan) -> Manifest:
    """Return the manifest with which a session's folder begins."""
    return Manifest(
        krawall=__version__,
        session=session.id,
        plan_hash=session.plan_hash,
        seed=session.seed,
        name=session.name,
        target=session.target,
        started_at=iso(session.started_ns or wall_ns()),
        shards=session.shards,
        planned=planned(plan),
    )

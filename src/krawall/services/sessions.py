"""Sessions on a server: started by a request, steered, restarted, deleted. Conducting and playing them is the workers' part."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from krawall.archive.archive import Archive
from krawall.clock import iso, wall_ns
from krawall.errors import Conflict, DocumentError, Place, Refused, Unavailable
from krawall.ids import new_id
from krawall.load.striping import shard_count
from krawall.model.budget import Spend
from krawall.model.event import (
    EventBody,
    SessionAdjusted,
    SessionCancelled,
    SessionPaused,
    SessionResumed,
    SessionStopping,
)
from krawall.model.job import QUEUES, Compact, ConductSession, PlayShard
from krawall.model.load import Closed
from krawall.model.plan import Plan
from krawall.model.session import Outcome, Session, State, Verdict, Wish
from krawall.plugins.assemble import read_plan
from krawall.queue.bus import Bus
from krawall.queue.jobs import Jobs
from krawall.services.starting import MOST_SHARDS, Planner, Rules, StartSession, granted_again
from krawall.services.taking_in import take_in
from krawall.store.sessions import Started
from krawall.store.store import Store

FREE_TIERS = ("loopback",)  # whoever tests a bot on his own machine may play several sessions against it at a time


class Sessions:
    """The use cases. One per process; owns nothing."""

    def __init__(self, store: Store, jobs: Jobs, bus: Bus, archive: Archive, rules: Rules) -> None:
        self._store = store
        self._jobs = jobs
        self._bus = bus
        self._archive = archive
        self._rules = rules
        self._orders = Planner(store, rules)

    # start ------------------------------------------------------------------------------------------------

    async def start(self, request: StartSession, actor: str, key: str | None = None) -> Started:
        """Plan a session, keep it and put it into the queue.

        Raises:
            DocumentError, NotFound, Refused, Unreachable: there is no plan to be had; nothing was kept.
            Conflict: another request used the same key, or the target is busy with another session.
        """
        asked = hashlib.sha256(msgspec.json.encode(request.model_dump(mode="json"), order="sorted")).hexdigest()
        ordered = await self._orders.plan(request)
        plan = ordered.plan
        session = _session(
            plan,
            request.name or plan.scenario.name,
            ordered.scenario,
            ordered.target or plan.target.url.split("?")[0] or plan.target.connector or "",
            actor,
            request.shards,
        )
        return await self._keep(session, plan, key, asked)

    async def restart(self, id: str, actor: str, key: str | None = None, *, as_changed: bool = False) -> Started:
        """Start a new session of the same frozen plan. `as_changed`: with the users or the rate that it was last changed to.

        Raises:
            NotFound: there is no such session.
            Refused: the guard rails no longer allow it.
        """
        earlier = await self._store.sessions.get(id)
        plan = read_plan(await self._store.sessions.plan(id))
        plan = await asyncio.to_thread(granted_again, plan)
        session = _session(plan, earlier.name, earlier.scenario, earlier.target, actor, earlier.shards, restart_of=id)
        users, rate = earlier.wish.users, earlier.wish.rate
        if not as_changed or (users is None and rate is None):
            return await self._keep(session, plan, key, f"restart {id}")
        _adjustable(plan, users, rate)
        session = msgspec.structs.replace(session, wish=Wish(epoch=1, users=users, rate=rate))
        return await self._keep(session, plan, key, f"restart {id} as changed", SessionAdjusted(users, rate))

    async def _keep(
        self, session: Session, plan: Plan, key: str | None, asked: str, also: EventBody | None = None
    ) -> Started:
        if key is not None and not (0 < len(key) <= 200):
            raise DocumentError("header", [Place("Idempotency-Key", "has 1 to 200 characters")])
        budget = plan.scenario.budget
        worst = Spend(budget.cost, budget.tokens, budget.requests, budget.conversations)
        cap = None
        if self._rules.daily_cost is not None:
            cap = Spend(self._rules.daily_cost, 2**62, 2**62, 2**62)
        async with self._store.begin() as tx:
            started = await self._store.sessions.create(session, plan.to_json(), key=key, request_hash=asked, tx=tx)
            if started.created:
                await self._alone(session, plan)
                if also is not None:
                    await self._store.events.append(also, session.actor, session=session.id, tx=tx)
                day = iso(session.created_ns)[:10]
                await self._store.ledger.reserve(session.id, session.target, day, worst, cap, tx=tx)
        if started.created:
            await enqueue(self._jobs, session.id, session.shards)
        return started

    async def _alone(self, session: Session, plan: Plan) -> None:
        """One session per target at a time: it keeps measurements clean and the target's owner calm."""
        if plan.granted.tier in FREE_TIERS:
            return
        for other in await self._store.sessions.unfinished():
            if other.id != session.id:
                theirs = read_plan(await self._store.sessions.plan(other.id))
                if theirs.granted.host == plan.granted.host:
                    raise Conflict(
                        f"{other.id} ({other.name}) is under way against {plan.granted.host}",
                        hint="one session per target at a time; wait for it or stop it",
                    )

    # steer ------------------------------------------------------------------------------------------------

    async def stop(self, id: str, actor: str, now: bool = False) -> Session:
        """Stop a session: turns in flight may finish, unless `now`.

        Raises:
            NotFound: there is no such session.
            Conflict: it is finished.
        """
        reason = f"stopped by {actor}"
        body = SessionStopping(reason, now)

        def change(wish: Wish) -> Wish:
            how = "now" if now or wish.stop == "now" else "drain"
            return msgspec.structs.replace(wish, stop=how, reason=wish.reason or reason)

        session = await self._wish(id, change, actor, body)
        if session.state is State.queued and session.conductor == 0:
            return await self._never_begun(session, actor)
        return session

    async def pause(self, id: str, actor: str) -> Session:
        """Hold back new turns until `resume`; the timeline stands still meanwhile."""
        return await self._wish(id, lambda wish: msgspec.structs.replace(wish, paused=True), actor, SessionPaused())

    async def resume(self, id: str, actor: str) -> Session:
        """Go on after a pause."""
        return await self._wish(id, lambda wish: msgspec.structs.replace(wish, paused=False), actor, SessionResumed())

    async def adjust(self, id: str, actor: str, users: int | None = None, rate: float | None = None) -> Session:
        """Change the load of a running session: users of a closed model, arrivals per second of an open one.

        Raises:
            DocumentError: not exactly one of the two is given, or it is not what the load's model has.
            Refused: it is more than the guard rails granted.
        """
        if (users is None) == (rate is None):
            raise DocumentError("adjust", [Place("users", "give either users or rate")])
        _adjustable(read_plan(await self._store.sessions.plan(id)), users, rate)

        def change(wish: Wish) -> Wish:
            return msgspec.structs.replace(wish, epoch=wish.epoch + 1, users=users, rate=rate)

        return await self._wish(id, change, actor, SessionAdjusted(users, rate))

    async def _wish(self, id: str, change: Callable[[Wish], Wish], actor: str, body: EventBody) -> Session:
        session = await self._store.sessions.wish(id, change, actor, body)
        await _quietly(self._bus.publish(f"wish.{id}"))  # the conductor reads the row once a second anyway
        return session

    async def _never_begun(self, session: Session, actor: str) -> Session:
        """No worker has taken it yet: it ends here."""
        fence = await self._store.sessions.claim(session.id, "server")
        async with self._store.begin() as tx:
            wrote = await self._store.sessions.write(
                session.id,
                fence,
                state=State.finished,
                outcome=Outcome.cancelled,
                verdict=Verdict.none,
                exit_code=22,
                reason=session.wish.reason,
                reason_kind="person",
                finished_ns=wall_ns(),
                tx=tx,
            )
            if wrote:
                body = SessionCancelled(Verdict.none, 22, session.wish.reason)
                await self._store.events.append(body, actor, session=session.id, tx=tx)
                await self._store.ledger.release(session.id, tx=tx)
        for number in range(session.shards):
            await _quietly(self._jobs.remove(QUEUES[PlayShard], shard_job(session.id, number)))
        await _quietly(self._jobs.remove(QUEUES[ConductSession], session.id))
        return await self._store.sessions.get(session.id)

    async def take_in(self, tar: Path, actor: str) -> Session:
        """Take in the packed directory of a session that was played elsewhere; see `taking_in`."""
        session = await take_in(self._store, self._archive, tar, actor)
        await _quietly(self._jobs.enqueue(Compact(session.id), id=f"compact.{session.id}", attempts=5, backoff_s=10))
        return session

    # look and remove ----------------------------------------------------------------------------------------

    async def get(self, id: str) -> Session:
        """Return a session.

        Raises:
            NotFound: there is none.
        """
        return await self._store.sessions.get(id)

    async def delete(self, id: str, actor: str) -> None:
        """Remove a finished session: its files, then its rows.

        Raises:
            NotFound: there is none.
            Conflict: it is not finished.
        """
        session = await self._store.sessions.get(id)
        if session.state is not State.finished:
            raise Conflict(f"{id} is {session.state}", hint="cancel it first")
        await self._archive.delete(id)
        await self._store.sessions.delete(id, actor)


def _adjustable(plan: Plan, users: int | None, rate: float | None) -> None:
    """Raise unless the load of a plan can be changed so."""
    if isinstance(plan.load, Closed) != (users is not None):
        wanted, place = ("users", "rate") if isinstance(plan.load, Closed) else ("rate", "users")
        raise DocumentError("adjust", [Place(place, f"the load of this session is one of {wanted}")])
    most = plan.granted.concurrent
    if users is not None and most is not None and users > most:
        raise Refused(f"{users} users are more than the {most} that the guard rails allow for this target")


def shard_job(session: str, number: int) -> str:
    """Return the id of the job of a shard: the same however often it is put into the queue."""
    return f"{session}.{number}"


async def enqueue(jobs: Jobs, session: str, shards: int) -> None:
    """Put a session and its shards into the queue, in that order. Without a queue the upkeep does it later."""
    await _quietly(_enqueue(jobs, session, shards))


async def _enqueue(jobs: Jobs, session: str, shards: int) -> None:
    await jobs.enqueue(ConductSession(session), id=session, attempts=1000)
    for number in range(shards):
        await jobs.enqueue(PlayShard(session, number), id=shard_job(session, number), attempts=1000)


async def _quietly(doing: Any) -> None:
    try:
        await doing
    except Unavailable:
        return


def _session(
    plan: Plan,
    name: str,
    scenario: str,
    target: str,
    actor: str,
    shards: int | None,
    restart_of: str = "",
) -> Session:
    return Session(
        id=new_id("ses"),
        name=name,
        scenario=scenario,
        target=target,
        plan_hash=plan.digest(),
        seed=plan.seed,
        shards=shard_count(plan.load, shards, min(MOST_SHARDS, os.cpu_count() or 1)),
        state=State.queued,
        created_ns=wall_ns(),
        actor=actor,
        restart_of=restart_of,
    )

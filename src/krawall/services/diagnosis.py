"""Why a session is not getting on, in sentences for the person who waits for it."""

from __future__ import annotations

import msgspec

from krawall.clock import wall_ns
from krawall.model.base import NS_PER_S
from krawall.model.kept import WorkerFacts
from krawall.model.session import Session, Shard, ShardState, State
from krawall.model.summary import Picture
from krawall.store.store import Store

SILENT_S = 10.0  # a shard that plays reports every second; one that is silent for so long is in trouble


async def diagnose(store: Store, session: Session, *, alive: list[WorkerFacts], queue: str) -> list[str]:
    """Return the sentences; none when all is well. `queue`: what is wrong with the queue, empty if nothing is."""
    if session.state is State.finished:
        return []
    found = [f"the queue is away: {queue}; what is playing goes on for a few seconds, then stops"] if queue else []
    if not alive:
        found.append("no worker is alive, so nothing is played; start one with: krawall worker")
    shards = await store.shards.of(session.id)
    if session.state is State.queued:
        found += await _queued(store, session, alive)
    elif session.state is State.starting:
        found += _starting(session, shards, alive)
    else:
        found += await _running(store, session, shards)
    return found


async def _queued(store: Store, session: Session, alive: list[WorkerFacts]) -> list[str]:
    before = await store.sessions.count(state=State.queued, created_to=session.created_ns)
    found = (
        [f"{_many(before, 'session')} before this one {'waits' if before == 1 else 'wait'} for a worker too"]
        if before
        else []
    )
    if alive and all(len(worker.playing) >= worker.slots for worker in alive):
        found.append(f"every place of the {_many(len(alive), 'worker')} is taken")
    return found


def _starting(session: Session, shards: list[Shard], alive: list[WorkerFacts]) -> list[str]:
    missing = [shard for shard in shards if shard.state is ShardState.waiting]
    if not missing:
        return []
    places = sum(max(0, worker.slots - len(worker.playing)) for worker in alive)
    sentence = f"waiting for {len(missing)} of {_many(session.shards, 'shard')} to be taken by a worker"
    return [sentence if places else f"{sentence}; no place is free, start more workers or ask for fewer shards"]


async def _running(store: Store, session: Session, shards: list[Shard]) -> list[str]:
    found = []
    if session.wish.paused:
        found.append(f"paused by {await _who_paused(store, session.id)}: no new turns until it is resumed")
    if session.state is State.stopping:
        found.append("it is stopping: turns in flight may still finish")
    now = wall_ns()
    for shard in shards:
        silent_s = (now - shard.reported_ns) / NS_PER_S
        if shard.state is ShardState.playing and shard.reported_ns and silent_s > SILENT_S:
            found.append(f"shard {shard.number} was last heard of {silent_s:.0f} s ago, from {shard.worker}")
        elif shard.state is ShardState.waiting and shard.attempt:
            found.append(f"shard {shard.number} was lost and waits for another worker")
    if (picture := await store.sessions.picture(session.id)) and (warning := _warning(picture)):
        found.append(warning)
    return found


def _warning(picture: bytes) -> str:
    try:
        return msgspec.json.decode(picture, type=Picture).warning
    except msgspec.MsgspecError:
        return ""


async def _who_paused(store: Store, id: str) -> str:
    newest = (await store.events.list(session=id, types=["session.paused"], limit=1)).items
    return newest[0].actor if newest else "somebody"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

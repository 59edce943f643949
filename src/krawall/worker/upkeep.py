"""Job `upkeep`: what a crash left behind is found again from the rows, every ten seconds by one worker."""

from __future__ import annotations

import structlog

from krawall.clock import wall_ns
from krawall.errors import Conflict, NotFound
from krawall.model.base import NS_PER_S
from krawall.model.job import QUEUES, Compact, ConductSession, Deliver
from krawall.services.sessions import enqueue
from krawall.worker.tools import Tools

SLOT_S = 10
LOST_AFTER_S = 15  # a worker whose heart was silent for so long is lost
MOST_DELIVERIES = 500
DAY_S = 86_400

_log = structlog.get_logger("krawall.worker.upkeep")


async def upkeep(tools: Tools) -> None:
    """Put unfinished sessions, deliveries and compactions that no queue knows back into it; note lost workers; tidy up."""
    for session in await tools.store.sessions.unfinished():
        if not await tools.jobs.has(QUEUES[ConductSession], session.id):
            _log.info("session put into the queue again", session=session.id)
            await enqueue(tools.jobs, session.id, session.shards)
    now = wall_ns()
    for delivery in await tools.store.deliveries.due(now, MOST_DELIVERIES):
        await tools.jobs.enqueue(Deliver(delivery), id=f"deliver.{delivery}")
    for session_id in await tools.store.sessions.not_compacted():
        await tools.jobs.enqueue(Compact(session_id), id=f"compact.{session_id}", attempts=5, backoff_s=10)
    for worker in await tools.store.workers.lost(now - LOST_AFTER_S * NS_PER_S):
        _log.warning("worker lost", lost=worker.id, host=worker.host)
    await tools.store.logins.expire(now)
    if tools.keep_days is not None:
        for old in await tools.store.sessions.older_than(now - tools.keep_days * DAY_S * NS_PER_S):
            try:
                await tools.archive.delete(old)
                await tools.store.sessions.delete(old, "system")
            except (Conflict, NotFound):
                continue

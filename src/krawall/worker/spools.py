"""Spools: where the archive is a bucket, what engines wrote on this machine until it is uploaded. Every worker looks after its own."""

from __future__ import annotations

from krawall.errors import NotFound
from krawall.model.session import State
from krawall.worker.tools import Tools


async def clear(tools: Tools) -> None:
    """Upload and remove the spools of sessions that are over, also those that a worker of this machine left when it was killed.

    Raises:
        Unavailable: the database or the archive is away; the spools stay.
    """
    for session in await tools.archive.spools():
        try:
            over = (await tools.store.sessions.get(session)).state is State.finished
        except NotFound:
            await tools.archive.delete(session)
            continue
        if over:
            await tools.archive.release(session)

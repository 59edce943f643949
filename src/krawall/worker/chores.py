"""Job `compact`: turns the log of a finished session into Parquet, so that a million messages are searched at once."""

from __future__ import annotations

from krawall.errors import NotFound
from krawall.model.job import Compact
from krawall.model.session import State
from krawall.services.aside import aside
from krawall.worker.tools import Tools


async def compact(tools: Tools, job: Compact) -> None:
    """Compact a finished session; done twice it changes nothing.

    Raises:
        Unavailable: it failed; the log is as it was.
    """
    try:
        session = await tools.store.sessions.get(job.session)
    except NotFound:
        return
    if session.state is not State.finished or session.compacted:
        return
    folder = await tools.archive.fetch(session.id)
    await aside("compact", folder)
    await tools.archive.push(session.id)
    await tools.store.sessions.mark_compacted(session.id)

"""Which targets' sessions went wrong lately: one sum over the rows of sessions."""

from __future__ import annotations

from sqlalchemy import case, func, or_, select

from krawall.model.base import Record
from krawall.model.session import Outcome, Verdict
from krawall.store.database import Transaction
from krawall.store.tables import sessions


class TargetTrouble(Record, frozen=True):
    """A target with sessions that failed, were aborted or missed a threshold. `newest_ns`: when the last of these was asked for."""

    target: str
    sessions: int
    bad: int
    newest_ns: int


async def failing_targets(tx: Transaction, since_ns: int, limit: int) -> list[TargetTrouble]:
    """Return the targets with bad sessions among those created since `since_ns`, the worst first."""
    bad = or_(
        sessions.c.outcome.in_([Outcome.failed.value, Outcome.aborted.value]),
        sessions.c.verdict == Verdict.failed.value,
    )
    count = func.sum(case((bad, 1), else_=0))
    query = (
        select(
            sessions.c.target,
            func.count().label("all"),
            count.label("bad"),
            func.max(case((bad, sessions.c.created_ns))).label("newest"),
        )
        .where(sessions.c.created_ns >= since_ns, sessions.c.outcome.is_not(None))
        .group_by(sessions.c.target)
        .having(count > 0)
        .order_by(count.desc(), sessions.c.target)
        .limit(limit)
    )
    return [TargetTrouble(row.target, int(row.all), int(row.bad), int(row.newest)) for row in await tx.all(query)]

"""Sessions as rows of a table: the same on every page that lists some."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import htpy as h

from krawall.conduct.words import count, money, time
from krawall.model.base import PICO_PER_USD
from krawall.model.session import Session, State, Verdict
from krawall.web import ui


def session_table(
    sessions: Sequence[Session],
    now_ns: int,
    *,
    sort: str = "",
    link: Callable[[str], str] | None = None,
    target: bool = True,
) -> h.Element:
    """Return a table of sessions. `target`: whether it says against what, which a target's own page need not."""
    columns = [
        ui.Column("Name", "name", wide=True), ui.Column("Status"), *[ui.Column("Target")] * target, ui.Column("Scenario"),
        ui.Column("p95", "p95_ms", number=True), ui.Column("Turns", "turns", number=True), ui.Column("Errors", "errors", number=True),
        ui.Column("Cost", "cost_usd", number=True), ui.Column("Duration", number=True), ui.Column("Created", "created_at", number=True),
    ]  # fmt: skip
    rows = [
        ui.Row(
            (
                each.name,
                h.span(".row")[ui.status(state_of(each)), _verdict(each)],
                *[each.target] * target,
                each.scenario,
                time(each.p95_ms) if each.p95_ms is not None else "",
                count(each.turns),
                f"{count(each.errors)} of {count(each.turns)}" if each.errors else "0",
                money(each.cost_pico / PICO_PER_USD),
                duration(each, now_ns),
                ui.when(each.created_ns, now_ns),
            ),
            href=f"/sessions/{each.id}",
            id=each.id,
        )
        for each in sessions
    ]
    return ui.table("Sessions", columns, rows, sort=sort, link=link)


def state_of(session: Session) -> str:
    """Return the one word for where a session is: its outcome once it has one."""
    if session.outcome:
        return session.outcome.value
    return "paused" if session.wish.paused and session.state is State.running else session.state.value


def _verdict(session: Session) -> h.Node:
    return ui.status(session.verdict.value) if session.verdict and session.verdict is not Verdict.none else None


def duration(session: Session, now_ns: int) -> str:
    """Return how long a session took, or has taken so far: `4m 12s`."""
    if session.started_ns is None:
        return ""
    seconds = max(0, (session.finished_ns or now_ns) - session.started_ns) // 1_000_000_000
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {seconds % 60}s" if minutes else f"{seconds}s"

"""The dashboard's parts that move: sessions under way, and the workers that play them."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h

from krawall.conduct.words import count, lasting, many, money, time
from krawall.model.base import PICO_PER_USD
from krawall.model.kept import WorkerFacts
from krawall.model.session import State
from krawall.services.overview import Dashboard, Live, alive
from krawall.web import ui
from krawall.web.pages.session_rows import duration, state_of

LATE_MS = 50.0
"""From this lag of its loop on a worker is too busy to be trusted with times."""
AWAY_SHOWN = 3
NONE = h.span(".muted")["–"]


def live_card(live: Sequence[Live], now_ns: int) -> h.Element:
    """Return the sessions under way. It fetches itself anew when one of them moves on, at most once a second."""
    follow = {
        "id": "live", "data-follows": "progress:", "hx-get": "/?part=live", "hx-trigger": "changed throttle:1s", "hx-swap": "outerMorph",
    }  # fmt: skip
    return h.div(follow)[_live(live, now_ns)]


def _live(live: Sequence[Live], now_ns: int) -> h.Element:
    if not live:
        return ui.card("Live sessions", ui.empty("Nothing is running.", symbol="play"))
    columns = [
        ui.Column("Name", wide=True), ui.Column("Status"), ui.Column("Target"), ui.Column("Progress"), ui.Column("p95", number=True),
        ui.Column("Errors", number=True), ui.Column("Cost", number=True), ui.Column("For", number=True),
    ]  # fmt: skip
    rows = [
        ui.Row(
            (
                each.session.name,
                ui.status(state_of(each.session)),
                each.session.target,
                _progress(each),
                time(each.session.p95_ms) if each.session.p95_ms is not None else NONE,
                f"{count(each.session.errors)} of {count(each.session.turns)}" if each.session.turns else NONE,
                money(each.session.cost_pico / PICO_PER_USD),
                duration(each.session, now_ns) or NONE,
            ),
            href=f"/sessions/{each.session.id}",
            id=f"live-{each.session.id}",
        )
        for each in live
    ]
    return ui.card(
        "Live sessions", ui.table("Live sessions", columns, rows), flush=True, aside=[h.span[f"{len(live)} under way"]]
    )


def _progress(each: Live) -> h.Node:
    """Return how far a session is, and how long it may still take."""
    if each.session.state in (State.queued, State.starting):
        return h.span(".muted")["not begun"]
    if each.progress is None:
        return f"{many(each.users, 'user')}, {each.turns_per_s:.1f} turns/s"
    left = f"{int(100 * each.progress)} %" + (f", {lasting(each.left_s)} left" if each.left_s else "")
    return h.span(".along")[
        ui.progress(each.progress, 1, f"Progress of {each.session.name}"), h.small[left],
        each.warning and h.small(".late")[ui.icon("triangle-alert", size=12), each.warning],
    ]  # fmt: skip


def none_alive(found: Dashboard) -> h.Node:
    """Return what to do when no worker is alive; nothing when one is."""
    return None if alive(found.workers) else _none_alive()


def workers_card(found: Dashboard, now_ns: int) -> h.Element:
    """Return how the workers are, and how many jobs are under way."""
    living = {each.id for each in alive(found.workers)}
    shown = [each for each in found.workers if each.id in living]
    shown += [each for each in found.workers if each.id not in living][:AWAY_SHOWN]
    places = sum(each.slots for each in found.workers if each.id in living)
    aside = [h.span[f"{many(found.active_jobs, 'active job')}, {many(places, 'place')}"]]
    if not shown:
        return ui.card("Workers", h.p(".muted")["No worker has been heard of yet."], aside=aside)
    return ui.card("Workers", _workers(shown, living, now_ns), flush=True, aside=aside)


def _none_alive() -> h.Element:
    return ui.notice(
        [
            "Sessions wait until one is there. Start one with ",
            h.code["krawall worker"],
            ", or let ",
            h.code["krawall serve"],
            " have its own.",
        ],
        "warn",
        title="No worker is alive",
    )


def _workers(shown: Sequence[WorkerFacts], living: set[str], now_ns: int) -> h.Element:
    columns = [
        ui.Column("Host", wide=True), ui.Column("Status"), ui.Column("Busy", number=True), ui.Column("Loop lag p99", number=True),
        ui.Column("Heard", number=True),
    ]  # fmt: skip
    rows = [
        ui.Row(
            (
                h.span[each.host, h.small(".muted.below")[f"{each.version}, process {each.pid}"]],
                _state(each, each.id in living),
                f"{len(each.playing)} of {each.slots}" if each.id in living else NONE,
                _lag(each) if each.id in living else NONE,
                ui.when(each.seen_ns, now_ns),
            ),
            id=each.id,
        )
        for each in shown
    ]
    return ui.table("Workers", columns, rows)


def _lag(each: WorkerFacts) -> h.Node:
    if each.lag_ms < LATE_MS:
        return time(each.lag_ms)
    late = {"class": "late", "data-tip": "Too busy: times that it measures may be too long", "tabindex": "0"}
    return h.span(late)[ui.icon("triangle-alert", size=12), h.span(".sr")["Too busy: "], time(each.lag_ms)]


def _state(each: WorkerFacts, living: bool) -> h.Element:
    if living or each.state in ("gone", "lost", "stopping"):
        return ui.status(each.state)
    return ui.badge("Silent", "warn")

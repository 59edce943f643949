"""A session that is under way: progress, tiles, charts and log. The page's script fills in `data-live-value` from the stream."""

from __future__ import annotations

import htpy as h

from krawall.conduct.words import SAMPLES, TOO_FEW, count, lasting, money, rate, share, time
from krawall.model.session import State
from krawall.model.step import walk
from krawall.model.summary import Numbers, Picture
from krawall.web import ui
from krawall.web.pages.session_charts import over_time
from krawall.web.pages.session_head import FAULTS, Facts

PHASES = {"warm-up": "Warming up", "measure": "Measuring", "cool-down": "Cooling down", "": "Not begun"}


def live(facts: Facts) -> h.Node:
    """Return what moves. It is complete as it arrives; the script only goes on with it."""
    if facts.session.state is State.queued:
        about = "It waits for a worker. The charts begin with the first second."
        return ui.card("", ui.empty(about, symbol="clock", title="Queued"))
    picture = facts.picture
    return [
        h.p({"class": "stale", "id": "stale", "hidden": True, "role": "status"})[ui.icon("refresh-cw"), h.span],
        _progress(picture),
        h.div(".ten")[_tiles(facts, picture)],
        h.div({"id": "warning", "class": "notice warn", "role": "note", "hidden": not (picture and picture.warning)})[
            ui.icon("triangle-alert", size=18), h.span[picture.warning if picture else ""]
        ],
        over_time(facts),
        _errors(picture),
        ui.card("Messages", log(facts), flush=True),
    ]


def _progress(picture: Picture | None) -> h.Element:
    done = picture.progress if picture else None
    bar = h.progress(
        {
            "id": "progress",
            "max": "1",
            "value": None if done is None else f"{done:.4f}",
            "aria-label": "Progress of the session",
        }
    )
    return h.div(".progress")[
        bar,
        h.div(".row.fine")[
            h.span(data_live_value="phase")[PHASES.get(picture.phase, picture.phase) if picture else "Starting"],
            h.span[h.span(data_live_value="elapsed")[lasting(picture.elapsed_s) if picture else "0 s"], " so far"],
            h.span(data_live_value="left")[_left(picture)],
        ],
    ]  # fmt: skip


def _left(picture: Picture | None) -> str:
    return "" if picture is None or picture.left_s is None else f"about {lasting(picture.left_s)} left"


def _quantile(numbers: Numbers | None, name: str) -> str:
    if numbers is None or numbers.count < SAMPLES.get(name, 1):
        return TOO_FEW
    return time(float(getattr(numbers, name)))


def _tiles(facts: Facts, picture: Picture | None) -> h.Element:
    cap = facts.plan.scenario.budget.cost / 1e12
    if picture is None:
        names = (
            "Messages",
            "Throughput",
            "Users",
            "Conversations",
            "p50",
            "p95",
            "p99",
            "First token, p95",
            "Errors",
            "Cost",
        )
        return ui.tiles(
            *(
                ui.tile(name, "0" if name in names[:4] else TOO_FEW, live=_slot(name), note=_note(name))
                for name in names
            )
        )
    latency, ttft, failed = picture.metrics.get("latency"), picture.metrics.get("ttft"), sum(picture.errors.values())
    return ui.tiles(
        ui.tile("Messages", count(picture.turns), live="turns"),
        ui.tile("Throughput", f"{rate(picture.turns_per_s)} /s", live="throughput"),
        ui.tile("Users", count(picture.users), live="users", note=_note("Users", f"{count(picture.in_flight)} in flight")),
        ui.tile("Conversations", count(picture.conversations.started), live="conversations"),
        *(ui.tile(each, _quantile(latency, each), live=each) for each in ("p50", "p95", "p99")),
        ui.tile("First token, p95", _quantile(ttft, "p95"), live="ttft"),
        ui.tile("Errors", share(failed, picture.turns + failed), live="errors", note=_note("Errors", f"{count(failed)} of {count(picture.turns + failed)}")),
        ui.tile("Cost", money(picture.cost_usd), live="cost", note=f"of {money(cap)} at most"),
    )  # fmt: skip


def _slot(name: str) -> str:
    return {"First token, p95": "ttft", "Messages": "turns"}.get(name, name.lower())


def _note(name: str, text: str = "") -> h.Node:
    slot = {"Users": "in-flight", "Errors": "errors-of"}.get(name)
    return h.span(data_live_value=slot)[text] if slot else None


def _errors(picture: Picture | None) -> h.Element:
    """Return errors by kind. The script adds rows from the names that stand here."""
    errors = picture.errors if picture else {}
    rows = [
        h.li({"data-kind": kind, "hidden": not errors.get(kind)})[h.span[words], h.b[count(errors.get(kind, 0))]] for kind, words in FAULTS.items()
    ]  # fmt: skip
    return ui.card(
        "Errors by kind",
        h.p({"id": "no-errors", "class": "muted", "hidden": any(errors.values())})["None so far."],
        h.ul(".kinds")[rows],
    )


def log(facts: Facts) -> h.Node:
    """Return the log of messages: rows are fetched as they come into sight."""
    steps = _steps(facts)
    kinds = [("", "Everything"), ("any", "Any error"), *FAULTS.items()]
    view = h.Element("log-view")
    return h.div(".log-card")[
        h.div(".log-bar.filters")[
            ui.field("Search", "log-q", kind="search", hidden_label=True, more={"placeholder": "Search what was said and heard", "data-key": "/"}),
            ui.select("Show", "log-error", kinds, hidden_label=True, required=True),
            ui.select("Step", "log-step", [("", "All steps"), *steps], hidden_label=True, required=True) if len(steps) > 1 else None,
            ui.button("Pause log", symbol="pause", more={"id": "log-pause", "aria-pressed": "false"}) if facts.live else None,
            ui.button("Copy", symbol="copy", more={"id": "log-copy"}),
            h.span({"id": "log-count", "class": "muted"}),
        ],
        view(session=facts.session.id, follow=facts.live)[h.noscript[h.p(".muted")["The log needs scripts; the exports hold the same."]]],
    ]  # fmt: skip


def _steps(facts: Facts) -> list[tuple[str, str]]:
    found = []
    for place, step in walk(facts.plan.scenario.steps):
        if step.kind == "message":
            numbers = [str(int(part) + 1) for part in str(place).split(".") if part.isdigit()]
            found.append((str(place), f"Step {'.'.join(numbers)}"))
    return found[:40]

"""What stands over every page of a session: its name and state, what can be done with it, why it does not get on, how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import htpy as h

from krawall.archive.spread import Spread
from krawall.conduct.words import many, reasons, sentence
from krawall.model.load import Closed
from krawall.model.plan import Plan
from krawall.model.session import Session, State, Verdict
from krawall.model.summary import Picture, Point, Summary
from krawall.web import ui
from krawall.web.frame import Frame
from krawall.web.pages.session_rows import state_of

FAULTS = {
    "connect": "No connection", "tls": "TLS", "timeout": "Timeout", "rate_limited": "Rate limited (429)", "rejected": "Rejected (4xx)",
    "server": "Server error (5xx)", "protocol": "Not understood", "truncated": "Cut short", "expectation": "Expectation failed",
    "cancelled": "Cancelled by us",
}  # fmt: skip
"""Kinds of errors as people call them."""
EXPORTS = (
    ("Messages, CSV", "export?what=messages&format=csv"),
    ("Messages, JSON lines", "export?what=messages&format=jsonl"),
    ("Messages, Parquet", "export?what=messages&format=parquet"),
    ("Conversations, CSV", "export?what=conversations&format=csv"),
    ("Seconds, CSV", "export?what=ticks&format=csv"),
    ("Result, JSON", "export?what=summary&format=json"),
)
TABS = (
    ("Overview", ""),
    ("Messages", "messages"),
    ("Conversations", "conversations"),
    ("Seconds", "seconds"),
    ("Plan", "plan"),
)


@dataclass(frozen=True)
class Facts:
    """What is known of a session. `why`: sentences why it is not getting on; `points`: its seconds, in order."""

    session: Session
    plan: Plan
    why: Sequence[str] = ()
    summary: Summary | None = None
    picture: Picture | None = None
    points: Sequence[Point] = ()
    spread: Spread = field(default_factory=lambda: Spread(1.0, 20, []))

    @property
    def live(self) -> bool:
        """Whether it is not over yet."""
        return self.session.state is not State.finished


def head(frame: Frame, facts: Facts) -> h.Element:
    """Return the header, and below it why nothing happens or how it ended. A script takes it anew after each event."""
    found = facts.session
    judged = found.verdict and found.verdict is not Verdict.none
    marks = [ui.status(state_of(found)), ui.status(found.verdict.value) if found.verdict and judged else None]
    follow: dict[str, str | bool] = {
        "id": "state",
        "class": "stack",
        "hx-get": f"/sessions/{found.id}",
        "hx-select": "#state",
        "hx-trigger": "changed",
        "hx-swap": "outerMorph",
        "data-paused": found.wish.paused,
    }
    return h.div(follow)[
        ui.page_header(
            found.name, about=f"{found.scenario} against {found.target}", marks=marks,
            actions=(_steering(facts) if facts.live else _after(found)) if frame.may_run else _export(found),
        ),
        _why(facts) if facts.live else _verdict(facts),
    ]  # fmt: skip


def _why(facts: Facts) -> h.Node:
    moving = facts.picture.warning if facts.picture else ""  # stands above the charts, where the stream keeps it
    said = [each[:1].upper() + each[1:] + "." for each in facts.why if each != moving]
    if not said:
        return None
    words: h.Node = h.ul[[h.li[each] for each in said]] if len(said) > 1 else said[0]
    return ui.notice(words, "warn", title="Why it is not getting on")


def _verdict(facts: Facts) -> h.Node:
    """Return the verdict with its reasons, the weightiest first."""
    found, summary = facts.session, facts.summary
    if summary is None:
        return ui.notice(
            sentence(found.reason) or "Nothing was played.", "warn", title="It ended before anything was measured"
        )
    tone, title = {
        "passed": ("ok", "Passed"), "failed": ("bad", "Failed"), "undecided": ("warn", "Undecided"), "invalid": ("bad", "Invalid: do not trust these numbers"),
    }.get(summary.verdict, ("info", "Not judged"))  # fmt: skip
    if tone == "info" and summary.outcome not in ("completed", ""):
        tone = "bad" if summary.outcome == "failed" else "warn"
    why = [sentence(each) for each in reasons(summary)]
    words: h.Node = h.ul[[h.li[each] for each in why]] if len(why) > 1 else why[0]
    return ui.notice(words, tone, title=title)  # type: ignore[arg-type]  # the tones above


def _after(found: Session) -> h.Node:
    return [
        ui.button("Delete session", kind="danger", symbol="trash-2", more=ui.opens("delete")),
        _export(found),
        _restart_changed(found),
        ui.deed(f"/sessions/{found.id}/restart", "Restart", kind="primary", symbol="refresh-cw"),
    ]


def _restart_changed(found: Session) -> h.Node:
    """Return the way to start again with the load that somebody had changed it to, if somebody had."""
    wish = found.wish
    if wish.users is None and wish.rate is None:
        return None
    load = many(wish.users, "user") if wish.users is not None else f"{wish.rate:g} a second"
    return ui.deed(f"/sessions/{found.id}/restart-changed", f"Restart with {load}", symbol="refresh-cw")


def _export(found: Session) -> h.Node:
    if found.state is not State.finished:
        return None
    base = f"/api/v1/sessions/{found.id}"
    items: list[ui.Item | None] = [
        ui.Item(words, "download", href=f"{base}/{path}", download=True) for words, path in EXPORTS
    ]
    return ui.menu(
        "export",
        "Export",
        [ui.Item("Report, HTML", "file-text", href=f"{base}/report"), None, *items],
        symbol="download",
        kind="plain",
        bare=False,
    )


def _steering(facts: Facts) -> h.Node:
    found, base = facts.session, f"/sessions/{facts.session.id}"
    paused = found.wish.paused
    running = found.state is State.running
    return [
        running and ui.button("Change load", symbol="sliders-horizontal", key="l", more=ui.opens("adjust")),
        running
        and ui.deed(
            f"{base}/{'resume' if paused else 'pause'}",
            "Resume" if paused else "Pause",
            symbol="play" if paused else "pause",
            key="p",
        ),
        found.wish.stop == "no" and ui.deed(f"{base}/stop", "Stop", symbol="square"),
        found.wish.stop != "now" and ui.button("Stop now", kind="danger", symbol="octagon-x", more=ui.opens("cancel")),
    ]


def overlays(facts: Facts) -> h.Node:
    """Return the dialogs: another load, stopping at once, deleting."""
    found = facts.session
    if not facts.live:
        return ui.confirm(
            "delete", "Delete this session?", consequence=h.p["Its messages, charts and report go with it."], action=f"/sessions/{found.id}/delete",
            deed="Delete session",
        )  # fmt: skip
    return [
        ui.confirm(
            "cancel", "Stop this session now?", consequence=h.p["Turns in flight are cut off and count as cancelled. Stop lets them finish."],
            action=f"/sessions/{found.id}/cancel", deed="Stop now", symbol="octagon-x",
        ),
        ui.dialog("adjust", "Change load", adjust_form(facts), about="From the next second on. The change is kept with the session and shown in its report."),
    ]  # fmt: skip


def adjust_form(facts: Facts, typed: str | None = None, error: str = "") -> h.Element:
    """Return the form for another load: users of a closed one, arrivals per second of an open one."""
    load, wish, picture = facts.plan.load, facts.session.wish, facts.picture
    closed = isinstance(load, Closed)
    now: float
    if closed:
        now = (
            wish.users
            if wish.users is not None
            else picture.users
            if picture and picture.users
            else load.peak_users
            if isinstance(load, Closed)
            else 0
        )
    else:
        now = wish.rate if wish.rate is not None else 0 if isinstance(load, Closed) else load.peak_rate
    name, label = ("users", "Users at a time") if closed else ("rate", "Arrivals per second")
    return ui.form(
        f"/sessions/{facts.session.id}/adjust",
        h.div(".form")[
            ui.field(label, name, f"{now:g}" if typed is None else typed, kind="number", required=True, error=error),
            h.footer[ui.button("Change load", kind="primary", submit=True)],
        ],
        id="adjust-form", more={"hx-select": "#adjust-form"},
    )  # fmt: skip

"""The list of targets: which chatbots are tested, whether they answered, when they were last talked to. No queries here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import htpy as h

from krawall.conduct.words import time
from krawall.model.event import Event, TargetTested
from krawall.model.kept import Kept
from krawall.model.session import Session
from krawall.web import ui
from krawall.web.frame import Frame
from krawall.web.presets import implied_address, preset_of, title_of
from krawall.web.urls import address

_ABOUT = "A target is a chatbot that you test: its address, how to sign in, and where the words of its replies stand."
_FAULTS = {
    "connect": "No connection",
    "tls": "TLS failed",
    "timeout": "Timed out",
    "rate_limited": "Rate limited",
    "rejected": "Rejected",
}


@dataclass(frozen=True)
class Listed:
    """A row of the list: a target, its last connection test, its last session."""

    kept: Kept
    check: Event | None = None
    session: Session | None = None


def list_page(
    frame: Frame, rows: Sequence[Listed], q: str, archived: bool, cursor: str | None, following: str | None, now_ns: int
) -> h.Element:
    """Return the list of targets, empty, filtered empty or full."""
    new = (
        ui.button("New target", kind="primary", symbol="plus", href="/targets/new", key="n") if frame.may_run else None
    )
    some = bool(rows or q or archived or cursor)
    return ui.page(
        frame,
        "Targets",
        ui.page_header("Targets", about="The chatbots that you test." if some else None, actions=new if some else None),
        _filters(q, archived) if some else None,
        _list(frame, rows, q, archived, cursor, following, now_ns)
        if some
        else ui.card("", ui.empty(_ABOUT, new, "crosshair", "No targets yet")),
        live=True,
    )


def _filters(q: str, archived: bool) -> h.Element:
    return h.form(
        ".filters", method="get", action="/targets", role="search", aria_label="Filter targets", data_filters=True
    )[
        ui.field("Name", "q", q, kind="search", more={"data-key": "/"}),
        ui.select(
            "Show", "archived", [("", "In use"), ("true", "Archived")], "true" if archived else "", required=True
        ),
        ui.button("Filter", submit=True),
    ]


def _list(
    frame: Frame, rows: Sequence[Listed], q: str, archived: bool, cursor: str | None, following: str | None, now_ns: int
) -> h.Element:
    now = {"q": q, "archived": "true" if archived else ""}
    if not rows:
        words = "No archived target." if archived and not q else "No target is called so."
        return ui.card("", ui.empty(words, ui.button("Clear filters", symbol="x", href="/targets"), "search"))
    columns = [
        ui.Column("Name", wide=True), ui.Column("Preset"), ui.Column("Host"), ui.Column("Last check"), ui.Column("Last session"),
        ui.Column("Changed", number=True),
    ]  # fmt: skip
    made = [
        ui.Row(
            (each.kept.name, preset_title(each.kept), host_of(each.kept), check_of(each.check, now_ns), _last(each.session), ui.when(each.kept.updated_ns, now_ns)),
            href=f"/targets/{each.kept.id}", id=each.kept.id,
            actions=ui.menu(f"m-{each.kept.id}", f"Actions for {each.kept.name}", deeds_of(each.kept, listed=True), small=True) if frame.may_run else None,
        )
        for each in rows
    ]  # fmt: skip
    pager = ui.pager(
        address("/targets", now) if cursor else "",
        address("/targets", now, {"cursor": following}) if following else "",
        f"{len(rows)} targets",
    )
    follow = {
        "data-follows": "target:",
        "hx-get": address("/targets", now, {"cursor": cursor}),
        "hx-select": "#list",
        "hx-trigger": "changed throttle:1s",
        "hx-swap": "outerMorph",
    }
    return h.div({"id": "list", **follow})[
        ui.card("", ui.table("Targets", columns, made, actions=frame.may_run), pager, flush=True)
    ]


def deeds_of(kept: Kept, *, listed: bool = False) -> list[ui.Item | None]:
    """Return what can be done with a target besides editing and testing it. In a list its copy is named on a page of its own."""
    base = f"/targets/{kept.id}"
    put_away = (
        ui.Item("Restore", "archive-restore", action=f"{base}/restore")
        if kept.archived
        else ui.Item("Archive", "archive", action=f"{base}/archive")
    )
    if listed:
        return [
            ui.Item("Edit", "pencil", href=f"{base}/edit"),
            ui.Item("Duplicate", "copy", href=f"{base}/duplicate"),
            put_away,
        ]
    delete = ui.Item("Delete target", "trash-2", opens="delete", danger=True)
    return [ui.Item("Duplicate", "copy", opens="duplicate"), put_away, None, delete]


def host_of(kept: Kept) -> str:
    """Return the host and port of a target, as far as it names one."""
    url = str(kept.body.get("url") or implied_address(kept.body))
    return urlsplit(url).netloc.rpartition("@")[2] or "none"


def preset_title(kept: Kept) -> str:
    """Return what a person calls the preset of a target."""
    preset = preset_of(str(kept.body.get("preset", "")))
    return title_of(preset) if preset else str(kept.body.get("preset") or kept.body.get("connector") or "")


def check_of(event: Event | None, now_ns: int) -> h.Node:
    """Return the last connection test: how long it took, or what was wrong."""
    if event is None or not isinstance(event.body, TargetTested):
        return h.span(".muted")["never"]
    body = event.body
    word = (
        ui.badge(time(body.ms), "ok", "check")
        if body.ok
        else ui.badge(
            _FAULTS.get(body.fault, body.fault.replace("_", " ").capitalize() or "Failed"), "bad", "circle-alert"
        )
    )
    return h.span(".row")[word, h.span(".muted")[ui.when(event.at_ns, now_ns)]]


def _last(session: Session | None) -> h.Node:
    return ui.status(session.outcome or session.state) if session else h.span(".muted")["never"]

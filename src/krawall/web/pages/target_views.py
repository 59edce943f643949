"""What pages about targets look like. No queries here: everything that is shown comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import htpy as h

from krawall.conduct.words import time
from krawall.model.event import Event, TargetTested
from krawall.model.kept import Kept
from krawall.model.session import Session
from krawall.services.documents import to_yaml
from krawall.web import ui
from krawall.web.frame import Frame
from krawall.web.pages.session_rows import session_table
from krawall.web.pages.target_form import AUTHS
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


# list -------------------------------------------------------------------------------------------------------------------


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
            (each.kept.name, _preset_title(each.kept), host_of(each.kept), _check(each.check, now_ns), _last(each.session), ui.when(each.kept.updated_ns, now_ns)),
            href=f"/targets/{each.kept.id}", id=each.kept.id,
            actions=ui.menu(f"m-{each.kept.id}", f"Actions for {each.kept.name}", _deeds(each.kept, listed=True), small=True) if frame.may_run else None,
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


def _deeds(kept: Kept, *, listed: bool = False) -> list[ui.Item | None]:
    base = f"/targets/{kept.id}"
    items: list[ui.Item | None] = [
        ui.Item("Edit", "pencil", href=f"{base}/edit") if listed else None,
        ui.Item("Duplicate", "copy", action=f"{base}/duplicate"),
        ui.Item("Restore", "archive-restore", action=f"{base}/restore")
        if kept.archived
        else ui.Item("Archive", "archive", action=f"{base}/archive"),
    ]
    if not listed:
        items += [None, ui.Item("Delete target", "trash-2", opens="delete", danger=True)]
    return items if listed else items[1:]


def host_of(kept: Kept) -> str:
    """Return the host and port of a target, as far as it names one."""
    url = str(kept.body.get("url") or implied_address(kept.body))
    return urlsplit(url).netloc.rpartition("@")[2] or "none"


def _preset_title(kept: Kept) -> str:
    preset = preset_of(str(kept.body.get("preset", "")))
    return title_of(preset) if preset else str(kept.body.get("preset") or kept.body.get("connector") or "")


def _check(event: Event | None, now_ns: int) -> h.Node:
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


# one target -------------------------------------------------------------------------------------------------------------


def target_page(
    frame: Frame,
    kept: Kept,
    tab: str,
    revisions: Sequence[Kept],
    diff: str,
    check: Event | None,
    recent: Sequence[Session],
    now_ns: int,
) -> h.Element:
    """Return one target: what it is, whether it answers, its sessions; its YAML and revisions by tab."""
    base = f"/targets/{kept.id}"
    tabs = ui.tabs(
        "Parts of the target",
        [("Overview", base), ("YAML", f"{base}?tab=yaml"), ("Revisions", f"{base}?tab=revisions")],
        {"yaml": "YAML", "revisions": "Revisions"}.get(tab, "Overview"),
    )
    actions = [
        ui.menu("more", "More actions", _deeds(kept)),
        ui.button("Edit target", symbol="pencil", href=f"{base}/edit"),
    ]
    if tab == "yaml":
        content: h.Node = ui.code(to_yaml(kept), label="Target", numbered=True)
    elif tab == "revisions":
        content = _revisions(revisions, diff, now_ns)
    else:
        content = _overview(frame, kept, check, recent, now_ns)
    return ui.page(
        frame,
        kept.name,
        ui.page_header(
            kept.name, about=str(kept.body.get("description") or "") or None,
            marks=[ui.badge(_preset_title(kept)), kept.archived and ui.badge("Archived", "warn")], actions=actions if frame.may_run else None,
        ),
        tabs,
        content,
        ui.confirm(
            "delete", f"Delete {kept.name}?", action=f"{base}/delete", deed="Delete target",
            consequence=h.p[f"Its {kept.revision} revision{'s go' if kept.revision != 1 else ' goes'} with it. Sessions keep what they were started with."],
        ),
        crumbs=[("Targets", "/targets"), (kept.name, "")],
    )  # fmt: skip


def _overview(frame: Frame, kept: Kept, check: Event | None, recent: Sequence[Session], now_ns: int) -> h.Node:
    body = kept.body
    auth = body.get("auth")
    pairs: list[tuple[str, h.Node]] = [
        ("Address", h.code[str(body.get("url") or implied_address(body) or "none")]),
        ("Sign in", _signing(auth) if isinstance(auth, dict) else "Nothing"),
        ("Streams", "Yes" if body.get("stream") else "No"),
        *[(name.replace("_", " ").capitalize(), str(value)) for name, value in (body.get("fields") or {}).items()],
        ("Confirmed host", str(body.get("confirmed") or "none")),
        ("Revision", [f"{kept.revision}, ", ui.when(kept.updated_ns, now_ns), f" by {kept.actor}"]),
    ]
    test = ui.form(
        f"/targets/{kept.id}/test",
        ui.button("Test connection", kind="primary", symbol="plug", small=True, submit=True),
        more={"hx-target": "#test", "hx-swap": "innerHTML"},
    )
    return [
        h.div(".cols")[
            ui.card("Settings", ui.facts(*pairs)),
            ui.card(
                "Connection",
                h.div(".stack", id="test", aria_live="polite")[
                    h.p[
                        ["Last check: ", _check(check, now_ns)]
                        if check
                        else "Sends one message and shows each step, the raw answer, and what is read from it."
                    ]
                ],
                aside=test if frame.may_run else None,
            ),
        ],
        ui.card("Sessions", session_table(recent, now_ns), flush=True)
        if recent
        else ui.card("Sessions", ui.empty("Nothing was played against this target yet.", symbol="play")),
    ]


def _signing(auth: Mapping[str, object]) -> str:
    words = dict(AUTHS)
    kind, value = next(iter(auth.items()), ("", ""))
    inner = next(iter(value.items())) if isinstance(value, dict) and value else ("", value)
    return f"{words.get(kind, kind.capitalize())} {inner[0]}".strip() + f", from {inner[1]}"


def _revisions(revisions: Sequence[Kept], diff: str, now_ns: int) -> h.Node:
    columns = [ui.Column("Revision"), ui.Column("Note", wide=True), ui.Column("By"), ui.Column("When", number=True)]
    rows = [
        ui.Row((f"Revision {each.revision}", each.note or "", each.actor, ui.when(each.updated_ns, now_ns)))
        for each in revisions
    ]
    return h.div(".cols")[
        ui.card("Revisions", ui.table("Revisions", columns, rows), flush=True),
        ui.card("The last change", ui.difference(diff) if diff else h.p(".muted")["There is only one revision."]),
    ]

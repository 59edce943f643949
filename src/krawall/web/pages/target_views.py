"""What the page of one target looks like. No queries here: everything that is shown comes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import htpy as h

from krawall.errors import KrawallError
from krawall.guard.hosts import TARGET_SCHEMES, parse_url
from krawall.model.event import Event
from krawall.model.kept import Kept
from krawall.model.session import Session
from krawall.services.documents import to_yaml
from krawall.services.mapping import Read
from krawall.services.tested import HeldTest
from krawall.services.trials import MESSAGE
from krawall.web import ui
from krawall.web.frame import Frame
from krawall.web.pages.session_rows import session_table
from krawall.web.pages.target_form import AUTHS
from krawall.web.pages.target_list import check_of, deeds_of, preset_title
from krawall.web.pages.target_test import result, told, try_button
from krawall.web.presets import implied_address


@dataclass(frozen=True)
class Shown:
    """A target with what is known of it. `held`: the test that is looked at, `reads`: what the mapping says of its answer."""

    kept: Kept
    check: Event | None = None
    recent: Sequence[Session] = ()
    held: HeldTest | None = None
    reads: Sequence[Read] = ()


def target_page(frame: Frame, shown: Shown, tab: str, revisions: h.Node, now_ns: int) -> h.Element:
    """Return one target: what it is, whether it answers, its sessions; its YAML and revisions by tab."""
    kept = shown.kept
    base = f"/targets/{kept.id}"
    tabs = ui.tabs(
        "Parts of the target",
        [("Overview", base), ("YAML", f"{base}?tab=yaml"), ("Revisions", f"{base}?tab=revisions")],
        {"yaml": "YAML", "revisions": "Revisions"}.get(tab, "Overview"),
    )
    actions = [
        ui.button("Edit target", symbol="pencil", href=f"{base}/edit"),
        ui.menu("more", "More actions", deeds_of(kept)),
    ]
    if tab == "yaml":
        content: h.Node = ui.code(to_yaml(kept), label="Target", numbered=True)
    elif tab == "revisions":
        content = revisions
    else:
        content = _overview(frame, shown, now_ns)
    return ui.page(
        frame,
        kept.name,
        ui.page_header(
            kept.name, about=str(kept.body.get("description") or "") or None,
            marks=[ui.badge(preset_title(kept)), kept.archived and ui.badge("Archived", "warn")], actions=actions if frame.may_run else None,
        ),
        tabs,
        content,
        _dialogs(kept) if frame.may_run else None,
        crumbs=[("Targets", "/targets"), (kept.name, "")], scripts=["target.js"], sheets=["target.css"],
    )  # fmt: skip


def _dialogs(kept: Kept) -> h.Node:
    base = f"/targets/{kept.id}"
    host = host_to_confirm(kept)
    return [
        ui.confirm(
            "delete", f"Delete {kept.name}?", action=f"{base}/delete", deed="Delete target",
            consequence=h.p[f"Its {kept.revision} revision{'s go' if kept.revision != 1 else ' goes'} with it. Sessions keep what they were started with."],
        ),
        ui.dialog("duplicate", f"Duplicate {kept.name}", duplicate_form(kept, f"{kept.name} copy"), about=ABOUT_COPIES),
        host and ui.dialog(
            "confirm-host", f"Do you operate {host}?",
            h.p["Krawall sends load to private addresses only when somebody says that the host is theirs. Your name stands beside this word, and a revision with another host loses it."],
            ui.form(
                f"{base}/confirm",
                h.div(".row")[
                    h.button(".btn", type="button", commandfor="confirm-host", command="close", autofocus=True)["Cancel"],
                    ui.button(f"I operate {host}", kind="primary", symbol="check", submit=True),
                ],
            ),
        ),
    ]  # fmt: skip


ABOUT_COPIES = "The copy begins with its first revision. Nobody has confirmed its host yet."


def duplicate_form(kept: Kept, name: str, error: str = "") -> h.Element:
    """Return the form that names a copy. It takes its own place in a dialog and on a page."""
    return ui.form(
        f"/targets/{kept.id}/duplicate",
        h.div(".form")[
            ui.field("Name of the copy", "name", name, required=True, error=error),
            h.div[ui.button("Duplicate target", kind="primary", symbol="copy", submit=True)],
        ],
        id="duplicate-form",
        more={"hx-select": "#duplicate-form"},
    )


def duplicate_page(frame: Frame, kept: Kept, name: str, error: str = "") -> h.Element:
    """Return the page on which a copy is named."""
    title = f"Duplicate {kept.name}"
    return ui.page(
        frame,
        title,
        ui.page_header(title, about=ABOUT_COPIES),
        ui.card("", h.div(".narrow")[duplicate_form(kept, name, error)]),
        crumbs=[("Targets", "/targets"), (kept.name, f"/targets/{kept.id}"), ("Duplicate", "")],
        sheets=["target.css"],
    )


def host_to_confirm(kept: Kept) -> str:
    """Return the host that somebody could say to operate; empty: there is none, it is this machine, or it was said."""
    url = str(kept.body.get("url") or implied_address(kept.body))
    try:
        site = parse_url(url, TARGET_SCHEMES)
    except KrawallError:
        return ""
    here = site.host == "localhost" or site.host.startswith("127.") or site.host == "::1"
    return "" if here or site.host == kept.body.get("confirmed") or "$" in site.host else site.host


def _overview(frame: Frame, shown: Shown, now_ns: int) -> h.Node:
    return [
        h.div(".cols")[_settings(frame, shown.kept, now_ns), _connection(frame, shown, now_ns)],
        ui.card("Sessions", session_table(shown.recent, now_ns, target=False), flush=True)
        if shown.recent
        else ui.card("Sessions", ui.empty("Nothing was played against this target yet.", symbol="play")),
    ]


def _settings(frame: Frame, kept: Kept, now_ns: int) -> h.Element:
    body = kept.body
    auth = body.get("auth")
    pairs: list[tuple[str, h.Node]] = [
        ("Address", h.code[str(body.get("url") or implied_address(body) or "none")]),
        ("Sign in", _signing(auth) if isinstance(auth, dict) else "Nothing"),
        ("Streams", "Yes" if body.get("stream") else "No"),
        *[(name.replace("_", " ").capitalize(), str(value)) for name, value in (body.get("fields") or {}).items()],
        ("Confirmed host", _confirmed(frame, kept)),
        ("Revision", [f"{kept.revision}, ", ui.when(kept.updated_ns, now_ns), f" by {kept.actor}"]),
    ]
    return ui.card("Settings", ui.facts(*pairs))


def _confirmed(frame: Frame, kept: Kept) -> h.Node:
    said = str(kept.body.get("confirmed") or "")
    host = host_to_confirm(kept)
    if not host:
        return h.code[said] if said else "Not needed"
    button = ui.button("Confirm host", small=True, symbol="check", more=ui.opens("confirm-host"))
    return h.div(".row")["None. A private address needs it once.", button if frame.may_run else None]


def _connection(frame: Frame, shown: Shown, now_ns: int) -> h.Element:
    kept, held = shown.kept, shown.held
    ask = ui.form(
        f"/targets/{kept.id}/test",
        h.div(".ask")[
            ui.field("Message", "message", kept.id and MESSAGE, required=True),
            try_button(),
        ],
        partial=False,
    )
    before = h.p(".muted")[
        ["Last check: ", check_of(shown.check, now_ns)]
        if shown.check
        else "Sends one message and shows each step, the raw answer, and what is read from it."
    ]
    way_out = way_out_of(frame, kept, held) if held else None
    return ui.card(
        "Connection",
        h.div(".stack")[
            ask if frame.may_run else None,
            h.div(id="test", aria_live="polite")[result(held, shown.reads, way_out=way_out) if held else told(before)],
        ],
    )


def way_out_of(frame: Frame, kept: Kept, held: HeldTest) -> h.Node:
    """Return what can be done about a test that failed: confirm the host, or put the mapping right."""
    if not frame.may_run or held.outcome.ok:
        return None
    step = next((each for each in held.steps if each.state == "failed"), None)
    if step is not None and "confirm that you operate" in step.hint and (host := host_to_confirm(kept)):
        return h.div[ui.button(f"Confirm {host}", symbol="check", more=ui.opens("confirm-host"))]
    if held.outcome.raw_received:
        edit = f"/targets/{kept.id}/edit?from={held.id}#mapping"
        return h.div[ui.button("Show where the reply stands", symbol="crosshair", href=edit)]
    return None


def _signing(auth: dict[str, object]) -> str:
    words = dict(AUTHS)
    kind, value = next(iter(auth.items()), ("", ""))
    inner = next(iter(value.items())) if isinstance(value, dict) and value else ("", value)
    return f"{words.get(kind, kind.capitalize())} {inner[0]}".strip() + f", from {inner[1]}"

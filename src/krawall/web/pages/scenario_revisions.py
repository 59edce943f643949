"""Revisions of a scenario: who saved what and when, what is different between any two, and the way back to an old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import htpy as h

from krawall.app import App
from krawall.clock import wall_ns
from krawall.model.kept import DocumentKind, Kept
from krawall.web import ui
from krawall.web.pages.builder_view import View

KIND = DocumentKind.scenario
MOST = 100
"""Revisions that are listed, the newest."""


@dataclass(frozen=True)
class Compared:
    """What changed from revision `a` to revision `b`, as a unified diff; both are 0 when there is only one."""

    a: int = 0
    b: int = 0
    text: str = ""


async def revisions_of(app: App, id: str, query: Mapping[str, str]) -> tuple[list[Kept], Compared]:
    """Return the revisions of a scenario, newest first, and the difference that `query` (a, b) asks for: else the last change.

    Raises:
        NotFound: there is no such scenario.
    """
    items = list((await app.documents.revisions(KIND, id, limit=MOST)).items)
    known = {each.revision for each in items}
    newest = max(known)
    if newest == 1:
        return items, Compared()
    a, b = _number(query.get("a", "")), _number(query.get("b", ""))
    b = b if b in known else newest
    a = a if a in known else max((each for each in known if each < b), default=b)
    return items, Compared(a, b, await app.documents.diff(KIND, id, a, b))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def revisions_tab(view: View, items: Sequence[Kept], diff: Compared) -> h.Element:
    """Return the tab: the list, and beside it what is different."""
    if not items:
        words = "This scenario was never saved. Each time it is saved, a revision of it is kept here."
        return ui.card("", ui.empty(words, symbol="history", title="No revisions yet"))
    now_ns, newest = wall_ns(), items[0].revision
    columns = [ui.Column("Revision"), ui.Column("Note", wide=True), ui.Column("By"), ui.Column("When", number=True)]
    rows = [
        ui.Row(
            (
                [f"Revision {each.revision}", each.revision == newest and [" ", ui.badge("Newest", "accent")]],
                each.note or h.span(".muted")["none"],
                each.actor,
                ui.when(each.updated_ns, now_ns),
            ),
            actions=_restore(view, each, items[0].etag) if view.may_edit and each.revision != newest else None,
        )
        for each in items
    ]
    return h.div(".cols", id="revisions")[
        ui.card("Revisions", ui.table("Revisions", columns, rows, actions=True), flush=True),
        ui.card("What changed", _compared(view, items, diff), flush=False),
    ]


def _restore(view: View, each: Kept, etag: str) -> h.Element:
    return ui.form(
        f"/scenarios/{each.id}/revisions/{each.revision}/restore",
        h.input(type="hidden", name="etag", value=etag),
        ui.button(f"Restore revision {each.revision}", symbol="history", bare=True, small=True, kind="ghost", submit=True),
        more={"class": "deed"},
    )  # fmt: skip


def _compared(view: View, items: Sequence[Kept], diff: Compared) -> h.Node:
    if not diff.b:
        return h.p(".muted")["There is only one revision so far."]
    options = [(str(each.revision), f"Revision {each.revision}") for each in items]
    return h.div(".stack")[
        h.form(".filters", method="get", action=f"/scenarios/{view.key}", data_filters=True, aria_label="Which revisions to compare")[
            h.input(type="hidden", name="tab", value="revisions"),
            ui.select("From", "a", options, str(diff.a), required=True),
            ui.select("To", "b", options, str(diff.b), required=True),
            ui.button("Compare", submit=True),
        ],
        ui.difference(diff.text) if diff.text else h.p(".muted")["They say the same."],
    ]  # fmt: skip

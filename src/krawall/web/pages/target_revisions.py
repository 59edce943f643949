"""The revisions of a target: who changed what and why, any two beside each other, an older one brought back."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h

from krawall.model.kept import Kept
from krawall.web import ui
from krawall.web.frame import Frame


def revisions_tab(
    frame: Frame, kept: Kept, revisions: Sequence[Kept], pair: tuple[int, int], diff: str, now_ns: int
) -> h.Node:
    """Return the list of revisions, and the difference of the two in `pair`."""
    columns = [ui.Column("Revision"), ui.Column("Note"), ui.Column("By"), ui.Column("When", number=True)]
    rows = [
        ui.Row(
            (f"Revision {each.revision}", each.note or h.span(".muted")["none"], each.actor, ui.when(each.updated_ns, now_ns)),
            actions=_back(kept, each) if frame.may_run and each.revision != kept.revision else None,
        )
        for each in revisions
    ]  # fmt: skip
    return h.div(".cols")[
        ui.card("Revisions", ui.table("Revisions", columns, rows, actions=frame.may_run), flush=True),
        _difference(kept, revisions, pair, diff)
        if kept.revision > 1
        else ui.card("Difference", ui.empty("There is only one revision.", symbol="git-compare")),
    ]


def _back(kept: Kept, old: Kept) -> h.Element:
    return ui.form(
        f"/targets/{kept.id}/revert",
        h.input(type="hidden", name="revision", value=str(old.revision)),
        ui.button(f"Bring back revision {old.revision}", symbol="undo-2", bare=True, kind="ghost", small=True, submit=True),
        more={"class": "deed"},
    )  # fmt: skip


def _difference(kept: Kept, revisions: Sequence[Kept], pair: tuple[int, int], diff: str) -> h.Element:
    options = [(str(each.revision), f"Revision {each.revision}") for each in revisions]
    chosen = h.form(".filters", method="get", action=f"/targets/{kept.id}", data_filters=True)[
        h.input(type="hidden", name="tab", value="revisions"),
        ui.select("From", "a", options, str(pair[0]), required=True),
        ui.select("To", "b", options, str(pair[1]), required=True),
        ui.button("Compare", submit=True),
    ]
    words = f"Revisions {pair[0]} and {pair[1]} say the same." if pair[0] != pair[1] else "Choose two revisions."
    return ui.card(
        f"From revision {pair[0]} to {pair[1]}",
        h.div(".stack")[chosen, ui.difference(diff) if diff else h.p(".muted")[words]],
    )

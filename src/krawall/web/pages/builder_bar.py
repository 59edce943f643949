"""What stands over the builder's tabs: the scenario's name and state, undo, redo, save; and what to do when somebody else saved."""

from __future__ import annotations

import htpy as h

from krawall.clock import wall_ns
from krawall.services.documents import to_yaml
from krawall.services.drafts import to_text
from krawall.web import ui
from krawall.web.pages.builder_estimate import estimate_bar
from krawall.web.pages.builder_text import diff_of
from krawall.web.pages.builder_view import FLOW, View, action, place
from krawall.web.ui.icons import Icon

TABS = ((FLOW, "Flow"), ("settings", "Settings"), ("yaml", "YAML"), ("preview", "Preview"), ("revisions", "Revisions"))


def head(view: View) -> h.Element:
    """Return the name, its state and what can be done with the whole."""
    name = view.editing.name or "Scenario without a name"
    return ui.page_header(name, marks=_marks(view), actions=_actions(view))


def _marks(view: View) -> h.Node:
    revision = f"Revision {view.kept.revision}" if view.kept else ""
    if not view.may_edit:
        return [ui.badge(revision) if revision else None, ui.badge("Read only", symbol="eye")]
    if view.changed:
        words = "Unsaved changes" if view.kept else "Not saved yet"
        return [ui.badge(words, "accent"), h.span(".muted.based")[f"since {revision.lower()}"] if revision else None]
    return ui.badge(revision) if revision else None


def _actions(view: View) -> h.Node:
    run = f"/sessions/new?scenario={view.kept.id}" if view.kept else ""
    about = f"Runs revision {view.kept.revision}, as it was saved" if view.kept and view.changed else None
    if not view.may_edit:
        return None
    return [
        _step(view, "undo", "Undo", "undo-2", view.editing.can_undo, "Control+Z"),
        _step(view, "redo", "Redo", "redo-2", view.editing.can_redo, "Control+Shift+Z"),
        ui.button("Run", symbol="play", href=run, more={"data-tip": about}) if run else None,
        _save(view),
        ui.menu(
            "more-of-draft",
            "More of this draft",
            [
                ui.Item("Save with a note", "pencil", opens="save-noted"),
                ui.Item("Save as a new scenario", "copy", opens="save-as"),
                ui.Item("Discard draft", "trash-2", opens="discard", danger=True),
            ],
        ),
    ]


def _step(view: View, deed: str, label: str, symbol: Icon, able: bool, keys: str) -> h.Element:
    """Return undo or redo. It stays in place when there is nothing to do: pressed it says so."""
    what = f": {view.editing.label.lower()}" if deed == "undo" and able and view.editing.label else ""
    return ui.form(
        action(view, deed),
        ui.button(
            label, symbol=symbol, bare=True, submit=True,
            more={
                "hx-post": action(view, deed), "id": deed, "data-tip": f"{label}{what}", "aria-keyshortcuts": keys,
                "aria-disabled": None if able else "true",
            },
        ),
        partial=False, more={"class": "deed"},
    )  # fmt: skip


def _save(view: View) -> h.Element:
    address = action(view, "save")
    more: dict[str, str | bool | None] = {"hx-post": address, "id": "save", "aria-keyshortcuts": "Control+S"}
    return ui.form(
        address,
        ui.button("Save scenario", kind="primary", symbol="save", submit=True, more=more),
        partial=False,
        more={"class": "deed"},
    )


def dialogs(view: View) -> h.Node:
    """Return the dialogs of the head. They stand outside of what answers replace, so that none closes one."""
    if not view.may_edit:
        return None
    save = action(view, "save")
    note = ui.field("Note", "note", help="Stands beside the revision in the list of revisions.", id="save-note")
    name = ui.field("Name", "name", f"{view.editing.name} copy", required=True, id="save-name")
    return [
        _dialog("save-noted", "Save with a note", save, note, "Save scenario"),
        _dialog("save-as", "Save as a new scenario", save, name, "Save as new"),
        ui.confirm(
            "discard",
            "Discard this draft?",
            consequence=h.p["What you changed since it was last saved is gone, and cannot be undone. Saved revisions stay."],
            action=action(view, "discard"),
            deed="Discard draft",
        ),
    ]  # fmt: skip


def _dialog(id: str, title: str, save: str, field: h.Element, deed: str) -> h.Element:
    target: dict[str, str | bool | None] = {"hx-target": "#builder", "hx-sync": "#builder:queue all", "data-closes": id}
    return h.dialog(".dialog", id=id, aria_labelledby=f"{id}-title", closedby="any")[
        h.header[h.h2(id=f"{id}-title")[title]],
        ui.form(
            save,
            h.div(".in")[field],
            h.footer[
                h.button(".btn", type="button", commandfor=id, command="close")["Cancel"],
                ui.button(deed, kind="primary", symbol="save", submit=True),
            ],
            more=target,
        ),
    ]


def tabs(view: View) -> h.Element:
    """Return the tabs. The flow keeps the step that is selected."""
    each = [(words, place(view, tab=tab, step=view.selected if tab == FLOW else "")) for tab, words in TABS]
    return ui.tabs("Views of the scenario", each, dict(TABS)[view.tab])


def clash(view: View) -> h.Node:
    """Return what to do when somebody saved another revision meanwhile; nothing when nobody did."""
    if not view.clashes or not view.kept or not view.may_edit:
        return None
    kept, save = view.kept, action(view, "save")
    theirs, own = to_yaml(kept), to_text(view.editing.draft)
    return ui.notice(
        [
            h.p[f"{kept.actor} saved revision {kept.revision} ", ui.when(kept.updated_ns, wall_ns()), ", after you began. Your draft is kept."],
            h.details(".more")[
                h.summary[ui.icon("chevron-right", size=14), "What your draft has that revision does not"],
                ui.difference(diff_of(theirs, own)),
            ],
            h.div(".row")[
                ui.button("Save as a new scenario", small=True, symbol="copy", more=ui.opens("save-as")),
                ui.form(
                    save, h.input(type="hidden", name="over", value="yes"),
                    ui.button("Save over it", small=True, submit=True, more={"hx-post": save}), partial=False, more={"class": "deed"},
                ),
                ui.button("Discard draft", kind="danger", small=True, symbol="trash-2", more=ui.opens("discard")),
            ],
        ],
        "warn", title="Somebody else saved this scenario",
    )  # fmt: skip


def reckoning(view: View) -> h.Element:
    """Return the place of the estimate. While nothing is wrong it is asked for after an edit: what it said stays meanwhile."""
    if view.problems or view.validation.estimate:
        return h.div(id="reckoning")[estimate_bar(view)]
    address = f"/scenarios/{view.key}/estimate"
    asks: dict[str, str | bool] = {
        "hx-get": address, "hx-trigger": "load, stale delay:500ms", "hx-target": "this", "hx-swap": "innerMorph",
        "hx-sync": "this:replace", "hx-morph-skip-children": True,
    }  # fmt: skip
    return h.div(asks, id="reckoning")[
        h.section(".estimate", aria_label="What a session takes")[
            h.p(".muted")["Reckoning what a session takes"],
            h.noscript[ui.button("Reckon", small=True, href=address)],
        ]
    ]

"""What the list of scenarios looks like: rows with what they take and when they ran, and the templates to begin from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import htpy as h

from krawall.conduct.words import many
from krawall.model.kept import Kept
from krawall.services.catalogue import TemplateInfo
from krawall.services.shelf import Facts, Shelf, Shelved
from krawall.web import ui
from krawall.web.frame import Frame
from krawall.web.ui.icons import Icon
from krawall.web.urls import address, turned

PAGE = 50
ASKED = "asked"
"""The dialog that asks before something is done with a row. It stands outside of the list, which follows others."""
NAME = "name"
_ABOUT = "Conversations with chatbots: what is said, in what order, and what has to come back."
_DOWN_FIRST = ("steps", "messages", "used", "changed")
SYMBOLS: dict[str, Icon] = {
    "stress": "zap", "edge case": "circle-help", "context": "layers", "performance": "timer", "logic": "git-branch",
    "cost": "chart-column", "attack surface": "octagon-x",
}  # fmt: skip
Now = Mapping[str, str]


def scenarios_page(frame: Frame, found: Shelf, templates: Sequence[TemplateInfo], now: Now, now_ns: int) -> h.Element:
    """Return the list of scenarios, then the templates. `now`: what the address says (q, category, show, sort, page)."""
    some = bool(found.rows or now)
    return ui.page(
        frame,
        "Scenarios",
        ui.page_header("Scenarios", about=_ABOUT, actions=_actions() if frame.may_run else None),
        _bar(found, now) if some else None,
        _list(frame, found, now, now_ns) if some else None,
        _dialog(),
        h.section(".stack", aria_labelledby="templates")[
            h.h2(id="templates")["Templates" if some else "Begin with a template"],
            h.ul(".shelf")[[_template(frame, each) for each in templates]],
        ],
        live=True,
        sheets=["scenarios.css"],
    )


def _actions() -> h.Node:
    new = ui.button("New scenario", kind="primary", symbol="plus", key="n", submit=True)
    return [
        ui.button("Import", symbol="upload", href="/scenarios/import"),
        ui.form("/scenarios/new", new, more={"class": "deed"}),
    ]


def category_words(category: str) -> str:
    """Return a category as people read it."""
    return category[:1].upper() + category[1:]


def _bar(found: Shelf, now: Now) -> h.Element:
    known = sorted({*found.categories, *([now["category"]] if "category" in now else [])})
    categories = [("", "All"), *((each, category_words(each)) for each in known)]
    filters = h.form(".filters", method="get", action="/scenarios", role="search", aria_label="Filter scenarios", data_filters=True)[
        ui.field("Name", "q", now.get("q", ""), kind="search", more={"data-key": "/"}),
        ui.select("Category", "category", categories, now.get("category", ""), required=True),
        ui.select("Show", "show", [("", "Current"), ("archived", "Archived")], now.get("show", ""), required=True),
        "sort" in now and h.input(type="hidden", name="sort", value=now["sort"]),
        ui.button("Filter", submit=True),
        bool({"q", "category", "show"} & now.keys()) and ui.button("Clear filters", kind="ghost", symbol="x", href="/scenarios"),
    ]  # fmt: skip
    export = h.form(method="get", action="/api/v1/export", id="export", class_="row")[
        h.input(type="hidden", name="kind", value="scenario"),
        ui.button("Export", symbol="download", submit=True, more={"data-tip": "The rows that you chose, as a zip of YAML files; without a choice all scenarios"}),
    ]  # fmt: skip
    return h.div(".listbar")[filters, export if found.rows else None]


def _list(frame: Frame, found: Shelf, now: Now, now_ns: int) -> h.Element:
    follow = {
        "id": "list", "data-follows": "scenario:", "hx-get": address("/scenarios", now), "hx-select": "#list",
        "hx-trigger": "changed throttle:1s", "hx-swap": "outerMorph",
    }  # fmt: skip
    if not found.rows:
        return h.div(follow)[ui.card("", _nothing(now))]

    def link(column: str) -> str:
        sort = turned(now.get("sort", NAME), column, down_first=column in _DOWN_FIRST)
        return address("/scenarios", now, {"sort": "" if sort == NAME else sort, "page": None})

    columns = [
        ui.Column("Name", "name", wide=True), ui.Column("Category", "category"), ui.Column("Steps", "steps", number=True),
        ui.Column("Messages", "messages", number=True), ui.Column("Last use", "used"), ui.Column("Changed", "changed", number=True),
    ]  # fmt: skip
    table = ui.table(
        "Scenarios", columns, [_row(frame, each, now_ns) for each in found.rows],
        sort=now.get("sort", NAME), link=link, actions=True, choose=True,
    )  # fmt: skip
    return h.div(follow)[ui.card("", table, _pager(found, now), flush=True)]


def _nothing(now: Now) -> h.Element:
    if now.keys() == {"show"}:
        return ui.empty(
            "No scenario was put away.",
            ui.button("Show current ones", href="/scenarios", symbol="arrow-left"),
            "archive",
        )
    words = "No scenario fits these filters."
    return ui.empty(words, ui.button("Clear filters", symbol="x", href="/scenarios"), "search")


def _pager(found: Shelf, now: Now) -> h.Node:
    page = int(now.get("page", "1"))
    onward = address("/scenarios", now, {"page": str(page + 1)}) if page * PAGE < found.found else ""
    first = (page - 1) * PAGE
    words = f"{first + 1} to {first + len(found.rows)} of {many(found.found, 'scenario')}"
    return ui.pager(address("/scenarios", now, {"page": None}) if page > 1 else "", onward, words)


def _row(frame: Frame, each: Shelved, now_ns: int) -> ui.Row:
    kept, facts = each.kept, each.facts
    about = str(kept.body.get("description") or "")
    return ui.Row(
        (
            [kept.name, about and h.small[about if len(about) <= 90 else about[:88].rstrip() + " …"]],
            ui.badge(category_words(facts.category)),
            str(facts.steps),
            _messages(facts),
            _last(each, now_ns),
            ui.when(kept.updated_ns, now_ns),
        ),
        href=f"/scenarios/{kept.id}",
        id=kept.id,
        actions=ui.menu(f"m-{kept.id}", f"Actions for {kept.name}", deeds(frame, kept.id, kept.archived), small=True),
        choose=h.label(".tick")[
            h.input({"type": "checkbox", "name": "ids", "value": kept.id, "form": "export", "aria-label": f"Choose {kept.name}"})
        ],
    )  # fmt: skip


def deeds(frame: Frame, id: str, archived: bool) -> list[ui.Item | None]:
    """Return what can be done with a kept scenario. Some of it asks first, in the dialog `ASKED`."""
    base = f"/scenarios/{id}"
    export = ui.Item("Export YAML", "download", href=f"{base}/export", download=True)
    if not frame.may_run:
        return [export]
    return [
        ui.Item("Start session", "play", href=f"/sessions/new?scenario={id}"),
        ui.Item("Duplicate", "copy", href=f"{base}/duplicate", brings=ASKED),
        export,
        ui.Item("Restore", "archive-restore", action=f"{base}/unarchive") if archived else ui.Item("Archive", "archive", action=f"{base}/archive"),
        None,
        ui.Item("Delete scenario", "trash-2", href=f"{base}/delete", brings=ASKED, danger=True),
    ]  # fmt: skip


def _dialog() -> h.Element:
    return h.dialog(".dialog", id=ASKED, aria_labelledby="asked-title", closedby="any")


def question_page(frame: Frame, kept: Kept, title: str, form: h.Element) -> h.Element:
    """Return a question as a page of its own, for browsers without scripts."""
    crumbs = [("Scenarios", "/scenarios"), (kept.name, f"/scenarios/{kept.id}"), (title.split()[0].rstrip("?"), "")]
    return ui.page(
        frame,
        title,
        ui.page_header(title),
        h.section(".card.narrow.asks")[form],
        crumbs=crumbs,
        sheets=["scenarios.css"],
    )


def question(title: str, form: h.Element) -> h.Node:
    """Return a question as the dialog `ASKED` shows it."""
    return [h.header[h.h2(id="asked-title")[title]], form]


def _cancel(id: str, dialog: bool, *, first: bool = False) -> h.Renderable:
    if not dialog:
        return ui.button("Cancel", href=f"/scenarios/{id}")
    return h.button(".btn", type="button", commandfor=ASKED, command="close", autofocus=first)["Cancel"]


def duplicate_form(kept: Kept, name: str, error: str = "", *, dialog: bool = False) -> h.Element:
    """Return the form that asks what the copy is called."""
    field = ui.field(
        "Name of the copy", "name", name, required=True, error=error, more={"maxlength": "200", "autofocus": True}
    )
    return ui.form(
        f"/scenarios/{kept.id}/duplicate",
        h.div(".in")[field],
        h.footer[_cancel(kept.id, dialog), ui.button("Duplicate", kind="primary", symbol="copy", submit=True)],
    )  # fmt: skip


def delete_form(kept: Kept, *, dialog: bool = False) -> h.Element:
    """Return the form that says what goes with a scenario. Focus begins on Cancel."""
    goes = f"Its {many(kept.revision, 'revision')} {'goes' if kept.revision == 1 else 'go'} with it."
    return ui.form(
        f"/scenarios/{kept.id}/delete",
        h.div(".in")[h.p[f"{goes} Sessions keep what they were started with."]],
        h.footer[_cancel(kept.id, dialog, first=True), ui.button("Delete scenario", kind="danger", symbol="trash-2", submit=True)],
    )  # fmt: skip


def _messages(facts: Facts) -> h.Node:
    if facts.messages is None:
        return ui.badge("Not valid any more", "bad")
    return expected(facts.messages, facts.most)


def expected(messages: float, most: int | None) -> str:
    """Return how many messages one conversation has: `6`, `about 6.5, at most 9`, `about 3, no bound`."""
    if most is not None and messages == most:
        return f"{messages:g}"
    return f"about {messages:.3g}, " + (f"at most {most}" if most is not None else "no bound")


def _last(each: Shelved, now_ns: int) -> h.Node:
    if each.last is None:
        return h.span(".muted")["never"]
    state = ui.status(each.last.outcome or each.last.state)
    return h.span(".row")[state, h.span(".muted")[ui.when(each.last.created_ns, now_ns)]]


def _template(frame: Frame, info: TemplateInfo) -> h.Element:
    href = f"/scenarios/templates/{info.name}"
    words = f"{expected(info.messages, info.most)} message{'s' if info.messages != 1 else ''}"
    return h.li[
        ui.card(
            "",
            h.div(".offer")[
                h.div(".row")[
                    h.span(".chip")[ui.icon(SYMBOLS.get(info.category, "message-square"))],
                    h.h3[h.a(href=href)[info.title]],
                ],
                h.p(".muted")[info.description],
                h.div(".about")[ui.badge(category_words(info.category)), h.small(".muted")[words]],
                h.div(".foot")[
                    use(info.name, small=True) if frame.may_run else None,
                    ui.button("Preview", kind="ghost", small=True, symbol="eye", href=href, more={"aria-label": f"Preview {info.title}"}),
                ],
            ],
        )
    ]  # fmt: skip


def use(template: str, *, small: bool = False) -> h.Element:
    """Return the button that opens a draft of a template."""
    return ui.form(
        "/scenarios/new",
        h.input(type="hidden", name="template", value=template),
        ui.button("Use template", kind="plain" if small else "primary", symbol="plus", small=small, submit=True),
        more={"class": "deed"},
    )

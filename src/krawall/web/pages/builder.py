"""The flow builder: a scenario's page. Its routes; what it shows is in the modules beside it.

A look never writes: the first deed begins a draft. Every deed is one POST; htmx takes `#builder` out of the answer, without
it the answer leads back to the page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

import htpy as h
from fastapi import APIRouter, Form, Request, Response

from krawall.api.auth import Reader, Runner
from krawall.api.shapes import app_of
from krawall.app import App
from krawall.errors import DocumentError, Place, Stale
from krawall.model.kept import DocumentKind
from krawall.services.draft import Draft
from krawall.services.drafts import PREFIX, Editing, placed, to_text
from krawall.services.scenarios import Validation
from krawall.web import ui
from krawall.web.answers import go, is_partial, show
from krawall.web.frame import frame_of
from krawall.web.pages.builder_bar import TABS, clash, dialogs, head, reckoning, tabs
from krawall.web.pages.builder_canvas import aside, flow
from krawall.web.pages.builder_deeds import TYPED, Done, label_of, perform
from krawall.web.pages.builder_estimate import estimate_bar
from krawall.web.pages.builder_settings import settings
from krawall.web.pages.builder_text import MOST, text_tab
from krawall.web.pages.builder_view import FLOW, View, place
from krawall.web.pages.scenario_preview import preview_tab, shown
from krawall.web.pages.scenario_revisions import Compared, revisions_of, revisions_tab
from krawall.web.pages.scenario_talk import SHEETS
from krawall.web.pages.session_start import OFFERED
from krawall.web.ui.keys import Key
from krawall.web.urls import address

KIND = DocumentKind.scenario
KEYS: tuple[Key, ...] = (
    (("↑",), ("↓",), "Select the step before or after"),
    (("Alt", "↑"), ("Alt", "↓"), "Move the step up or down"),
    (("Alt", "→"), ("Alt", "←"), "Move the step into the container above, or out of its own"),
    (("a",), (), "Add a step after it: arrows choose which, Enter adds, Esc goes back"),
    (("⌘", "D"), ("Ctrl", "D"), "Duplicate the step"),
    (("Del",), (), "Delete the step"),
    (("⌘", "Z"), ("Ctrl", "Z"), "Undo; with Shift: redo"),
    (("⌘", "S"), ("Ctrl", "S"), "Save the scenario"),
)
router = APIRouter()


@router.get("/scenarios/{key}", name="web_scenario")
async def scenario(request: Request, caller: Reader, key: str, tab: str = FLOW, step: str = "") -> Response:
    """Show a scenario in the builder: its steps, its settings, its text, a preview or its revisions."""
    app = app_of(request)
    editing = await app.drafts.look(key, caller.name)
    if key.startswith(PREFIX) and editing.document:
        return go(request, f"/scenarios/{editing.document}")
    view = await _view(request, key, editing, step, tab if tab in dict(TABS) else FLOW)
    if request.headers.get("hx-target") == "aside#inspector":
        return show(request, aside(view))
    return show(request, await _page(app, view, request.query_params))


@router.get("/scenarios/{key}/estimate", name="web_scenario_estimate")
async def estimate(request: Request, caller: Reader, key: str) -> Response:
    """Show what a session of the draft will take. It takes longer than an edit may, so it comes after it."""
    app = app_of(request)
    editing = await app.drafts.look(key, caller.name)
    found = await app.scenarios.validate(editing.draft.body())
    view = await _view(request, key, editing, "", FLOW, found)
    if is_partial(request):
        return show(request, estimate_bar(view))
    return show(request, await _page(app, view, {}))


@router.post("/scenarios/new", name="web_begin_scenario")
async def begin(request: Request, caller: Runner, template: Annotated[str, Form()] = "") -> Response:
    """Begin a draft of a new scenario, of a template or of nothing."""
    editing = await app_of(request).drafts.open(None, caller.name, template=template)
    return go(request, f"/scenarios/{editing.id}")


@router.post("/scenarios/{key}/draft/{deed}", name="web_scenario_deed")
async def change(request: Request, caller: Runner, key: str, deed: str) -> Response:
    """Change the draft: add, move, set, undo, save and so on."""
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    desk = Desk(request, app_of(request), key, caller.name, form)
    if deed in _WHOLE:
        return await _WHOLE[deed](desk)
    editing = await desk.app.drafts.own(key, caller.name)
    done: list[Done] = []

    def changed(draft: Draft) -> Draft:
        done[:] = [perform(draft, deed, form)]
        return done[0].draft

    label = label_of(deed, form, editing.draft)
    editing = await desk.app.drafts.edit(editing.id, caller.name, label, changed, typed=deed in TYPED)
    return await _answer(desk, editing, done[0].said, done[0].selected or desk.step)


@dataclass(frozen=True)
class Desk:
    """A deed in hand: who does it, to which scenario, with which fields."""

    request: Request
    app: App
    key: str
    actor: str
    form: Mapping[str, str]

    @property
    def query(self) -> Mapping[str, str]:
        """What the address of the page says that the deed came from."""
        headers = self.request.headers
        return dict(parse_qsl(urlsplit(headers.get("hx-current-url") or headers.get("referer", "")).query))

    @property
    def step(self) -> str:
        """The step that is selected there."""
        return self.query.get("step", "")


async def _undo(desk: Desk) -> Response:
    return await _stepped(desk, -1, "Undone", "There is nothing to undo")


async def _redo(desk: Desk) -> Response:
    return await _stepped(desk, 1, "Redone", "There is nothing to redo")


async def _stepped(desk: Desk, by: int, done: str, nothing: str) -> Response:
    before = await desk.app.drafts.own(desk.key, desk.actor)
    after = await desk.app.drafts.step(before.id, desk.actor, by)
    label = (before if by < 0 else after).label
    moved = after.position != before.position
    return await _answer(desk, after, f"{done}: {label.lower()}" if moved else nothing, desk.step)


async def _write(desk: Desk) -> Response:
    """Take in the whole as YAML; what cannot be read stays in the text with its errors, and the draft as it was."""
    editing = await desk.app.drafts.own(desk.key, desk.actor)
    text = desk.form.get("text", "")[:MOST].replace("\r\n", "\n")
    if text == to_text(editing.draft):
        return await _answer(desk, editing, "", "", tab="yaml")
    try:
        editing = await desk.app.drafts.write(editing.id, desk.actor, text)
    except DocumentError as error:
        said = f"{len(error.places)} problem{'s' if len(error.places) != 1 else ''} in the text"
        return await _answer(desk, editing, said, "", tab="yaml", status=422, text=text, wrong_text=error.places)
    return await _answer(desk, editing, "Taken into the draft", "", tab="yaml", text=text)


async def _save(desk: Desk) -> Response:
    editing = await desk.app.drafts.look(desk.key, desk.actor)
    name = desk.form.get("name", "").strip()
    if not name and editing.document and not (editing.id and editing.can_undo):
        return await _answer(desk, editing, "Nothing has changed since it was saved", desk.step)
    editing = await desk.app.drafts.own(desk.key, desk.actor)
    note, over = desk.form.get("note", "").strip()[:500], desk.form.get("over") == "yes"
    try:
        kept = await desk.app.drafts.save(editing.id, desk.actor, note, name=name, over=over)
    except DocumentError as error:
        wrong = [problem.step for problem in placed(editing.draft, error.places) if problem.step]
        count = len(error.places)
        said = f"It cannot be saved yet: {count} problem{'s' if count != 1 else ''}"
        return await _answer(desk, editing, said, wrong[0] if wrong else desk.step, status=422)
    except Stale:
        return await _answer(
            desk, editing, "Somebody else saved this scenario; your draft is kept", desk.step, status=409
        )
    step = "" if name else desk.step
    return go(
        desk.request, address(f"/scenarios/{kept.id}", {"step": step}), f"Saved {kept.name}, revision {kept.revision}"
    )


async def _discard(desk: Desk) -> Response:
    editing = await desk.app.drafts.look(desk.key, desk.actor)
    if editing.id:
        await desk.app.drafts.discard(editing.id, desk.actor)
    return go(
        desk.request, f"/scenarios/{editing.document}" if editing.document else "/scenarios", "Discarded the draft"
    )


_WHOLE: dict[str, Callable[[Desk], Awaitable[Response]]] = {
    "undo": _undo, "redo": _redo, "yaml": _write, "save": _save, "discard": _discard,
}  # fmt: skip


# answers --------------------------------------------------------------------------------------------------


async def _answer(
    desk: Desk, editing: Editing, said: str, step: str, *, tab: str = "", status: int = 200,
    text: str | None = None, wrong_text: Sequence[Place] = (),
) -> Response:  # fmt: skip
    """Answer a deed with the builder as it is now; without htmx with the way back to it, unless something is wrong."""
    tab = tab or desk.query.get("tab", FLOW)
    view = await _view(desk.request, desk.key, editing, step, tab if tab in dict(TABS) else FLOW)
    view = replace(view, said=said, text=text, wrong_text=wrong_text)
    if not is_partial(desk.request):
        if status == 200:
            return go(desk.request, place(view), said)
        return show(desk.request, await _page(desk.app, view, desk.query), status)
    response = show(desk.request, builder(view, await _tab(desk.app, view, desk.query)), status)
    response.headers["HX-Replace-Url"] = place(view)
    return response


async def _view(
    request: Request, key: str, editing: Editing, step: str, tab: str, found: Validation | None = None
) -> View:
    """Return what the parts know. `found`: what is already known of the draft; left out, what is wrong with it is looked up."""
    app, frame = app_of(request), frame_of(request)
    kept = await app.documents.get(KIND, editing.document) if editing.document else None
    found = found or Validation(await app.drafts.wrong(editing.draft), [])
    known = [node.id for node, _, _, _ in editing.draft.walk()]
    selected = step if step in known else known[0] if known else ""
    problems = placed(editing.draft, found.errors)
    return View(frame, key, editing, problems, found, selected, tab, frame.may_run, kept)


async def _page(app: App, view: View, query: Mapping[str, str]) -> h.Element:
    name = view.editing.name or "Scenario"
    crumbs = [("Scenarios", "/scenarios"), (name, "")]
    content = builder(view, await _tab(app, view, query))
    return ui.page(
        view.frame,
        name,
        content,
        dialogs(view),
        crumbs=crumbs,
        scripts=["builder.js", "names.js"],
        sheets=["builder.css", *SHEETS] if view.tab == "preview" else ["builder.css"],
        keys=KEYS if view.may_edit else KEYS[:1],
    )


async def _tab(app: App, view: View, query: Mapping[str, str]) -> h.Node:
    """Return what the tab shows. Only what it needs is read."""
    if view.tab == "yaml":
        return text_tab(view)
    if view.tab == "settings":
        kept = await app.documents.list(DocumentKind.target, limit=OFFERED)
        return settings(view, [target.name for target in kept.items])
    if view.tab == "preview":
        return preview_tab(view, await shown(app, view.editing.draft.body(), query))
    if view.tab == "revisions":
        return revisions_tab(view, *(await revisions_of(app, view.kept.id, query) if view.kept else ([], Compared())))
    return flow(view)


def builder(view: View, content: h.Node) -> h.Element:
    """Return what every deed's answer replaces. Requests from inside wait for each other, so that none overtakes one."""
    inherited: dict[str, str | bool] = {
        "hx-target:inherited": "#builder", "hx-swap:inherited": "outerMorph", "hx-sync:inherited": "#builder:queue all",
        "data-seen": True, "data-selected": view.selected,
    }  # fmt: skip
    return h.div(".builder", inherited, id="builder")[
        head(view),
        clash(view),
        tabs(view),
        reckoning(view) if view.tab in (FLOW, "settings", "yaml") else None,
        content,
        h.p(".sr", id="builder-said", role="status", aria_live="polite")[view.said],
    ]

"""Importing: files chosen, dropped or pasted, and what became of every document in them. Each is kept whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

import htpy as h
from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData, UploadFile

from krawall.api.auth import Runner
from krawall.api.shapes import app_of
from krawall.conduct.words import many, sentence
from krawall.errors import DocumentError, KrawallError, TooLarge
from krawall.model.kept import DocumentKind
from krawall.services.transfer import MOST_FILES, Given, Imported, take_in, text_of, unpack
from krawall.web import ui
from krawall.web.answers import is_partial, show
from krawall.web.frame import Frame, frame_of

MOST_PASTED = 2_000_000  # characters
ACCEPTED = ".yaml,.yml,.json,.zip"
_FAMILIES = {DocumentKind.scenario: "scenarios", DocumentKind.target: "targets"}
Tone = Literal["ok", "plain", "bad", "info"]
_DEEDS: dict[str, tuple[str, Tone]] = {
    "created": ("Made", "ok"), "revised": ("New revision", "info"), "unchanged": ("Unchanged", "plain"), "failed": ("Not taken in", "bad"),
}  # fmt: skip
router = APIRouter()


@router.get("/scenarios/import", name="web_import")
async def ask(request: Request, caller: Runner) -> Response:
    """Show the form."""
    return show(request, import_page(frame_of(request)))


@router.post("/scenarios/import", name="web_do_import")
async def do(request: Request, caller: Runner) -> Response:
    """Take in what was sent and show what became of it."""
    async with request.form(max_files=MOST_FILES, max_fields=20, max_part_size=4 * MOST_PASTED) as form:
        pasted, replace = _text(form, "text"), _text(form, "replace") == "yes"
        given, wrong = await _given(form, pasted)
    results: list[Imported] = []
    if given:
        try:
            results = await take_in(app_of(request).documents, given, caller.name, replace=replace)
        except TooLarge as error:
            wrong.append(error.message)
    failed = wrong or any(each.deed == "failed" for each in results)
    if is_partial(request):
        return show(request, outcome(results, wrong))
    return show(
        request,
        import_page(frame_of(request), results, wrong, pasted if failed else "", replace),
        422 if failed else 200,
    )


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


async def _given(form: FormData, pasted: str) -> tuple[list[Given], list[str]]:
    """Return the files and texts of a form, and why some of them cannot be read."""
    given: list[Given] = []
    wrong: list[str] = []
    for each in form.getlist("files"):
        if not isinstance(each, UploadFile) or not each.filename:
            continue
        try:
            if each.filename.lower().endswith(".zip"):
                given += await asyncio.to_thread(unpack, each.file, each.filename)
            else:
                given.append(Given(each.filename, text_of(await each.read(), each.filename)))
        except DocumentError as error:
            wrong += [f"{each.filename} {place.message}" for place in error.places]
        except KrawallError as error:
            wrong.append(error.message)
    if pasted.strip():
        if len(pasted) > MOST_PASTED:
            wrong.append(f"the text has more than {MOST_PASTED:,} characters")
        else:
            given.append(Given("pasted text", pasted))
    if not given and not wrong:
        wrong.append("there is nothing to take in: choose files, drop them, or paste a text")
    return given, wrong


# what it looks like ----------------------------------------------------------------------------------------------------


def import_page(
    frame: Frame, results: Sequence[Imported] = (), wrong: Sequence[str] = (), text: str = "", replace: bool = False
) -> h.Element:
    """Return the form, and what became of what was sent with it."""
    about = (
        "YAML or JSON files of one document or several, zips of them as an export writes them, and scenario files of the "
        "original product. A document with an error is not kept at all; the others are."
    )
    return ui.page(
        frame,
        "Import scenarios",
        ui.page_header("Import scenarios", about=about),
        h.div(".cols")[_form(text, replace), outcome(results, wrong)],
        crumbs=[("Scenarios", "/scenarios"), ("Import", "")],
        sheets=["scenarios.css"],
    )


def _form(text: str, replace: bool) -> h.Element:
    files = h.div(".drop")[
        ui.icon("upload", size=22),
        h.label(for_="files")[h.strong["Choose files, or drop them on the button"]],
        h.input(id="files", type="file", name="files", multiple=True, accept=ACCEPTED, aria_describedby="files-help"),
        h.p(".help", id="files-help")["As many as you like: .yaml, .yml, .json, .zip"],
    ]
    more: dict[str, str | bool | None] = {
        "enctype": "multipart/form-data", "hx-encoding": "multipart/form-data", "hx-target": "#outcome", "hx-swap": "outerMorph",
    }  # fmt: skip
    return ui.card(
        "What to take in",
        ui.form(
            "/scenarios/import",
            h.div(".form")[
                files,
                ui.field("Or paste YAML", "text", text, kind="area", code=True, rows=10, help="Several documents are divided by a line of three hyphens."),
                ui.switch("Replace those whose names are taken", "replace", replace, help="They get a new revision; the old one stays among the revisions. Off: such a document is left out."),
                h.footer[ui.button("Import", kind="primary", symbol="upload", submit=True), ui.button("Cancel", kind="ghost", href="/scenarios")],
            ],
            more=more,
        ),
    )  # fmt: skip


def outcome(results: Sequence[Imported], wrong: Sequence[str]) -> h.Element:
    """Return what became of each document."""
    if not results and not wrong:
        content: h.Node = ui.card("", ui.empty("What becomes of each document stands here.", symbol="inbox"))
    else:
        content = [
            ui.problems([sentence(each) for each in wrong], "This cannot be read"),
            bool(results)
            and ui.card(_summary(results), h.ul(".taken")[[h.li[_result(each)] for each in results]], flush=True),
        ]
    return h.div(".stack", id="outcome", aria_live="polite")[content]


def _summary(results: Sequence[Imported]) -> str:
    deeds = [each.deed for each in results]
    said = [f"{deeds.count(deed)} {words[0].lower()}" for deed, words in _DEEDS.items() if deed in deeds]
    return f"{many(len(results), 'document')}: {', '.join(said)}"


def _result(each: Imported) -> h.Node:
    words, tone = _DEEDS[each.deed]
    name = each.name or each.file
    family = _FAMILIES.get(each.kind) if each.kind else None
    title = h.a(href=f"/{family}/{each.id}")[name] if each.id and family else h.strong[name]
    symbol: Literal["circle-alert", "check"] = "circle-alert" if each.deed == "failed" else "check"
    return [
        h.div(".row")[h.span[title, " ", each.kind and h.small(".muted")[each.kind.value]], ui.badge(words, tone, symbol)],
        name != each.file and h.small(".muted")[each.file],
        bool(each.places)
        and h.ul(".reasons")[
            [h.li[f"Line {place.line}: " if place.line else "", h.code[place.path] if place.path else "", ": " if place.path else "", place.message] for place in each.places]
        ],
        bool(each.changes)
        and h.details(".more")[
            h.summary[ui.icon("chevron-right"), f"{many(len(each.changes), 'thing')} different from the original's file"],
            h.ul[[h.li[change] for change in each.changes]],
        ],
    ]  # fmt: skip

"""The form of a target: its preset first, then only the fields that it needs; beside it a test and what it would send and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import htpy as h

from krawall.model.kept import Kept
from krawall.plugins.preset import Preset, PresetField
from krawall.services.mapping import Look
from krawall.services.tested import HeldTest
from krawall.web import ui
from krawall.web.frame import Frame
from krawall.web.pages.target_detect import detect_card
from krawall.web.pages.target_form import AUTHS, FIELD, KEY, REST, TO
from krawall.web.pages.target_mapping import FORM, answer_field, mapping_card, preview
from krawall.web.pages.target_test import result, told, try_button
from krawall.web.presets import presets, title_of
from krawall.web.ui.icons import Icon

HISTORIES = (
    ("", "As the preset has it"),
    ("append", "Send the whole conversation"),
    ("server", "The chatbot keeps it"),
    ("none", "Single messages"),
)


@dataclass(frozen=True)
class Draft:
    """A form as it stands: texts, what is wrong with them, and which target it revises.

    `look`: what it would send and read; `held`: the test whose answer it reads; `picked`: the field that a press fills in.
    """

    values: Mapping[str, str]
    preset: Preset | None = None
    kept: Kept | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()
    look: Look | None = None
    held: HeldTest | None = None
    picked: str = "reply.text"

    def of(self, name: str) -> str:
        """Return the text of a field."""
        return self.values.get(name, "")


def form_page(frame: Frame, draft: Draft, credentials: Sequence[str]) -> h.Element:
    """Return the page of the form. A script takes the form alone out of it (`hx-select`)."""
    kept = draft.kept
    title = f"Edit {kept.name}" if kept else "New target"
    crumbs = [("Targets", "/targets"), *([(kept.name, f"/targets/{kept.id}"), ("Edit", "")] if kept else [("New", "")])]
    return ui.page(
        frame,
        title,
        ui.page_header(
            title,
            about=None if kept else "Choose what the chatbot speaks; the form then asks only for what that needs.",
        ),
        None if kept else _presets(draft),
        detect_card(draft.of("url")) if not kept and not draft.preset else None,
        _bench(frame, draft, credentials) if draft.preset or kept else None,
        crumbs=crumbs, scripts=["target.js"], sheets=["target.css"],
    )  # fmt: skip


def _bench(frame: Frame, draft: Draft, credentials: Sequence[str]) -> h.Element:
    """Return the form, and beside it what it comes to."""
    held = draft.held
    notes = held.notes if held else []
    ask = {"form": FORM, "formaction": "/targets/test"}
    return h.div(".bench")[
        _form(frame, draft, credentials),
        h.div(".stack.beside")[
            answer_field(held.id if held else ""),
            ui.card(
                "Connection",
                h.div(".stack")[
                    notes and ui.notice(h.ul[[h.li[each[:1].upper() + each[1:]] for each in notes]], "info", title="How it was recognised"),
                    h.div(id="test", aria_live="polite")[result(held, answered=False) if held and held.steps else told(h.p(".muted")["Sends one message with what the form says now. Nothing is saved."])],
                ],
                aside=try_button(more=ask, primary=False),
            ),
            preview(draft.look, held, draft.picked) if draft.look else None,
        ],
    ]  # fmt: skip


def _presets(draft: Draft) -> h.Element:
    """Return the choice of a preset; once one is chosen it makes room."""
    options = [ui.Choice(each.name, title_of(each), each.about.replace("`", ""), _symbol(each)) for each in presets()]
    if not draft.preset:
        grid = ui.choices("What it speaks", "preset", options)
        return h.form(".presets", method="get", action="/targets/new", data_filters=True)[
            ui.card("Preset", h.div(".stack")[grid, h.div[ui.button("Continue", submit=True)]])
        ]
    grid = ui.choices("What it speaks", TO, options, draft.of("preset"), more={"form": FORM})
    at_once: dict[str, str] = {"hx-post": "/targets/preset", "hx-trigger": "change", "hx-include": f"#{FORM}"}
    change: dict[str, str | bool | None] = {
        "form": FORM,
        "formaction": "/targets/preset",
        "formnovalidate": True,
        "data-unscripted": True,
    }
    chosen = h.summary(".row")[
        ui.icon(_symbol(draft.preset)), h.strong[title_of(draft.preset)], h.span(".text")["Change"]
    ]
    return h.div(".presets")[
        ui.card(
            "",
            h.details[chosen, h.div(".stack", at_once)[grid, ui.button("Change preset", submit=True, more=change)]],
        )
    ]


def _symbol(preset: Preset) -> Icon:
    if preset.name == "mock":
        return "bot"
    connector = str(preset.target.get("connector", ""))
    symbols: dict[str, Icon] = {
        "http": "message-square",
        "sse": "message-square",
        "websocket": "zap",
        "socketio": "zap",
        "grpc": "server",
    }
    return "sliders-horizontal" if preset.name.startswith("custom-h") else symbols.get(connector, "plug")


def _form(frame: Frame, draft: Draft, credentials: Sequence[str]) -> h.Element:
    action = f"/targets/{draft.kept.id}/edit" if draft.kept else "/targets/new"
    back = f"/targets/{draft.kept.id}" if draft.kept else "/targets"
    return ui.form(
        action,
        ui.card(
            "Target",
            h.div(".form")[
                ui.problems(draft.problems),
                h.input(type="hidden", name="preset", value=draft.of("preset")) if draft.preset else None,
                h.input(type="hidden", name="etag", value=draft.of("etag")) if draft.kept else None,
                h.input(type="hidden", name="kept", value=draft.kept.id) if draft.kept else None,
                _text(draft, "Name", "name", required=True, help="What lists and reports call it."),
                None if _knows_address(draft) else _address(draft),
                _preset_fields(draft),
                _operated(draft),
                _auth(frame, draft, credentials),
                ui.select("Replies", "stream", [("", "As the preset has it"), ("yes", "Streamed, so that the first token can be timed"), ("no", "In one piece")], draft.of("stream"), required=True),
                _more(draft),
            ],
        ),
        mapping_card(draft.values, draft.errors, draft.preset),
        h.div(".row.save")[ui.button("Save target", kind="primary", symbol="save", submit=True), ui.button("Cancel", href=back)],
        id=FORM, secrets=True, more={"hx-select": f"#{FORM}", "class": "stack"},
    )  # fmt: skip


def _text(
    draft: Draft,
    label: str,
    name: str,
    *,
    required: bool = False,
    help: h.Node = None,
    kind: ui.Input = "text",
    code: bool = False,
    rows: int = 5,
) -> h.Element:
    return ui.field(
        label,
        name,
        draft.of(name),
        kind=kind,
        help=help,
        error=draft.errors.get(name, ""),
        required=required,
        code=code,
        rows=rows,
    )


def _knows_address(draft: Draft) -> bool:
    """Whether the preset says where the chatbot is, so that an address is an exception."""
    return bool(draft.preset and draft.preset.target.get("url"))


def _address(draft: Draft) -> h.Element:
    known = str(draft.preset.target["url"]) if draft.preset and _knows_address(draft) else ""
    help = f"Left empty: {known}" if known else None
    return _text(
        draft, "Whole address" if known else "Address", "url", required=not known, kind="url", code=True, help=help
    )


def _operated(draft: Draft) -> h.Node:
    if draft.kept and draft.kept.body.get("confirmed"):
        return None
    return ui.switch(
        "I operate this host", "operate", draft.of("operate") == "yes",
        help="Private addresses are only asked when somebody says so. This machine and public addresses need no word.",
    )  # fmt: skip


def _preset_fields(draft: Draft) -> h.Node:
    asked = [each for each in (draft.preset.fields if draft.preset else ()) if each.name != KEY]
    known = {FIELD + each.name for each in asked}
    others = [name for name in draft.values if name.startswith(FIELD) and name not in known]
    return [
        [_preset_field(draft, each) for each in asked],
        [_text(draft, name.removeprefix(FIELD).capitalize(), name) for name in others],
    ]


def _preset_field(draft: Draft, asked: PresetField) -> h.Element:
    name, default = FIELD + asked.name, asked.default or ""
    required = asked.required and not default
    if asked.options:
        options = [("", f"{default} (default)" if default else "Choose one"), *[(each, each) for each in asked.options]]
        error = draft.errors.get(name, "")
        return ui.select(
            asked.label,
            name,
            options,
            draft.of(name),
            help=asked.help.replace("`", "") or None,
            error=error,
            required=required,
        )
    said = (
        asked.help.replace("`", ""),
        f"For example {asked.example}." if asked.example else "",
        f"Left empty: {default}" if default else "",
    )
    return _text(draft, asked.label, name, required=required, help=" ".join(filter(None, said)) or None)


def _auth(frame: Frame, draft: Draft, credentials: Sequence[str]) -> h.Element:
    key = next((each for each in (draft.preset.fields if draft.preset else ()) if each.name == KEY), None)
    kinds = [(KEY, key.label), *AUTHS] if key else [*AUTHS]
    chosen = draft.values.get("auth", KEY if key and not draft.kept else "")
    secret = ui.field(
        "Value of the credential", "secret", kind="password", help="Fill in to set or replace it. It is sealed and never shown again.",
        disabled_because="" if frame.may_admin else "Only an admin sets credentials", more={"autocomplete": "new-password"},
    )  # fmt: skip
    name = ui.field(
        "Credential", "credential", draft.of("credential"), code=True, help="Its name, such as BOT_KEY; targets never hold secrets.",
        error=draft.errors.get("credential", ""), more={"list": "credentials"},
    )  # fmt: skip
    where = _text(draft, "Header or parameter", "auth-name", help="Such as x-api-key.")
    return h.fieldset(".form")[
        h.legend(".sr")["Signing in"],
        h.div(".pair")[ui.select("Signs in with", "auth", kinds, chosen, required=True), h.div(".named")[where]],
        h.div(".pair.signed")[name, secret],
        h.datalist(id="credentials")[[h.option(value=each) for each in credentials]],
    ]


def _more(draft: Draft) -> h.Element:
    opened = bool(draft.errors.keys() & {REST, "description", "history", "connector"}) or bool(draft.of(REST))
    known = _knows_address(draft)
    rest = "YAML: prices, pace, headers, options and what else a target may say."
    return h.details(".more", open=opened or (known and bool(draft.of("url") or draft.errors.get("url"))))[
        h.summary[ui.icon("chevron-right"), "More settings"],
        h.div(".form")[
            _address(draft) if known else None,
            _text(draft, "Description", "description", kind="area", rows=2),
            ui.select("History", "history", HISTORIES, draft.of("history"), required=True),
            _text(draft, "Everything else", REST, kind="area", code=True, rows=6, help=rest),
        ],
    ]

"""A template before it is used: what it is for, what it will say, what it takes, how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import htpy as h

from krawall.conduct.words import many
from krawall.services.scenarios import Preview, Template
from krawall.web import ui
from krawall.web.frame import Frame
from krawall.web.pages.scenario_talk import SHEETS, rehearsed, takes
from krawall.web.pages.scenarios_list import category_words, expected, use
from krawall.wire.yaml import write

_SHOWN = ("load", "budget", "thresholds", "timeouts", "on_error", "window", "persona", "vars", "data", "inject")
_TITLES = {"on_error": "When something fails", "vars": "Variables", "inject": "Faults of our own"}


def template_page(frame: Frame, found: Template, preview: Preview) -> h.Element:
    """Return the page of a template."""
    info = found.info
    return ui.page(
        frame,
        info.title,
        ui.page_header(
            info.title,
            about=info.description,
            marks=[ui.badge(category_words(info.category)), ui.badge("Template", "accent")],
            actions=use(info.name) if frame.may_run else None,
        ),
        h.div(".split")[
            h.div(".stack")[
                [rehearsed(each, level=2) for each in preview.conversations],
                ui.card("As it is written", ui.code(found.yaml, label="Template", numbered=True)),
            ],
            h.div(".stack")[
                info.reading and ui.card("How to read its result", h.p[info.reading]),
                ui.card("What a session takes", takes(preview.estimate)),
                ui.card("Settings", _settings(found)),
            ],
        ],
        crumbs=[("Scenarios", "/scenarios"), ("Templates", "/scenarios#templates"), (info.title, "")],
        sheets=SHEETS,
    )


def _settings(found: Template) -> h.Element:
    info, body = found.info, found.body
    pairs: list[tuple[str, h.Node]] = [
        ("Messages", f"{expected(info.messages, info.most)} in a conversation"),
        ("Seed", str(body.get("seed", 1))),
    ]
    pairs += [(_TITLES.get(name, name.capitalize()), _value(body[name])) for name in _SHOWN if name in body]
    return ui.facts(*pairs)


def _value(value: Any) -> h.Node:
    """Return a setting in short: words for simple ones, how many for long ones, its YAML for the rest."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return [h.div[h.code[each]] for each in value]
    if isinstance(value, Mapping) and all(isinstance(each, str | int | float) for each in value.values()):
        return [h.div[h.code[f"{name}: {each}"]] for name, each in value.items()]
    if isinstance(value, Mapping) and len(write(dict(value))) > 200:
        return many(len(value), "entry").replace("entrys", "entries")
    return h.code(".lines")[write(value).strip()] if isinstance(value, Mapping) else str(value)

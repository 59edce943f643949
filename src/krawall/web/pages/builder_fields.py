"""Fields of the builder's forms, drawn from their shapes. Every button is one of the form, so that rows come and go without a script."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import htpy as h
from markupsafe import Markup

from krawall.metrics.catalog import METRICS
from krawall.services.drafts import Problem
from krawall.web import ui
from krawall.web.pages import builder_plain as plain
from krawall.web.pages.builder_limits import LIMITS, OPERATORS, Limit, example, functions
from krawall.web.pages.builder_rows import ADD, CHOICES, DROP, NAME, NONE, UP, VALUE, YAML, Drawn, Pairs, Rows, ordered
from krawall.web.pages.builder_shapes import HAD, REST, UNREAD, Choice, Line, OneOf, Record, Shape, Switch, Texts, Way
from krawall.web.pages.builder_view import View, action

MOST_KEPT = 200
"""Characters of a text up to which its field is drawn once: of a form only one field changes with an edit."""


class Sheet:
    """One form being drawn: its texts, and what is wrong, each told once at the field nearest to it. Lives for one answer."""

    def __init__(self, shape: Record, value: dict[str, Any], problems: Sequence[Problem]) -> None:
        self.shape = shape
        self.texts: Texts = shape.show(value, "") or {}
        self._wrong = [(problem.field, problem.message) for problem in problems]

    def error(self, path: str) -> str:
        """Return what is wrong at a place of the document, or inside it, and was not told yet."""
        told = [each for each in self._wrong if each[0] == path or each[0].startswith(f"{path}.")]
        self._wrong = [each for each in self._wrong if each not in told]
        return "; ".join(dict.fromkeys(message for _, message in told))

    def left(self) -> list[str]:
        """Return what no field was told."""
        return list(dict.fromkeys(f"{path}: {message}" if path else message for path, message in self._wrong))

    def of(self, name: str) -> str:
        """Return the text of a field."""
        return self.texts.get(name, "")


def live_form(view: View, deed: str, id: str, *content: h.Node) -> h.Element:
    """Return a form that posts what is typed after 60 ms of quiet, and as a whole without a script; read-only for readers."""
    if not view.may_edit:
        return h.form(id=id, class_="live")[h.fieldset(disabled=True, class_="form")[content]]
    more: dict[str, str | bool | None] = {
        "hx-target": "#builder", "hx-trigger": "input delay:60ms, change, submit",
        "class": "live form", "data-seen": True,
    }  # fmt: skip
    apply = h.button(".sr", type="submit", tabindex="-1", aria_hidden="true")["Apply"]  # what Enter presses
    visible = h.noscript[ui.button("Apply", symbol="check", submit=True)]
    return ui.form(action(view, deed), apply, content, visible, id=id, more=more)


def whole(sheet: Sheet) -> h.Node:
    """Return the fields of a form with nothing around them, and what is wrong that no field was told."""
    drawn = record(sheet, sheet.shape, "", "")
    return [ui.problems(sheet.left(), "Something is wrong here", focus=False), drawn]


def draw(sheet: Sheet, shape: Shape, name: str, path: str, *, bare: bool = False) -> h.Node:
    """Return the field of a shape. `path`: its place in the document; `bare`: its label is only heard."""
    if isinstance(shape, Line):
        return line(sheet, shape, name, path, bare=bare)
    return _DRAWN[type(shape)](sheet, shape, name, path)


def line(sheet: Sheet, shape: Line, name: str, path: str, *, bare: bool = False) -> Markup:
    """Return one field."""
    text, error = sheet.of(name), sheet.error(path)
    if len(text) > MOST_KEPT:
        return _line.__wrapped__(shape, name, text, error, bare)
    return _line(shape, name, text, error, bare)


@functools.lru_cache(maxsize=4096)
def _line(shape: Line, name: str, text: str, error: str, bare: bool) -> Markup:
    tall = shape.tall(text)
    more: dict[str, str | bool | None] = {
        "data-names": shape.names or None, "list": shape.known or None, "spellcheck": "false" if shape.code else None,
    }  # fmt: skip
    made = ui.field(
        shape.label, name, text, kind="area" if tall else "text", help=shape.help or None, error=error, code=shape.code,
        rows=max(shape.area, 1), id=_id(name), hidden_label=bare, quiet=True, example=shape.example, more=more,
    )  # fmt: skip
    return Markup(str(made))


@functools.lru_cache(maxsize=4096)
def _select(
    label: str, name: str, options: tuple[tuple[str, str], ...], value: str, help: str = "", error: str = "", bare: bool = False
) -> Markup:  # fmt: skip
    made = ui.select(
        label, name, options, value, help=help or None, error=error, id=_id(name), quiet=True, hidden_label=bare
    )
    return Markup(str(made))


def _choice(sheet: Sheet, shape: Choice, name: str, path: str) -> Markup:
    empty = (("", shape.empty),) if shape.empty or not sheet.of(name) else ()
    return _select(shape.label, name, (*empty, *shape.options), sheet.of(name), shape.help, sheet.error(path))


def _switch(sheet: Sheet, shape: Switch, name: str, path: str) -> h.Node:
    written = sheet.of(f"{name}.is") == "no"
    return [
        h.input(type="hidden", name=f"{name}.is", value="no" if written else ""),
        ui.switch(shape.label, name, sheet.of(name) == "yes", help=shape.help or None),
    ]


def record(sheet: Sheet, shape: Record, name: str, path: str) -> h.Node:
    """Return the fields of a record: the way it goes first, then its parts, then what is YAML."""
    under, inside = _under(name), _under(path)
    way = shape.one_of.chosen(sheet.texts, under) if shape.one_of else None
    return [
        _ways(sheet, shape.one_of, way, name) if shape.one_of else None,
        draw(sheet, way.shape, under + way.id, inside + way.key) if way else None,
        [draw(sheet, part.shape, under + part.key, inside + part.key) for part in shape.asked(sheet.texts, name)],
        rest(sheet, name, path),
    ]


def _ways(sheet: Sheet, one_of: OneOf, way: Way | None, name: str, *, heard: str = "") -> h.Node:
    under = _under(name)
    options = tuple((each.id, each.label) for each in one_of.ways)
    if one_of.empty or way is None:
        options = (("", one_of.empty or "Choose one"), *options)
    return [
        h.input(type="hidden", name=f"{under}was", value=way.id if way else ""),
        _select(heard or one_of.label, f"{under}what", options, way.id if way else "", bare=bool(heard)),
    ]


def rest(sheet: Sheet, name: str, path: str, *, always: bool = False, help: str = "") -> h.Node:
    """Return what a record says besides its fields, as YAML; nothing when there is nothing."""
    field = _under(name) + REST
    text = sheet.of(field)
    if not text and not always:
        return None
    data = plain.yaml_value(text) if text else {}
    why = plain.why_not_yaml(text) if text else ""
    keys = [str(key) for key in data] if isinstance(data, dict) and not why else [UNREAD]
    told = [sheet.error(_under(path) + key) for key in keys]
    error = why or "; ".join(filter(None, told))
    return [
        h.input(type="hidden", name=HAD, value=" ".join(_quoted(key) for key in keys)) if not name else None,
        ui.field("Everything else, as YAML", field, text, kind="area", rows=4, code=True, error=error, help=help or None, id=_id(field), quiet=True),
    ]  # fmt: skip


def _quoted(key: str) -> str:
    return key.replace("%", "%25").replace(" ", "%20")


def had(form: Mapping[str, str]) -> list[str]:
    """Return the keys that the YAML of a form held when it was shown."""
    return [key.replace("%20", " ").replace("%25", "%") for key in form.get(HAD, "").split()]


def _group(sheet: Sheet, shape: Record, name: str, path: str) -> h.Element:
    inside = record(sheet, shape, name, path)
    error = sheet.error(path)
    return h.fieldset(".form", aria_describedby=f"{_id(name)}-error" if error else None)[
        h.legend(class_=None if shape.label else "sr")[shape.label or path],
        shape.help and h.p(".help")[shape.help],
        inside,
        _told(name, error),
    ]


# lists ---------------------------------------------------------------------------------------------------


def _rows(sheet: Sheet, shape: Rows, name: str, path: str) -> h.Element:
    drawn = [
        _row(sheet, shape.of, f"{name}.{at}", f"{path}.{place}", f"{shape.word.capitalize()} {place + 1}", place)
        for place, at in enumerate(ordered(sheet.texts, name))
    ]
    return _listed(sheet, name, path, shape.label, shape.help, shape.word, drawn)


def _pairs(sheet: Sheet, shape: Pairs, name: str, path: str) -> h.Element:
    drawn = []
    for place, at in enumerate(ordered(sheet.texts, name)):
        row, key = f"{name}.{at}", sheet.of(f"{name}.{at}.{NAME}")
        inside = _inner(sheet, shape.of, row, f"{path}.{key}", bare=False)
        named = ui.field(
            shape.name_label, f"{row}.{NAME}", key, code=True, error=sheet.error(f"{path}.{key}"), id=_id(f"{row}.{NAME}"),
            hidden_label=True, example=shape.name_label, quiet=True,
        )  # fmt: skip
        drawn.append(_framed(row, f"{shape.word.capitalize()} {key or place + 1}", place, named, inside))
    return _listed(sheet, name, path, shape.label, shape.help, shape.word, drawn)


def _listed(sheet: Sheet, name: str, path: str, label: str, help: str, word: str, rows: list[h.Element]) -> h.Element:
    error = sheet.error(path)
    none = sheet.of(f"{name}.{NONE}")
    more: dict[str, str | bool | None] = {"name": ADD, "value": name, "id": f"{_id(name)}-add"}
    return h.fieldset(".rows", aria_describedby=f"{_id(name)}-error" if error else None)[
        h.legend[label],
        none and h.input(type="hidden", name=f"{name}.{NONE}", value=none),
        help and h.p(".help")[help],
        rows and h.div(".entries")[rows],
        _told(name, error),
        ui.button(f"Add {word}", symbol="plus", small=True, submit=True, more=more),
    ]


def _row(sheet: Sheet, shape: Shape, name: str, path: str, title: str, place: int) -> h.Element:
    if isinstance(shape, Record) and shape.one_of is not None and f"{name}.{YAML}" not in sheet.texts:
        way = shape.one_of.chosen(sheet.texts, _under(name))
        first = _ways(sheet, shape.one_of, way, name, heard=title)
        inside: h.Node = [
            draw(sheet, way.shape, f"{name}.{way.id}", f"{path}.{way.key}") if way else None,
            [draw(sheet, part.shape, f"{name}.{part.key}", f"{path}.{part.key}") for part in shape.asked(sheet.texts, name)],
            rest(sheet, name, path),
        ]  # fmt: skip
    else:
        first, inside = None, _inner(sheet, shape, name, path, bare=True)
    return _framed(name, title, place, first, [inside, _told(name, sheet.error(path))])


def _inner(sheet: Sheet, shape: Shape, name: str, path: str, *, bare: bool) -> h.Node:
    if f"{name}.{YAML}" in sheet.texts:
        return line(sheet, Line("As YAML", "yaml", area=3, code=True), f"{name}.{YAML}", path)
    if isinstance(shape, Record):
        return record(sheet, shape, name, path)
    return draw(sheet, shape, name, path, bare=bare)


def _framed(name: str, title: str, place: int, first: h.Node, inside: h.Node) -> h.Element:
    """Return a row with its buttons. What stands first shares their line."""
    drop: dict[str, str | bool | None] = {"name": DROP, "value": name, "id": f"{_id(name)}-drop"}
    lift: dict[str, str | bool | None] = {"name": UP, "value": name, "id": f"{_id(name)}-up"}
    return h.div(".entry", id=_id(name), role="group", aria_label=title)[
        h.input(type="hidden", name=f"{name}.row", value="yes"),
        h.div(".headed")[
            h.div(".what")[first if first is not None else h.span(".muted")[title]],
            place > 0 and ui.button(f"Move {title.lower()} up", symbol="arrow-up", bare=True, small=True, kind="ghost", submit=True, more=lift),
            ui.button(f"Remove {title.lower()}", symbol="x", bare=True, small=True, kind="ghost", submit=True, more=drop),
        ],
        inside,
    ]  # fmt: skip


def _drawn(sheet: Sheet, shape: Drawn, name: str, path: str) -> h.Node:
    drawn = sheet.of(f"{name}.what") == "drawn"
    options = (("value", "One value"), ("drawn", "Drawn from a list"))
    what = _select("Is", f"{name}.what", options, "drawn" if drawn else "value")
    return [what, line(sheet, CHOICES if drawn else VALUE, f"{name}.value", path)]


def _limit(sheet: Sheet, shape: Limit, name: str, path: str) -> h.Node:
    """Return a threshold: a field for each of its parts, or one for a text that is written in another way."""
    metric = sheet.of(f"{name}.metric")
    if not metric:
        return line(sheet, Line("Threshold", code=True), f"{name}.text", path)
    pick = {
        "function": ("Measure", functions(metric)), "metric": ("Metric", LIMITS), "operator": ("Is", OPERATORS),
    }  # fmt: skip
    return [
        h.input(type="hidden", name=f"{name}.was", value=metric),
        h.div(".limit")[
            [
                _select(label, f"{name}.{part}", tuple((each, each) for each in options), sheet.of(f"{name}.{part}"))
                for part, (label, options) in pick.items()
            ],
            line(sheet, Line("Limit", example=example(metric), code=True), f"{name}.limit", path),
            line(sheet, Line("Also", example="abort after 30s", code=True), f"{name}.more", f"{path}.more"),
        ],
        h.p(".help")[f"{METRICS[metric].meaning[:1].upper()}{METRICS[metric].meaning[1:]}."],
    ]  # fmt: skip


_DRAWN: dict[type, Callable[[Sheet, Any, str, str], h.Node]] = {
    Choice: _choice, Switch: _switch, Record: _group, Rows: _rows, Pairs: _pairs, Drawn: _drawn,
    Limit: _limit,
}  # fmt: skip


def _told(name: str, error: str) -> h.Node:
    return h.p(".error", id=f"{_id(name)}-error")[ui.icon("circle-alert", size=14), error] if error else None


def _under(name: str) -> str:
    return f"{name}." if name else ""


def _id(name: str) -> str:
    """Return an id that a text in a name cannot break."""
    return "i-" + re.sub(r"[^A-Za-z0-9_-]", "-", name)

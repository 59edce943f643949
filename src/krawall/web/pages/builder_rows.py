"""Shapes of lists: rows that are added, moved up and taken away by buttons of the form, with or without names. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from krawall.web.pages import builder_plain as plain
from krawall.web.pages.builder_shapes import MISSING, Form, Line, Record, Shape, Texts, fits

ADD, DROP, UP = "add", "drop", "up"
"""Names of the buttons; their values say where."""
YAML = "yaml"
NAME = "name"
NONE = "none"
ROW = "row"


@dataclass(frozen=True)
class Rows:
    """A list. `word`: what one of them is; `blank`: what a new one is. A row without the shape is shown as YAML."""

    label: str
    of: Shape
    word: str
    blank: Any
    help: str = ""

    def show(self, value: Any, name: str) -> Texts | None:
        """Return the texts of all rows."""
        if not isinstance(value, list):
            return None
        texts = {} if value else {f"{name}.{NONE}": "yes"}
        for at, row in enumerate(value):
            texts |= _shown(self.of, row, f"{name}.{at}")
        return texts

    def read(self, form: Form, name: str) -> Any:
        """Return the list; MISSING when there are no rows and none were written."""
        rows = [_read(self.of, form, f"{name}.{at}") for at in ordered(form, name)]
        if form.get(ADD) == name:
            rows.append(self.blank)
        return rows if rows or form.get(f"{name}.{NONE}") == "yes" else MISSING


@dataclass(frozen=True)
class Pairs:
    """Names with values of one shape, in order. `first`: what a new one is called. No name is lost because it stands twice."""

    label: str
    of: Shape
    word: str
    first: str
    blank: Any
    name_label: str = "Name"
    help: str = ""

    def show(self, value: Any, name: str) -> Texts | None:
        """Return the texts of all names and values."""
        if not isinstance(value, dict):
            return None
        texts = {} if value else {f"{name}.{NONE}": "yes"}
        for at, (key, inner) in enumerate(value.items()):
            if "\n" in key or "\r" in key:
                return None
            texts |= {f"{name}.{at}.{NAME}": key, **_shown(self.of, inner, f"{name}.{at}")}
        return texts

    def read(self, form: Form, name: str) -> Any:
        """Return the names with their values; MISSING when there are none and none were written."""
        found: dict[str, Any] = {}
        for at in ordered(form, name):
            row = f"{name}.{at}"
            found[_free(form.get(f"{row}.{NAME}", ""), found, " ({})")] = _read(self.of, form, row)
        if form.get(ADD) == name:
            found[_free(self.first, found, "_{}")] = self.blank
        return found if found or form.get(f"{name}.{NONE}") == "yes" else MISSING


def ordered(form: Form, name: str) -> list[int]:
    """Return the numbers of the rows of a form in their new order: without the one taken away, one moved up."""
    numbers = sorted(set(_numbers(form, name)))
    dropped, lifted = form.get(DROP, ""), form.get(UP, "")
    for at, number in enumerate(numbers):
        if at and lifted == f"{name}.{number}":
            numbers[at - 1 : at + 1] = [number, numbers[at - 1]]
            break
    return [number for number in numbers if dropped != f"{name}.{number}"]


def _numbers(form: Form, name: str) -> Iterator[int]:
    for key in form:
        if key.startswith(f"{name}."):
            number = key[len(name) + 1 :].partition(".")[0]
            if number.isdecimal() and len(number) < 7:
                yield int(number)


def _shown(shape: Shape, value: Any, name: str) -> Texts:
    texts = fits(shape, value, name, {f"{name}.{ROW}": "yes"})
    return {f"{name}.{YAML}": plain.yaml_text(value)} if texts is None else texts


def _read(shape: Shape, form: Form, name: str) -> Any:
    if f"{name}.{YAML}" in form:
        return plain.yaml_value(plain.unbroken(form[f"{name}.{YAML}"]))
    value = shape.read(form, name)
    return ({} if isinstance(shape, Record) else "") if value is MISSING else value


def _free(name: str, taken: dict[str, Any], form: str) -> str:
    """Return a name that is not taken."""
    if name not in taken:
        return name
    return next(free for at in range(2, len(taken) + 3) if (free := name + form.format(at)) not in taken)


@dataclass(frozen=True)
class Drawn:
    """A variable's value: one for all conversations, or one of several, drawn once per conversation."""

    def show(self, value: Any, name: str) -> Texts | None:
        """Return the value, or one choice a line."""
        if isinstance(value, dict) and value.keys() == {"any of"}:
            texts = fits(CHOICES, value["any of"], f"{name}.value")
            return texts and {f"{name}.what": "drawn", **texts}
        texts = fits(VALUE, value, f"{name}.value")
        return texts and {f"{name}.what": "value", **texts}

    def read(self, form: Form, name: str) -> Any:
        """Return the value; of choices none too many."""
        text = plain.unbroken(form.get(f"{name}.value", ""))
        if form.get(f"{name}.what") == "drawn":
            return {"any of": plain.lines(text)}
        return plain.plain(text)


VALUE = Line("Value", "plain", keep=True)
CHOICES = Line("One a line", "lines", area=3)

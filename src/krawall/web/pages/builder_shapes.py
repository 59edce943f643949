"""Shapes of what a form edits: how a value of a document becomes the texts of fields, and how it is read back from them. Pure.

Nothing is lost on the way: what a shape cannot hold exactly is shown as YAML beside it, and what was typed wrongly stays a text
in the document, so that the check of the document finds it and the message stands at its field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Protocol

from krawall.web.pages import builder_plain as plain

Form = Mapping[str, str]
Texts = dict[str, str]
REST = "rest"
HAD = "rest.had"
UNREAD = "?"
"""The key under which YAML that cannot be read waits to be mended."""
Reading = Literal["text", "whole", "number", "plain", "yaml", "lines", "table", "words"]


class Missing(Enum):
    """Nothing was filled in."""

    MISSING = 0


MISSING = Missing.MISSING


class Shape(Protocol):
    """What all shapes can do. `name`: of the field, or what the names of its fields begin with."""

    def show(self, value: Any, name: str) -> Texts | None:
        """Return the texts of a value; None when it does not have this shape."""
        ...

    def read(self, form: Form, name: str) -> Any:
        """Return the value that a form says, or MISSING."""
        ...


def fits(shape: Shape, value: Any, name: str, mark: Form | None = None) -> Texts | None:
    """Return the texts of a value when reading them gives exactly the value again, else None. `mark`: what stands beside them."""
    texts = shape.show(value, name)
    if texts is None or any("\r" in text for text in texts.values()):
        return None
    texts = {**(mark or {}), **texts}
    return texts if plain.same(shape.read(texts, name), value) else None


_READ: dict[Reading, Callable[[str], Any]] = {
    "text": str,
    "whole": lambda text: plain.whole(text.strip()),
    "number": lambda text: plain.number(text.strip()),
    "plain": plain.plain,
    "yaml": plain.yaml_value,
    "lines": plain.lines,
    "table": plain.table,
    "words": lambda text: [plain.plain(word) for word in re.split(r"[,\s]+", text) if word],
}


@dataclass(frozen=True)
class Line:
    """One field. `area`: with so many lines; `keep`: an empty text is a value; `names`: names of the scenario can be put in."""

    label: str
    reading: Reading = "text"
    help: str = ""
    example: str = ""
    area: int = 0
    keep: bool = False
    code: bool = False
    names: Literal["", "text", "expression"] = ""
    known: str = ""

    def show(self, value: Any, name: str) -> Texts | None:
        """Return the text; numbers, lists and tables in the form that this field reads."""
        text = self._text(value)
        return None if text is None or ("\n" in text and not self.tall(text)) else {name: text}

    def tall(self, text: str) -> bool:
        """Whether the field has several lines for a text."""
        return bool(self.area) or (self.names != "" and "\n" in text) or self.reading in ("yaml", "lines", "table")

    def _text(self, value: Any) -> str | None:
        if self.reading == "yaml":
            return plain.yaml_text(value)
        if value == "" and self.keep:
            return ""
        if isinstance(value, str) and self.reading != "plain":
            return value
        if self.reading in ("lines", "words") and isinstance(value, list):
            return ("\n" if self.reading == "lines" else ", ").join(map(plain.shown, value))
        if self.reading == "table" and isinstance(value, list) and all(isinstance(row, dict) for row in value):
            return plain.table_text(value)
        return None if self.reading == "text" else plain.shown(value)

    def read(self, form: Form, name: str) -> Any:
        """Return the value that the text says."""
        text = plain.unbroken(form.get(name, ""))
        if not text and not (self.keep and name in form):
            return MISSING
        return _READ[self.reading](text)


@dataclass(frozen=True)
class Choice:
    """One of several words. `empty`: what nothing means; without it one has to be chosen."""

    label: str
    options: tuple[tuple[str, str], ...]
    empty: str = ""
    help: str = ""

    def show(self, value: Any, name: str) -> Texts | None:
        """Return the word if it is one of the options."""
        return {name: value} if value in [word for word, _ in self.options] else None

    def read(self, form: Form, name: str) -> Any:
        """Return the word."""
        return form.get(name) or MISSING


@dataclass(frozen=True)
class Switch:
    """Something that is on or off. That it was written down as off is kept."""

    label: str
    help: str = ""

    def show(self, value: Any, name: str) -> Texts | None:
        """Return a yes, and whether a no was written."""
        return {name: "yes"} if value is True else {f"{name}.is": "no"} if value is False else None

    def read(self, form: Form, name: str) -> Any:
        """Return true, false, or nothing."""
        return True if form.get(name) == "yes" else False if form.get(f"{name}.is") == "no" else MISSING


@dataclass(frozen=True)
class Way:
    """One of the ways to say something: the key `key` with a value of a shape. `blank`: what it starts with.

    A text is carried over between ways of the same `family`.
    """

    id: str
    label: str
    key: str
    shape: Shape
    blank: Any = ""
    family: str = ""


@dataclass(frozen=True)
class OneOf:
    """Exactly one of several keys. `empty`: what none of them means, where that is allowed."""

    label: str
    ways: tuple[Way, ...]
    empty: str = ""

    def of(self, value: Mapping[str, Any], name: str) -> Way | None:
        """Return the way that a document goes, None when it goes none that can be shown."""
        found = [way for way in self.ways if way.key in value and fits(way.shape, value[way.key], f"{name}{way.id}")]
        return found[0] if found else None

    def chosen(self, form: Form, name: str) -> Way | None:
        """Return the way that a form goes."""
        return next((way for way in self.ways if way.id == form.get(f"{name}what")), None)

    def read(self, form: Form, name: str) -> dict[str, Any]:
        """Return the key and its value."""
        way = self.chosen(form, name)
        if way is None:
            return {}
        was = next((each for each in self.ways if each.id == form.get(f"{name}was")), None)
        if was is None or was == way:
            value = way.shape.read(form, f"{name}{way.id}")
            return {way.key: way.blank if was is None and value is MISSING else "" if value is MISSING else value}
        old = was.shape.read(form, f"{name}{was.id}")
        carried = bool(way.family) and was.family == way.family and old is not MISSING
        return {way.key: old if carried else way.blank}


@dataclass(frozen=True)
class Part:
    """A key of a record. `of`: the ways (of its `one_of`) with which it is asked for; empty: always."""

    key: str
    shape: Shape
    of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """Names with values. Keys that it does not know, or whose values do not fit, are YAML in the field `rest`."""

    parts: tuple[Part, ...]
    one_of: OneOf | None = None
    label: str = ""
    help: str = ""

    def show(self, value: Any, name: str) -> Texts | None:
        """Return the texts of all keys."""
        if not isinstance(value, dict):
            return None
        under = f"{name}." if name else ""
        texts, left = self._shown_way(value, under)
        for part in self.asked(texts, name):
            found = fits(part.shape, left[part.key], under + part.key) if part.key in left else None
            if found is not None:
                texts |= found
                del left[part.key]
        if left:
            unread = left.get(UNREAD)
            texts[under + REST] = unread if isinstance(unread, str) and len(left) == 1 else plain.yaml_text(left)
        return texts

    def _shown_way(self, value: dict[str, Any], under: str) -> tuple[Texts, dict[str, Any]]:
        way = self.one_of.of(value, under) if self.one_of else None
        if way is None:
            return {}, dict(value)
        texts = way.shape.show(value[way.key], under + way.id) or {}
        left = {key: inner for key, inner in value.items() if key != way.key}
        return {f"{under}what": way.id, f"{under}was": way.id, **texts}, left

    def asked(self, form: Form, name: str) -> list[Part]:
        """Return the parts that are asked for with the way that a form goes."""
        what = form.get(f"{name}.what" if name else "what", "")
        return [part for part in self.parts if not part.of or what in part.of]

    def read(self, form: Form, name: str) -> Any:
        """Return the record; MISSING when there is nothing in it."""
        under = f"{name}." if name else ""
        record = _rest(form.get(under + REST, ""))
        if self.one_of is not None:
            record |= self.one_of.read(form, under)
        for part in self.asked(form, name):
            value = part.shape.read(form, under + part.key)
            if value is not MISSING and not (value == "" and part.key in record):
                record[part.key] = value
        return record if record or f"{under}row" in form else MISSING


def _rest(text: str) -> dict[str, Any]:
    text = plain.unbroken(text)
    if not text.strip():
        return {}
    data = plain.yaml_value(text)
    return dict(data) if isinstance(data, dict) and UNREAD not in data else {UNREAD: text}

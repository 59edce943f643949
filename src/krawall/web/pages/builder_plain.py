"""Values of a document as the text of a field, and back: numbers look like numbers, and a text stays the text that it is. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import Any

from krawall.errors import DocumentError
from krawall.wire.yaml import read, write

_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def plain(text: str) -> Any:
    """Return what a field says: a number, true, false, null, something in JSON's brackets or quotes, else the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and len(text) < 30:
        return float(text)
    if text[:1] in ("{", "[", '"'):
        try:
            return json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return text
    return text


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def shown(value: object) -> str:
    """Return a value as the text that `plain` reads it from."""
    if isinstance(value, str) and value.strip() and plain(value) is value and value.isprintable():
        return value
    return json.dumps(value, ensure_ascii=False)


def whole(text: str) -> int | str:
    """Return a whole number; what is none stays as it was typed."""
    return int(text) if _WHOLE.fullmatch(text) else text


def number(text: str) -> int | float | str:
    """Return a number; what is none stays as it was typed."""
    found = plain(text) if _NUMBER.fullmatch(text) else text
    return found if isinstance(found, (int, float)) else text


def yaml_value(text: str) -> Any:
    """Return what YAML says; what cannot be read stays as it was typed."""
    try:
        return read(text, "field").data
    except DocumentError:
        return text


def yaml_text(value: object) -> str:
    """Return a value as the YAML that `yaml_value` reads it from."""
    if isinstance(value, str) and yaml_value(value) is value:
        return value
    return write(value)


def why_not_yaml(text: str) -> str:
    """Return why a text cannot be read as a mapping of names to values; "" when it can."""
    try:
        data = read(text, "field").data
    except DocumentError as error:
        place = error.places[0]
        return f"line {place.line}, {place.message}" if place.line else place.message
    return "" if isinstance(data, dict) else "write names with values, such as `seed: 7`"


def same(one: object, other: object) -> bool:
    """Whether two values are the same and of the same types all the way down; the order of keys does not count."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def lines(text: str) -> list[Any]:
    """Return the values that the lines of a field say; empty lines are none."""
    return [plain(line) for line in text.split("\n") if line.strip()]


def table(text: str) -> Any:
    """Return the rows of a table in CSV with a header line; what is none stays as it was typed."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        return text
    if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows) or len(set(rows[0])) < len(rows[0]):
        return text
    return [dict(zip(rows[0], map(plain, row), strict=True)) for row in rows[1:]]


def table_text(rows: Iterable[dict[str, Any]]) -> str:
    """Return rows that all have the columns of the first as CSV."""
    out = io.StringIO(newline="")
    made = csv.writer(out, lineterminator="\n")
    for at, row in enumerate(rows):
        if at == 0:
            made.writerow(row)
        made.writerow(shown(value) for value in row.values())
    return out.getvalue()


def unbroken(text: str) -> str:
    """Return a text as browsers send it, with the line ends that it was shown with."""
    return text.replace("\r\n", "\n")

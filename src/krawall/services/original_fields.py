"""Takes single values out of an original file, and notes what is wrong with them and what changes on the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from krawall.errors import Place
from krawall.model.base import format_duration
from krawall.plugins.registry import nearest
from krawall.wire.yaml import Source

Path = tuple[str | int, ...]

_NS_PER_MS = 1_000_000


class Fields:
    """One file while it is read. A value that is wrong is noted and answered with a value that fits, to find all errors."""

    def __init__(self, source: Source) -> None:
        self.wrong: list[Place] = []
        self.changes: list[str] = []
        self._source = source

    def refuse(self, at: Path, message: str) -> None:
        """Note that the value at `at` cannot be kept."""
        self.wrong.append(Place(shown(at), message, self._source.line_of(list(at))))

    def known(self, value: object, names: Iterable[str], at: Path) -> dict[str, Any]:
        """Return the mapping without the keys that are null; refuse keys other than `names`."""
        names = tuple(names)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.refuse(at, f"must be a mapping with {', '.join(names)}")
            return {}
        for key in value:
            if key not in names:
                self.refuse((*at, key), f"unknown key {str(key)!r}{nearest(str(key), names)}")
        return {key: inner for key, inner in value.items() if key in names and inner is not None}

    def text(self, fields: dict[str, Any], key: str, at: Path) -> str:
        """Return a text that must be there."""
        value = fields.get(key)
        if isinstance(value, str):
            return value
        self.refuse((*at, key), "is missing" if value is None else f"must be a text, not {value!r}")
        return ""

    def items(self, fields: dict[str, Any], key: str, at: Path) -> list[Any]:
        """Return a list; none when it is not there."""
        value = fields.get(key, [])
        if isinstance(value, list):
            return value
        self.refuse((*at, key), f"must be a list, not {value!r}")
        return []

    def whole(self, fields: dict[str, Any], key: str, at: Path, low: int, most: int) -> int:
        """Return a whole number of `low` to `most`; `low` when it is not there."""
        value = fields.get(key, low)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is int and low <= value <= most:
            return value
        self.refuse((*at, key), f"must be a whole number of {low:,} to {most:,}, not {value!r}")
        return low

    def number(self, fields: dict[str, Any], key: str, at: Path, low: float) -> float:
        """Return a number of `low` or more; `low` when it is not there."""
        value = fields.get(key, low)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value < 1e12:
            return value
        self.refuse((*at, key), f"must be a number of {low:g} or more, not {value!r}")
        return low

    def duration(self, fields: dict[str, Any], key: str, at: Path) -> str:
        """Return milliseconds as a duration with its unit; `0s` when it is not there."""
        return format_duration(round(self.number(fields, key, at, 0) * _NS_PER_MS))

    def action(self, fields: dict[str, Any], key: str, at: Path) -> str:
        """Return what to do about an error: skip, abort or retry."""
        found = self.text(fields, key, at)
        if found and found not in ("skip", "abort", "retry"):
            self.refuse((*at, key), f"unknown action {found!r}{nearest(found, ('skip', 'abort', 'retry'))}")
        return found

    def either(self, fields: dict[str, Any], first: str, second: str, at: Path) -> str:
        """Return which of two names of the same thing is used."""
        if first in fields and second in fields:
            self.refuse((*at, second), f"says the same as `{first}`; leave one out")
        return second if second in fields and first not in fields else first


def shown(at: Path) -> str:
    """Return a path as messages write it."""
    return ".".join(map(str, at))

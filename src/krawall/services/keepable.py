"""Which plain data can be kept: databases take no NUL in a text, UTF-8 no half of a character, JSON no infinity, and other
programs no number beyond 64 bits."""

from __future__ import annotations

import math
import re
from typing import Any

from krawall.errors import Place

MOST_PLACES = 20
MOST_DEPTH = 100  # what wire.yaml reads
_SURROGATE = re.compile("[\ud800-\udfff]")
_INT64 = 2**63


def unkeepable(data: object, under: str = "") -> list[Place]:
    """Return the places of plain data that cannot be kept, at most 20. `under` begins their paths."""
    found: list[Place] = []
    # A stack of its own: data may be nested deeper than Python calls itself.
    left: list[tuple[str, Any, int]] = [(under, data, 0)]
    while left and len(found) < MOST_PLACES:
        path, value, depth = left.pop()
        what = wrong_with(value) if depth <= MOST_DEPTH else f"nested deeper than {MOST_DEPTH} levels"
        if what:
            found.append(Place(path, what))
        elif isinstance(value, dict):
            found += [Place(path, f"a key {wrong}") for key in value if (wrong := wrong_with(key))]
            left += [(_under(path, shown(str(key))), inner, depth + 1) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            left += [(_under(path, str(index)), inner, depth + 1) for index, inner in reversed(list(enumerate(value)))]
    return found


def wrong_with(value: object) -> str:
    """Return why a single value cannot be kept; empty when it can, or is a mapping or list."""
    if isinstance(value, str):
        if "\0" in value:
            return "has a NUL character"
        return "has half of a character (a lone surrogate)" if _SURROGATE.search(value) else ""
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return "is a whole number beyond 64 bits"
    return ""


def shown(text: str) -> str:
    """Return a text so that it can stand in a message."""
    return _SURROGATE.sub("�", text).replace("\0", "�")


def _under(path: str, part: str) -> str:
    return f"{path}.{part}" if path else part

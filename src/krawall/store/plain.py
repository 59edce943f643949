"""JSON as it is kept: text that msgspec wrote, the same on both databases."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def to_text(value: Any) -> str:
    """Return a record or plain data as JSON."""
    return msgspec.json.encode(value).decode()


def from_text(text: str, kind: type[T]) -> T:
    """Return what `to_text` wrote."""
    return msgspec.json.decode(text, type=kind)


def folded(*words: str) -> str:
    """Return text for searching and ordering without regard to case: the first word decides the order."""
    return "\n".join(words).casefold()

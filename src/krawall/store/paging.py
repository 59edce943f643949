"""Pages and their cursors. A cursor says where the page before ended, so a row that is added meanwhile moves nothing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from krawall.errors import DocumentError, Place

T = TypeVar("T")
R = TypeVar("R")
Key = str | int | float
_INT64 = 2**63


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list. `next`: the cursor of the page after it; None: this is the last."""

    items: list[T]
    next: str | None


def encode_cursor(*keys: Key) -> str:
    """Return the opaque text of where a page ended."""
    return base64.urlsafe_b64encode(msgspec.json.encode(keys)).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type[Key]) -> list[Key]:
    """Return what `encode_cursor` was given. `types`: what each key must be.

    Raises:
        DocumentError: no page of this list ended there.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        keys = msgspec.json.decode(text, type=list[Key])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise _bad() from None
    if len(keys) != len(types) or not all(_fits(key, wanted) for key, wanted in zip(keys, types, strict=True)):
        raise _bad()
    return keys


def page_of(rows: Sequence[R], limit: int, item: Callable[[R], T], key: Callable[[R], Sequence[Key]]) -> Page[T]:
    """Return the page of rows of which one more than `limit` were asked for. `key`: what orders a row in this list."""
    kept = rows[:limit]
    return Page([item(row) for row in kept], encode_cursor(*key(kept[-1])) if len(rows) > limit else None)


def _fits(key: Key, wanted: type[Key]) -> bool:
    if wanted is float and isinstance(key, int):
        return True
    return isinstance(key, wanted) and not (isinstance(key, int) and not -_INT64 <= key < _INT64)


def _bad() -> DocumentError:
    return DocumentError("query", [Place("cursor", "is not one that a page of this list gave out")])

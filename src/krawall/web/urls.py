"""What a page's address says: filters, order, place in a list. Short names, defaults left out, unknown ones ignored. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode


def address(path: str, now: Mapping[str, str], changes: Mapping[str, str | None] | None = None) -> str:
    """Return a path with what its query says now, changed. Empty or None leaves a name out. Names are in order."""
    merged = {**now, **(changes or {})}
    query = urlencode(sorted((name, value) for name, value in merged.items() if value))
    return f"{path}?{query}" if query else path


def local_path(path: str, otherwise: str = "/") -> str:
    """Return `path` if it is one of this server, for addresses that come from outside: `//host`, `/\\host` and URLs are not."""
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if fine else otherwise


def turned(sort: str, column: str, *, down_first: bool = False) -> str:
    """Return the order that a click on a column gives: the other way round if the list is in its order already."""
    if sort.removeprefix("-") == column:
        return column if sort.startswith("-") else f"-{column}"
    return f"-{column}" if down_first else column

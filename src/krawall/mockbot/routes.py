"""Which dialect answers at which path."""

from __future__ import annotations

from krawall.mockbot import anthropic, openai, simple
from krawall.mockbot.dialect import Dialect

_FIXED: dict[str, Dialect] = {openai.PATH: openai, simple.PATH: simple, anthropic.PATH: anthropic}


def dialect_at(path: str, query: str) -> Dialect | None:
    """Return the dialect of chats at a path, None where there is none. `query` is what follows the question mark."""
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    return openai if openai.is_deployment(path) else None

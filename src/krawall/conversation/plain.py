"""Texts that only put names in, `Hello {{ name }}, turn {{ turn }}`: most of all texts, and several times quicker than an engine."""

from __future__ import annotations

import re
from collections.abc import Callable

from krawall.conversation.rendering import Compiled, Scope

_NAME = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")
_KEYWORDS = frozenset(["true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else"])
_WIDE = 1 << 62  # wider integers are the engine's business


class PlainText:
    """A text of literals and names. Values that are not texts or whole numbers are left to the engine, which knows their form."""

    __slots__ = ("_engine", "_names", "_pieces", "names", "path")

    def __init__(self, pieces: list[str], engine: Compiled) -> None:
        self._pieces = pieces  # literals and names in turn: literal, name, literal, ..., literal
        self._names = pieces[1::2]
        self._engine = engine
        self.path = engine.path
        self.names = engine.names

    def render(self, scope: Scope) -> str:
        """Return the text; see `Compiled`."""
        lookup: Callable[[str], object] = scope.lookup
        parts = self._pieces.copy()
        at = 1
        for name in self._names:
            value = lookup(name)
            if value.__class__ is str:
                parts[at] = value
            elif value.__class__ is int and -_WIDE < value < _WIDE:
                parts[at] = str(value)
            else:
                return self._engine.render(scope)
            at += 2
        return "".join(parts)


def plain(text: str, engine: Compiled) -> Compiled:
    """Return the quick form of a text that only puts names in; any other as it is."""
    pieces = _NAME.split(text)
    literals = pieces[::2]
    if len(pieces) == 1 or any("{{" in part or "{%" in part or "{#" in part for part in literals):
        return engine
    if _KEYWORDS.intersection(pieces[1::2]):
        return engine
    return PlainText(pieces, engine)

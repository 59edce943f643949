"""Texts that only put names in, `Hello {{ name }}, turn {{ turn }}`: most of all texts, and several times quicker than an engine."""

from __future__ import annotations

import re

from krawall.conversation.rendering import Compiled, Scope

_NAME = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")
_KEYWORDS = frozenset(["true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else"])
_SIMPLE = frozenset(
    {str, int}
)  # what is written the same by Python and by the engine; not bool, which is a type of its own


class PlainText:
    """A text of literals and names. Values that are not texts or whole numbers are left to the engine, which knows their form."""

    __slots__ = ("_engine", "_format", "_names", "names", "path")

    def __init__(self, pieces: list[str], engine: Compiled) -> None:
        # Literals and names in turn: literal, name, literal, ..., literal. The work is done in C: map, format.
        self._format = "%s".join([literal.replace("%", "%%") for literal in pieces[::2]])
        self._names = pieces[1::2]
        self._engine = engine
        self.path = engine.path
        self.names = engine.names

    def render(self, scope: Scope) -> str:
        """Return the text; see `Compiled`."""
        values = tuple(map(scope.lookup, self._names))
        if _SIMPLE.issuperset(map(type, values)):
            return self._format % values
        return self._engine.render(scope)


def plain(text: str, engine: Compiled) -> Compiled:
    """Return the quick form of a text that only puts names in; any other as it is."""
    pieces = _NAME.split(text)
    literals = pieces[::2]
    if len(pieces) == 1 or any("{{" in part or "{%" in part or "{#" in part for part in literals):
        return engine
    if _KEYWORDS.intersection(pieces[1::2]):
        return engine
    return PlainText(pieces, engine)

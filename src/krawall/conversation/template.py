"""The texts and expressions of a scenario: compiled once when the plan is made, rendered once per turn.

A text without a tag never touches an engine. Only texts that were added can be rendered: what a chatbot answers is data
and is never read as a template.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

import msgspec

from krawall.conversation.dice import Dice
from krawall.conversation.handlebars import Handlebars
from krawall.conversation.jinja import Jinja
from krawall.conversation.names import ORIGINAL_NAMES, STANDARD, Known
from krawall.conversation.plain import plain
from krawall.conversation.rendering import MAX_BYTES, SHORT, Compiled, RenderError, Scope, too_long
from krawall.errors import Place

__all__ = ["MAX_BYTES", "ORIGINAL_NAMES", "STANDARD", "Dice", "RenderError", "Scope", "Texts"]

_UNKNOWN: Final = ""  # no compiled text is a str, so it cannot be mistaken for one
_decode = msgspec.json.Decoder().decode


class Texts:
    """All texts and expressions of one scenario, in one language; lives as long as the program of a shard.

    Raises:
        PluginError: the language is handlebars and its package is not installed.
    """

    __slots__ = ("_expressions", "_handlebars", "_jinja", "_texts")

    def __init__(self, language: Literal["jinja", "handlebars"]) -> None:
        self._jinja = Jinja()
        self._handlebars = Handlebars() if language == "handlebars" else None
        self._texts: dict[str, Compiled | None] = {}
        self._expressions: dict[str, Compiled] = {}

    def add(self, path: str, text: str, expression: bool, known: Collection[str]) -> list[Place]:
        """Compile `text` and return what is wrong with it: nothing, when it can be used.

        `known` are the scenario's variables; dotted entries such as `data.order` and `env.HOME` say what a name holds
        (see `names.Known`). Expressions are in the Jinja language in every scenario.
        """
        if too_long(text):
            return [Place(path, f"the text is longer than {MAX_BYTES:,} bytes")]
        if not expression and self._is_constant(text):
            self._texts[text] = None
            return []
        if self._handlebars is None or expression:
            compiled: Compiled | list[Place] = self._jinja.compile(path, text, expression, Known(known))
        else:
            compiled = self._handlebars.compile(path, text, Known((*known, *ORIGINAL_NAMES)))
        if isinstance(compiled, list):
            return compiled
        if expression:
            self._expressions.setdefault(text, compiled)
        else:
            self._texts.setdefault(text, plain(text, compiled) if self._handlebars is None else compiled)
        return []

    def names(self, text: str) -> tuple[str, ...]:
        """Return the top-level names that an added text or expression uses: what `Scope.lookup` will be asked for."""
        compiled = self._texts.get(text) or self._expressions.get(text)
        return compiled.names if compiled else ()

    def render(self, text: str, scope: Scope) -> str:
        """Return an added text with its values put in.

        Raises:
            RenderError: a value is missing or unfit, the result is above MAX_BYTES, or the text was never added.
        """
        compiled = self._texts.get(text, _UNKNOWN)
        if compiled is None:
            return text
        if isinstance(compiled, str):
            if self._is_constant(text):
                return text
            raise RenderError(Place("", f"the text {text[:60]!r} is not one of the scenario's"))
        result = compiled.render(scope)
        if len(result) > SHORT and too_long(result):
            raise RenderError(Place(compiled.path, f"the text grew beyond {MAX_BYTES:,} bytes"))
        return result

    def evaluate(self, text: str, scope: Scope) -> object:
        """Return the value of an added expression: plain data, the caller's own copy. What does not exist is None.

        Raises:
            RenderError: the expression failed, its value is above MAX_BYTES as JSON, or it was never added.
        """
        compiled = self._expressions.get(text)
        if compiled is None:
            raise RenderError(Place("", f"the expression {text[:60]!r} is not one of the scenario's"))
        result = compiled.render(scope)
        if len(result) > SHORT and too_long(result):
            raise RenderError(Place(compiled.path, f"the value grew beyond {MAX_BYTES:,} bytes"))
        return _decode(result)

    def _is_constant(self, text: str) -> bool:
        if "{" not in text:
            return True
        if self._handlebars is not None:
            return "{{" not in text
        return "{{" not in text and "{%" not in text and "{#" not in text

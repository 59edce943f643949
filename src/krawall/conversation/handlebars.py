"""Texts in the Handlebars language, as the original's files have them, on pyhandlebars (extra `handlebars`).

Its engine escapes HTML; texts for a chatbot must not be, so every `{{x}}` is compiled as `{{{x}}}`. `list.length` is read
as in JavaScript; of a text it counts bytes.
"""

from __future__ import annotations

import re
from typing import Any

from krawall.conversation.dice import Dice
from krawall.conversation.names import Known
from krawall.conversation.rendering import RenderError, Scope
from krawall.errors import Place, PluginError

HELPERS = frozenset(
    ["if", "unless", "each", "with", "lookup", "log", "len", "eq", "ne", "gt", "gte", "lt", "lte", "and", "or", "not"]
)
_RANDOM = ("randomInt", "randomText")
_TAG = re.compile(
    r"(?<!\\)(?P<keep>\{\{\{\{.*?\{\{\{\{/.*?\}\}\}\}|\{\{~?!--.*?--~?\}\}|\{\{~?!.*?\}\})"
    r"|(?<!\\)(?P<raw>\{\{\{.*?\}\}\})|(?<!\\)\{\{(?P<body>.*?)\}\}",
    re.DOTALL,
)
_STRING = re.compile(r"('[^']*'|\"[^\"]*\")")
_LENGTH = re.compile(r"([\w@./\[\]-]+)\.length\b")
_NAME = re.compile(r"(?<![\w.@])(?:(?:this|\.\.|@root)[./])*([A-Za-z_]\w*)")
_BLOCK = re.compile(r"#\s*([\w.-]+)")
_WITH_PARAMETERS = re.compile(r"([A-Za-z_][\w.-]*)\s+\S")


class HandlebarsText:
    """A compiled template; lives as long as its `Handlebars`."""

    __slots__ = ("_engine", "_template", "names", "path")

    def __init__(self, engine: Handlebars, template: Any, path: str, names: tuple[str, ...]) -> None:
        self._engine = engine
        self._template = template
        self.path = path
        self.names = names

    def render(self, scope: Scope) -> str:
        """Return the text; see `Compiled`."""
        lookup = scope.lookup
        values = {name: lookup(name) for name in self.names}
        dice = values.pop("rng", None)
        self._engine.dice = dice if isinstance(dice, Dice) else None
        try:
            return str(self._template.format(values))
        except (self._engine.errors, TypeError, ValueError, OverflowError) as error:
            raise RenderError(Place(self.path, _first_line(error))) from error


class Handlebars:
    """Compiles the Handlebars texts of one scenario. `dice` is that of the text being rendered."""

    def __init__(self) -> None:
        try:
            import pyhandlebars as engine  # an extra: only scenarios in this language need it
        except ImportError as error:
            raise PluginError(
                "this scenario's language is handlebars, and the package for it is not installed",
                hint="pip install 'krawall[handlebars]', or translate the texts and set language: jinja",
            ) from error
        self.errors: type[Exception] = engine.PyHandlebarsError
        self.dice: Dice | None = None
        self._make: Any = engine.Template
        self._client = engine.PyHandlebars()
        self._client.register_helper("randomInt", self._random_int)
        self._client.register_helper("randomText", self._random_text)

    def compile(self, path: str, text: str, known: Known) -> HandlebarsText | list[Place]:
        """Return the compiled text, or all that is wrong with it. An unknown name is no error: it renders empty."""
        wrong: list[str] = []
        used: set[str] = set()
        source = _TAG.sub(lambda tag: _rewrite(tag, wrong, used), text)
        try:
            template = self._make(source, client=self._client)
        except self.errors as error:
            return [Place(path, _first_line(error))]
        if wrong:
            return [Place(path, message) for message in dict.fromkeys(wrong)]
        names = (used & known.names) - {"rng", *_RANDOM}
        if used & set(_RANDOM):
            names.add("rng")
        return HandlebarsText(self, template, path, tuple(sorted(names)))

    def _random_int(self, parameters: list[Any], _context: object) -> str:
        low, high = (*parameters, 0, 100)[:2] if len(parameters) != 1 else (0, parameters[0])
        return str(self._drawn().int(int(low), int(high)))

    def _random_text(self, parameters: list[Any], _context: object) -> str:
        return self._drawn().text(int(parameters[0]) if parameters else 20)

    def _drawn(self) -> Dice:
        if self.dice is None:
            raise ValueError("no seeded generator is at hand")
        return self.dice


def _rewrite(tag: re.Match[str], wrong: list[str], used: set[str]) -> str:
    """Return the tag as the engine must see it; note the names it uses and what it asks for that does not exist."""
    if tag["keep"]:
        return tag[0]
    raw = tag["raw"]
    inner = raw[3:-3] if raw else tag["body"]
    parts = _STRING.split(inner)  # odd parts are string literals
    for at in range(0, len(parts), 2):
        used.update(_NAME.findall(parts[at]))
        parts[at] = _LENGTH.sub(r"(len \1)", parts[at])
    body = "".join(parts)
    code = body.strip().strip("~").strip()
    if message := _unsupported(code):
        wrong.append(message)
    if not raw and (code[:1] in "#/^>*&" or code.split(None, 1)[:1] == ["else"]):
        return f"{{{{{body}}}}}"
    return f"{{{{{{{body}}}}}}}"


def _unsupported(code: str) -> str | None:
    if code.startswith((">", "#>")):
        return "partials ({{> ...}}) are not available"
    block = _BLOCK.match(code)
    call = block or _WITH_PARAMETERS.match(code)
    if call and call[1] not in HELPERS and call[1] not in _RANDOM and call[1] != "else":
        return f"unknown helper '{call[1]}'; there are {', '.join(sorted((*HELPERS, *_RANDOM)))}"
    return None


def _first_line(error: Exception) -> str:
    line = str(error).partition("\n")[0]
    return re.sub(r'^Error rendering "[^"]*" ', "", line)

"""Texts in the Jinja language and all expressions, on minijinja: sandboxed, bounded in steps, undefined names are errors.

What the engine does not bound is memory: `'a' * 10**9` in a text would build that string before its length is looked at.
A process that plays strangers' scenarios therefore needs a memory limit of its own.
"""

from __future__ import annotations

import re

from minijinja import Environment, TemplateError

from krawall.conversation.names import Known
from krawall.conversation.rendering import RenderError, Scope
from krawall.errors import Place

FUEL = 100_000
"""Instructions that one rendering may take."""

MISFITS = (RuntimeError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError)
"""What a rendering raises: the engine's TemplateError (a RuntimeError), or what a method of `rng` or of data raised."""

_UNSEEDED = ("debug", "cycler", "joiner")  # `debug` prints every value; the others keep state between renderings
_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|\{#.*?#\}", re.DOTALL)
_STRING = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""
_TAG = re.compile(rf"\{{[{{%]((?:{_STRING}|[^'\"])*?)[}}%]\}}", re.DOTALL)
_FILTER = re.compile(r"\|\s*([A-Za-z_]\w*)")
_TEST = re.compile(r"\bis\s+(?:not\s+)?([A-Za-z_]\w*)")
_CHANGES = re.compile(
    r"\.\s*(append|clear|extend|insert|pop|popitem|remove|reverse|setdefault|sort|update)\s*\(|\]\s*(\()"
)


class JinjaText:
    """A compiled template; lives as long as its `Jinja`."""

    __slots__ = ("_environment", "_id", "names", "path", "source")

    def __init__(self, environment: Environment, template: str, path: str, source: str, names: tuple[str, ...]) -> None:
        self._environment = environment
        self._id = template
        self.path = path
        self.source = source
        self.names = names

    def render(self, scope: Scope) -> str:
        """Return the text; see `Compiled`."""
        lookup = scope.lookup
        values = {name: lookup(name) for name in self.names}
        try:
            return self._environment.render_template(self._id, **values)
        except MISFITS as error:
            raise RenderError(Place(self.path, _why(error, self.source))) from error


class Jinja:
    """Compiles texts and expressions of one scenario into one engine."""

    def __init__(self) -> None:
        self._environment = Environment(
            debug=False,
            fuel=FUEL,
            undefined_behavior="strict",
            keep_trailing_newline=True,
        )
        for name in _UNSEEDED:
            self._environment.remove_global(name)
        self._environment.remove_filter("attr")  # reaches methods of data by computed names
        self._functions = set(self._environment.globals)
        self._count = 0

    def compile(self, path: str, text: str, expression: bool, known: Known) -> JinjaText | list[Place]:
        """Return the compiled text, or all that is wrong with it.

        An expression becomes a template that prints its value as JSON: that is faster than the engine's own way to
        evaluate, and what comes out is a copy.
        """
        if expression and not text.strip():
            return [Place(path, "the expression is empty")]
        source = f"{{{{ ({text})|tojson }}}}" if expression else text
        try:
            if expression:  # `1) }} {{ (2` is a template, but no expression
                self._environment.undeclared_variables_in_str(f"{{% if ({text}) %}}{{% endif %}}")
            self._count += 1
            template = f"t{self._count}"  # a name without an ending such as .html: nothing is escaped
            self._environment.add_template(template, source)
            used = self._environment.undeclared_variables_in_str(source, nested=True) - self._functions
        except TemplateError as error:
            return [Place(path, _why(error, ""))]
        wrong = [known.problem(name) for name in sorted(used)] + self._unknown_parts(source)
        places = [Place(path, message) for message in dict.fromkeys(wrong) if message]
        names = tuple(sorted({name.partition(".")[0] for name in used}))
        return places or JinjaText(self._environment, template, path, source, names)

    def _unknown_parts(self, source: str) -> list[str]:
        """Find filters and tests that do not exist, which the engine tells only when it meets them, and calls that change data."""
        wrong = []
        for tag in _TAG.finditer(_RAW.sub("", source)):
            code = re.sub(_STRING, "''", tag[1])
            for found in _CHANGES.finditer(code):
                call = f"'.{found[1]}(' changes" if found[1] else "a call of something in [] may change"
                wrong.append(f"{call} data that other conversations share; make a new value instead")
            wrong += [f"unknown filter '{name}'" for name in _FILTER.findall(code) if not self._exists(f"x|{name}")]
            wrong += [f"unknown test '{name}'" for name in _TEST.findall(code) if not self._exists(f"x is {name}")]
        return wrong

    def _exists(self, use: str) -> bool:
        try:
            self._environment.eval_expr(use, x="")
        except TemplateError as error:
            return error.kind not in ("UnknownFilter", "UnknownTest", "SyntaxError")
        return True


def _why(error: Exception, source: str) -> str:
    """Say what went wrong, with the line in a longer text and the piece of it that failed."""
    if not isinstance(error, TemplateError):
        return str(error).replace("Dice.", "rng.") or type(error).__name__
    words = error.detail or error.message.partition(" (in ")[0]
    if error.kind == "SyntaxError":
        words = f"not a template: {words}"
    elif source and error.range:
        piece = source.encode(errors="replace")[slice(*error.range)].decode(errors="replace").strip()
        words = f"{words}: `{piece}`" if piece else words
    many = "\n" in source.rstrip() or (error.line or 1) > 1
    return f"{words} (line {error.line} of the text)" if many and error.line else words

"""Generates docs/reference from the code: `python -m krawall.cli.reference DIR`. A test compares what is committed with it."""

from __future__ import annotations

import inspect
import io
import re
import sys
import types
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, PlainSerializer, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from rich.console import Console

from krawall import errors
from krawall.cli import reference_server
from krawall.cli.main import COMMANDS, GROUPS, make_app
from krawall.metrics import catalog
from krawall.model.base import Document
from krawall.model.connector import Connector
from krawall.model.hook import Hook
from krawall.model.scenario import Scenario
from krawall.model.step import Step
from krawall.model.text import ExpressionMark, TemplateMark
from krawall.plugins import registry
from krawall.plugins.assemble import assemble, schema, step_classes
from krawall.wire.yaml import read, write

_API = "A server describes itself at `/api/openapi.json`; the same is in [openapi.json](openapi.json).\n"
_EVENTS = "Rows, written with the change that they describe; webhooks subscribe to types, or to families such as `session.*`.\n"
_SETTINGS = "Flags win over variables, which win over `krawall.toml` in the working directory. `krawall settings` shows what holds.\n"
WIDTH = 100  # columns of the help texts, whatever the terminal

EXIT_CODES = {
    0: "it ran, the numbers are valid and the thresholds passed (or there were none)",
    2: "usage or configuration error; nothing was sent",
    10: "a performance threshold failed, or could not be decided",
    11: "a quality threshold failed, or could not be decided",
    12: "a cost threshold failed, or could not be decided",
    20: "stopped by a cap: money, tokens, requests, conversations or time",
    21: "stopped by target protection: a wrong key, a target that goes down, an `abort` of the error policy",
    22: "stopped by a person",
    30: "the target is unreachable or not allowed; nothing was sent",
    31: "invalid: the generator was the bottleneck",
    70: "internal error, or something of ours is gone (a disk, a process); what was measured is kept",
}


def generate() -> dict[str, str]:
    """Return the text of every page, by file name."""
    assemble()
    return {
        "cli.md": _cli(),
        "errors.md": _errors(),
        "metrics.md": catalog.to_markdown(),
        "steps.md": _steps(),
        "scenario.md": _scenario(),
        "connectors.md": _connectors(),
        "hooks.md": _hooks(),
        "presets.md": _presets(),
        "api.md": _page("REST API", "krawall.api", _API, reference_server.routes()),
        "events.md": _page("Events", "krawall.model.event", _EVENTS, reference_server.events()),
        "settings.md": _page("Settings", "krawall.settings", _SETTINGS, reference_server.settings()),
        "openapi.json": reference_server.openapi_json(),
        "schema.json": msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n",
    }


def main(arguments: list[str]) -> int:
    """Write every page into the folder that is named; return the exit code."""
    if len(arguments) != 1:
        print("usage: python -m krawall.cli.reference DIR", file=sys.stderr)  # noqa: T201
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in generate().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


def _page(title: str, source: str, *parts: str) -> str:
    head = f"# {title}\n\nGenerated from `{source}` by `make docs`; do not edit.\n"
    return "\n".join([head, *parts])


def _table(*columns: str, rows: Sequence[tuple[str, ...]]) -> str:
    lines = [columns, *(tuple(_cell(text) for text in row) for row in rows)]
    head, *body = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([head, "|---" * len(columns) + "|", *body])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _doc(thing: type) -> str:
    """Return a class's docstring, one paragraph a line."""
    paragraphs = re.split(r"\n\s*\n", inspect.getdoc(thing) or "")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs)


# commands and errors ------------------------------------------------------------------------------------


def _cli() -> str:
    parts = [_help([])]
    for name in sorted(COMMANDS):
        parts.append(f"## `krawall {name}`\n\n{_help([name])}")
        if name in GROUPS:
            inner = sorted(GROUPS[name][1])
            parts += [f"### `krawall {name} {word}`\n\n{_help([name, word])}" for word in inner]
    return _page("Command line", "krawall.cli.main", *parts)


def _help(command: list[str]) -> str:
    out = io.StringIO()
    console = Console(width=WIDTH, file=out, force_terminal=False, color_system=None, legacy_windows=False)
    make_app().help_print(command, console=console)
    lines = [line.rstrip() for line in out.getvalue().split("\n")]
    return "```text\n" + "\n".join(lines).strip("\n") + "\n```\n"


def _errors() -> str:
    tree = _subclasses(errors.KrawallError)
    rows = [(f"`{cls.__name__}`", f"`{cls.code}`", str(cls.exit_code), _doc(cls)) for cls in tree if cls is not tree[0]]
    codes = [(str(code), words) for code, words in EXIT_CODES.items()]
    return _page(
        "Errors and exit codes",
        "krawall.errors",
        "What we or the author did wrong is an exception, listed here. What the target does wrong is data: a fault in the log,"
        "\ncounted by kind in the metrics (`errors.KIND`).\n",
        "## Errors\n",
        _table("class", "code", "exit", "meaning", rows=rows) + "\n",
        "## Exit codes\n",
        _table("exit", "meaning", rows=codes) + "\n",
        "What stopped a session comes first, then validity, then thresholds in the order performance, quality, cost.\n"
        "`docs/guide/exit-codes.md` says what to do about each.\n",
    )


def _subclasses(base: type[errors.KrawallError]) -> list[type[errors.KrawallError]]:
    public = [cls for cls in base.__subclasses__() if not cls.__name__.startswith("_")]
    return [base, *(inner for cls in public for inner in _subclasses(cls))]


# documents ----------------------------------------------------------------------------------------------


def _steps() -> str:
    steps = step_classes()
    parts = [
        "A step is written in its short form, `- message: hello`, or in full, `- {kind: message, text: hello}`.\n"
        "A bare text is a message. Steps nest to any depth.\n"
    ]
    known: set[type[BaseModel]] = set()
    for kind, step in steps.items():
        words = [
            f"`{word}` fills `{_shown(step, field)}`" for word, field in {kind: step.shorthand, **step.words}.items()
        ]
        inner = [_section(model, 3) for model in _reach(step, known) if model is not step]
        parts += [f"## `{kind}`\n\n{_doc(step)}\n\nShort form: {', '.join(words)}.\n\n{_fields(step)}", *inner]
    return _page("Steps", "krawall.plugins.steps", *parts)


def _scenario() -> str:
    models = _reach(Scenario, set())
    note = "Steps have a page of their own: [steps](steps.md). Durations, money and counts are written with units.\n"
    return _page("Scenario files", "krawall.model", note, *(_section(model, 2) for model in models))


def _connectors() -> str:
    note = "A preset chooses the connector; `target.connector` names it, `target.options` holds its settings.\n"
    return _kinds("connectors", note)


def _hooks() -> str:
    note = "`target.hooks` names them in the order in which they act; see [the guide](../guide/hooks.md).\n"
    return _kinds("hooks", note)


def _kinds(family: registry.Family, note: str) -> str:
    parts: list[str] = []
    known: set[type[BaseModel]] = set()
    for kind in registry.kinds(family):
        loaded = registry.load(family, kind)
        module = inspect.getdoc(sys.modules[loaded.__module__]) or ""
        inner = [_section(model, 3) for model in _reach(loaded, known) if model is not loaded]
        parts += [f"## `{kind}`\n\n{' '.join(module.split())}\n\n{_fields(loaded)}", *inner]
    return _page(family.capitalize(), f"krawall.plugins.{family}", note, *parts)


def _presets() -> str:
    parts = [
        "A preset is a file of facts; what a target says is laid over it. `when streaming` counts with `stream: true`.\n"
    ]
    for name in registry.names("presets"):
        facts = read(registry.data_text("presets", name), name).data
        assert isinstance(facts, dict)
        about = facts.pop("about")
        parts.append(f"## `{name}`\n\n{about}\n\n```yaml\n{write(facts)}```\n")
    return _page("Presets", "krawall.plugins.presets", *parts)


def _section(model: type[BaseModel], level: int) -> str:
    return f"{'#' * level} {model.__name__}\n\n{_doc(model)}\n\n{_fields(model)}"


def _fields(model: type[BaseModel]) -> str:
    rows = [
        (f"`{field.alias or name}`", _words(field.annotation, field.metadata), _default(field), field.description or "")
        for name, field in model.model_fields.items()
        if name != "kind" or not issubclass(model, (Step, Connector, Hook))
    ]
    return _table("field", "type", "default", "meaning", rows=rows) + "\n" if rows else "No settings.\n"


def _shown(model: type[BaseModel], name: str) -> str:
    return model.model_fields[name].alias or name


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    for mark in field.metadata:
        if isinstance(mark, PlainSerializer) and value is not None:
            value = mark.func(value)  # type: ignore[call-arg]  # ours take one value
    if value in (None, "", PydanticUndefined) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _reach(model: type[BaseModel], known: set[type[BaseModel]]) -> list[type[BaseModel]]:
    """Return `model` and every document that its fields hold, steps left out, each once, outer before inner."""
    found: list[type[BaseModel]] = []
    waiting = [model]
    while waiting:
        here = waiting.pop(0)
        if here not in known:
            known.add(here)
            found.append(here)
            waiting += [part for field in here.model_fields.values() for part in _documents(field.annotation)]
    return found


def _documents(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        if not issubclass(annotation, Step):
            yield annotation
        return
    for part in get_args(annotation):
        yield from _documents(part)


def _words(annotation: Any, marks: list[Any]) -> str:
    """Return a type in words, such as `text or list of text`; units say how they are written."""
    for mark in marks:
        if isinstance(mark, WithJsonSchema) and isinstance(mark.json_schema, dict):
            return str(mark.json_schema.get("description", "text"))
        if isinstance(mark, (TemplateMark, ExpressionMark)):
            return "text, a template" if isinstance(mark, TemplateMark) else "expression"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(arguments[0], list(arguments[1:]))
    if origin is None:
        return _plain(annotation) + _bounds(marks)
    return _compound(origin, arguments)


def _compound(origin: Any, arguments: tuple[Any, ...]) -> str:
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return f"list of {_words(arguments[0], [])}"
    return "mapping" if arguments[1] in (Any, object) else f"mapping of names to {_words(arguments[1], [])}"


def _union(arguments: tuple[Any, ...]) -> str:
    options = [part for part in arguments if part is not type(None)]
    if any(isinstance(part, type) and issubclass(part, Step) for part in options):
        return "[steps](steps.md)"
    return " or ".join(dict.fromkeys(_words(part, []) for part in options))


_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def _plain(annotation: Any) -> str:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, Document):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return "anything"


def _bounds(marks: list[Any]) -> str:
    flat = [inner for mark in marks for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    said = [f"{text} {getattr(mark, name)}" for mark in flat for name, text in words.items() if hasattr(mark, name)]
    return f" ({', '.join(said)})" if said else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

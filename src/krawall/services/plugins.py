"""What documents can use: every kind of every family, who brings it, its settings, and whether it is fit for use."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ValidationError

from krawall.errors import KrawallError, NotFound
from krawall.model.base import Record
from krawall.model.exchange import Exchange
from krawall.model.scorer import Context, Score, Scorer
from krawall.model.sink import Basin, SinkKind
from krawall.model.target import ReplyMapping
from krawall.plugins import registry
from krawall.plugins.assemble import assemble
from krawall.plugins.fitting import API
from krawall.plugins.preset import PresetField, facts
from krawall.wire.reply import NotMapped, compile_reply
from krawall.wire.yaml import write

Kinds = Literal["steps", "connectors", "hooks", "scorers", "sinks", "presets"]
FAMILIES: tuple[Kinds, ...] = (*registry.FAMILIES, "presets")
BUILT_IN = "built-in"
_TEXTS = ("", "Hello.", "Ünïcödé \U0001f600", "x" * 10_000, '{"a": 1}')
"""What a scorer must have an answer to."""
_LINE = Exchange(0, 0, 1, 1, "measure", "steps.0", 0, 0, 1, 2, said="Hello?", heard="Hello.", status=200)
_RAISED = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RuntimeError, OSError, KrawallError)


class PluginInfo(Record, frozen=True):
    """One kind of a family. `source`: `built-in`, or the package that brings it; `error`: why it does not load, empty if it does."""

    family: Kinds
    kind: str
    about: str
    source: str
    version: str
    error: str


class Explained(Record, frozen=True):
    """One kind with its description in full, where its code or file stands, the JSON Schema of its settings, and YAML that uses
    it: with the settings that it cannot do without, as `...`."""

    info: PluginInfo
    text: str
    where: str
    settings: dict[str, Any]
    example: str


class Finding(Record, frozen=True):
    """What is wrong with a kind; `words` are for its author."""

    family: Kinds
    kind: str
    source: str
    words: str


def plugins() -> list[PluginInfo]:
    """Return every kind, by family and name. Loads what is not loaded yet."""
    return [_info(family, kind) for family in FAMILIES for kind in registry.sources(family)]


def explain(kind: str, family: str = "") -> Explained:
    """Return all there is to know of a kind. `family`: for a word that several families have.

    Raises:
        NotFound: there is no such kind; names the nearest.
        PluginError: it does not load.
    """
    found = [each for each in plugins() if each.kind == kind and family in ("", each.family)]
    if not found:
        known = [each.kind for each in plugins() if family in ("", each.family)]
        raise NotFound(f"there is no plugin {kind!r}{registry.nearest(kind, known)}")
    info = found[0]
    if info.family == "presets":
        preset = facts(kind)
        schema: dict[str, Any] = {"type": "object", "properties": {each.name: _asked(each) for each in preset.fields}}
        if needed := [each.name for each in preset.fields if each.required]:
            schema["required"] = needed
        return Explained(
            info, preset.text.strip(), registry.origin("presets", kind).where, schema, _example(info, schema)
        )
    loaded = registry.load(info.family, kind)
    assemble()
    text, schema = _doc(loaded), _schema(loaded)
    where = registry.origin(info.family, kind).where
    return Explained(info, text, where, schema, _example(info, schema, getattr(loaded, "shorthand", "")))


def _asked(field: PresetField) -> dict[str, Any]:
    """Return the JSON Schema of what a preset asks for."""
    schema: dict[str, Any] = {"type": "string", "title": field.label, "description": field.help}
    if field.default is not None:
        schema["default"] = field.default
    if field.options:
        schema["enum"] = field.options
    return schema


def _example(info: PluginInfo, schema: dict[str, Any], short: str = "") -> str:
    known = schema.get("properties", {})
    needed: dict[str, Any] = {
        name: ["..."] if known[name].get("type") == "array" else "..." for name in schema.get("required", ())
    }
    kind = info.kind
    if info.family == "steps":
        return write({"steps": [{kind: needed.pop(short, "..."), **needed}]})
    if info.family == "presets":
        return write({"target": {"preset": kind, **({"fields": needed} if needed else {})}})
    if info.family == "connectors":
        return write({"target": {"connector": kind, "url": "...", **({"options": needed} if needed else {})}})
    if info.family == "hooks":
        return write({"target": {"hooks": [{kind: needed} if needed else kind]}})
    if info.family == "sinks":
        return write({"sinks": [{kind: needed} if needed else kind]})
    return ""  # nothing in a document names a scorer


def check(only: str = "") -> tuple[int, list[Finding]]:
    """Return how many kinds were looked at, and what is wrong with them. `only`: a kind or a package; empty for all.

    Raises:
        NotFound: nothing has that name.
    """
    wanted = [each for each in plugins() if only in ("", each.kind, each.source)]
    if not wanted:
        known = {each.kind for each in plugins()} | {each.source for each in plugins()}
        raise NotFound(f"there is no plugin and no package {only!r}{registry.nearest(only, sorted(known))}")
    assemble()
    found = [
        Finding(each.family, each.kind, each.source, words)
        for each in wanted
        for words in ([each.error] if each.error else _faults(each))
    ]
    return len(wanted), found


def _info(family: Kinds, kind: str) -> PluginInfo:
    sources = registry.sources(family)[kind]
    ours = sources[0].package == registry.OURS
    source, version = BUILT_IN if ours else sources[0].package, sources[0].version
    try:
        if family == "presets":
            about = facts(kind).about
        else:
            about = _doc(registry.load(family, kind))
    except KrawallError as error:
        return PluginInfo(family, kind, "", source, version, error.message)
    return PluginInfo(family, kind, " ".join(about.partition("\n\n")[0].split()), source, version, "")


def _doc(loaded: type) -> str:
    """Return a class's own docstring; that of its contract says nothing of it."""
    return inspect.cleandoc(vars(loaded).get("__doc__") or "")


def _schema(loaded: type[BaseModel]) -> dict[str, Any]:
    schema = loaded.model_json_schema(by_alias=True)
    if "$ref" in schema:  # a step that holds steps is among its own definitions
        definitions = schema["$defs"]
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], "$defs": definitions}
    settings = {name: each for name, each in schema.get("properties", {}).items() if name != "kind"}
    return {**schema, "properties": settings}


def _faults(info: PluginInfo) -> Iterator[str]:
    if not info.about:
        yield "says nothing of itself: give its class a docstring" if info.family != "presets" else "has no `about`"
    if info.family == "presets":
        yield from _preset_faults(info.kind)
        return
    loaded = registry.load(info.family, info.kind)
    if info.source != BUILT_IN and not _says_api(loaded, registry.BASES[info.family]):
        yield f"does not say for which API it was written: add `api: ClassVar[int] = {API}`, so that a later one is told apart"
    try:
        for name, settings in _schema(loaded).get("properties", {}).items():
            if not settings.keys() & {"type", "anyOf", "oneOf", "allOf", "$ref", "enum", "const", "description"}:
                yield f"the setting {name!r} has neither a type nor a description"
    except (TypeError, ValueError) as error:
        yield f"its settings have no JSON Schema: {str(error).splitlines()[0]}"
    try:
        made = loaded()
    except ValidationError:
        return  # it needs settings that only its user knows
    if isinstance(made, Scorer):
        yield from _scorer_faults(made)
    if isinstance(made, SinkKind):
        yield from _sink_faults(made)


def _says_api(loaded: type[BaseModel], base: type) -> bool:
    return any("api" in vars(each) for each in loaded.__mro__[: loaded.__mro__.index(base)])


def _sink_faults(kind: SinkKind) -> Iterator[str]:
    with TemporaryDirectory() as folder:
        try:
            with kind.open(Basin("ses_check", 0, 1, 1, folder, _NoSecrets())) as sink:
                sink.accept([])
                sink.accept([_LINE])
                sink.flush()
                sink.close()
        except _RAISED as error:
            yield f"fails on a line of the log: {type(error).__name__}: {error}"


class _NoSecrets:
    """A check has none."""

    def resolve(self, text: str) -> str:
        return text


def _scorer_faults(scorer: Scorer) -> Iterator[str]:
    for text in _TEXTS:
        try:
            found = scorer.score("Hello?", text, Context())
        except _RAISED as error:
            yield f"fails on the reply {text[:20]!r}: {type(error).__name__}: {error}"
            continue
        if not isinstance(found, Score) or not (found.value is None or 0 <= found.value <= 1):
            yield f"gives {found!r} for the reply {text[:20]!r}; a score is a number from 0 to 1, or None"
        if scorer.score("Hello?", text, Context()) != found:
            yield f"gives two scores for the same reply {text[:20]!r}"


def _preset_faults(kind: str) -> Iterator[str]:
    preset = facts(kind)
    if preset.example.reply is None:
        return
    try:
        found = compile_reply(ReplyMapping.model_validate(preset.target.get("reply", {}))).read(
            msgspec.json.encode(preset.example.reply)
        )
    except (NotMapped, ValueError) as error:
        yield f"cannot read its own example: {error}"
        return
    if not found.text:
        yield "finds no text in its own example"

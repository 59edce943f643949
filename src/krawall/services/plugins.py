"""What documents can use: every kind of every family, who brings it, its settings, and whether it is fit for use."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ValidationError

from krawall.errors import KrawallError, NotFound
from krawall.model.base import Record
from krawall.model.scorer import Context, Score, Scorer
from krawall.model.target import ReplyMapping
from krawall.plugins import registry
from krawall.plugins.assemble import assemble
from krawall.plugins.preset import facts
from krawall.wire.reply import NotMapped, compile_reply

Kinds = Literal["steps", "connectors", "hooks", "scorers", "sinks", "presets"]
FAMILIES: tuple[Kinds, ...] = (*registry.FAMILIES, "presets")
BUILT_IN = "built-in"
_TEXTS = ("", "Hello.", "Ünïcödé \U0001f600", "x" * 10_000, '{"a": 1}')
"""What a scorer must have an answer to."""


class PluginInfo(Record, frozen=True):
    """One kind of a family. `source`: `built-in`, or the package that brings it; `error`: why it does not load, empty if it does."""

    family: Kinds
    kind: str
    about: str
    source: str
    version: str
    error: str


class Explained(Record, frozen=True):
    """One kind with its description in full, where its code or file stands, and the JSON Schema of its settings."""

    info: PluginInfo
    text: str
    where: str
    settings: dict[str, Any]


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
        asked = {field.name: {"title": field.label, "description": field.help} for field in preset.fields}
        where = registry.origin("presets", kind).where
        return Explained(info, preset.text.strip(), where, {"type": "object", "properties": asked})
    loaded = registry.load(info.family, kind)
    assemble()
    text = inspect.cleandoc(inspect.getdoc(loaded) or "")
    return Explained(info, text, registry.origin(info.family, kind).where, _schema(loaded))


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
            about = inspect.getdoc(registry.load(family, kind)) or ""
    except KrawallError as error:
        return PluginInfo(family, kind, "", source, version, error.message)
    return PluginInfo(family, kind, " ".join(about.partition("\n\n")[0].split()), source, version, "")


def _schema(loaded: type[BaseModel]) -> dict[str, Any]:
    schema = loaded.model_json_schema(by_alias=True)
    schema.get("properties", {}).pop("kind", None)
    return schema


def _faults(info: PluginInfo) -> Iterator[str]:
    if not info.about:
        yield "says nothing of itself: give its class a docstring" if info.family != "presets" else "has no `about`"
    if info.family == "presets":
        yield from _preset_faults(info.kind)
        return
    loaded = registry.load(info.family, info.kind)
    try:
        for name, settings in _schema(loaded).get("properties", {}).items():
            if "title" not in settings and "description" not in settings and "$ref" not in settings:
                yield f"the setting {name!r} has neither a type nor a description"
    except (TypeError, ValueError) as error:
        yield f"its settings have no JSON Schema: {str(error).splitlines()[0]}"
    if issubclass(loaded, Scorer):
        yield from _scorer_faults(loaded)


def _scorer_faults(loaded: type[Scorer]) -> Iterator[str]:
    try:
        scorer = loaded()  # type: ignore[call-arg]
    except ValidationError:
        return  # it needs settings that only its user knows
    for text in _TEXTS:
        try:
            found = scorer.score("Hello?", text, Context())
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
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

"""Builds the open union of steps from the plugin files and puts it into the documents that use it; reads and writes scenarios."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Union

import msgspec
from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from pydantic.json_schema import PydanticJsonSchemaWarning
from pydantic_core import ErrorDetails

from krawall.errors import DocumentError, Place, PluginError
from krawall.model.load import Closed, Open
from krawall.model.plan import Plan
from krawall.model.scenario import Scenario
from krawall.model.step import Step
from krawall.plugins import registry
from krawall.plugins.missing import missing
from krawall.wire.yaml import Source, read, write


class _Steps:
    """Every step that loads, and the short words of all; why the others do not load. Ours come first: nobody takes their words."""

    def __init__(self) -> None:
        self.classes: dict[str, type[Step]] = {}
        self.broken: dict[str, str] = {}
        self.words: dict[str, tuple[str, str]] = {}
        known = registry.sources("steps")
        for kind in sorted(known, key=lambda kind: known[kind][0].package != registry.OURS):
            try:
                self._add(kind, registry.load("steps", kind), known)
            except PluginError as error:
                self.broken[kind] = error.message
        self.classes = dict(sorted(self.classes.items()))

    def _add(self, kind: str, step: type[Step], known: Mapping[str, list[registry.Source]]) -> None:
        for word in step.words:
            owner = self.words[word][0] if word in self.words else word
            if word in self.words or (word in known and word != kind):
                raise PluginError(
                    f"the step {kind!r} of {known[kind][0]} takes the word {word!r}, which is that of "
                    f"{owner!r} of {known[owner][0]}"
                )
        self.classes[kind] = step
        self.words |= {kind: (kind, step.shorthand), **{word: (kind, field) for word, field in step.words.items()}}


@functools.cache
def _steps() -> _Steps:
    return _Steps()


def step_classes() -> dict[str, type[Step]]:
    """Return kind -> class of every step that loads."""
    return _steps().classes


def broken_steps() -> dict[str, str]:
    """Return kind -> why it does not load, of every step that does not. A document that uses one is told so."""
    return _steps().broken


def _words() -> dict[str, tuple[str, str]]:
    """Return short word -> (kind, field that it fills)."""
    return _steps().words


def expand(value: object) -> object:
    """Return the long form of a step: `{message: hi}` becomes `{kind: message, text: hi}`.

    Raises:
        ValueError: no word in it is a step; names the nearest.
    """
    if isinstance(value, str):
        return {"kind": "message", "text": value}
    if not isinstance(value, dict):
        return value
    if "kind" in value:
        if not isinstance(value["kind"], str):
            raise ValueError(f"`kind` is the name of a step, not {_short(value['kind'])}")
        if value["kind"] in broken_steps():
            raise ValueError(broken_steps()[value["kind"]])
        if value["kind"] not in step_classes():
            raise ValueError(f"unknown step {str(value['kind'])!r}{registry.nearest(str(value['kind']), _words())}")
        return value
    word = _step_word(value)
    kind, field = _words()[word]
    rest = {key: inner for key, inner in value.items() if key != word}
    if value[word] is not None and field in rest:
        raise ValueError(f"`{word}` and `{field}` say the same thing; leave one out")
    return {"kind": kind, **({field: value[word]} if value[word] is not None else {}), **rest}


def _step_word(value: dict[Any, Any]) -> str:
    for key in value:
        if key in broken_steps():
            raise ValueError(broken_steps()[key])
    candidates = [key for key in value if key in _words()]
    for word in candidates:
        if set(value) - {word} <= _field_names(step_classes()[_words()[word][0]]):
            return str(word)
    for key in value:  # a misspelt step beside a word that is a step of its own, such as `expect`
        if key not in _words() and get_close_matches(str(key), _words(), n=1, cutoff=0.7):
            raise ValueError(f"unknown step {str(key)!r}{registry.nearest(str(key), _words())}")
    if candidates:
        return str(candidates[0])
    if not value:
        raise ValueError(f"an empty step; known: {', '.join(_words())}")
    first = str(next(iter(value)))
    raise ValueError(f"unknown step {first!r}{registry.nearest(first, _words())}")


def _field_names(model: type[BaseModel]) -> set[str]:
    return {name for key, field in model.model_fields.items() for name in (key, field.alias) if name}


@functools.cache
def assemble() -> None:
    """Put the union of all steps into Scenario, Plan and the steps that hold steps. Idempotent."""
    union = Union[tuple(step_classes().values())]  # type: ignore[valid-type]  # noqa: UP007
    any_step = Annotated[Annotated[union, Field(discriminator="kind")], BeforeValidator(expand)]  # type: ignore[valid-type]
    space = {"AnyStep": any_step}
    for step in step_classes().values():
        for inner in (vars(sys.modules[step.__module__])).values():
            if isinstance(inner, type) and issubclass(inner, BaseModel) and inner.__module__ == step.__module__:
                inner.model_rebuild(force=True, _types_namespace=space)
    Scenario.model_rebuild(force=True, _types_namespace=space)
    Plan.model_rebuild(force=True)


def read_scenario(text: str, name: str) -> Scenario:
    """Return the scenario that `text` (YAML or JSON) writes.

    Raises:
        DocumentError: with every place that is wrong, its line, and the nearest known word.
    """
    source = read(text, name)
    return scenario_from(source.data, name, source)


def scenario_from(data: object, name: str, source: Source | None = None) -> Scenario:
    """Return the scenario that `data` holds; see `read_scenario`."""
    assemble()
    if not isinstance(data, dict):
        raise DocumentError(name, [Place("", "a scenario is a mapping that begins with `name:` and `steps:`", 1)])
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        raise DocumentError(name, places(error, data, source)) from None


def write_scenario(scenario: Scenario) -> str:
    """Return the YAML of a scenario: what was written, in the short forms; defaults left out."""
    assemble()
    data = scenario.model_dump(mode="json", exclude_unset=True)
    return write({"krawall": 1, **data})


def read_plan(text: bytes) -> Plan:
    """Return the plan that its JSON holds.

    Raises:
        PluginError: it needs plugins that are not here.
    """
    assemble()
    try:
        return Plan.model_validate_json(text)
    except ValidationError:
        if absent := missing(msgspec.json.decode(text).get("plugins", {})):
            raise PluginError(f"it cannot be read without its plugins: {'; '.join(absent.values())}") from None
        raise


def places(error: ValidationError, data: object, source: Source | None) -> list[Place]:
    """Return every error of a validation as places of the authored document, in document order."""
    found: dict[tuple[str, str], Place] = {}
    for detail in error.errors(include_url=False):
        raw, shown = _paths(detail["loc"], data)
        line = source.line_of(raw) if source else None
        message = _message(detail)
        found.setdefault((shown, message), Place(shown, message, line))
    return sorted(found.values(), key=lambda place: place.line or 0)


def _paths(loc: Sequence[str | int], data: object) -> tuple[list[str | int], str]:
    """Return (path in the authored data, path to show). Union tags of pydantic have no place in the data."""
    raw: list[str | int] = []
    shown: list[str] = []
    here: Any = data
    for index, part in enumerate(loc):
        tag = isinstance(part, str) and ("[" in part or part in _UNION_PARTS)
        if index and isinstance(loc[index - 1], int) and part in step_classes():
            # A union's tag, even where a short form has a key of that name.
            if index < len(loc) - 2:
                shown.append(str(part))
        elif _has(here, part):
            here = here[part]
            raw.append(part)
            shown.append(str(part))
        elif not tag:
            here = _through_shorthand(here, part, raw)
            shown.append(str(part))
    return raw, ".".join(shown)


def _has(here: Any, part: str | int) -> bool:
    if isinstance(here, Mapping):
        return part in here
    return isinstance(here, list) and isinstance(part, int) and part < len(here)


_UNION_PARTS = {
    "closed",
    "open",
    "inline",
    "named",
    "AnyOf",
    "int",
    "str",
    "float",
    "bool",
    "constrained-str",
    "constrained-int",
    "constrained-float",
}


def _through_shorthand(here: Any, part: str | int, raw: list[str | int]) -> Any:
    if isinstance(here, Mapping):
        for word, (_, field) in _words().items():
            if word in here and field == part:
                raw.append(word)
                return here[word]
    return None


def _message(detail: ErrorDetails) -> str:
    kind, where = detail["type"], str(detail["loc"][-1]) if detail["loc"] else ""
    if kind == "extra_forbidden":
        return f"unknown key {where!r}{_nearest_field(detail['loc'])}"
    if kind == "missing":
        return "is missing"
    if kind in ("too_short", "string_too_short"):
        least, unit = detail["ctx"]["min_length"], "letter" if kind.startswith("string") else "entry"
        return f"is empty; at least 1 {unit} is needed" if least == 1 else f"is too short; at least {least} are needed"
    text = detail["msg"].removeprefix("Value error, ")
    return text if kind == "value_error" else f"{text}; got {_short(detail['input'])}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest_field(loc: tuple[str | int, ...]) -> str:
    """Return the hint for an unknown key: the nearest key of the model that `loc` walks to."""
    model: type[BaseModel] | None = Scenario
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        if part in step_classes() and not _has_field(model, part):
            model = step_classes()[part]
            continue
        model = _model_of(model, part)
        if model is None:
            return ""
    names = sorted({field.alias or name for name, field in model.model_fields.items()}) if model else []
    return registry.nearest(str(loc[-1]), names)


def _model_of(model: type[BaseModel] | None, part: str) -> type[BaseModel] | None:
    if model is None or part in ("function-before", "function-after", "function-wrap"):
        return model
    for name, field in model.model_fields.items():
        if part in (name, field.alias):
            return _inner_model(field.annotation)
    loads: dict[str, type[BaseModel]] = {"closed": Closed, "open": Open}
    return loads.get(part, model)


def _has_field(model: type[BaseModel] | None, name: str) -> bool:
    return model is not None and name in _field_names(model)


def _inner_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        model: type[BaseModel] = annotation
        return model
    for part in getattr(annotation, "__args__", ()):
        if found := _inner_model(part):
            return found
    return None


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, short forms of steps included."""
    assemble()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # defaults such as `all` are objects inside
        whole = Scenario.model_json_schema(by_alias=True)
    whole["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    whole["title"] = "Krawall scenario"
    definitions = whole["$defs"]
    options: list[dict[str, Any]] = [{"type": "string", "description": "short for a message"}]
    for kind, step in step_classes().items():
        long = definitions[step.__name__]
        options.append({"$ref": f"#/$defs/{step.__name__}"})
        for word, field in {kind: step.shorthand, **step.words}.items():
            name = f"{step.__name__}_{word}"
            definitions[name] = _short_form(long, word, field)
            options.append({"$ref": f"#/$defs/{name}"})
    definitions["AnyStep"] = {"anyOf": options}
    short: dict[str, Any] = _with_short_forms(whole)
    return short


def _short_form(long: dict[str, Any], word: str, field: str) -> dict[str, Any]:
    properties = {key: inner for key, inner in long["properties"].items() if key not in ("kind", field)}
    value = {"anyOf": [long["properties"][field], {"type": "null"}]} if field in long["properties"] else {}
    required = [word, *(key for key in long.get("required", ()) if key not in ("kind", field))]
    return {**long, "properties": {word: value, **properties}, "required": required}


def _with_short_forms(node: Any) -> Any:
    """Replace every inline union of steps (a `oneOf` with discriminator `kind`) by the one that has short forms."""
    if isinstance(node, dict):
        if node.get("discriminator") and node["discriminator"].get("propertyName") == "kind":
            return {"$ref": "#/$defs/AnyStep"}
        return {key: _with_short_forms(inner) for key, inner in node.items()}
    if isinstance(node, list):
        return [_with_short_forms(inner) for inner in node]
    return node

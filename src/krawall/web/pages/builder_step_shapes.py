"""What the forms of steps ask for, by kind; of steps from other packages what their JSON Schema says. Pure."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import PydanticJsonSchemaWarning

from krawall.plugins.assemble import assemble, step_classes
from krawall.services.lanes import lane_fields
from krawall.web.pages.builder_rows import Pairs, Rows
from krawall.web.pages.builder_shapes import Choice, Line, OneOf, Part, Reading, Record, Shape, Switch, Way

TAKEN = frozenset({"step", "csrf", "add", "drop", "up", "what", "was", "rest", "row"})
"""Names that a form has for itself: a plugin's fields of these names are edited as YAML."""

_LIMIT = "Such as < 2s or >= 10."
_TEXT, _EXPRESSION = "text", "limit"

CHECK = Record(
    (
        Part("equals", Line("Equals", "plain", help="What the path has to find; empty: anything."), ("json",)),
        Part("at least", Line("At least", "number", example="0.6", help="Likeness, 0 to 1."), ("similar",)),
        Part("hard", Switch("A miss fails the conversation")),
    ),
    OneOf(
        "Check",
        (
            Way("contains", "Contains", "contains", Line("Text", area=1, keep=True, names="text"), "hello", _TEXT),
            Way("lacks", "Does not contain", "lacks", Line("Text", area=1, keep=True, names="text"), "sorry", _TEXT),
            Way("regex", "Matches a pattern", "regex", Line("Regular expression", keep=True, code=True), r"\d+", _TEXT),
            Way("json", "Has in its JSON", "json", Line("JSONPath", keep=True, code=True), "$.status"),
            Way("schema", "Fits a JSON Schema", "schema", Line("JSON Schema, as YAML", "yaml", area=4, code=True), {"type": "object"}),
            Way("length", "Length", "length", Line("Characters", help=_LIMIT, keep=True, code=True), "> 0", _EXPRESSION),
            Way("latency", "Response time", "latency", Line("To the last token", help=_LIMIT, keep=True, code=True), "< 10s"),
            Way("ttft", "Time to first token", "ttft", Line("To the first readable token", help=_LIMIT, keep=True, code=True), "< 2s"),
            Way("tokens", "Output tokens", "tokens", Line("Tokens", help=_LIMIT, keep=True, code=True), "< 500", _EXPRESSION),
            Way("language", "Language", "language", Line("ISO 639-1 code", example="en", keep=True), "en"),
            Way("similar", "Is like a text", "similar", Line("Reference", area=2, keep=True, names="text"), "Hello, how can I help?", _TEXT),
            Way("that", "Expression is true", "that", Line("Expression", keep=True, code=True, names="expression"), "usage.output < 300"),
        ),
    ),
)  # fmt: skip

TAKE = Record(
    (Part("default", Line("Otherwise", "plain", help="The value when nothing is found; empty: an empty text."), ("json", "regex")),),
    OneOf(
        "From",
        (
            Way("json", "Reply as JSON", "json", Line("JSONPath", keep=True, code=True), "$.id"),
            Way("regex", "Reply by a pattern", "regex", Line("Regular expression", keep=True, code=True, help="Its first group, or the whole match."), r"\d+"),
            Way("value", "Expression", "value", Line("Expression", keep=True, code=True, names="expression"), "reply"),
            Way("text", "Text", "text", Line("Text", area=1, keep=True, names="text"), "{{ reply }}"),
        ),
    ),
)  # fmt: skip

_READINGS: Mapping[str, Reading] = {"integer": "whole", "number": "number"}
_BLANK_CHECK: dict[str, Any] = {"length": "> 0"}
_MOST = Line("At most", "whole", example="1000", help="Never more passes than this.")

OURS: Mapping[str, Record] = {
    "message": Record(
        (
            Part("text", Line("Message", area=4, keep=True, names="text")),
            Part("expect", Rows("Checks on the reply", CHECK, "check", _BLANK_CHECK)),
        )
    ),
    "delay": Record(
        (
            Part(
                "time",
                Line("Wait", keep=True, code=True, help="2s, 1s..4s, normal(3s, 1s), exp(2s) or lognormal(2s, 0.5).", known="delays"),
            ),
        )
    ),
    "loop": Record(
        (Part("most", _MOST, ("while", "from")),),
        OneOf(
            "Repeat",
            (
                Way("times", "A number of times", "times", Line("Times", "whole", keep=True), 3),
                Way("while", "While something is true", "while", Line("Condition", keep=True, code=True, names="expression"), "turn < 10", "expression"),
                Way("each", "For each of a list", "over", Line("One item a line", "lines", area=4, keep=True), ["first", "second"]),
                Way("from", "For each of an expression", "over", Line("Expression", keep=True, code=True, names="expression"), "reply_json", "expression"),
            ),
        ),
    ),
    "conditional": Record((Part("condition", Line("If", keep=True, code=True, names="expression")),)),
    "expect": Record((Part("checks", Rows("Checks on the last reply", CHECK, "check", _BLANK_CHECK)),)),
    "set": Record((Part("values", Pairs("Values", TAKE, "value", "value", {"value": "reply"}, help="Set in this order; later ones may use earlier ones.")),)),
    "choose": Record(()),
    "end": Record((Part("because", Line("Reason", example="the scenario ends here", help="The word loop leaves the innermost loop, not the conversation.")),)),
}  # fmt: skip


def shape_of(kind: str) -> Record:
    """Return what the form of a kind asks for."""
    return OURS[kind] if kind in OURS else from_schema(kind)


@functools.cache
def from_schema(kind: str) -> Record:
    """Return what the form of a step from another package asks for: a field for each property of its JSON Schema."""
    assemble()
    step = step_classes()[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
        schema: Mapping[str, Any] = step.model_json_schema(by_alias=True)
    lanes = {lane.field for lane in lane_fields(step)}
    schema = _followed(schema, schema)  # a step that holds steps is a reference to itself
    known = schema.get("properties", {})
    needed = schema.get("required", ())
    return Record(
        tuple(
            Part(name, _asked(name, inner, name in needed))
            for name, inner in known.items()
            if name not in {*lanes, *TAKEN, "kind"} and "." not in name
        )
    )


def _asked(name: str, schema: Mapping[str, Any], needed: bool) -> Shape:
    """Return the field for a property: by its type, YAML where it is more than a text, a number or a choice."""
    label, help = name.replace("_", " ").capitalize(), str(schema.get("description", ""))
    plain = _single(schema)
    kind = plain.get("type")
    if isinstance(plain.get("enum"), list) and all(isinstance(each, str) for each in plain["enum"]):
        options = tuple((each, each.capitalize()) for each in plain["enum"])
        return Choice(label, options, "" if needed else "Not set", help)
    if kind == "boolean":
        return Switch(label, help)
    if kind == "string":
        return _text(label, help, plain.get("x-krawall"), needed)
    default = str(schema["default"]) if type(schema.get("default")) in (str, int, float) else ""
    reading = _READINGS.get(str(kind), "plain" if isinstance(kind, list) and "string" in kind else "yaml")
    return Line(
        label, reading, help=help, example=default, area=3 * (reading == "yaml"), code=reading in ("yaml", "plain")
    )


def _text(label: str, help: str, mark: object, needed: bool) -> Line:
    if mark == "expression":
        return Line(label, help=help, keep=needed, code=True, names="expression")
    return Line(label, help=help, keep=needed, area=3 if mark else 0, names="text" if mark else "")


def _followed(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = whole.get("$defs", {}).get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    return found


def _single(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a property without the `or null` of an optional one."""
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return options[0] if len(options) == 1 else schema

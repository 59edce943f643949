"""Documents as text: YAML 1.2 (core schema; JSON is part of it) to plain data and back without loss, with the line of every
place. Data is what JSON knows: mappings with text keys, lists, texts, numbers, booleans, null."""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml import events as on
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.representer import SafeRepresenter

from krawall.errors import DocumentError, Place
from krawall.wire.document import mend

MAX_BYTES: Final = 2_000_000
MAX_ALIASES: Final = 1_000
MAX_VALUES: Final = 200_000
"""Values of a document, those behind aliases counted at each use: a few lines of aliases of aliases make billions."""
MAX_DEPTH: Final = 100

Way = tuple[str | int, ...]

# YAML 1.2.2 section 10.3.2, the core schema.
_NULL = re.compile(r"|~|null|Null|NULL")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# What readers of YAML 1.1 take for something else than a text: words, numbers in any notation, times, dates, merge keys.
_MISREAD = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null|~|[-+]?\.(inf|nan))|=|<<|[-+]?[.0-9][-+.:,_0-9eE]*|[-+]?0[xob][0-9a-fA-F_]+"
    r"|\d{4}-\d\d?-\d\d?([Tt]|[ \t]+)\d\d?:.*"
)
_BLOCK = re.compile(r"[^\s].*(\n+[^\n]*\S)*\n*")
_TAG = "tag:yaml.org,2002:"


class Source:
    """A document as it was read: its `data`, its `name` (a file's, for messages) and where each value stands."""

    def __init__(self, data: object, name: str, text: str, lines: dict[Way, int] | None = None) -> None:
        self.data = data
        self.name = name
        self._text = text
        self._lines = lines

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """Return the 1-based line of the value at `path`, or of its nearest ancestor that stands in the text."""
        if self._lines is None:  # JSON: only a document with an error asks
            try:
                self._lines = _Builder(self._text, self.name).build().lines
            except DocumentError:
                self._lines = {}
        way = tuple(path)
        return next((self._lines[way[:end]] for end in range(len(way), -1, -1) if way[:end] in self._lines), None)


def read(text: str, name: str) -> Source:
    """Read one YAML or JSON document.

    Raises:
        DocumentError: it is neither, too large, holds a key twice, several documents, tags, or too many aliases.
    """
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise DocumentError(name, [Place("", f"larger than {MAX_BYTES // 1_000_000} MB")])
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        # YAML readers refuse some JSON: tabs as indentation, long keys. What is not JSON may still be YAML's flow style.
        try:
            return Source(_json(text), name, text)
        except (ValueError, RecursionError):
            pass
    builder = _Builder(text, name).build()
    return Source(builder.data, name, text, builder.lines)


def _json(text: str) -> object:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = {mend(key): mend(value) if isinstance(value, str) else value for key, value in pairs}
        if len(found) != len(pairs):
            raise ValueError("a key twice")
        return found

    def refuse(constant: str) -> object:
        raise ValueError(constant)

    return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=once, parse_constant=refuse)


class _Builder:
    """Builds data from parsing events; once. `lines`: where keys and list elements begin."""

    def __init__(self, text: str, name: str) -> None:
        self.data: object = None
        self.lines: dict[Way, int] = {(): 1}
        self._name = name
        self._text = text
        self._events: Iterator[on.Event] = iter(())
        self._anchors: dict[str, tuple[object, int]] = {}  # the value, and how many values it is made of
        self._values = 0
        self._aliases = 0

    def build(self) -> _Builder:
        parser = YAML(typ="safe", pure=True)
        self._events = parser.parse(self._text.removeprefix("\ufeff"))
        documents = 0
        try:
            for event in self._events:
                if not isinstance(event, on.DocumentStartEvent):
                    continue
                documents += 1
                if documents > 1:
                    raise self._wrong(event.start_mark, "a second document begins; keep one document in a file")
                first = next(self._events)
                self.lines[()] = first.start_mark.line + 1
                self.data = self._value(first, (), 0)
        except MarkedYAMLError as error:
            said = ", ".join(part for part in (error.context, error.problem) if part)
            raise self._wrong(error.problem_mark or error.context_mark, said) from None
        except ReaderError as error:
            before = self._text[: error.position]
            mark = StreamMark(self._name, 0, before.count("\n"), len(before) - before.rfind("\n") - 1)
            raise self._wrong(mark, f"the character U+{error.character:04X} is not allowed") from None
        except (YAMLError, RecursionError) as error:
            raise DocumentError(self._name, [Place("", str(error))]) from None
        return self

    def _wrong(self, mark: Any, message: str) -> DocumentError:
        if mark is None:
            return DocumentError(self._name, [Place("", message)])
        hint = "YAML is indented with spaces, not tabs" if "'\\t'" in message else None
        return DocumentError(self._name, [Place("", f"column {mark.column + 1}: {message}", mark.line + 1)], hint=hint)

    def _value(self, event: Any, way: Way, depth: int) -> object:
        if isinstance(event, on.AliasEvent):
            return self._alias(event)
        before = self._values
        self._count(event, 1)
        if depth > MAX_DEPTH:
            raise self._wrong(event.start_mark, f"nested deeper than {MAX_DEPTH} levels")
        value: object
        if isinstance(event, on.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, on.MappingStartEvent):
            self._no_tag(event, "map")
            value = self._mapping(way, depth)
        else:
            self._no_tag(event, "seq")
            value = self._sequence(way, depth)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._values - before)
        return value

    def _count(self, event: on.Event, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise self._wrong(event.start_mark, f"more than {MAX_VALUES:,} values, those behind aliases included")

    def _alias(self, event: on.AliasEvent) -> object:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise self._wrong(event.start_mark, f"more than {MAX_ALIASES:,} aliases")
        if event.anchor not in self._anchors:
            raise self._wrong(event.start_mark, f"the alias *{event.anchor} has no complete anchor before it")
        value, values = self._anchors[event.anchor]
        self._count(event, values)
        return copy.deepcopy(value)

    def _no_tag(self, event: on.CollectionStartEvent, kind: str) -> None:
        tag = event.tag
        if tag is not None and tag not in ("!", _TAG + kind):
            raise self._wrong(event.start_mark, f"the tag {tag!r} is not used here; leave it out")

    def _sequence(self, way: Way, depth: int) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), on.SequenceEndEvent):
            here = (*way, len(items))
            self.lines[here] = event.start_mark.line + 1
            items.append(self._value(event, here, depth + 1))
        return items

    def _mapping(self, way: Way, depth: int) -> dict[str, object]:
        own: dict[str, object] = {}
        merged: dict[str, object] = {}
        merges = 0
        while not isinstance(event := next(self._events), on.MappingEndEvent):
            if isinstance(event, on.ScalarEvent) and event.value == "<<" and event.implicit[0]:
                merges += 1
                if merges > 1:
                    raise self._wrong(event.start_mark, "the key '<<' stands twice; give it a list")
                merged = self._merged(next(self._events), (*way, "<<"), depth + 1)
                continue
            key = self._key(event)
            if key in own:
                raise self._wrong(
                    event.start_mark, f"the key {key!r} stands twice; the first is in line {self.lines[(*way, key)]}"
                )
            self.lines[(*way, key)] = event.start_mark.line + 1
            own[key] = self._value(next(self._events), (*way, key), depth + 1)
        return {**merged, **own} if merged else own

    def _merged(self, event: on.Event, way: Way, depth: int) -> dict[str, object]:
        """Return the keys that `<<` brings in: of one mapping, or of several of which the first that has a key counts."""
        value = self._value(event, way, depth)
        merged: dict[str, object] = {}
        for part in reversed(value if isinstance(value, list) else [value]):
            if not isinstance(part, dict):
                raise self._wrong(event.start_mark, "'<<' takes a mapping or a list of mappings")
            merged.update(part)
        return merged

    def _key(self, event: on.Event) -> str:
        """Return a key as text: `429`, `no` and `1.0` are what is written."""
        if isinstance(event, on.ScalarEvent):
            self._count(event, 1)
            if event.anchor:
                self._anchors[event.anchor] = (mend(event.value), 1)
            return mend(event.value)
        value = self._alias(event) if isinstance(event, on.AliasEvent) else None
        if not isinstance(value, str):
            raise self._wrong(event.start_mark, "a key must be a text")
        return value

    def _scalar(self, event: on.ScalarEvent) -> object:
        text, tag = event.value, event.tag
        if tag is None and not event.implicit[0]:  # quoted, or a block
            return text if text.isascii() else mend(text)
        for kind, pattern in (("null", _NULL), ("bool", _BOOL), ("int", _INT), ("float", _FLOAT)):
            if tag in (None, _TAG + kind) and pattern.fullmatch(text):
                try:
                    return _plain(kind, text)
                except ValueError:
                    raise self._wrong(event.start_mark, "a number with too many digits") from None
        if tag in (None, "!", _TAG + "str"):
            return mend(text)
        raise self._wrong(event.start_mark, f"the tag {tag!r} is not used here, or {text!r} is not of that kind")


def _plain(kind: str, text: str) -> object:
    if kind == "null":
        return None
    if kind == "bool":
        return text[0] in "tT"
    if kind == "int":
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


class _Representer(SafeRepresenter):
    """Plain data as nodes: texts in the style that reads best and that every reader takes for a text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def text(self, value: str) -> ScalarNode:
        style: str | None = None
        if "\n" in value:
            block = _BLOCK.fullmatch(value) and all(part.isprintable() for part in value.split("\n"))
            style = "|" if block else '"'
        elif not value.isprintable() or not value or _MISREAD.fullmatch(value):
            style = '"'
        return self.represent_scalar(_TAG + "str", value, style=style)


_Representer.add_representer(str, _Representer.text)


def write(data: object) -> str:
    """Return `data` as YAML in block style: `read(write(data)).data == data`; keys keep their order.

    Raises:
        ruamel.yaml.representer.RepresenterError: it is not plain data.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # annotated as None only
    yaml.allow_unicode = True
    yaml.width = 1_000_000  # never folds a line
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue().removesuffix("...\n")

"""Paths into a reply. The plain part of a path, `choices[0].message.content`, is compiled by `extract`; what goes beyond it
(wildcards, filters, slices, descent) is RFC 9535 and goes through python-jsonpath, from the place where the plain part ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import jsonpath

Segments = tuple[str | int, ...]
Query = Callable[[object], list[object]]

_STEP = re.compile(
    r"""(?:^|\.)(?P<name>[^\W\d][\w-]*)|\[(?P<index>\d{1,9})\]|\['(?P<single>[^'"\\\x00-\x1f]*)'\]|\["(?P<double>[^'"\\\x00-\x1f]*)"\]"""
)
_EASY = re.compile(
    r"""(?:^|\.)(?P<name>[^\W\d][\w-]*)|\[(?P<index>\d{1,9})\]|(?P<all>\[\*\])"""
    r"""|(?P<filter>\[\?\s*@\.(?P<member>[^\W\d]\w*)\s*(?P<sign>==|!=)\s*(?:'(?P<text>[^'"\\\x00-\x1f]*)'|(?P<flag>true|false))\s*\])"""
)
_BRACES = re.compile(r"\{([^{}]+)\}")
_GUARD = re.compile(r"""^(?P<path>.+?)\s+if\s+(?P<where>\S+)\s*==\s*(?P<quote>['"])(?P<text>[^'"]*)(?P=quote)\s*$""")


@dataclass(frozen=True)
class Path:
    """A compiled path: `segments` lead to a value, `query` (if any) finds the matches inside it.

    With a guard the path counts only where the value at `guard` is the text `equals`.
    """

    text: str
    segments: Segments
    query: Query | None = None
    guard: Segments = ()
    equals: str = ""

    def find(self, document: object) -> list[object]:
        """Return what the path finds in a decoded document: no value, one, or several by a query. Null counts as nothing."""
        if self.guard and walk(document, self.guard) != self.equals:
            return []
        value = walk(document, self.segments)
        if self.query is None or value is None:
            return [] if value is None else [value]
        return self.query(value)


def parse_path(text: str) -> Path:
    """Compile `a.b[0]`, `$.a['b']`, any RFC 9535 query (`$.` may be left out), or `PATH if PATH == 'text'`.

    Raises:
        ValueError: it is not a path.
    """
    guarded = _GUARD.match(text)
    if guarded:
        path, where = parse_path(guarded["path"]), parse_path(guarded["where"])
        if where.query or where.guard or not where.segments:
            raise ValueError(f"{text!r}: what follows 'if' must be a plain path such as type or delta.type")
        return Path(text, path.segments, path.query, where.segments, guarded["text"])
    source = text.strip()
    if not source:
        raise ValueError("a path is empty; leave it out, or write $ for the whole document")
    source = source[1:] if source.startswith("$") else source if source.startswith((".", "[")) else "." + source
    segments, at = _plain(source)
    rest = source[at:]
    if not rest:
        return Path(text, segments)
    if "$" in rest:  # a filter that looks at the whole document
        return Path(text, (), _query(text, "$" + source))
    return Path(text, segments, _query(text, "$" + rest))


def parse_address(text: str) -> Callable[[object], str]:
    """Compile an address to be filled from a document: a path to where it stands, or `/jobs/{id}` with paths in braces.

    The function raises LookupError when nothing that can stand in an address is at a path.

    Raises:
        ValueError: a path is not one.
    """
    parts = _BRACES.split(text)
    if len(parts) == 1 and not text.startswith("/"):
        whole = parse_path(text)
        return lambda document: _single(whole, document)
    paths = [parse_path(part) for part in parts[1::2]]

    def fill(document: object) -> str:
        values = [quote(_single(path, document), safe="") for path in paths]
        return parts[0] + "".join(value + part for value, part in zip(values, parts[2::2], strict=True))

    return fill


def _single(path: Path, document: object) -> str:
    found = path.find(document)
    if not found or isinstance(found[0], (dict, list, bool)):
        raise LookupError(f"nothing at {path.text}")
    return str(found[0])


def _plain(source: str) -> tuple[Segments, int]:
    """Return the leading plain segments of `source`, and where the rest begins."""
    segments: list[str | int] = []
    at = 0
    while at < len(source):
        step = _STEP.match(source, at)
        # A name must end where it seems to: in `a.b@c` nothing is plain after `a`.
        if not step or (step.end() < len(source) and source[step.end()] not in ".["):
            break
        at = step.end()
        index = step["index"]
        segments.append(int(index) if index is not None else step["name"] or step["single"] or step["double"] or "")
    return tuple(segments), at


def _query(text: str, query: str) -> Query:
    steps = _steps(query.removeprefix("$"))
    if steps is not None:
        return lambda value: _select(value, steps)
    try:
        find = jsonpath.compile(query).findall
    except jsonpath.JSONPathError as error:
        raise ValueError(f"{text!r} is not a path: {str(error).splitlines()[0]}") from None

    def run(value: object) -> list[object]:
        # python-jsonpath would read a text as a JSON document.
        return [found for found in find(value) if found is not None] if isinstance(value, (dict, list)) else []

    return run


def _steps(query: str) -> list[re.Match[str]] | None:
    """Return the steps of a query of names, indices, `[*]` and comparisons of one member; None for what goes beyond.

    Some streams need such a query in every event, and python-jsonpath takes 10 us for one.
    """
    steps: list[re.Match[str]] = []
    at = 0
    while at < len(query):
        step = _EASY.match(query, at)
        if not step or (step["name"] and step.end() < len(query) and query[step.end()] not in ".["):
            return None
        steps.append(step)
        at = step.end()
    return steps


def _select(value: object, steps: list[re.Match[str]]) -> list[object]:
    """Return what the steps find, as RFC 9535 says; null counts as nothing."""
    found = [value]
    for step in steps:
        kind = step.lastgroup
        if kind == "name":
            name = step["name"]
            found = [node[name] for node in found if isinstance(node, dict) and name in node]
        elif kind == "index":
            index = int(step["index"])
            found = [node[index] for node in found if isinstance(node, list) and index < len(node)]
        else:
            inner: list[object] = []
            for node in found:
                inner += node if isinstance(node, list) else node.values() if isinstance(node, dict) else ()
            found = inner if kind == "all" else [node for node in inner if _holds(node, step)]
    return [node for node in found if node is not None]


def _holds(node: object, step: re.Match[str]) -> bool:
    member = node.get(step["member"]) if isinstance(node, dict) else None
    flag = step["flag"]
    same = member is (flag == "true") if flag else member.__class__ is str and member == (step["text"] or "")
    return same is (step["sign"] == "==")


def walk(value: object, segments: Segments) -> object:
    """Return what stands at `segments` of a decoded document; None when nothing does."""
    for segment in segments:
        if isinstance(segment, str):
            value = value.get(segment) if isinstance(value, dict) else None
        else:
            value = value[segment] if isinstance(value, list) and segment < len(value) else None
        if value is None:
            return None
    return value


def nearest(document: object, segments: Segments) -> tuple[Segments, object]:
    """Return the longest beginning of `segments` that stands in `document`, and the value there (may be None)."""
    for length in range(len(segments), 0, -1):
        parent = document if length == 1 else walk(document, segments[: length - 1])
        last = segments[length - 1]
        if isinstance(parent, dict) and last in parent:
            return segments[:length], parent[last]
        if isinstance(parent, list) and isinstance(last, int) and last < len(parent):
            return segments[:length], parent[last]
    return (), document


def show(segments: Segments) -> str:
    """Return segments as a person writes them: `choices[0].message`."""
    text = "".join(f"[{segment}]" if isinstance(segment, int) else f".{segment}" for segment in segments)
    return text.removeprefix(".")

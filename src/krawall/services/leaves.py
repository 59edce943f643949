"""A reply taken apart without knowing its shape: documents out of bytes, and every single value with the path that leads to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from krawall.wire.document import NotMapped, decode_any
from krawall.wire.sse import EventParser

MOST_DOCUMENTS = 1_000
MOST_VALUES = 5_000  # of one document
MOST_DEPTH = 24
_PLAIN = re.compile(r"[^\W\d][\w-]*")
_QUOTABLE = re.compile(r"[^'\"\\\x00-\x1f]*")
_PACKET = re.compile(rb"([0-6])(?:([0-6])(?:/[^,\[{]*,)?[0-9]*)?([\[{].*)?", re.DOTALL)
"""A packet of Engine.IO 4 with one of Socket.IO 5 in it: types, namespace, number of an acknowledgement, JSON."""
_KIND_KEYS = ("type", "event", "kind", "object")

Shape = Literal["json", "events", "lines", "messages", "text", "nothing"]


@dataclass(frozen=True)
class Seen:
    """What a reply is made of. `end`: the data that ends a stream and is no document; `kind_key`: the key that tells events apart."""

    shape: Shape
    documents: list[object]
    text: str = ""
    end: str = ""
    kind_key: str = ""


@dataclass(frozen=True)
class Leaf:
    """One value that holds no other. `names`: the keys on the way, lower case and letters only.

    `role` and `kind`: the `role` and `type` of the nearest object around it, "" where there is none.
    """

    path: str
    names: tuple[str, ...]
    value: object
    role: str
    kind: str


def see(pieces: Sequence[bytes]) -> Seen:
    """Return what a body, or the messages of a connection, hold."""
    body = b"".join(pieces)
    if not body.strip():
        return Seen("nothing", [])
    whole = _documents([body])
    if whole:
        return Seen("json", whole)
    packets = _packets(pieces if len(pieces) > 1 else body.split(b"\n"))
    if packets:
        return Seen("messages", packets, kind_key=_kind_key(packets))
    events = _events(body)
    if events:
        return _stream("events", events)
    lines = [line for line in body.split(b"\n") if line.strip()]
    for shape, parts in (("lines", lines), ("messages", [piece for piece in pieces if piece.strip()])):
        found = _documents(parts)
        if found and len(found) >= min(len(parts), MOST_DOCUMENTS) - 1:
            return Seen("lines" if shape == "lines" else "messages", found, kind_key=_kind_key(found))
    return Seen("text", [], body.decode("utf-8", "replace"))


def leaves(document: object) -> Iterator[Leaf]:
    """Yield every value of a document that holds no other, and is not null, in document order."""
    waiting: list[tuple[object, str, tuple[str, ...], str, str]] = [(document, "", (), "", "")]
    seen = 0
    while waiting and seen < MOST_VALUES:
        value, path, names, role, kind = waiting.pop()
        seen += 1
        if isinstance(value, dict | list):
            if len(names) < MOST_DEPTH:
                waiting += reversed(list(inner(value, path, names, role, kind)))
        elif value is not None:
            yield Leaf(path or "$", names, value, role, kind)


def inner(
    value: dict[str, object] | list[object], path: str, names: tuple[str, ...], role: str, kind: str
) -> Iterator[tuple[object, str, tuple[str, ...], str, str]]:
    """Yield what a list or an object holds: value, path, names, role, kind; not what stands under keys that no path can name."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield item, path + _index(value, index, bool(path)), names, role, kind
        return
    role = _word(value.get("role")) or role
    kind = _word(value.get("type")) or kind
    for key, item in value.items():
        if _PLAIN.fullmatch(key):
            yield item, f"{path}.{key}".removeprefix("."), (*names, _name(key)), role, kind
        elif _QUOTABLE.fullmatch(key):
            yield item, f"{path}['{key}']", (*names, _name(key)), role, kind


def _index(items: list[object], index: int, inside: bool) -> str:
    """Return how to lead to an item: by its type where items have one, the last of several messages from the end."""
    item = items[index]
    if isinstance(item, dict):
        kind = _word(item.get("type"))
        if kind and inside and _QUOTABLE.fullmatch(kind):
            return f"[?@.type=='{kind}']"
        if len(items) > 1 and inside and index == len(items) - 1 and _word(item.get("role")):
            return "[-1]"
        if len(items) > 1 and not inside:  # a list of chunks
            return "[*]"
    return f"[{index}]"


def _word(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= 80 else ""


def _name(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.lower())


def _documents(parts: Sequence[bytes]) -> list[object]:
    """Return the parts that are JSON objects or lists (or texts), decoded."""
    found: list[object] = []
    if len(parts) > MOST_DOCUMENTS:  # what ends a stream says more than what is in its midst
        parts = [*parts[: MOST_DOCUMENTS // 2], *parts[-MOST_DOCUMENTS // 2 :]]
    for part in parts:
        try:
            document = decode_any(part)
        except NotMapped:
            continue
        if isinstance(document, dict | list | str):
            found.append(document)
    return found


def is_packet(piece: bytes) -> bool:
    """Tell whether a message may be a packet of Socket.IO."""
    return _PACKET.fullmatch(piece) is not None


def _packets(parts: Sequence[bytes]) -> list[object]:
    """Return the first arguments of events and acknowledgements; none when these are no packets of Socket.IO."""
    matches = [_PACKET.fullmatch(part.strip()) for part in parts if part.strip()]
    if None in matches:
        return []
    told = [(match[2], match[3]) for match in matches if match and match[1] == b"4" and match[2] in (b"2", b"3")]
    made: list[object] = []
    for kind, data in told[:MOST_DOCUMENTS]:
        arguments = next(iter(_documents([data or b""])), None)
        if isinstance(arguments, list):
            made += arguments[1:2] if kind == b"2" else arguments[:1]
    return made


def _events(body: bytes) -> list[bytes]:
    """Return the data of server-sent events; none when the bytes are no such stream."""
    if not re.search(rb"^data:", body, re.MULTILINE):
        return []
    parser = EventParser(len(body) + 1)
    return [event.data for event in parser.feed(body + b"\n\n")]


def _stream(shape: Shape, parts: list[bytes]) -> Seen:
    documents = _documents(parts)
    last = parts[-1].decode("utf-8", "replace")
    end = last if documents and not _documents(parts[-1:]) and len(last) <= 40 else ""
    if not documents:
        return Seen("text", [], b"".join(parts).decode("utf-8", "replace"))
    return Seen(shape, documents, end=end, kind_key=_kind_key(documents))


def _kind_key(documents: list[object]) -> str:
    """Return the key whose values tell several kinds of events apart, "" when there is none."""
    mappings = [document for document in documents if isinstance(document, dict)]
    for key in _KIND_KEYS:
        kinds = [document[key] for document in mappings if isinstance(document.get(key), str)]
        if len(set(kinds)) > 1 and len(kinds) >= 0.8 * len(documents) and len(set(kinds)) <= 40:
            return key
    return ""

"""What a request says: the body of a target, compiled to fixed bytes with gaps that each prompt fills."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from krawall.model.exchange import Message, Prompt
from krawall.model.target import MessageShape, Target

WORDS = ("$messages", "$message", "$system", "$conversation_id", "$stream")
"""The texts that stand for values in a body."""

SHAPE_WORDS = ("$role", "$content")
"""The texts that stand for values in the shape of a message."""

_WORD = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_GAP = re.compile(rb"\x00([a-z_]+)\x00")  # NUL never stands in encoded JSON
_ABSENT = object()

_encode = msgspec.json.Encoder().encode

Fill = Callable[[Prompt], bytes]
"""Makes the bytes that go into one gap."""


def compile_request(target: Target) -> Callable[[Prompt], bytes]:
    """Return a function from a prompt to the bytes of the JSON body: `target.body` with `target.request` laid over it.

    A text that is exactly one of `WORDS` becomes the value; where there is none yet (`$conversation_id` before the first reply,
    `$system` without one) its key, or its element of a list, is left out, and so is what holds nothing else. `$messages` opens with
    the system prompt unless the body places `$system` itself; each is written as `target.messages` says. Mappings are merged, anything else in `request` replaces; null in `request` removes a key.

    Raises:
        ValueError: an unknown `$word`, a body that `request` cannot be laid over, or a value that is not JSON.
    """
    _check(target.body, "body")
    _check(target.request, "request")
    body: object = {"message": "$message"} if target.body is None else target.body
    if target.request:
        if not isinstance(body, dict):
            raise ValueError(f"request: fields can only be laid over a body that is a mapping, not {body!r}")
        body = _over(body, target.request)
    apart = _uses(body, "$system")
    fills: dict[bytes, Fill] = {
        b"message": lambda prompt: _encode(prompt.text),
        b"messages": _fill_messages(target.messages, apart),
        b"system": lambda prompt: _encode(prompt.system),
        b"conversation_id": lambda prompt: _encode(prompt.conversation_id),
    }
    variants = [
        _variant(body, target.stream, fills, system, known) for known in (False, True) for system in (False, True)
    ]

    def build(prompt: Prompt) -> bytes:
        fixed, gaps = variants[(prompt.system is not None) + 2 * (prompt.conversation_id is not None)]
        parts = fixed.copy()
        for at, fill in gaps:
            parts[at] = fill(prompt)
        return b"".join(parts)

    return build


def _fill_messages(shape: MessageShape, apart: bool) -> Fill:
    """Return what writes the messages of a prompt, after its system prompt unless that stands apart."""
    write = _encode if shape == MessageShape() else _compile_shape(shape)

    def alone(prompt: Prompt) -> bytes:
        return write(prompt.messages)

    def after_system(prompt: Prompt) -> bytes:
        if prompt.system is None:
            return write(prompt.messages)
        return write([Message("system", prompt.system), *prompt.messages])

    return alone if apart else after_system


def _compile_shape(shape: MessageShape) -> Callable[[list[Message]], bytes]:
    """Return a function from messages to the bytes of their list, each in the shape that a target has for them."""
    _check(shape.form, "messages.form", SHAPE_WORDS)
    gaps = {"$role": msgspec.Raw(b"\0role\0"), "$content": msgspec.Raw(b"\0content\0")}
    try:
        pieces = _GAP.split(_encode(_place(shape.form, gaps)))
    except (TypeError, OverflowError, UnicodeEncodeError) as error:
        raise ValueError(f"messages.form: it cannot be sent as JSON: {error}") from None
    roles = shape.roles

    def one(message: Message) -> bytes:
        values = {b"role": roles.get(message.role, message.role), b"content": message.content}
        return b"".join(_encode(values[piece]) if at % 2 else piece for at, piece in enumerate(pieces))

    return lambda messages: b"[" + b",".join(map(one, messages)) + b"]"


def _variant(
    body: object, stream: bool, fills: dict[bytes, Fill], system: bool, known: bool
) -> tuple[list[bytes], list[tuple[int, Fill]]]:
    """Return the pieces of the body for prompts with or without a system prompt and a known conversation id, and the gaps."""
    values: dict[str, object] = {
        "$message": msgspec.Raw(b"\0message\0"),
        "$messages": msgspec.Raw(b"\0messages\0"),
        "$system": msgspec.Raw(b"\0system\0") if system else _ABSENT,
        "$conversation_id": msgspec.Raw(b"\0conversation_id\0") if known else _ABSENT,
        "$stream": stream,
    }
    placed = _place(body, values)
    try:
        # The body itself is sent, however little is left of it.
        pieces = _GAP.split(_encode(({} if isinstance(body, dict) else None) if placed is _ABSENT else placed))
    except (TypeError, OverflowError, UnicodeEncodeError) as error:
        raise ValueError(f"body: it cannot be sent as JSON: {error}") from None
    gaps = [(at, fills[pieces[at]]) for at in range(1, len(pieces), 2)]
    return pieces, gaps


def _place(value: object, values: Mapping[str, object]) -> object:
    if isinstance(value, str):
        return values.get(value, value)
    if isinstance(value, dict):
        placed = {key: _place(inner, values) for key, inner in value.items()}
        left = {key: inner for key, inner in placed.items() if inner is not _ABSENT}
        return left if left or not value else _ABSENT
    if isinstance(value, list):
        kept = [inner for inner in (_place(inner, values) for inner in value) if inner is not _ABSENT]
        return kept if kept or not value else _ABSENT
    return value


def _over(body: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    merged = dict(body)
    for key, value in request.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            below = merged.get(key)
            merged[key] = _over(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _uses(value: object, word: str) -> bool:
    if isinstance(value, (dict, list)):
        return any(_uses(inner, word) for inner in (value.values() if isinstance(value, dict) else value))
    return value == word


def _check(value: object, path: str, words: Sequence[str] = WORDS) -> None:
    """Refuse a text that looks like one of the words and is none."""
    if isinstance(value, str):
        if value not in words and _WORD.fullmatch(value):
            near = difflib.get_close_matches(value, words, 1, 0.5)
            known = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(words)}"
            raise ValueError(f"{path}: unknown word {value!r}; {known}")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(inner, f"{path}.{key}", words)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            _check(inner, f"{path}[{at}]", words)

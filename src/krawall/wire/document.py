"""Single JSON values of a reply, told as what they mean: texts, words, errors, counts; and decoding that forgives."""

from __future__ import annotations

import json
from typing import Any

import msgspec

MOST = 2**53  # no reply has more tokens; JSON numbers beyond it are not exact
_SHOWN = 80


class NotMapped(ValueError):
    """A reply that its mapping cannot read: not JSON, or without a text where the mapping says."""


def decode_any(data: bytes) -> object:
    """Return the decoded JSON document.

    What JSON forbids and servers send all the same is read too: bytes that are not UTF-8 and halves of surrogate pairs (a
    token can end inside a character; both become U+FFFD), NaN and Infinity (null), numbers beyond 64 bits.

    Raises:
        NotMapped: it is not JSON.
    """
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        pass
    try:
        text = data.decode("utf-8", "replace").removeprefix("\ufeff")
        return _whole(json.loads(text, parse_constant=lambda _: None))
    except (ValueError, RecursionError):
        raise NotMapped("reply is not JSON: " + shown(data)) from None


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else mend(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value


def mend(text: str) -> str:
    """Return `text` with the halves of surrogate pairs joined; a half without its other half becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def shown(data: bytes) -> str:
    """Return the first 80 bytes so that they can stand in a message: quoted, control characters escaped."""
    return (
        repr(data[:_SHOWN].decode("utf-8", "replace")) + (" ..." if len(data) > _SHOWN else "") if data else "(empty)"
    )


def as_text(value: object) -> str:
    """Return a value as text: itself, the texts of a list of parts joined, or its JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_part, value))
    return _part(value) if isinstance(value, dict) and isinstance(value.get("text"), str) else _json(value)


def _part(value: object) -> str:
    """Return the text of one part of a list: `{type: text, text: ...}`; parts of other types have none that a person reads."""
    if isinstance(value, dict):
        text, kind = value.get("text"), value.get("type")
        return text if isinstance(text, str) and (not isinstance(kind, str) or kind.endswith("text")) else ""
    return "" if value is None else value if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:  # nested as deep as the interpreter allows
        return "(nested too deeply to show)"


def as_word(value: object) -> str | None:
    """Return a finish reason or an id as text; None for "" and false, which servers send for "not yet"."""
    if value is False or value == "":
        return None
    return value if isinstance(value, str) else _json(value)


def as_error(value: object) -> str | None:
    """Return the message of an error: a text, an object with a `message`, or the JSON of anything else that is not empty."""
    while isinstance(value, dict):
        inner = next((value[key] for key in ("message", "detail", "error") if value.get(key)), None)
        if inner is None:
            break
        value = inner
    if not value:
        return None
    return value if isinstance(value, str) else _json(value)


def count(value: object) -> int | None:
    """Return a number of tokens: a whole number from 0 to 2**53, also written as a float; else None."""
    if value.__class__ is int and 0 <= value <= MOST:
        return value
    if isinstance(value, float) and value.is_integer() and 0 <= value <= MOST:
        return int(value)
    return None

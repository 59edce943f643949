"""Problem documents (RFC 9457) of a server as the errors that they were there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from krawall.errors import (
    DocumentError,
    Forbidden,
    Internal,
    KrawallError,
    NotFound,
    Place,
    TooMany,
    Unauthorized,
    Unavailable,
)

_WITHOUT_WORDS: dict[int, type[KrawallError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 503: Unavailable}


def error_of(status: int, headers: Mapping[str, str], body: bytes, address: str) -> KrawallError:
    """Return the error that an answer of 400 and above says, by its `code`. `headers`: names in lower case."""
    told = _problem(headers, body)
    if told is None:
        return strange(address, status)
    code, hint = str(told.get("code", "")), told.get("hint")
    message = str(told.get("detail") or told.get("title") or f"status {status}")
    cls = _classes().get(code) or _WITHOUT_WORDS.get(status) or (DocumentError if status < 500 else Internal)
    if cls is DocumentError:
        places = [Place(place.get("path", ""), place.get("message", ""), place.get("line")) for place in _places(told)]
        return DocumentError(_source(message, places), places or [Place("", message)], hint=hint)
    if cls is TooMany:
        return TooMany(message, retry_after_s=_seconds(headers.get("retry-after", "")), hint=hint)
    if cls is Unauthorized:
        hint = hint or "give an API token in KRAWALL_TOKEN or --token-file; `krawall tokens create` makes one"
    if cls is Internal and (reference := told.get("request_id")):
        message = f"{message} (the server's log knows more under {reference})"
    return cls(message, hint=hint)


def strange(address: str, status: int | None = None) -> Unavailable:
    """Return the error for an answer that no server of ours gives."""
    answered = f"status {status} without a problem document" if status else "something that is not JSON"
    return Unavailable(
        f"{address} answers with {answered}",
        hint="is a Krawall server there, and does a proxy before it let it through?",
    )


def _problem(headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
    if "json" not in headers.get("content-type", ""):
        return None
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    return told if isinstance(told, dict) and {"code", "detail", "title"} & told.keys() else None


def _places(told: dict[str, Any]) -> list[dict[str, Any]]:
    found = told.get("places")
    return [place for place in found if isinstance(place, dict)] if isinstance(found, list) else []


def _source(message: str, places: list[Place]) -> str:
    """Return what the document is called: `detail` repeats the count of places, which the error says itself."""
    if not places:
        return "the server refuses the request"
    return message.partition("\n")[0].removesuffix(f": {len(places)} errors").removesuffix(": 1 error")


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def _classes() -> dict[str, type[KrawallError]]:
    waiting: list[type[KrawallError]] = [KrawallError]
    found: dict[str, type[KrawallError]] = {}
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        found.setdefault(cls.code, cls)
    return {code: Internal if cls is KrawallError else cls for code, cls in found.items()}

"""How we say who we are: a target's headers and auth settings with their references resolved. Runs where the request is sent."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from krawall.errors import DocumentError, Place
from krawall.model.auth import REFERENCE
from krawall.model.target import Target

Resolve = Callable[[str], str]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.1, a token
_NOT_IN_VALUE = re.compile(r"[\x00-\x1f\x7f]|[^\x00-\xff]")  # RFC 9110 section 5.5; sent as latin-1


def headers(target: Target, resolve: Resolve) -> dict[str, str]:
    """Return the target's headers and those of its auth, names in lower case; where both name one, auth counts.

    Raises:
        DocumentError: a name or a resolved value cannot stand in a header. The message names the place, never the value.
    """
    found: dict[str, str] = {}
    for name, value in target.headers.items():
        found[_name(name, f"headers.{name}")] = _clean(resolve(value), f"headers.{name}")
    auth = target.auth
    if auth is None:
        return found
    for name, reference in (auth.header or {}).items():
        place = f"auth.header.{name}"
        found[_name(name, place)] = _clean(resolve(reference), place)
    if auth.bearer is not None:
        found["authorization"] = "Bearer " + _clean(resolve(auth.bearer), "auth.bearer")
    if auth.basic is not None:
        user = _no_controls(resolve(auth.basic.user), "auth.basic.user")
        if ":" in user:
            raise _wrong("auth.basic.user", "a user name cannot have a ':' in basic authentication (RFC 7617)")
        password = _no_controls(resolve(auth.basic.password), "auth.basic.password")
        found["authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return found


def query(target: Target, resolve: Resolve) -> list[tuple[str, str]]:
    """Return the query parameters of the target's auth, resolved and not yet URL-quoted. Raises DocumentError like `headers`."""
    given = (target.auth and target.auth.query) or {}
    return [(name, _no_controls(resolve(value), f"auth.query.{name}")) for name, value in given.items()]


def secrets_of(target: Target) -> set[str]:
    """Return the names of all references in the target's URL, headers, auth, certificates and hooks, and its connector's settings."""
    parts = target.model_dump(mode="json", include={"url", "headers", "auth", "tls", "hooks", "options"})
    return references_in(parts)


def references_in(value: object) -> set[str]:
    """Return the names of all references in the texts of plain data, however deep."""
    if isinstance(value, str):
        return set(REFERENCE.findall(value))
    if isinstance(value, dict):
        return set().union(*map(references_in, value.values()))
    return set().union(*map(references_in, value)) if isinstance(value, list) else set()


def can_be_sent(name: str, value: str) -> bool:
    """Tell whether a header of this name and value can be sent; what cannot could end the header and begin another."""
    return bool(_NAME.fullmatch(name)) and not _NOT_IN_VALUE.search(value)


def _name(name: str, place: str) -> str:
    if not _NAME.fullmatch(name):
        raise _wrong(place, "the name has characters that a header's name cannot have")
    return name.lower()


def _clean(value: str, place: str) -> str:
    if _NOT_IN_VALUE.search(value):
        raise _wrong(place, "the value has characters that a header cannot have, such as a line end", _LINE_END)
    return value


def _no_controls(value: str, place: str) -> str:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        raise _wrong(place, "the value has control characters, such as a line end", _LINE_END)
    return value


_LINE_END = "a secret read from a file often ends with a line end; store it without"


def _wrong(place: str, message: str, hint: str | None = None) -> DocumentError:
    return DocumentError("target", [Place(place, message)], hint=hint)

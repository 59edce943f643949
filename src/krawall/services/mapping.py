"""What a target would send, and what its mapping reads from an answer: for looking at while it is written. Nothing is sent. Pure.

References are shown as they are written, never their values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from pydantic import ValidationError

from krawall.errors import DocumentError, NotFound, Place
from krawall.model.base import Record
from krawall.model.exchange import Message, Prompt
from krawall.model.target import Paths, ReplyMapping, Target
from krawall.plugins.assemble import places
from krawall.plugins.preset import facts, resolve
from krawall.services.leaves import Seen
from krawall.services.suggesting import Part
from krawall.services.trials import MESSAGE
from krawall.services.twigs import seen_in
from krawall.version import __version__
from krawall.wire import auth
from krawall.wire.document import as_error, as_text, as_word, count
from krawall.wire.paths import Path, parse_path
from krawall.wire.request import compile_request

MOST_SHOWN = 2_000
"""Letters of a value that is read."""
NOWHERE = "http://127.0.0.1/"
"""Where a target stands that does not say it yet."""


class Sent(Record, frozen=True):
    """A request: `line` is what goes before its headers, `how` in what the body travels."""

    how: str
    line: str
    headers: dict[str, str]
    body: str


class Read(Record, frozen=True):
    """One part of a reply. `path`: what the target, or its preset, says of where it stands.

    found: it is there; nothing: no path leads to anything; unmapped: there is no path; wrong: one is no path (`value` says why);
    unseen: there is no answer to read.
    """

    part: Part
    path: str
    state: Literal["found", "nothing", "unmapped", "wrong", "unseen"]
    value: str = ""


class Look(Record, frozen=True):
    """What can be said of a target without asking anybody. `sent` is null where `problems` stand in the way."""

    sent: Sent | None
    reads: list[Read]
    problems: list[str]


def look(body: dict[str, Any], answer: str = "", message: str = MESSAGE) -> Look:
    """Return what a target would send for a message, and what it reads from an answer.

    What it does not say yet, such as its address, is filled in so that the rest can be seen.
    """
    try:
        target, problems = _resolved(body)
    except DocumentError as error:
        return Look(None, [], [_said(place) for place in error.places])
    except NotFound as error:
        return Look(None, [], [error.message])
    try:
        sent: Sent | None = sent_by(target, message)
    except DocumentError as error:
        sent, problems = None, [*problems, *[_said(place) for place in error.places]]
    except ValueError as error:
        sent, problems = None, [*problems, str(error)]
    return Look(sent, reads_of(target.reply, answer), problems)


def _said(place: Place) -> str:
    return f"{place.path.removeprefix('target.')}: {place.message}" if place.path else place.message


def _resolved(body: dict[str, Any]) -> tuple[Target, list[str]]:
    """Return a target with its preset's part, and what it lacks."""
    own = {key: value for key, value in body.items() if key not in ("name", "kind", "description", "confirmed")}
    given = own.get("fields")
    lacking = []
    preset = own.get("preset")
    if isinstance(preset, str) and preset and (given is None or isinstance(given, dict)):
        asked = [each for each in facts(preset).fields if each.required and each.default is None]
        missing = [each for each in asked if each.name not in (given or {})]
        own["fields"] = {**(given or {}), **{each.name: each.example or each.name for each in missing}}
        lacking = [f"{each.label} is missing" for each in missing]
        if not own["fields"]:
            del own["fields"]
    try:
        made = Target.model_validate(own)
    except ValidationError as error:
        raise DocumentError("target", places(error, own, None)) from None
    try:
        return resolve(made), lacking
    except DocumentError as error:
        if [place.path for place in error.places] != ["target.url"]:
            raise
        return resolve(made.model_copy(update={"url": NOWHERE})), [*lacking, "the address is missing"]


# the request ---------------------------------------------------------------------------------------------


def sent_by(target: Target, message: str) -> Sent:
    """Return the first request of a conversation, as the connectors that come with Krawall make it.

    Raises:
        ValueError, DocumentError: the body or a header cannot be sent.
    """
    body = compile_request(_spelled(target))(Prompt([Message("user", message)], message))
    shown = _pretty(body, bare=target.options.get("frames") == "text")
    kind = target.connector or "http"
    if kind == "echo":
        return Sent("nothing: what is said comes back", "", {}, message)
    headers = _headers(target)
    address = target.url + _query(target)
    if kind == "websocket":
        return Sent("a message over a WebSocket", f"GET {address}", headers, shown)
    if kind == "socketio":
        return Sent(f"an event named {target.options.get('emit', 'message')}", f"GET {address}", headers, shown)
    if kind == "grpc":
        where = ".".join(filter(None, (str(target.options.get(key) or "") for key in ("service", "method"))))
        return Sent(f"a message of {where or 'the one method that fits'}", target.url, headers, shown)
    usual = {
        "user-agent": f"krawall/{__version__}",
        "accept": "text/event-stream, application/json" if target.stream else "application/json, text/plain",
        **({} if target.method == "GET" else {"content-type": "application/json"}),
    }
    return Sent("a request", f"{target.method} {address}", usual | headers, shown)


def _spelled(target: Target) -> Target:
    """Return a target whose body a message over a WebSocket in plain text can be made of."""
    text = target.connector == "websocket" and target.options.get("frames") == "text"
    return target.model_copy(update={"body": "$message"}) if text and target.body is None else target


def _headers(target: Target) -> dict[str, str]:
    headers = auth.headers(target, str)
    if target.auth is not None and target.auth.basic is not None:
        basic = target.auth.basic
        headers["authorization"] = f"Basic, {basic.user} with {basic.password}"
    return headers


def _query(target: Target) -> str:
    given = "&".join(f"{name}={value}" for name, value in auth.query(target, str))
    return (("&" if "?" in target.url else "?") + given) if given else ""


def _pretty(body: bytes, *, bare: bool) -> str:
    """Return JSON with indents; a text that travels bare is shown so."""
    value = msgspec.json.decode(body)
    if bare and isinstance(value, str):
        return value
    return msgspec.json.format(body, indent=2).decode()


# the reply -----------------------------------------------------------------------------------------------


def reads_of(mapping: ReplyMapping, answer: str) -> list[Read]:
    """Return what each part of a mapping reads from an answer, all documents of a stream together."""
    seen = seen_in(answer)
    parts: list[tuple[Part, Paths]] = [
        ("text", mapping.text),
        ("conversation_id", mapping.conversation_id),
        ("error", mapping.error),
        ("finish", mapping.finish),
        ("reasoning", mapping.reasoning),
        ("usage.input", mapping.usage.input),
        ("usage.output", mapping.usage.output),
        ("usage.cached", mapping.usage.cached),
        ("usage.cache_write", mapping.usage.cache_write),
        ("usage.reasoning", mapping.usage.reasoning),
    ]
    if mapping.format == "text" or not _listed(mapping.text):
        whole = Read("text", "", "found" if answer.strip() else "unseen", answer[:MOST_SHOWN])
        return [whole, *(_read(part, paths, seen) for part, paths in parts[1:] if mapping.format != "text")]
    return [_read(part, paths, seen) for part, paths in parts]


def _listed(paths: Paths) -> list[str]:
    return [paths] if isinstance(paths, str) else list(paths)


def _read(part: Part, paths: Paths, seen: Seen) -> Read:
    names = _listed(paths)
    words = ", ".join(names)
    if not names:
        return Read(part, "", "unmapped")
    try:
        compiled = [parse_path(name) for name in names]
    except ValueError as error:
        return Read(part, words, "wrong", str(error))
    if seen.shape == "nothing":
        return Read(part, words, "unseen")
    values = [value for document in seen.documents if (value := _first(compiled, document, part)) is not None]
    merged = _merged(part, values)
    return Read(part, words, "nothing") if merged is None else Read(part, words, "found", merged[:MOST_SHOWN])


def _first(paths: Sequence[Path], document: object, part: Part) -> object:
    """Return what the first path that finds something finds: all matches of a text, else the first."""
    for path in paths:
        if found := path.find(document):
            return "".join(as_text(each) for each in found) if part in ("text", "reasoning") else found[0]
    return None


def _merged(part: Part, values: Sequence[object]) -> str | None:
    """Return one text for what the documents say: texts follow each other, the largest count and the last word hold."""
    if not values:
        return None
    if part in ("text", "reasoning"):
        return "".join(map(str, values))
    if part.startswith("usage."):
        counts = [number for value in values if (number := count(value)) is not None]
        return f"{max(counts):,}" if counts else None
    read: Callable[[object], str | None] = as_error if part == "error" else as_word
    words = [word for value in values if (word := read(value)) is not None]
    return (words[0] if part == "error" else words[-1]) if words else None

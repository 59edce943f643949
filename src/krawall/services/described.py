"""Chats in an OpenAPI document (3.0 and 3.1): which path takes a message, and what its body looks like. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MOST_PATHS = 500
_LIKELY = re.compile(
    r"chat|message|completion|ask|conversation|respond|generate|query|talk|assistant|answer", re.IGNORECASE
)
_UNLIKELY = re.compile(
    r"login|token|auth|user|upload|file|embed|moderat|feedback|rating|admin|image|audio|speech|search|delete|health|webhook",
    re.IGNORECASE,
)
_MESSAGE = (
    "message",
    "prompt",
    "question",
    "query",
    "input",
    "text",
    "content",
    "msg",
    "userinput",
    "usermessage",
    "utterance",
    "q",
)
_CONVERSATION = (
    "conversationid",
    "sessionid",
    "threadid",
    "chatid",
    "dialogid",
    "contextid",
    "conversation",
    "session",
    "thread",
)
_DEEPEST = 6


@dataclass(frozen=True)
class Chat:
    """An operation that seems to take a message. `body`: with the words of a request, `$message` and the like; larger `score`: likelier."""

    path: str
    score: int
    body: dict[str, Any] = field(default_factory=dict)


def chats(document: object) -> list[Chat]:
    """Return the operations of a document that seem to be chats, the likeliest first. Never raises: what is odd is passed over."""
    paths = _mapping(_mapping(document).get("paths"))
    prefix = _prefix(document)
    found = []
    for path, item in list(paths.items())[:MOST_PATHS]:
        post = _mapping(_mapping(item).get("post"))
        for schema in _schemas(post, document):
            body = _body(schema, document)
            if body is not None and "{" not in str(path):
                found.append(Chat(prefix + str(path), _score(str(path), body), body))
    return sorted((chat for chat in found if chat.score > 0), key=lambda chat: (-chat.score, chat.path))


def _score(path: str, body: dict[str, Any]) -> int:
    words = set(map(str, body.values()))
    score = 3 * bool(_LIKELY.search(path)) - 4 * bool(_UNLIKELY.search(path))
    return (
        score + 2 * ("$messages" in words or "$message" in words) + ("$conversation_id" in words) + ("$stream" in words)
    )


def _schemas(post: dict[str, Any], document: object) -> Iterator[dict[str, Any]]:
    content = _mapping(_mapping(_followed(post.get("requestBody"), document)).get("content"))
    for kind, media in content.items():
        if "json" in str(kind):
            yield _followed(_mapping(media).get("schema"), document)


def _body(schema: dict[str, Any], document: object) -> dict[str, Any] | None:
    """Return a body that fits a schema, None when nothing in it takes a message."""
    properties = _properties(schema, document)
    required = schema.get("required")
    needed = {str(name) for name in required} if isinstance(required, list) else set()
    body: dict[str, Any] = {}
    asked = _message_name(properties)
    if asked is None:
        return None
    for name, given in properties.items():
        inner = _followed(given, document)
        plain = re.sub(r"[^a-z]", "", name.lower())
        if name == asked:
            body[name] = "$messages" if inner.get("type") == "array" else "$message"
        elif plain in _CONVERSATION:
            body[name] = "$conversation_id"
        elif plain in ("stream", "streaming") and inner.get("type") == "boolean":
            body[name] = "$stream"
        elif name in needed:
            body[name] = _any_value(inner)
    return body


def _message_name(properties: dict[str, Any]) -> str | None:
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in properties}
    return next((plain[name] for name in ("messages", *_MESSAGE) if name in plain), None)


def _any_value(schema: dict[str, Any]) -> Any:
    """Return a value that a schema names, else an empty one of its type."""
    examples = schema.get("examples") or schema.get("enum")
    for value in (schema.get("default"), schema.get("example"), schema.get("const")):
        if value is not None:
            return value
    if isinstance(examples, list) and examples:
        return examples[0]
    empty: dict[str, Any] = {"integer": 1, "number": 1, "boolean": False, "array": [], "object": {}}
    return empty.get(str(schema.get("type")), "krawall")


def _properties(schema: dict[str, Any], document: object, depth: int = 0) -> dict[str, Any]:
    """Return the properties of a schema and of everything that it is all of; of alternatives the first."""
    found = dict(_mapping(schema.get("properties")))
    if depth < _DEEPEST:
        parts = list(_items(schema.get("allOf")))
        for name in ("anyOf", "oneOf"):
            parts += _items(schema.get(name))[:1]
        for part in parts:
            found = {**_properties(_followed(part, document), document, depth + 1), **found}
    return {str(name): inner for name, inner in found.items()}


def _followed(value: object, document: object) -> dict[str, Any]:
    """Return a schema with its reference followed, {} where it leads nowhere."""
    for _ in range(_DEEPEST):
        node = _mapping(value)
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return node
        here: object = document
        for part in reference.removeprefix("#/").split("/"):
            here = _mapping(here).get(part.replace("~1", "/").replace("~0", "~"))
        value = here
    return {}


def _prefix(document: object) -> str:
    """Return the path that the first server of a document adds."""
    servers = _mapping(document).get("servers")
    url = _mapping(servers[0]).get("url") if isinstance(servers, list) and servers else ""
    path = re.sub(r"^[a-z]+://[^/]*", "", str(url or ""))
    return path.rstrip("/") if path.startswith("/") and "{" not in path else ""


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

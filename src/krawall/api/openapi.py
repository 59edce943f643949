"""The description of the API: what FastAPI knows, and what holds for every route, written once: errors, documents, logins."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from pydantic.warnings import UnsupportedFieldAttributeWarning

from krawall.api import documents, scenarios, targets
from krawall.api.auth import COOKIE, CSRF_HEADER
from krawall.api.errors import MEDIA_TYPE, Problem
from krawall.model.target import SavedTarget
from krawall.model.webhook import Webhook
from krawall.plugins.assemble import schema
from krawall.version import __version__

_PREFIX = "#/components/schemas/"
_ABOUT = """Load, cost and quality testing for conversational AI.

Errors are problem documents (RFC 9457) with a stable `code`. Lists have pages with an opaque cursor. Documents have ETags: a
change names the revision that it was made from. Times are ISO 8601 in UTC."""
TAGS = {
    "targets": "Chatbots that are tested.",
    "scenarios": "What is said, in what order, and what must hold.",
    "webhooks": "Who is told of events, and how deliveries are going.",
    "transfer": "Documents in and out as YAML, many at a time.",
    "sessions": "Executions of a scenario against a target.",
    "messages": "What was said and heard in a session.",
    "events": "What happened, in order, as pages and as streams.",
    "accounts": "Users, logins and API tokens.",
    "credentials": "Secrets, write-only: sealed at rest, opened only where they are sent.",
    "plugins": "Kinds of steps and connectors, presets.",
    "system": "Health, settings, queue, workers.",
}
_ERRORS = {
    "400": "The request is malformed.",
    "401": "Nobody is logged in, or the token is not valid.",
    "403": "Who asks may not do it, or a guard rail said no.",
    "404": "There is no such thing.",
    "405": "The path has no such method.",
    "409": "What is there does not allow it: a name that is taken, a state from which there is no way.",
    "412": "Somebody else revised it meanwhile.",
    "413": "More bytes than a request may have.",
    "415": "The body is of a kind that the route does not read.",
    "422": "The request or a document in it is wrong; `places` names everything that is.",
    "428": "A change must name the revision that it was made from: header If-Match.",
    "429": "Too many requests; Retry-After says when to come again.",
    "500": "An error of ours; `request_id` names it in the server's log.",
    "503": "Something of ours is gone: the database, the queue, the archive.",
}
_LOGINS = {
    "token": {"type": "http", "scheme": "bearer", "description": "an API token: `krw_...`"},
    "login": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "set by POST /api/v1/login"},
    "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER, "description": "of unsafe requests with a cookie"},
}
_METHODS = ("get", "put", "post", "delete", "patch")


def describe(api: FastAPI) -> dict[str, Any]:
    """Return the whole description. The same every time for one version of Krawall and one set of plugins."""
    for route in api.state.routes:
        route.status_code = route.status_code or 200  # else FastAPI asks the class of the answer, which may not tell
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)  # of FastAPI's own way with optional bodies
        whole = get_openapi(
            title="Krawall",
            version=__version__,
            description=_ABOUT,
            routes=api.routes,
            tags=[{"name": name, "description": about} for name, about in TAGS.items()],
        )
    schemas = whole.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _models(schemas, [Problem, *documents.BODIES, *scenarios.BODIES, *targets.MODELS])
    _bodies_of_documents(schemas)
    for path, method, operation in _operations(whole):
        _errors(path, method, operation)
    whole["components"]["securitySchemes"] = _LOGINS
    whole["security"] = [{"token": []}, {"login": [], "csrf": []}, {}]  # nothing in local mode
    return whole


def _operations(whole: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in whole["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _errors(path: str, method: str, operation: dict[str, Any]) -> None:
    """Document every problem that a route can answer with, and that an answer without a model is text."""
    responses = operation["responses"]
    for status, answer in responses.items():
        if status < "300" and status != "204":
            answer.setdefault("content", {"text/plain": {"schema": {"type": "string"}}})
    possible = {"400", "401", "403", "422", "429", "500", "503"}
    if "{" in path:
        possible.add("404")
    if "requestBody" in operation:
        possible |= {"413", "415"}
    if method != "get":
        possible |= {"404", "409"}
    if any(each["name"].lower() == "if-match" for each in operation.get("parameters", ())):
        possible |= {"412", "428"}
    for status in sorted(possible | {found for found in responses if found in _ERRORS}):
        own = responses.get(status, {})
        if "content" in own and status != "422":  # an answer of the route's own
            continue
        responses[status] = {
            "description": _ERRORS[status],
            **({"headers": own["headers"]} if "headers" in own else {}),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _PREFIX + "Problem"}}},
        }


def _models(schemas: dict[str, Any], models: Sequence[type[BaseModel]]) -> None:
    """Add the schemas of models that routes read or write by themselves."""
    _, found = models_json_schema(
        [(model, "validation") for model in models], by_alias=True, ref_template=_PREFIX + "{model}"
    )
    for name, each in found["$defs"].items():
        schemas.setdefault(name, each)


def _bodies_of_documents(schemas: dict[str, Any]) -> None:
    """Say what the bodies of documents look like, short forms of steps included. Their parts have names of their own."""
    _, found = models_json_schema(
        [(SavedTarget, "validation"), (Webhook, "validation")], by_alias=True, ref_template="#/$defs/{model}"
    )
    whole = schema()
    del whole["$schema"]
    for prefix, models in (("Scenario", {**whole.pop("$defs"), "Scenario": whole}), ("Target", found["$defs"])):
        for name, each in models.items():
            schemas[_own(prefix, name)] = _moved(each, prefix)
    for name, body in {"Target": "SavedTarget", "Scenario": "Scenario", "Webhook": "Webhook"}.items():
        for holder in (f"Kept{name}", f"New{name}"):
            schemas[holder]["properties"]["body"] = {"$ref": _PREFIX + body}


def _own(prefix: str, name: str) -> str:
    return name if name in ("Scenario", "SavedTarget", "Webhook") else f"{prefix}.{name}"


def _moved(node: Any, prefix: str) -> Any:
    """Return a schema with its references turned to where all schemas are."""
    if isinstance(node, dict):
        return {
            key: _PREFIX + _own(prefix, value.removeprefix("#/$defs/"))
            if key == "$ref" and isinstance(value, str)
            else _moved(value, prefix)
            for key, value in node.items()
        }
    return [_moved(inner, prefix) for inner in node] if isinstance(node, list) else node

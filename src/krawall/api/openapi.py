"""The description of the API: what FastAPI knows, and what holds for every route, written once: errors, documents, logins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

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
_METHODS = ("get", "put", "post", "delete", "patch")


def describe(api: FastAPI) -> dict[str, Any]:
    """Return the whole description. The same every time for one version of Krawall and one set of plugins."""
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
    schemas["Problem"] = _local(Problem.model_json_schema(ref_template=_PREFIX + "{model}"), schemas)
    _documents(schemas)
    for path, method, operation in _operations(whole):
        _errors(path, method, operation)
    return whole


def _operations(whole: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in whole["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _errors(path: str, method: str, operation: dict[str, Any]) -> None:
    """Document every problem that a route can answer with."""
    responses = operation["responses"]
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
        responses[status] = {
            "description": _ERRORS[status],
            **({"headers": responses[status]["headers"]} if "headers" in responses.get(status, ()) else {}),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _PREFIX + "Problem"}}},
        }


def _documents(schemas: dict[str, Any]) -> None:
    """Say what the bodies of documents look like, short forms of steps included."""
    scenario = schema()
    scenario.pop("$schema")
    schemas["Scenario"] = _local(_moved(scenario), schemas)
    _, rest = models_json_schema(
        [(SavedTarget, "validation"), (Webhook, "validation")], by_alias=True, ref_template=_PREFIX + "{model}"
    )
    for name, each in rest["$defs"].items():
        schemas.setdefault(name, each)
    for name, body in {"Target": "SavedTarget", "Scenario": "Scenario", "Webhook": "Webhook"}.items():
        for holder in (f"Kept{name}", f"New{name}", f"Changed{name}"):
            if holder in schemas:
                schemas[holder]["properties"]["body"] = {"$ref": _PREFIX + body}


def _local(model: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a model's schema, its definitions moved to where all schemas are."""
    for name, each in model.pop("$defs", {}).items():
        schemas[name] = each
    return model


def _moved(node: Any) -> Any:
    """Return a schema with its references turned to where all schemas are."""
    if isinstance(node, dict):
        return {
            key: value.replace("#/$defs/", _PREFIX) if key == "$ref" and isinstance(value, str) else _moved(value)
            for key, value in node.items()
        }
    return [_moved(inner) for inner in node] if isinstance(node, list) else node

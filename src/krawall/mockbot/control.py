"""The pages beside the chat: models, health, stats, reset, behaviour, oracle. Not frozen, limited or counted."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from krawall.clock import monotonic_ns
from krawall.mockbot import anthropic, gemini, jobs, ollama, openai
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.chat import Request, authorized
from krawall.mockbot.state import State

_JOB = f"{jobs.PATH}/"
_encode = msgspec.json.Encoder().encode


class Page(msgspec.Struct, frozen=True):
    """A complete answer."""

    body: bytes
    status: int = 200
    kind: bytes = b"application/json"
    more: bytes = b""


def page(state: State, request: Request) -> Page:
    """Answer a request to a path that is not a chat: 404 for an unknown path, 405 for the wrong method."""
    methods = _PAGES.get(request.path)
    if methods is None and request.path.startswith(_JOB):
        methods = {"GET": _job}
    if methods is None:
        return Page(openai.error(404, f"there is no {request.path} here"), 404)
    handle = methods.get("GET" if request.method == "HEAD" else request.method)
    return handle(state, request) if handle else not_allowed(list(methods))


def not_allowed(methods: list[str]) -> Page:
    """Return the answer to a wrong method."""
    allow = f"Allow: {', '.join(methods)}\r\n".encode()
    return Page(openai.error(405, f"use {' or '.join(methods)}"), 405, more=allow)


def _models(state: State, request: Request) -> Page:
    if request.header(anthropic.NEEDS[0]):
        return _listed(state, request, anthropic.KEYS, anthropic.error, anthropic.models)
    if request.header(gemini.KEYS[0]):
        return _models_too(state, request)
    return _listed(state, request, openai.KEYS, openai.error, openai.models)


def _models_too(state: State, request: Request) -> Page:
    return _listed(state, request, gemini.KEYS, gemini.error, gemini.models)


def _tags(state: State, request: Request) -> Page:
    return _listed(state, request, ollama.KEYS, ollama.error, ollama.tags)


def _listed(
    state: State,
    request: Request,
    keys: tuple[bytes, ...],
    error: Callable[[int, str], bytes],
    models: Callable[[], bytes],
) -> Page:
    """List the models to whoever has the key."""
    if not authorized(state.behaviour.api_key, request, keys):
        return Page(error(401, "the API key is missing or wrong"), 401)
    return Page(models())


def _job(state: State, request: Request) -> Page:
    if not authorized(state.behaviour.api_key, request, jobs.KEYS):
        return Page(jobs.error(401, "the API key is missing or wrong"), 401)
    found = state.jobs.look(request.path.removeprefix(_JOB), monotonic_ns())
    return Page(found) if found else Page(jobs.error(404, "there is no such job"), 404)


def _health(state: State, request: Request) -> Page:
    return Page(_encode({"status": "ok"}))


def _stats(state: State, request: Request) -> Page:
    return Page(_encode(state.stats()))


def _reset(state: State, request: Request) -> Page:
    state.reset()
    return Page(_encode({"status": "reset"}))


def _behaviour(state: State, request: Request) -> Page:
    return Page(_encode(state.behaviour))


def _behave(state: State, request: Request) -> Page:
    try:
        behaviour = msgspec.json.decode(request.body, type=Behaviour)
    except msgspec.ValidationError as error:
        return Page(openai.error(422, str(error)), 422)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Page(openai.error(400, str(error)), 400)
    state.behave(behaviour)
    return _behaviour(state, request)


def _oracle(state: State, request: Request) -> Page:
    return Page(state.oracle.lines(), kind=b"application/x-ndjson")


_PAGES: dict[str, dict[str, Callable[[State, Request], Page]]] = {
    "/v1/models": {"GET": _models},
    gemini.MODELS: {"GET": _models_too},
    "/api/tags": {"GET": _tags},
    "/health": {"GET": _health},
    "/stats": {"GET": _stats},
    "/reset": {"POST": _reset},
    "/behaviour": {"GET": _behaviour, "PUT": _behave},
    "/oracle": {"GET": _oracle},
}

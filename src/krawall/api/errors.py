"""Errors as problem documents (RFC 9457). Which status an error has is decided here and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from krawall import errors
from krawall.errors import DocumentError, KrawallError, Place, TooMany
from krawall.ids import new_id

MEDIA_TYPE = "application/problem+json"
MOST_PLACES = 200
LOG = logging.getLogger("krawall.api")

STATUS: dict[type[KrawallError], int] = {
    errors.DocumentError: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.TooMany: 429,
    errors.TooLarge: 413,
    errors.Refused: 403,
    errors.Unreachable: 422,
    errors.PluginError: 422,
    errors.Unavailable: 503,
    errors.Internal: 500,
}
CODES = {
    400: "malformed",
    401: errors.Unauthorized.code,
    403: errors.Forbidden.code,
    404: errors.NotFound.code,
    405: "method",
    406: "not_acceptable",
    413: errors.TooLarge.code,
    415: "media_type",
    422: "request",
    428: "precondition",
    429: errors.TooMany.code,
    503: errors.Unavailable.code,
}
"""Codes of what the HTTP layer refuses by itself."""


class WrongPlace(BaseModel):
    """One thing that is wrong: where and what."""

    path: str = Field(description="such as `steps.0.text` in a document, or `query.limit`")
    message: str
    line: int | None = Field(None, description="1-based line of the text that was sent, where it is known")


class Problem(BaseModel):
    """What went wrong. `code` is stable, `detail` is for a person, `hint` says the way out where there is one."""

    type: str = Field(description="urn:krawall:error:CODE")
    title: str
    status: int
    code: str
    detail: str
    hint: str | None = None
    places: list[WrongPlace] | None = Field(None, description="everything that is wrong, in order")
    request_id: str = Field(description="names this request in the server's log")


def status_of(error: KrawallError) -> int:
    """Return the HTTP status of an error of ours."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


def request_id(scope: Scope) -> str:
    """Return the id of a request; it gets one when nobody gave it one."""
    state: dict[str, Any] = scope.setdefault("state", {})
    found = state.get("request_id") or state.setdefault("request_id", new_id("req"))
    return str(found)


def problem(
    scope: Scope,
    status: int,
    code: str,
    detail: str,
    *,
    hint: str | None = None,
    places: Sequence[Place] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document as a response."""
    body = Problem(
        type=f"urn:krawall:error:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        hint=hint,
        places=None
        if places is None
        else [WrongPlace(path=place.path, message=place.message, line=place.line) for place in places[:MOST_PLACES]],
        request_id=request_id(scope),
    )
    return Response(
        body.model_dump_json(exclude_none=True), status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )


def respond(scope: Scope, error: Exception) -> Response:
    """Return the response to an error. What is not ours, or our own bug, is logged with its cause and says nothing of it."""
    if isinstance(error, KrawallError) and (status := status_of(error)) != 500:
        if status == 503:
            LOG.warning("unavailable: %s (request %s)", error.message, request_id(scope))
        headers = {"Retry-After": str(max(1, round(error.retry_after_s)))} if isinstance(error, TooMany) else None
        places = error.places if isinstance(error, DocumentError) else None
        detail = error.message.partition("\n")[0].removesuffix(":") if places else error.message
        return problem(scope, status, error.code, detail, hint=error.hint, places=places, headers=headers)
    reference = request_id(scope)
    LOG.error("%s %s failed (request %s)", scope.get("method"), scope.get("path"), reference, exc_info=error)
    return problem(
        scope, 500, errors.Internal.code, "an error of ours; it is in the server's log",
        hint=f"look for {reference} in the log",
    )  # fmt: skip


class Boundary:
    """The boundary of a request: whatever escapes a route or another layer becomes a problem document and one log entry.

    Must be the outermost layer of our own. An answer that has begun cannot be taken back; the connection is cut then.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # a request's boundary
            response = respond(scope, error)
            if begun:
                raise
            await response(scope, receive, send)


def install(api: FastAPI) -> None:
    """Let `api` answer every error with a problem document."""
    api.add_exception_handler(KrawallError, _ours)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _refused)


async def _ours(request: Request, error: Exception) -> Response:
    return respond(request.scope, error)


async def _invalid(request: Request, error: Exception) -> Response:
    """Name every place of a request that FastAPI refused."""
    assert isinstance(error, RequestValidationError)
    places = []
    for detail in error.errors():
        message = str(detail["msg"]).removeprefix("Value error, ")
        if detail["type"] == "json_invalid":
            return problem(request.scope, 400, CODES[400], f"the body is not JSON: {detail['ctx']['error']}")
        places.append(Place(".".join(str(part) for part in detail["loc"]), message))
    return problem(
        request.scope,
        422,
        CODES[422],
        "the request has an error" if len(places) == 1 else f"the request has {len(places)} errors",
        places=places,
    )


async def _refused(request: Request, error: Exception) -> Response:
    """Answer what the HTTP layer refused: an unknown path or method, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    if isinstance(cause := error.__cause__, KrawallError):
        return respond(request.scope, cause)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    detail = str(error.detail) if error.detail else ""
    if error.status_code == 404:
        detail = f"there is nothing at {request.url.path}"
    code = CODES.get(error.status_code, "http")
    return problem(request.scope, error.status_code, code, detail, headers=headers)


def _methods(request: Request) -> set[str]:
    """Return the methods of the resource at a path (RFC 9110 section 15.5.6): of `/a/b`, not also of `/a/{id}`."""
    found = [route for route in request.app.state.routes if route.matches(request.scope)[0] is not Match.NONE]
    fewest = min((route.path.count("{") for route in found), default=0)
    return {method for route in found if route.path.count("{") == fewest for method in route.methods}

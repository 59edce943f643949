"""Whether who opened a stream may still read: asked again while it lasts, since a login ends and a token is revoked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request

from krawall.api.auth import COOKIE, caller_of
from krawall.api.shapes import app_of
from krawall.errors import Forbidden, Unauthorized
from krawall.model.account import LOCAL, Caller, Scope


def standing(request: Request) -> Callable[[], Awaitable[None]]:
    """Return what raises Unauthorized or Forbidden once the caller of this request may no longer read."""

    async def ask() -> None:
        caller = await _again(request)
        if caller is None:
            raise Unauthorized("the login or token is not valid any more")
        if Scope.read not in caller.scopes:
            raise Forbidden(f"{caller.name} may not read any more")

    return ask


async def _again(request: Request) -> Caller | None:
    accounts = app_of(request).accounts
    if caller_of(request) == LOCAL:
        return None if await accounts.exist() else LOCAL
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await accounts.caller_of_token(token.strip())
    login = await accounts.caller_of_cookie(request.cookies.get(COOKIE, ""))
    return login.caller if login else None

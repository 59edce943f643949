"""What a page knows of the request around it: who is there, where, and what was just done. Read once per request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

import htpy as h
from fastapi import Request

from krawall.api.auth import caller_of, csrf_of
from krawall.api.shapes import app_of
from krawall.model.account import Scope

TOLD = "krawall_told"
"""Cookie that carries one sentence from a form to the page after it."""
CSRF: h.Context[str] = h.Context("csrf", default="")
"""What every form of this answer sends along; empty when it need not."""
CSRF_FIELD = "csrf"


@dataclass(frozen=True)
class Frame:
    """What stands around every page. `caller`: empty when nobody is logged in; `local`: no account is needed.

    `after`: the newest event that the page may know of; what it follows begins after that one.
    """

    path: str
    caller: str = ""
    local: bool = True
    may_run: bool = True
    may_admin: bool = True
    told: str = ""
    version: str = ""
    after: int | None = None


def frame_of(request: Request) -> Frame:
    """Return the frame of a request."""
    caller = caller_of(request)
    prefetched = "prefetch" in request.headers.get("sec-purpose", "")
    scopes = caller.scopes if caller else frozenset[Scope]()
    return Frame(
        path=request.url.path,
        caller=caller.name if caller else "",
        local=caller is not None and not caller.user,
        may_run=Scope.run in scopes,
        may_admin=Scope.admin in scopes,
        told="" if prefetched else unquote(request.cookies.get(TOLD, ""))[:300],
        version=str(request.app.version),
    )


async def live_frame_of(request: Request) -> Frame:
    """Return the frame of a page that follows what changes. To be read before what the page shows: nothing falls between."""
    return replace(frame_of(request), after=await app_of(request).store.events.newest())


def with_csrf(request: Request, content: h.Node) -> h.Renderable:
    """Return content whose forms send along what this login demands."""
    return CSRF.provider(csrf_of(request), content)


def cookie_text(text: str) -> str:
    """Return a sentence as a cookie can hold it."""
    return quote(text[:200], safe="")

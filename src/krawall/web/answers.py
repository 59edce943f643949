"""How routes of pages answer: a page, a part of one, or where to go next. Text is gzipped; nobody's cache keeps it."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib

import htpy as h
from fastapi import Request, Response

from krawall.api.headers import ALWAYS
from krawall.web.assets import asset
from krawall.web.frame import TOLD, cookie_text, with_csrf

HTML = "text/html; charset=utf-8"
WORTH_PACKING = 800
EARLY = """(d=>{try{const t=localStorage.theme,n=localStorage.nav
if(t)d.dataset.theme=t
if(n)d.dataset.nav=n}catch{}})(document.documentElement)"""
"""Runs before the first paint, so that a chosen theme does not flash. The policy of a page names it by its hash."""


@functools.cache
def policy() -> str:
    """Return the content security policy of pages: that of every answer, and the one early script."""
    digest = base64.b64encode(hashlib.sha256(EARLY.encode()).digest()).decode()
    return f"{ALWAYS['Content-Security-Policy']}; script-src 'self' 'sha256-{digest}'"


def is_partial(request: Request) -> bool:
    """Whether htmx asks, which puts the answer into a page that is already there."""
    return request.headers.get("hx-request") == "true"


def show(request: Request, content: h.Node, status: int = 200) -> Response:
    """Return a page, or a part of one."""
    text = str(with_csrf(request, content))
    response = packed(request.headers.get("accept-encoding", ""), text, status)
    response.headers["Vary"] = "HX-Request, Accept-Encoding"
    if not is_partial(request):
        response.headers["Speculation-Rules"] = f'"{asset("speculation.json")}"'
        if TOLD in request.cookies and "prefetch" not in request.headers.get("sec-purpose", ""):
            response.delete_cookie(TOLD, path="/")
    return response


def packed(accepts: str, text: str, status: int) -> Response:
    """Return HTML as a response with the headers of pages."""
    body = text.encode("utf-8", "replace")
    headers = {"Content-Security-Policy": policy(), "Cache-Control": "private, no-cache"}
    if "gzip" in accepts and len(body) > WORTH_PACKING:
        body, headers["Content-Encoding"] = gzip.compress(body, 5, mtime=0), "gzip"
    return Response(body, status, headers, HTML)


def go(request: Request, to: str, told: str = "") -> Response:
    """Send a browser on after a form was carried out. `told`: what the next page says about it."""
    partial = is_partial(request)
    response = Response(status_code=204 if partial else 303, headers={"HX-Redirect" if partial else "Location": to})
    if told:
        response.set_cookie(TOLD, cookie_text(told), max_age=30, path="/", httponly=True, samesite="lax")
    return response

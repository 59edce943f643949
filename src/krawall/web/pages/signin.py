"""Logging in and out. In local mode nobody needs to."""

from __future__ import annotations

import htpy as h
from fastapi import APIRouter, Request, Response

from krawall.api.auth import caller_of, give_cookie, take_cookie
from krawall.api.limits import sender
from krawall.api.shapes import app_of
from krawall.errors import TooMany, Unauthorized
from krawall.services.accounts import LOGIN_MOST_S
from krawall.web import ui
from krawall.web.answers import go, show
from krawall.web.ui.icons import brand
from krawall.web.urls import local_path

router = APIRouter()


@router.get("/login", name="web_login")
async def login(request: Request, to: str = "/") -> Response:
    """Show the form, or go on if somebody is logged in already."""
    if caller_of(request) is not None:
        return go(request, local_path(to))
    return show(request, login_page(to))


@router.post("/login", name="web_log_in")
async def log_in(request: Request) -> Response:
    """Log in."""
    given = await request.form()
    name, password, to = (str(given.get(each, "")) for each in ("name", "password", "to"))
    try:
        made = await app_of(request).accounts.login(name[:100], password[:1024], sender(request.scope))
    except (Unauthorized, TooMany) as error:
        words = f"{error.message[:1].upper()}{error.message[1:]}" + (f"; {error.hint}" if error.hint else "")
        return show(request, login_page(to, name, words), 422)
    response = go(request, local_path(to))
    give_cookie(request, response, made.secret, LOGIN_MOST_S)
    return response


@router.post("/logout", name="web_log_out")
async def log_out(request: Request) -> Response:
    """Log out; the browser forgets the cookie, and pages that it kept."""
    caller = caller_of(request)
    if caller is not None:
        await app_of(request).accounts.logout(caller)
    response = go(request, "/login")
    take_cookie(request, response)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def login_page(to: str, name: str = "", problem: str = "") -> h.Element:
    """Return the page."""
    return ui.bare_page(
        "Log in",
        h.div(".row")[brand(), h.h1["Log in to Krawall"]],
        ui.card(
            "",
            ui.form(
                "/login",
                h.div(".form")[
                    ui.problems([problem] if problem else [], "That did not work"),
                    h.input(type="hidden", name="to", value=to),
                    ui.field(
                        "Name", "name", name, required=True, more={"autocomplete": "username", "autofocus": not name}
                    ),
                    ui.field(
                        "Password",
                        "password",
                        kind="password",
                        required=True,
                        more={"autocomplete": "current-password", "autofocus": bool(name)},
                    ),
                    ui.button("Log in", kind="primary", submit=True),
                ],
                partial=False,
            ),
        ),
    )

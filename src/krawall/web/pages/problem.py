"""When something goes wrong: what failed, what can be done about it, the request's id, and a way back."""

from __future__ import annotations

import htpy as h
import msgspec

from krawall.web import ui
from krawall.web.frame import Frame

TITLES = {
    400: "That request cannot be read",
    403: "You may not do that",
    404: "There is nothing here",
    405: "That cannot be done here",
    409: "That does not fit what is there now",
    413: "That is too large",
    422: "That is not right yet",
    429: "Too many requests",
    500: "Something went wrong on our side",
    503: "A part of Krawall is away",
}


class Place(msgspec.Struct, frozen=True):
    """One thing that is wrong, and where."""

    path: str = ""
    message: str = ""


class Problem(msgspec.Struct, frozen=True):
    """What of a problem document a person reads."""

    status: int
    detail: str
    code: str = ""
    hint: str | None = None
    places: list[Place] | None = None
    request_id: str = ""


def problem_page(frame: Frame, problem: Problem) -> h.Element:
    """Return the page of a problem. Who is not logged in gets no sidebar."""
    title = TITLES.get(problem.status, "That did not work")
    content = [
        h.div(".empty.problem")[
            h.span(".ring")[ui.icon("circle-x" if problem.status >= 500 else "circle-help", size=20)],
            h.h1[title],
            h.p[problem.detail[:1].upper() + problem.detail[1:], "" if problem.detail.endswith(".") else "."],
            problem.hint and h.p[problem.hint],
            bool(problem.places)
            and h.ul(".reasons")[
                [h.li[place.path, ": " if place.path else "", place.message] for place in (problem.places or ())[:10]]
            ],
            h.div(".row")[
                ui.button("Go to the dashboard", kind="primary", href="/"),
                problem.status in (429, 500, 503) and ui.button("Try again", href=frame.path, symbol="refresh-cw"),
            ],
            h.p[h.small(".muted")[f"{problem.status} {problem.code} · request ", h.code[problem.request_id]]],
        ]
    ]
    return ui.page(frame, title, content, crumbs=[("Problem", "")]) if frame.caller else ui.bare_page(title, content)

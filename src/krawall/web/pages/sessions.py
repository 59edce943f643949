"""Sessions: what ran and how it went. The list with its filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import htpy as h
from fastapi import APIRouter, Request, Response

from krawall.api.auth import Reader
from krawall.api.shapes import app_of
from krawall.clock import wall_ns
from krawall.model.session import Outcome, Session, State, Verdict
from krawall.web import ui
from krawall.web.answers import show
from krawall.web.frame import Frame, live_frame_of
from krawall.web.pages.session_rows import session_table
from krawall.web.ui.marks import WORDS
from krawall.web.urls import address, turned

PAGE = 50
EPOCH = date(1970, 1, 1)
NEWEST = "-created_at"
COLUMNS = {
    "created_at": "created_ns", "name": "name", "p95_ms": "p95_ms", "turns": "turns", "errors": "errors", "cost_usd": "cost_pico",
}  # fmt: skip
STATUSES: tuple[str, ...] = (
    *(each.value for each in State if each is not State.finished),
    *(each.value for each in Outcome),
)
MORE = {"target": "Target", "scenario": "Scenario", "from": "From day", "to": "To day"}
VERDICTS = tuple(each.value for each in Verdict if each is not Verdict.none)
router = APIRouter()


@router.get("/sessions", name="web_sessions")
async def sessions(request: Request, caller: Reader) -> Response:
    """Show the list."""
    now = read_query(request.query_params)
    app, status, sort = app_of(request), now.get("status", ""), now.get("sort", NEWEST)
    column, frame = sort.removeprefix("-"), await live_frame_of(request)
    found = await app.store.sessions.list(
        state=State(status) if status in State.__members__ else None,
        outcome=Outcome(status) if status in Outcome.__members__ else None,
        verdict=Verdict(now["verdict"]) if "verdict" in now else None,
        target=now.get("target"),
        scenario=now.get("scenario"),
        search=now.get("q", ""),
        created_from=_ns(now.get("from", "")),
        created_to=_ns(now.get("to", ""), days=1),
        sort=sort[: -len(column)] + COLUMNS[column],
        cursor=now.get("cursor"),
        limit=PAGE,
    )
    return show(request, sessions_page(frame, found.items, now, found.next, wall_ns()))


def read_query(query: Mapping[str, str]) -> dict[str, str]:
    """Return what an address says of the list; names and values that are unknown are left out."""
    found = {name: query.get(name, "").strip()[:300] for name in ("q", "target", "scenario", "cursor")}
    found |= {name: value for name in ("from", "to") if _day(value := query.get(name, "").strip())}
    chosen = {"status": STATUSES, "verdict": VERDICTS, "sort": (*COLUMNS, *(f"-{column}" for column in COLUMNS))}
    found |= {name: value for name, known in chosen.items() if (value := query.get(name, "")) in known}
    return {name: value for name, value in found.items() if value}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _ns(text: str, days: int = 0) -> int | None:
    """Return when a day begins, UTC, or `days` after that; ns since 1970."""
    day = _day(text)
    return None if day is None else (day.toordinal() - EPOCH.toordinal() + days) * 86_400 * 1_000_000_000


def sessions_page(
    frame: Frame, found: Sequence[Session], now: Mapping[str, str], following: str | None, now_ns: int
) -> h.Element:
    """Return the list of sessions, empty, filtered empty or full."""
    if not found and not now:
        empty = ui.empty(
            "A session plays a scenario against a target and measures it. What ran stands here with its result.",
            _new() if frame.may_run else None,
            "play", "No sessions yet",
        )  # fmt: skip
        return ui.page(
            frame, "Sessions", ui.page_header("Sessions"), h.div(_follow(now))[ui.card("", empty)], live=True
        )
    return ui.page(
        frame,
        "Sessions",
        ui.page_header("Sessions", about="What ran and how it went.", actions=_new() if frame.may_run else None),
        _filters(now),
        h.div(_follow(now))[_list(found, now, following, now_ns)],
        live=True,
    )


def _new() -> h.Renderable:
    return ui.button("New session", kind="primary", symbol="plus", href="/sessions/new", key="n")


def _follow(now: Mapping[str, str]) -> dict[str, str]:
    return {
        "id": "list", "data-follows": "session:", "hx-get": address("/sessions", now), "hx-select": "#list",
        "hx-trigger": "changed throttle:1s", "hx-swap": "outerMorph",
    }  # fmt: skip


def _list(found: Sequence[Session], now: Mapping[str, str], following: str | None, now_ns: int) -> h.Element:
    if not found:
        clear = ui.button("Clear filters", symbol="x", href="/sessions")
        return ui.card("", ui.empty("No session fits these filters.", clear, "search"))

    def link(column: str) -> str:
        sort = turned(now.get("sort", NEWEST), column, down_first=column != "name")
        return address("/sessions", now, {"sort": "" if sort == NEWEST else sort, "cursor": None})

    first = address("/sessions", now, {"cursor": None}) if "cursor" in now else ""
    onward = address("/sessions", now, {"cursor": following}) if following else ""
    words = f"{len(found)} session{'s' if len(found) != 1 else ''}{' on this page' if first or onward else ''}"
    table = session_table(found, now_ns, sort=now.get("sort", NEWEST), link=link)
    return ui.card("", table, ui.pager(first, onward, words), flush=True)


def _filters(now: Mapping[str, str]) -> h.Element:
    statuses = [("", "All"), *[(word, WORDS[word][0]) for word in STATUSES]]
    verdicts = [("", "All"), *[(word, WORDS[word][0]) for word in VERDICTS]]
    return h.form(
        ".filters", method="get", action="/sessions", role="search", aria_label="Filter sessions", data_filters=True
    )[
        ui.field("Name", "q", now.get("q", ""), kind="search", more={"data-key": "/"}),
        ui.select("Status", "status", statuses, now.get("status", ""), required=True),
        ui.select("Verdict", "verdict", verdicts, now.get("verdict", ""), required=True),
        "sort" in now and h.input(type="hidden", name="sort", value=now["sort"]),
        h.details(".more", open=any(name in now for name in MORE))[
            h.summary[ui.icon("chevron-right"), "More filters"],
            h.div(".filters")[
                [ui.field(MORE[name], name, now.get(name, ""), kind="search") for name in ("target", "scenario")],
                [_day_field(name, now.get(name, "")) for name in ("from", "to")],
            ],
        ],
        ui.button("Filter", submit=True),
        bool(now) and ui.button("Clear filters", kind="ghost", symbol="x", href="/sessions"),
    ]


def _day_field(name: str, value: str) -> h.Element:
    id = f"f-{name}"
    return h.div(".field")[h.label(for_=id)[MORE[name]], h.input(".input", type="date", id=id, name=name, value=value)]

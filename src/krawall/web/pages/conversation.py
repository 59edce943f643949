"""One conversation, to be watched again: its timeline, its turns as a chat, what was odd. Without scripts it is a transcript."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import htpy as h
from fastapi import APIRouter, Path, Request, Response

from krawall.api.auth import Reader
from krawall.api.shapes import app_of
from krawall.app import App
from krawall.conduct.words import count, lasting, many, money, sentence, time
from krawall.errors import NotFound
from krawall.model.session import State
from krawall.services.replaying import Replay
from krawall.web import ui
from krawall.web.answers import show
from krawall.web.frame import Frame, frame_of
from krawall.web.pages.conversation_timeline import clock, timeline
from krawall.web.pages.conversation_turns import anomalies, talk
from krawall.web.ui.keys import Key

MOST = 2**53
KEYS: tuple[Key, ...] = (
    (("Space",), (), "Play or pause the conversation"),
    (("←",), ("→",), "To the turn before, to the next one"),
    ((",",), (".",), "Slower, faster"),
    (("x",), (), "To the next anomaly"),
    (("e",), (), "To the newest turn, while it is under way"),
)
router = APIRouter()


@router.get("/sessions/{id}/conversations/{number}", name="web_conversation")
async def conversation(
    request: Request, caller: Reader, id: str, number: Annotated[int, Path(ge=0, le=MOST)]
) -> Response:
    """Show a conversation; `?t=44.2` is where in it, in seconds."""
    app = app_of(request)
    session = await app.sessions.get(id)
    found = await app.messages.replay(id, number)
    records = by_turn(await app.messages.conversation(id, number), found)
    beside = (
        number - 1 if number > 0 and await _is_there(app, id, number - 1) else None,
        number + 1 if await _is_there(app, id, number + 1) else None,
    )
    at_ms = moment(request.query_params.get("t", ""), found.duration_ms)
    live = not found.outcome and session.state is not State.finished
    return show(request, conversation_page(frame_of(request), session.name, found, records, at_ms, beside, live))


async def _is_there(app: App, id: str, number: int) -> bool:
    """Say whether a conversation has begun, or is over without a turn. Numbers have holes: some never came to be."""
    try:
        return bool(await app.messages.conversation(id, number))
    except NotFound:
        return False


def by_turn(items: Sequence[dict[str, Any]], found: Replay) -> dict[int, list[dict[str, Any]]]:
    """Return what the log has of each turn: the messages of the playing that is shown, and what `expect` steps found."""
    shown = {attempt.message for turn in found.turns for attempt in turn.attempts}
    kept: dict[int, list[dict[str, Any]]] = {}
    for item in items:
        if (item["kind"] == "message" and item["n"] in shown) or item["kind"] == "checked":
            kept.setdefault(item["turn"], []).append(item)
    return kept


def moment(text: str, duration_ms: float) -> float:
    """Return what an address says of where in a conversation, ms; its end when it says nothing that can be read."""
    try:
        seconds = float(text)
    except ValueError:
        return duration_ms
    return min(max(seconds * 1000, 0.0), duration_ms) if math.isfinite(seconds) else duration_ms


def conversation_page(
    frame: Frame,
    name: str,
    found: Replay,
    records: Mapping[int, Sequence[Mapping[str, Any]]],
    at_ms: float,
    beside: tuple[int | None, int | None],
    live: bool = False,
) -> h.Element:
    """Return the page of a conversation. `at_ms`: where in it; `beside`: the numbers of the one before and the one after.

    `live`: it goes on; the page follows, and stays where a person has gone back to.
    """
    title = f"Conversation {found.conversation}"
    home = f"/sessions/{found.session}"
    checks = [each for turn in found.turns for each in turn.checks]
    return ui.page(
        frame,
        f"{title} of {name}",
        ui.page_header(
            title,
            about=f"User {found.user}, began {lasting(found.at_ms / 1000)} into the session" + (f". {sentence(found.reason)}" if found.reason else ""),
            marks=[h.span(id="ending")[_ending(found, live)], h.span(".stale", id="away", role="status")],
            actions=[
                beside[0] is not None and ui.button("Previous", symbol="arrow-left", href=f"{home}/conversations/{beside[0]}", more={"rel": "prev"}),
                beside[1] is not None and ui.button("Next", symbol="arrow-right", href=f"{home}/conversations/{beside[1]}", more={"rel": "next"}),
            ],
        ),
        h.div(id="facts")[ui.tiles(
            ui.tile("Turns", count(len(found.turns))),
            ui.tile("Took", time(found.duration_ms)),
            ui.tile("Tokens", count(found.tokens_in + found.tokens_out), note=f"{count(found.tokens_in)} in, {count(found.tokens_out)} out"),
            ui.tile("Cost", money(found.cost_usd)),
            ui.tile("Checks held", f"{sum(each.ok for each in checks)} of {len(checks)}" if checks else "none"),
            ui.tile("Anomalies", count(len(found.anomalies)), note=f"in {many(len({each.turn for each in found.anomalies}), 'turn')}" if found.anomalies else None),
        )],
        _replay(found, records, at_ms, live) if found.turns else ui.card("", ui.empty("Nothing was said in this conversation.", symbol="message-square")),
        crumbs=[("Sessions", "/sessions"), (name, home), ("Conversations", f"{home}?tab=conversations"), (title, "")],
        scripts=("replay.js",),
        sheets=("replay.css",),
        live=live,
        keys=KEYS,
    )  # fmt: skip


def _ending(found: Replay, live: bool) -> h.Element:
    if found.outcome:
        return ui.status(found.outcome)
    return ui.badge("Under way", "info") if live else ui.badge("Cut short", "warn")


def _replay(found: Replay, records: Mapping[int, Sequence[Mapping[str, Any]]], at_ms: float, live: bool) -> h.Element:
    follows = f"progress:{found.session} session:{found.session}" if live else None
    return h.Element("conversation-replay")(
        {"class": "replay", "length": f"{found.duration_ms:.3f}", "at": f"{at_ms:.3f}", "data-follows": follows}
    )[
        h.section(".card.player", aria_label="Replay")[timeline(found, at_ms), _controls(found, at_ms, live)],
        h.div(".beside-talk", id="odd")[anomalies(found)],
        h.section(".card", aria_label="Conversation")[
            talk(found, records, at_ms),
            live and h.p(".coming")["It goes on: turns appear by themselves when they are over."],
        ],
    ]


def _controls(found: Replay, at_ms: float, live: bool) -> h.Element:
    """Return what moves the replay. Without scripts there is nothing to move, and it is not shown."""
    play = h.button(".btn.primary", {"data-play": True}, type="button", aria_keyshortcuts="Space", data_tip="Space")[
        h.span(".still")[ui.icon("play"), "Play"], h.span(".moving")[ui.icon("pause"), "Pause"]
    ]
    return h.div(".controls")[
        h.input({"data-scrub": True}, type="range", min="0", max=f"{max(found.duration_ms, 1):.0f}", step="any", value=f"{at_ms:.0f}",
                aria_label="Position", aria_valuetext=clock(at_ms)),
        h.div(".row")[
            play,
            ui.button("Step back (←)", symbol="arrow-left", bare=True, more={"data-step": "-1"}),
            ui.button("Step forward (→)", symbol="arrow-right", bare=True, more={"data-step": "1"}),
            h.output(".num", {"data-clock": True}, aria_live="off")[f"{clock(at_ms)} of {clock(found.duration_ms)}"],
            h.span(".row.speed", role="group", aria_label="Speed")[
                ui.button("Slower", small=True, key=",", more={"data-speed": "-1", "data-tip": "Slower (,)"}),
                h.output(".num", {"data-rate": True}, aria_label="Speed")["1×"],
                ui.button("Faster", small=True, key=".", more={"data-speed": "1", "data-tip": "Faster (.)"}),
            ],
            ui.button("Next anomaly", symbol="triangle-alert", key="x", more={"data-next-odd": True, "data-tip": "x", "hidden": not found.anomalies}),
            live and ui.button("To the newest", symbol="arrow-right", key="e", more={"data-newest": True, "data-tip": "e"}),
        ],
    ]  # fmt: skip

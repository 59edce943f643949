"""What went out at a turn and what came back, as close to the wire as is known: the request rebuilt, the log's own record beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import htpy as h
import msgspec
from fastapi import APIRouter, Path, Request, Response

from krawall.api.auth import Reader
from krawall.api.shapes import app_of
from krawall.conduct.words import many, sentence
from krawall.services.rebuilding import Rebuilt
from krawall.web import ui
from krawall.web.answers import show
from krawall.web.frame import Frame, frame_of

router = APIRouter()


def address(session: str, conversation: int, turn: int) -> str:
    """Return where the request of a turn is shown."""
    return f"/sessions/{session}/conversations/{conversation}/turns/{turn}"


@router.get("/sessions/{id}/conversations/{number}/turns/{turn}", name="web_turn")
async def turn_request(
    request: Request,
    caller: Reader,
    id: str,
    number: Annotated[int, Path(ge=0, le=2**53)],
    turn: Annotated[int, Path(ge=1, le=2**31)],
) -> Response:
    """Show the request of a turn and what the log has of its reply."""
    app = app_of(request)
    session, found = await app.sessions.get(id), await app.messages.request(id, number, turn)
    items = await app.messages.conversation(id, number)
    records = [item for item in items if item["kind"] in ("message", "checked") and item["turn"] == turn]
    return show(request, request_page(frame_of(request), session.id, session.name, number, found, records))


def request_page(
    frame: Frame, session: str, name: str, number: int, found: Rebuilt, records: Sequence[Mapping[str, Any]]
) -> h.Element:
    """Return the page; a turn of the replay takes `#raw` out of it."""
    home = f"/sessions/{session}"
    talk = f"{home}/conversations/{number}"
    title = f"Turn {found.turn}"
    return ui.page(
        frame,
        f"{title} of conversation {number}",
        ui.page_header(title, about=f"of conversation {number}", actions=ui.button("To the replay", symbol="arrow-left", href=f"{talk}#turn-{found.turn}")),
        ui.card("Request", _raw(found)),
        ui.card("Reply", h.p(".muted")["As the log has it: texts and numbers, no bytes."], ui.code(record_text(records), label=f"Log record of turn {found.turn}")),
        crumbs=[("Sessions", "/sessions"), (name, home), (f"Conversation {number}", talk), (title, "")],
        sheets=["replay.css"],
    )  # fmt: skip


def _raw(found: Rebuilt) -> h.Element:
    head = "\n".join(f"{name}: {value}" for name, value in found.headers.items())
    line = f"{found.method} {found.url}".strip()
    return h.div(".raw", id="raw")[
        h.p(".row")[
            ui.badge("Rebuilt", "info"),
            h.span(".muted")[f"from the plan and the log, {_with(found.history)}. Secrets are hidden."],
        ],
        [ui.notice(sentence(each) + ".", "warn") for each in found.doubts],
        head and ui.code(f"{line}\n{head}", label=f"Head of request {found.turn}"),
        not head and line and h.p(".muted")["To ", h.code[line]],
        ui.code(found.body, label=f"Body of request {found.turn}"),
    ]  # fmt: skip


def _with(history: int) -> str:
    return f"with {many(history, 'earlier message')}" if history else "without earlier messages"


def record_text(records: Sequence[Mapping[str, Any]]) -> str:
    """Return what the log has of a turn, as JSON to read."""
    return "\n".join(msgspec.json.format(msgspec.json.encode(each), indent=2).decode() for each in records)

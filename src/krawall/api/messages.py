"""The log of a session: messages and conversations, as pages and as files, and the report."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.types import Send

from krawall.api.auth import Reader
from krawall.api.records import AsModel, View
from krawall.api.shapes import Limit, SessionId, Whole, Words, app_of
from krawall.archive.export import Format
from krawall.archive.query import MessagePage
from krawall.archive.spread import Spread
from krawall.model.exchange import FaultKind
from krawall.services.exports import MEDIA_TYPES, Export, What
from krawall.services.rebuilding import Rebuilt
from krawall.services.replaying import Replay

router = APIRouter(prefix="/api/v1/sessions/{id}", tags=["messages"])

From = Annotated[Whole, Query(alias="from", description="the number of the first row that is looked at")]
Text = Annotated[str, Query(max_length=500)]


class CheckView(View):
    """What was expected of a reply, and whether it held."""

    name: str
    ok: bool
    detail: str


class MessageView(View):
    """One attempt at one turn. `n` numbers a session's messages from 0. Times in ms; `at_ms` since the session began."""

    n: int
    conversation: int
    user: int
    turn: int
    attempt: int
    step: str
    phase: str
    at_ms: float
    latency_ms: float | None
    ttft_ms: float | None
    status: int | None
    error: str | None
    detail: str | None
    injected: str | None
    tokens_in: int | None
    tokens_out: int | None
    estimated: bool
    cost_usd: float
    said: str | None
    heard: str | None
    checks: list[CheckView]
    repetition: float | None
    shard: int


class ConversationView(View):
    """One conversation that is over. Times in ms; `at_ms` since the session began."""

    n: int
    conversation: int
    user: int
    phase: str
    outcome: str
    reason: str
    at_ms: float
    took_ms: float
    turns: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    checks_ok: int
    checks_bad: int
    slow: bool
    shard: int


class MessagesPage(View):
    """A page. `next`: what to give as `from` to go on, null at the end. `newest`: the newest number there is, -1: none."""

    items: list[MessageView]
    next: int | None
    newest: int


class ConversationsPage(View):
    """A page. `next`: what to give as `from` to go on, null at the end. `newest`: the newest number there is, -1: none."""

    items: list[ConversationView]
    next: int | None
    newest: int


class MessageItem(MessageView):
    """A message of a conversation."""

    kind: Literal["message"]


class CheckedItem(View):
    """What an `expect` step found in the reply of turn `turn`."""

    kind: Literal["checked"]
    turn: int
    step: str
    phase: str
    checks: list[CheckView]


class EndItem(ConversationView):
    """How the conversation ended."""

    kind: Literal["end"]


class Transcript(View):
    """One conversation from its first message to its end. One that was played again is there twice, one after the other."""

    number: int
    items: list[Annotated[MessageItem | CheckedItem | EndItem, Field(discriminator="kind")]]


class Download(StreamingResponse):
    """A file that is made while it is sent. Ends its making when the reader goes away."""

    def __init__(self, export: Export) -> None:
        headers = {"Content-Disposition": f'attachment; filename="{export.name}"'}
        super().__init__(export.content, media_type=export.media_type, headers=headers)
        self._content = export.content

    async def stream_response(self, send: Send) -> None:
        """Send everything, and close the source whatever happens."""
        try:
            await super().stream_response(send)
        finally:
            await self._content.aclose()


@router.get("/messages")
async def list_messages(
    request: Request,
    caller: Reader,
    id: SessionId,
    start: From = 0,
    limit: Limit = 200,
    search: Text = "",
    error: Annotated[FaultKind | Literal["any"] | None, Query(description="kind of error, or any")] = None,
    status: Annotated[int | None, Query(ge=0, le=999)] = None,
    step: Annotated[Words | None, Query(description="a step such as `steps.2`, and those nested in it")] = None,
    conversation: Whole | None = None,
    turn: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    phase: Words | None = None,
    slower_ms: Annotated[float | None, Query(ge=0, le=1e9)] = None,
    bodies: Annotated[bool, Query(description="with the texts")] = True,
) -> MessagesPage:
    """List messages in the order in which they were done. While the session runs the last second and a half is left out."""
    found = await app_of(request).messages.page(
        id,
        start=start,
        limit=limit,
        search=search,
        error=None if error is None else str(error),
        status=status,
        step=step or None,
        conversation=conversation,
        turn=turn,
        phase=phase or None,
        slower_ms=slower_ms,
        bodies=bodies,
    )
    return MessagesPage.model_validate(_plain(found))


@router.get("/conversations")
async def list_conversations(
    request: Request,
    caller: Reader,
    id: SessionId,
    start: From = 0,
    limit: Limit = 200,
    outcome: Words | None = None,
    search: Text = "",
) -> ConversationsPage:
    """List conversations in the order in which they ended."""
    found = await app_of(request).messages.conversations(
        id, start=start, limit=limit, outcome=outcome or None, search=search
    )
    return ConversationsPage.model_validate(_plain(found))


@router.get("/conversations/{number}")
async def get_conversation(
    request: Request, caller: Reader, id: SessionId, number: Annotated[int, Path(ge=0, le=2**53)]
) -> Transcript:
    """Show one conversation from its first message to its last."""
    found = await app_of(request).messages.conversation(id, number)
    return Transcript.model_validate({"number": number, "items": found})


@router.get("/conversations/{number}/replay")
async def replay_conversation(
    request: Request, caller: Reader, id: SessionId, number: Annotated[int, Path(ge=0, le=2**53)]
) -> Annotated[Replay, AsModel()]:
    """Show one conversation turn by turn on its own clock, with what in it is out of the ordinary."""
    return await app_of(request).messages.replay(id, number)


@router.get("/conversations/{number}/turns/{turn}/request")
async def rebuild_request(
    request: Request,
    caller: Reader,
    id: SessionId,
    number: Annotated[int, Path(ge=0, le=2**53)],
    turn: Annotated[int, Path(ge=1, le=2**31)],
) -> Annotated[Rebuilt, AsModel()]:
    """Show the request of a turn, rebuilt from the plan and the log: the log keeps texts, no bytes. Secrets are hidden."""
    return await app_of(request).messages.request(id, number, turn)


@router.get("/spread")
async def spread_session(request: Request, caller: Reader, id: SessionId) -> Annotated[Spread, AsModel()]:
    """Show how response times and errors lie over a session: counts by time, and by bucket of a log axis."""
    return await app_of(request).messages.spread(id)


@router.get(
    "/export",
    response_class=Response,
    responses={
        200: {
            "description": "the file",
            "content": {
                kind.partition(";")[0]: {"schema": {"type": "string", "format": "binary"} if name == "parquet" else {}}
                for name, kind in MEDIA_TYPES.items()
            },
        },
        409: {"description": "no result yet"},
    },
)
async def export_session(
    request: Request, caller: Reader, id: SessionId, what: What = "messages", format: Format = "csv"
) -> Response:
    """Take away what was measured. CSV is safe to open: no cell is a formula."""
    return Download(await app_of(request).messages.export(id, what, format))


@router.get("/report", response_class=HTMLResponse, responses={409: {"description": "not finished"}})
async def get_report(request: Request, caller: Reader, id: SessionId) -> Response:
    """Show the report: one HTML page that needs nothing else."""
    page = await app_of(request).messages.report(id)
    return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_POLICY})


REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""The report shows what a target answered, so it runs nothing and belongs to no origin."""


def _plain(found: MessagePage) -> dict[str, Any]:
    return {"items": found.items, "next": found.next, "newest": found.newest}

"""Connection tests of targets, told step by step; what they would send and read; what speaks at an address. As documents, targets have
the routes of `api.documents`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from krawall.api.auth import Runner
from krawall.api.bodies import Body, described, json_or_yaml
from krawall.api.documents import SHAPES, DocumentId, NewDocument
from krawall.api.following import EventStream, message_of
from krawall.api.records import AsModel, View
from krawall.api.shapes import app_of
from krawall.api.stream import Described
from krawall.model.kept import DocumentKind
from krawall.services.mapping import Look, look
from krawall.services.overheard import SHOWN
from krawall.services.probing import Outcome, Step, Told
from krawall.services.targets import Ready
from krawall.services.trials import MESSAGE

router = APIRouter(prefix="/api/v1", tags=["targets"])

Asked = Annotated[str, Query(alias="message", min_length=1, max_length=2_000, description="what the chatbot is asked")]
Accept = Annotated[str, Header(description="`application/json` for everything at once, when it is over")]


class StepMessage(View):
    """A step of the test is over."""

    event: Literal["step"]
    data: Annotated[Step, AsModel()]


class OutcomeMessage(View):
    """What came of the test; the last message."""

    event: Literal["outcome"]
    data: Annotated[Outcome, AsModel()]


class TargetTest(View):
    """A test that is over."""

    steps: list[Annotated[Step, AsModel()]]
    outcome: Annotated[Outcome, AsModel()]


TestMessage = Annotated[StepMessage | OutcomeMessage, Field(discriminator="event", title="TestMessage")]
MODELS = [TargetTest]
_WHOLE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/TargetTest"}}}}
}
_TOLD = "each message is one of these, with `data` as JSON; or with `Accept: application/json` one document"


@router.post(
    "/targets/test",
    name="test_target_draft",
    summary="Test the connection to a target that is not kept",
    description="Sends at most one message to the chatbot. References are credentials of this server.",
    response_class=Described,
    response_model=TestMessage,
    response_description=_TOLD,
    responses=_WHOLE,
    openapi_extra=described(SHAPES[DocumentKind.target].new, {"type": "object"}),
)
async def try_draft(
    request: Request,
    caller: Runner,
    message: Asked = MESSAGE,
    operated: Annotated[
        bool, Query(description="you operate its host: private addresses are tested only then")
    ] = False,
    accept: Accept = "",
) -> Any:
    """Test what would be kept by the same body."""
    given = await json_or_yaml(request, NewDocument)
    body = given if isinstance(given, str) else given.body
    ready = await app_of(request).targets.ready_draft(body, message, operated=operated)
    return await _answer(request, ready, caller.name, accept)


class LookAt(Body):
    """A target that need not be whole, and the raw answer that its mapping is tried on."""

    body: dict[str, Any]
    answer: str = Field("", max_length=SHOWN, description="`raw_received` of a connection test")
    message: str = Field(MESSAGE, min_length=1, max_length=2_000)


class Address(Body):
    """Where a chatbot is."""

    url: str = Field(min_length=1, max_length=2_000, description="with or without the path of its chat")
    key: str = Field("", max_length=200, description="name of the credential that it takes")
    model: str = Field("", max_length=200, description="left out: the first that it lists")
    operated: bool = Field(False, description="you operate the host: needed for private addresses")
    ask: bool = Field(True, description="send one message to the likeliest guess")


class Recognised(View):
    """A target that can be kept. `why`: what speaks for it; `outcome`: of the one message, null where none was sent."""

    target: dict[str, Any]
    why: list[str]
    works: bool
    trouble: str
    outcome: Annotated[Outcome, AsModel()] | None


@router.post(
    "/targets/preview",
    name="preview_target",
    summary="Show what a target would send and read",
    description="Nothing is sent or kept. What a target does not say yet is told in `problems`; references stay references.",
    response_model=Annotated[Look, AsModel()],
)
async def look_at(caller: Runner, asked: LookAt) -> Any:
    """Show the first request of a conversation, and what each path finds in an answer."""
    return Response(
        msgspec.json.encode(await asyncio.to_thread(look, asked.body, asked.answer, asked.message)),
        media_type="application/json",
    )


@router.post(
    "/targets/detect",
    name="detect_target",
    summary="Recognise what a chatbot speaks",
    description="Looks at a few pages of the host, then sends at most one message. A guess is a guess: test what it gives.",
    response_model=Recognised,
)
async def detect(request: Request, caller: Runner, asked: Address) -> Any:
    """Return a target for what is at an address."""
    found = await app_of(request).targets.detect(
        asked.url, key=asked.key, model=asked.model, confirmed=asked.operated, ask=asked.ask
    )
    outcome = found.outcome
    body = {
        "target": found.guess.target,
        "why": list(found.guess.why),
        "works": outcome is not None and outcome.ok,
        "trouble": found.trouble,
        "outcome": None if outcome is None else msgspec.to_builtins(outcome),
    }
    return Response(msgspec.json.encode(body), media_type="application/json")


@router.post(
    "/targets/{id}/test",
    name="test_target",
    summary="Test the connection to a target",
    description="Sends at most one message to the chatbot, with the target's credentials. What comes of it is an event.",
    response_class=Described,
    response_model=TestMessage,
    response_description=_TOLD,
    responses=_WHOLE,
)
async def try_target(
    request: Request, caller: Runner, id: DocumentId, message: Asked = MESSAGE, accept: Accept = ""
) -> Any:
    """Test a kept target."""
    return await _answer(request, await app_of(request).targets.ready(id, message), caller.name, accept)


async def _answer(request: Request, ready: Ready, actor: str, accept: str) -> Response:
    told = app_of(request).targets.test(ready, actor)
    if "application/json" not in accept or "text/event-stream" in accept:
        return EventStream(_messages(told))
    steps: list[Step] = []
    outcome = Outcome(ok=False)
    async for each in told:
        if isinstance(each, Step):
            steps.append(each)
        else:
            outcome = each
    body = {"steps": msgspec.to_builtins(steps), "outcome": msgspec.to_builtins(outcome)}
    return Response(msgspec.json.encode(body), media_type="application/json")


async def _messages(told: AsyncGenerator[Told, None]) -> AsyncGenerator[bytes, None]:
    try:
        async for each in told:
            name = "step" if isinstance(each, Step) else "outcome"
            yield message_of(name, msgspec.to_builtins(each))
    finally:
        await told.aclose()

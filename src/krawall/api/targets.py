"""Connection tests of targets, told step by step. As documents, targets have the routes of `api.documents`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from krawall.api.auth import Runner
from krawall.api.bodies import described, json_or_yaml
from krawall.api.documents import SHAPES, DocumentId, NewDocument
from krawall.api.following import EventStream, message_of
from krawall.api.records import AsModel, View
from krawall.api.shapes import app_of
from krawall.api.stream import Described
from krawall.model.kept import DocumentKind
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
async def try_draft(request: Request, caller: Runner, message: Asked = MESSAGE, accept: Accept = "") -> Any:
    """Test what would be kept by the same body."""
    given = await json_or_yaml(request, NewDocument)
    ready = await app_of(request).targets.ready_draft(given if isinstance(given, str) else given.body, message)
    return await _answer(request, ready, caller.name, accept)


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

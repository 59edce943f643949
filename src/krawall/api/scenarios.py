"""Scenarios before they are played: templates, validation, preview."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request
from pydantic import Field

from krawall.api.auth import Reader, Runner
from krawall.api.bodies import Body, described, json_or_yaml
from krawall.api.errors import WrongPlace
from krawall.api.records import AsModel, View
from krawall.api.shapes import app_of
from krawall.errors import DocumentError, Place
from krawall.services.estimating import Estimate
from krawall.services.rehearsal import Message
from krawall.services.replaying import Replay
from krawall.services.scenarios import MOST_REHEARSED
from krawall.services.starting import StartSession
from krawall.services.trying import Persona

router = APIRouter(prefix="/api/v1", tags=["scenarios"])

NameOrId = Annotated[str, Field(min_length=1, max_length=300)]


class TemplateFacts(View):
    """A template. `messages`: how many one conversation sends, on average; `most`: at most, null when there is no bound."""

    name: str
    title: str
    category: str
    description: str
    reading: str
    messages: int | float
    most: int | None


class Templates(View):
    """Every template, by name."""

    items: list[TemplateFacts]


class TemplateText(TemplateFacts):
    """A template with its text, and the scenario that it writes."""

    yaml: str
    body: dict[str, Any]


class ToValidate(Body):
    """A scenario as text or as data; one of them."""

    yaml: str | None = Field(None, max_length=2_000_000, description="YAML or JSON text; errors name its lines")
    body: dict[str, Any] | None = None


class Validated(View):
    """`ok`: it can be kept and played. `warnings` do not stand in the way of that."""

    ok: bool
    errors: list[WrongPlace]
    warnings: list[WrongPlace]
    estimate: Annotated[Estimate | None, AsModel()] = Field(description="what it takes; null when there are errors")


class Laid(Body):
    """What is laid over the scenario's load and seed."""

    users: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    rate: Annotated[str, Field(max_length=40)] | None = Field(None, description="arrivals, such as 5/s")
    duration: Annotated[str, Field(max_length=40)] | None = Field(None, description="such as 30s")
    conversations: Annotated[int, Field(ge=1, le=2**53)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None


class ToPreview(Body):
    """What a session would be made of, and how many of its conversations to rehearse."""

    scenario: NameOrId | dict[str, Any] = Field(
        description="id or name of a scenario, `template:NAME`, or the scenario itself"
    )
    target: NameOrId | dict[str, Any] | None = Field(
        None, description="id or name of a target, or the target itself; left out: the scenario's own, or none"
    )
    conversations: Annotated[int, Field(ge=1, le=MOST_REHEARSED)] = 1
    overrides: Laid = Laid()


class PreviewedConversation(View):
    """What one conversation says. `ended`: why the rehearsal did not come to its end; empty when it did."""

    number: int
    messages: list[Annotated[Message, AsModel()]]
    ended: str


class Previewed(View):
    """What a session would take and say. Nothing was sent; where a reply decides, an echo stood in for it."""

    estimate: Annotated[Estimate, AsModel()]
    conversations: list[PreviewedConversation]


class ToTry(Body):
    """A scenario of which one conversation is played, and how the mock bot answers."""

    scenario: NameOrId | dict[str, Any] = Field(
        description="id or name of a scenario, `template:NAME`, or the scenario itself"
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(None, description="left out: the scenario's own")
    persona: Persona = "default"


class TriedConversation(View):
    """A conversation that was played. `ended`: why it did not come to its own end; empty when it did."""

    persona: Persona
    seed: int
    replay: Annotated[Replay, AsModel()]
    ended: str


BODIES = [ToValidate]


@router.get("/templates", name="list_templates", summary="List the templates", response_model=Templates)
async def list_templates(request: Request, caller: Reader) -> Any:
    """Return the scenarios that come with Krawall."""
    found = await asyncio.to_thread(app_of(request).scenarios.templates)
    return Templates(items=[TemplateFacts.model_validate(msgspec.structs.asdict(each)) for each in found])


@router.get("/templates/{name}", name="get_template", summary="Show a template", response_model=TemplateText)
async def get_template(
    request: Request, caller: Reader, name: Annotated[str, Path(min_length=1, max_length=100)]
) -> Any:
    """Return a template's YAML and data."""
    found = await asyncio.to_thread(app_of(request).scenarios.template, name)
    return TemplateText.model_validate({**msgspec.structs.asdict(found.info), "yaml": found.yaml, "body": found.body})


@router.post(
    "/scenarios/validate",
    name="validate_scenario",
    summary="Check a scenario without keeping it",
    response_model=Validated,
    openapi_extra=described(ToValidate, {}),
)
async def validate_scenario(request: Request, caller: Reader) -> Any:
    """Return every place that is wrong, with its line when text was sent, or else what the scenario takes."""
    given = await json_or_yaml(request, ToValidate)
    found = await app_of(request).scenarios.validate(given if isinstance(given, str) else _one_of(given))
    return Validated.model_validate(
        {
            "ok": not found.errors,
            "errors": shown(found.errors),
            "warnings": shown(found.warnings),
            "estimate": found.estimate,
        }
    )


@router.post(
    "/scenarios/preview",
    name="preview_scenario",
    summary="Rehearse the first conversations",
    response_model=Previewed,
)
async def preview_scenario(request: Request, caller: Runner, body: ToPreview) -> Any:
    """Return what a session would say and take. The target's host is looked up; nothing is sent to it."""
    laid = body.overrides
    wanted = StartSession(
        scenario=body.scenario,
        target=body.target,
        users=laid.users,
        rate=laid.rate,
        duration=laid.duration,
        conversations=laid.conversations,
        seed=laid.seed,
    )
    found = await app_of(request).scenarios.preview(wanted, body.conversations)
    return Previewed.model_validate(
        {
            "estimate": found.estimate,
            "conversations": [
                {"number": each.number, "messages": each.messages, "ended": each.ended} for each in found.conversations
            ],
        }
    )


@router.post(
    "/scenarios/try",
    name="try_scenario",
    summary="Play one conversation against the mock bot",
    response_model=TriedConversation,
)
async def try_scenario(request: Request, caller: Runner, body: ToTry) -> Any:
    """Play the first conversation with the real engine against the built-in mock bot: at most 20 messages and 20 s.

    The scenario's own target is left alone, no session is made, nothing is kept.
    """
    found = await app_of(request).trying.play(body.scenario, seed=body.seed, persona=body.persona)
    return TriedConversation.model_validate(
        {"persona": found.persona, "seed": found.seed, "replay": found.replay, "ended": found.ended}
    )


def shown(found: Iterable[Place]) -> list[WrongPlace]:
    """Return places as answers show them."""
    return [WrongPlace(path=place.path, message=place.message, line=place.line) for place in found]


def _one_of(given: ToValidate) -> dict[str, Any] | str:
    if (given.yaml is None) == (given.body is None):
        raise DocumentError("request", [Place("body", "give either `yaml` or `body`")])
    return given.yaml if given.yaml is not None else given.body or {}

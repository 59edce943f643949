"""Scenarios before they are played: templates, every error with its line, what will be said and what it will take."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import ValidationError

from krawall.errors import DocumentError, KrawallError, NotFound, Place, Refused, Unreachable
from krawall.model.base import Record
from krawall.model.kept import DocumentKind
from krawall.model.plan import Plan
from krawall.model.target import SavedTarget, Target
from krawall.plugins import registry
from krawall.plugins.preset import resolve
from krawall.services import catalogue
from krawall.services.authored import Authored, House, prepare, read_authored
from krawall.services.catalogue import TemplateInfo
from krawall.services.estimating import Estimate, estimate
from krawall.services.planning import TEMPLATE
from krawall.services.rehearsal import Rehearsed, rehearse
from krawall.services.starting import Planner, Rules, StartSession
from krawall.store.store import Store

REHEARSED = 3
"""Conversations that an estimate is judged by."""
MOST_REHEARSED = 5
_ECHO: dict[str, Any] = {"connector": "echo"}


class Validation(Record, frozen=True):
    """What is wrong with a scenario (`errors`), what is not and yet will not play (`warnings`), and what it takes if it is right."""

    errors: list[Place]
    warnings: list[Place]
    estimate: Estimate | None = None


class Preview(Record, frozen=True):
    """What a session will take, and what its first conversations will say."""

    estimate: Estimate
    conversations: list[Rehearsed]


class Template(Record, frozen=True):
    """A template with its text and the scenario that it writes, as plain data."""

    info: TemplateInfo
    yaml: str
    body: dict[str, Any]


class Scenarios:
    """Looks at scenarios without playing them. One per process; rehearsals are one at a time."""

    def __init__(self, store: Store, rules: Rules) -> None:
        self._store = store
        self._house = House(tuple(rules.allow_env))
        self._planner = Planner(store, rules)
        self._stage = asyncio.Lock()
        self._shown: dict[str, tuple[Template, Preview]] = {}
        prepare()

    def templates(self) -> list[TemplateInfo]:
        """Return every template, by name."""
        return catalogue.templates()

    def template(self, name: str) -> Template:
        """Return a template. Raises NotFound, which names the nearest."""
        text = registry.data_text("templates", name)
        body = read_authored(DocumentKind.scenario, text, House(), label=f"template {name}").body
        return Template(catalogue.info(name), text, body)

    async def shown(self, name: str) -> tuple[Template, Preview]:
        """Return a template and its first conversation; both are made once, as templates do not change. Raises NotFound."""
        if name not in self._shown:
            found = await asyncio.to_thread(self.template, name)
            self._shown[name] = found, await self.preview(StartSession(scenario=found.body))
        return self._shown[name]

    async def validate(self, given: dict[str, Any] | str) -> Validation:
        """Return what is wrong with a scenario, at every place; nothing is sent and no host is looked up."""
        try:
            made = await asyncio.to_thread(read_authored, DocumentKind.scenario, given, self._house, label="scenario")
        except DocumentError as error:
            return Validation(error.places, [])
        warnings = await self._warnings(made)
        try:
            plan = (await self._planner.plan(StartSession(scenario=made.body, target=_ECHO))).plan
        except DocumentError as error:
            return Validation(error.places, warnings)
        target = await self._resolved(made.body.get("target"))
        return Validation([], warnings, estimate(plan, target, await self._rehearsed(plan, target, REHEARSED)))

    async def preview(self, request: StartSession, conversations: int = 1) -> Preview:
        """Return what a session of this request will say and take. Looks up the target's host; sends nothing.

        What the guard rails refuse is rehearsed too, and the estimate says why it would not be played.

        Raises:
            DocumentError, NotFound: there is no such session to be had.
        """
        tier: str | None = None
        refused, target = "", None
        echoing = (await self._planner.plan(echoing_too(request))).plan
        given = request.target if request.target is not None else await self._own_target(request)
        if given is not None:
            try:
                real = (await self._planner.plan(request)).plan
                tier, target = real.granted.tier, real.target
            except (Refused, Unreachable) as error:
                refused, target = error.message, await self._resolved(given)
        rehearsed = await self._rehearsed(echoing, target, max(conversations, REHEARSED))
        return Preview(
            estimate(echoing, target, rehearsed[:REHEARSED], tier=tier, refused=refused), rehearsed[:conversations]
        )

    async def _rehearsed(self, plan: Plan, target: Target | None, conversations: int) -> list[Rehearsed]:
        if target is not None:  # who keeps the history decides what is sent
            plan = plan.model_copy(update={"target": target})
        async with self._stage:
            return await asyncio.to_thread(rehearse, plan, min(conversations, MOST_REHEARSED))

    async def _own_target(self, request: StartSession) -> object:
        """Return the target that a request's scenario names or holds, as it was written; None when it has none."""
        given = request.scenario
        if isinstance(given, dict):
            return given.get("target")
        if given.startswith(TEMPLATE):
            return None
        kept = await self._store.documents.get(DocumentKind.scenario, given, request.scenario_revision)
        return kept.body.get("target")

    async def _warnings(self, made: Authored) -> list[Place]:
        named = made.body.get("target")
        if not isinstance(named, str):
            return []
        try:
            await self._store.documents.get(DocumentKind.target, named)
        except NotFound:
            return [Place("target", f"there is no target {named!r} yet")]
        return []

    async def _resolved(self, given: object) -> Target | None:
        """Return the target that a scenario names or holds, with its preset; None when there is none to be had yet."""
        try:
            if isinstance(given, str):
                kept = await self._store.documents.get(DocumentKind.target, given)
                return resolve(SavedTarget.model_validate(kept.body).bare())
            return resolve(Target.model_validate(given)) if isinstance(given, dict) else None
        except (KrawallError, ValidationError):
            return None


def echoing_too(request: StartSession) -> StartSession:
    """Return the same request for a target that only echoes."""
    return request.model_copy(update={"target": _ECHO, "target_revision": None})

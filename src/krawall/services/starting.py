"""From a request to a frozen plan on a server: names are looked up, files of the server are not the author's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError

from krawall.errors import DocumentError, Place, Refused
from krawall.model.auth import tls_files
from krawall.model.base import Document
from krawall.model.kept import DocumentKind
from krawall.model.plan import Plan
from krawall.model.scenario import Scenario
from krawall.model.target import SavedTarget, Target
from krawall.plugins.assemble import assemble, places, scenario_from
from krawall.services.catalogue import template
from krawall.services.granting import granted
from krawall.services.planning import TEMPLATE, Overrides, make_plan
from krawall.store.store import Store

MOST_SHARDS = 64


class StartSession(Document):
    """What a session is made of: names of kept documents, or documents themselves, and what is laid over them."""

    scenario: Annotated[str, Field(min_length=1, max_length=300)] | dict[str, Any] = Field(
        description="id or name of a scenario, `template:NAME`, or the scenario itself"
    )
    target: Annotated[str, Field(min_length=1, max_length=300)] | dict[str, Any] | None = Field(
        None, description="id or name of a target, or the target itself; left out: the scenario's own"
    )
    name: Annotated[str, Field(max_length=200)] = Field("", description="left out: the scenario's name")
    users: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    rate: Annotated[str, Field(max_length=40)] | None = Field(None, description="arrivals, such as 5/s")
    duration: Annotated[str, Field(max_length=40)] | None = Field(None, description="such as 30s")
    conversations: Annotated[int, Field(ge=1, le=2**53)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    load: dict[str, Any] | None = Field(None, description="takes the place of the scenario's load")
    budget: dict[str, Any] | None = Field(None, description="takes the place of the scenario's budget")
    thresholds: list[str] | None = Field(None, description="take the place of the scenario's thresholds")
    shards: Annotated[int, Field(ge=1, le=MOST_SHARDS)] | None = Field(
        None, description="how many engine processes share it; left out: by the load"
    )
    scenario_revision: Annotated[int, Field(ge=1, le=2**31)] | None = None
    target_revision: Annotated[int, Field(ge=1, le=2**31)] | None = None


@dataclass(frozen=True)
class Rules:
    """What an installation adds to the guard rails. Money in 1e-12 USD."""

    daily_cost: int | None = None
    allow_env: Sequence[str] = ()


@dataclass(frozen=True)
class Ordered:
    """A plan, and the names of the documents that it was made from (empty: it was given whole)."""

    plan: Plan
    scenario: str
    target: str


class Planner:
    """Makes plans of requests. One per process."""

    def __init__(self, store: Store, rules: Rules) -> None:
        self._store = store
        self._rules = rules

    async def plan(self, request: StartSession, confirmed: str = "") -> Ordered:
        """Return the frozen plan; nothing is kept, nothing is sent.

        `confirmed`: the host that the caller says to operate, for a target that is not kept.

        Raises:
            DocumentError, NotFound, Refused, Unreachable: there is none to be had.
        """
        scenario, name = await self._scenario(request)
        target, target_name, said = await self._target(request, scenario)
        return Ordered(await self._plan(request, scenario, name, target, said or confirmed), name, target_name)

    async def _scenario(self, request: StartSession) -> tuple[Scenario, str]:
        """Return the scenario with what is laid over it, and the name by which it is known."""
        given = request.scenario
        if isinstance(given, str) and given.startswith(TEMPLATE):
            made = template(given.removeprefix(TEMPLATE))
            data, name = made.model_dump(mode="json", exclude_unset=True), given
        elif isinstance(given, str):
            kept = await self._store.documents.get(DocumentKind.scenario, given, request.scenario_revision)
            data, name = dict(kept.body), kept.name
        else:
            data, name = dict(given), str(given.get("name", ""))
        for part in ("load", "budget", "thresholds"):
            if (laid := getattr(request, part)) is not None:
                data[part] = laid
        scenario = await asyncio.to_thread(scenario_from, data, "scenario")
        errors = server_problems(scenario, self._rules.allow_env)
        if errors:
            raise DocumentError("scenario", errors)
        return scenario, name

    async def _target(self, request: StartSession, scenario: Scenario) -> tuple[Target | None, str, str]:
        """Return the target that takes the place of the scenario's own, its name, and the host that was confirmed."""
        given: str | dict[str, Any] | None = request.target
        if given is None and isinstance(scenario.target, str):
            given = scenario.target
        if given is None:
            return None, "", ""
        if isinstance(given, dict):
            try:
                return Target.model_validate(given), "", ""
            except ValidationError as error:
                found = [
                    Place(f"target.{place.path}".rstrip("."), place.message) for place in places(error, given, None)
                ]
                raise DocumentError("target", found) from None
        kept = await self._store.documents.get(DocumentKind.target, given, request.target_revision)
        saved = SavedTarget.model_validate(kept.body)
        return saved.bare(), kept.name, saved.confirmed

    async def _plan(
        self, request: StartSession, scenario: Scenario, source: str, target: Target | None, confirmed: str
    ) -> Plan:
        if target is not None:
            scenario = scenario.model_copy(update={"target": target})
        own = scenario.target
        if isinstance(own, Target) and tls_files(own.tls):
            errors = [Place(f"target.tls.{name}", "names a file of the server") for name in tls_files(own.tls)]
            raise DocumentError("target", errors, hint="write a reference to a credential that holds the PEM text")
        if isinstance(own, Target) and own.ca_file:
            raise DocumentError(
                "target", [Place("target.ca file", "names a file of the server, which is not the author's")]
            )
        overrides = Overrides(
            users=request.users,
            rate=request.rate,
            duration=request.duration,
            conversations=request.conversations,
            seed=request.seed,
            confirmed=bool(confirmed),
        )
        plan = await asyncio.to_thread(make_plan, scenario, None, overrides, source or scenario.name)
        if confirmed and plan.granted.tier == "private" and plan.granted.host != confirmed:
            raise Refused(
                f"an operator confirmed {confirmed}, not {plan.granted.host}", hint="confirm the target once more"
            )
        return plan


def server_problems(scenario: Scenario, allow_env: Sequence[str]) -> list[Place]:
    """Return what a scenario may hold in a file beside the command line, but not on a server."""
    errors = []
    if scenario.data is not None and scenario.data.file is not None:
        errors.append(Place("data.file", "names a file of the server, which is not the author's; write `rows` instead"))
    errors += [
        Place(f"env.{index}", f"{name} is not among the variables that this server's settings allow (allow_env)")
        for index, name in enumerate(scenario.env)
        if name not in allow_env
    ]
    return errors


def granted_again(plan: Plan) -> Plan:
    """Ask the guard rails once more: addresses change, and so may what is allowed."""
    assemble()
    again = granted(plan.target, plan.load, plan.scenario, plan.granted.tier == "private")
    return plan.model_copy(update={"granted": again})

"""From a scenario and what the command line lays over it to a Plan: load, target, data, guard rails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from krawall.conversation.checks import problems
from krawall.engine.program import compile_texts, connector_of
from krawall.errors import DocumentError, NotFound, Place
from krawall.guard.hosts import TARGET_SCHEMES
from krawall.load.pacing import planned_conversations
from krawall.model.base import PICO_PER_USD
from krawall.model.load import Closed, Open
from krawall.model.plan import Plan
from krawall.model.scenario import Scenario
from krawall.model.step import count_messages, walk
from krawall.model.target import Target
from krawall.plugins import registry
from krawall.plugins.assemble import assemble, places, read_scenario
from krawall.plugins.hooking import hooks_of
from krawall.plugins.preset import knows_where, resolve
from krawall.plugins.sinking import sinks_of
from krawall.plugins.used import plugins_of
from krawall.services.catalogue import template
from krawall.services.granting import granted
from krawall.services.pricing import with_prices
from krawall.services.rows import read_rows
from krawall.version import __version__
from krawall.wire.reply import compile_reply
from krawall.wire.request import compile_request

TEMPLATE = "template:"


@dataclass(frozen=True)
class Overrides:
    """What the command line lays over a file. None: as the file says."""

    preset: str | None = None
    url: str | None = None
    stream: bool | None = None
    users: int | None = None
    rate: str | None = None
    duration: str | None = None
    conversations: int | None = None
    seed: int | None = None
    confirmed: bool = False


@dataclass(frozen=True)
class Preview:
    """What a session is going to be, before it starts. Messages and conversations are None when only time ends it."""

    conversations: int | None
    messages: float | None
    most_messages: float | None
    cost_cap_usd: float
    tier: str


def load_scenario(name: str) -> tuple[Scenario, Path]:
    """Return the scenario of a file, or of `template:NAME`, and the folder that its data files are relative to.

    Raises:
        NotFound: no such file or template.
        DocumentError: it is not a scenario.
    """
    if name.startswith(TEMPLATE):
        return template(name.removeprefix(TEMPLATE)), Path()
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = registry.nearest(name, [f"{TEMPLATE}{known}" for known in registry.names("templates")])
        raise NotFound(f"there is no file {name!r}", hint=f"write `template:NAME` for a template{hint}") from None
    except UnicodeDecodeError as error:
        raise DocumentError(
            name, [Place("", f"is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}")]
        ) from None
    except OSError as error:
        raise NotFound(f"cannot read {name!r}: {error.strerror}") from None
    return read_scenario(text, name), path.parent


def no_names(name: str) -> Target:
    """Refuse the name of a kept target: without a server there are none.

    Raises:
        NotFound: always.
    """
    raise NotFound(
        f"target {name!r} is a name that a server keeps", hint="give --preset and --url, or start it on a server"
    )


def make_plan(
    scenario: Scenario,
    folder: Path | None,
    overrides: Overrides,
    source: str,
    named: Callable[[str], Target] = no_names,
) -> Plan:
    """Return the frozen plan; nothing is sent, the target's host is resolved. `named` looks up a target by its name.

    Files are read relative to `folder`; None: on a server, where a plan reads none.

    Raises:
        DocumentError: something does not fit together; every place is named.
        Refused: the guard rails say no.
        Unreachable: the host does not resolve.
    """
    assemble()
    given = scenario.target
    if isinstance(given, str):
        given = None if overrides.url is not None else named(given)
    target = resolve(_with_overrides(given, overrides))
    load = _load(scenario, overrides)
    rows = read_rows(scenario, folder)
    target = with_prices(_freeze(target, folder))
    scenario = scenario.model_copy(
        update={"target": None, "load": None, "seed": scenario.seed if overrides.seed is None else overrides.seed}
    )
    errors = check(scenario, target, sorted(rows[0]) if rows else None)
    if errors:
        raise DocumentError(source, errors)
    return Plan(
        krawall=__version__, scenario=scenario, target=target, load=load, rows=rows, base=source,
        granted=granted(target, load, scenario, overrides.confirmed),
        plugins=plugins_of(scenario, target),
    )  # fmt: skip


def _freeze(target: Target, folder: Path | None) -> Target:
    """Return the target as a plan keeps it: what the connector's settings name is read now."""
    if _target_problems(target):
        return target  # `check` tells them, with their places
    connector = connector_of(target.connector or "http", target.options)
    kept = connector.planned(target, folder)
    if kept is connector:
        return target
    options = kept.model_dump(mode="json", exclude_unset=True, exclude={"kind"})
    return target.model_copy(update={"options": options})


def check(scenario: Scenario, target: Target | None, columns: list[str] | None) -> list[Place]:
    """Return everything that is wrong with a scenario and its target beyond their shapes: texts, checks, mappings."""
    errors = compile_texts(scenario, columns)[1]
    try:
        sinks_of(scenario)
    except DocumentError as error:
        errors += error.places
    for path, step in walk(scenario.steps):
        for name in ("expect", "checks"):
            for index, expectation in enumerate(getattr(step, name, ())):
                errors += problems(expectation, f"{path}.{name}.{index}")
    if target is not None:
        errors += _target_problems(target)
    return errors


def validate_scenario(scenario: Scenario, folder: Path, source: str) -> None:
    """Check a scenario as far as that goes without a network.

    Raises:
        DocumentError: every place that is wrong.
    """
    assemble()
    rows = read_rows(scenario, folder)
    target = None if isinstance(scenario.target, str) else scenario.target
    if target is not None and (target.connector == "echo" or target.url or target.preset) and knows_where(target):
        target = resolve(target)
    errors = check(
        scenario, target if target is not None and target.connector else None, sorted(rows[0]) if rows else None
    )
    if errors:
        raise DocumentError(source, errors)


def _target_problems(target: Target) -> list[Place]:
    errors = []
    try:
        connector = connector_of(target.connector or "http", target.options)
        errors += _scheme_problems(target, connector.schemes)
    except NotFound as error:
        errors.append(Place("target.connector", error.message))
    except ValidationError as error:
        errors += [
            Place(f"target.options.{place.path}", place.message) for place in places(error, target.options, None)
        ]
    try:
        hooks_of(target)
    except DocumentError as error:
        errors += error.places
    for name, compiling in (("body", lambda: compile_request(target)), ("reply", lambda: compile_reply(target.reply))):
        try:
            compiling()
        except ValueError as error:
            errors.append(Place(f"target.{name}", str(error)))
    return errors


def _scheme_problems(target: Target, schemes: Sequence[str]) -> list[Place]:
    scheme = target.url.partition(":")[0].lower()
    if not target.url or scheme in schemes or scheme not in TARGET_SCHEMES:
        return []  # other words are told by the guard rails
    known = " or ".join(f"{name}://" for name in schemes)
    return [Place("target.url", f"the connector {target.connector} speaks to {known} addresses, not {scheme}://")]


def preview(plan: Plan) -> Preview:
    """Return what is to be expected of a plan."""
    low, high = count_messages(plan.scenario.steps)
    conversations = planned(plan)
    return Preview(
        conversations=conversations,
        messages=None if conversations is None else conversations * low,
        most_messages=None if conversations is None or high == float("inf") else conversations * high,
        cost_cap_usd=plan.scenario.budget.cost / PICO_PER_USD,
        tier=plan.granted.tier,
    )


def planned(plan: Plan) -> int | None:
    """Return how many conversations will start at most; None when only time ends the session."""
    count = planned_conversations(plan.load, plan.seed)
    if plan.scenario.data and plan.scenario.data.pick == "once each":
        return min(count, len(plan.rows)) if count is not None else None
    return count


# overrides ----------------------------------------------------------------------------------------------


def _with_overrides(target: Target | None, overrides: Overrides) -> Target | None:
    laid = {"preset": overrides.preset, "url": overrides.url, "stream": overrides.stream}
    laid = {name: value for name, value in laid.items() if value is not None}
    if not laid:
        return target
    data = target.model_dump(mode="json", exclude_unset=True) if target else {}
    if overrides.preset is not None and data.get("preset", overrides.preset) != overrides.preset:
        # Another provider: what the file says of the old one's wire does not hold for it.
        data = {
            name: value
            for name, value in data.items()
            if name in ("url", "auth", "headers", "request", "prices", "pace", "sizes")
        }
    try:
        return Target.model_validate({**data, **laid})
    except ValidationError as error:
        raise DocumentError("target", places(error, data, None)) from None


def _load(scenario: Scenario, overrides: Overrides) -> Closed | Open:
    """Return the load: the file's, with --users, --rate, --duration, --conversations laid over it."""
    data: dict[str, Any] = (
        scenario.load.model_dump(mode="json", exclude_unset=True) if scenario.load else {"users": 1, "conversations": 1}
    )
    data.pop("model", None)
    if overrides.users is not None and overrides.rate is not None:
        raise DocumentError(
            "command line", [Place("--rate", "--users makes a closed load and --rate an open one; give one of them")]
        )
    if overrides.rate is not None:
        data = _only(data, "warm-up", "cool-down", "max users", "overrun", "arrivals", "conversations", "duration")
        data["rate"] = overrides.rate
    if overrides.users is not None:
        if not isinstance(data.get("users", 1), int) or "rate" in data:
            data = _only(data, "warm-up", "cool-down", "pause", "duration", "conversations")
        data["users"] = overrides.users
    if overrides.duration is not None:
        for key in ("users", "rate"):
            if isinstance(data.get(key), list):
                data[key] = _peak(scenario, key)
        data["duration"] = overrides.duration
        if overrides.conversations is None:
            data.pop("conversations", None)
    if overrides.conversations is not None:
        data["conversations"] = overrides.conversations
        if overrides.duration is None and not any(isinstance(data.get(key), list) for key in ("users", "rate")):
            data.pop("duration", None)
    try:
        made = Scenario.model_validate({"name": "load", "steps": ["-"], "load": data}).load
    except ValidationError as error:
        raise DocumentError("load", places(error, {"load": data}, None)) from None
    assert made is not None
    return made


def _only(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: data[name] for name in names if name in data}


def _peak(scenario: Scenario, key: str) -> Any:
    assert scenario.load is not None
    return scenario.load.peak_users if isinstance(scenario.load, Closed) else scenario.load.peak_rate

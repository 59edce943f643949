"""What a connection test needs before it begins: a target that is right as far as that can be known without a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from krawall.errors import Refused, Unreachable
from krawall.model.connector import Secrets
from krawall.model.hook import Hook
from krawall.model.plan import Plan
from krawall.model.scenario import Scenario
from krawall.model.target import Target
from krawall.net.caller import secret_values
from krawall.plugins.assemble import assemble, scenario_from
from krawall.plugins.hooking import hooks_of
from krawall.services.planning import Overrides, make_plan

BUDGET = {"cost": 1, "requests": 1, "conversations": 1}  # within what every tier of the guard rails allows
MESSAGE = "Hello! This is a connection test. Please answer in one short sentence."


@dataclass(frozen=True)
class Trial:
    """A test that may begin: everything that can be known without a network is right.

    `plan` is None when the guard rails or the name service said no: `trouble` holds what.
    `values`: of the secrets that it refers to, which are shown nowhere.
    """

    target: Target
    secrets: Secrets
    values: list[str]
    plan: Plan | None
    trouble: Refused | Unreachable | None
    message: str = MESSAGE
    hooks: list[Hook] = field(default_factory=list)


def local_trial(
    target: Target | None, secrets: Secrets, folder: Path, overrides: Overrides, message: str = MESSAGE
) -> Trial:
    """Return the trial of a target without a server; its host is looked up, nothing is sent. Blocks.

    Files that it names are relative to `folder`. `overrides` are laid over it, or make it.

    Raises:
        DocumentError, NotFound, PluginError: the target is wrong; every place is named. Or a reference has no value.
    """
    plan, trouble = None, None
    try:
        plan = make_plan(_scenario(target), folder, overrides, "target")
    except (Refused, Unreachable) as error:
        trouble = error
    return trial(target or Target(), secrets, plan, trouble, message)


def trial(
    target: Target,
    secrets: Secrets,
    plan: Plan | None,
    trouble: Refused | Unreachable | None,
    message: str = MESSAGE,
) -> Trial:
    """Return the trial of a plan, or of what stood in its way.

    Raises:
        DocumentError: a reference has no value, or a hook is wrong.
    """
    if plan is None:
        return Trial(target, secrets, [], plan, trouble, message)
    values = secret_values(plan.target, secrets)
    return Trial(plan.target, secrets, values, plan, trouble, message, hooks_of(plan.target))


def _scenario(target: Target | None) -> Scenario:
    """Return the scenario of one message."""
    assemble()
    given = {"name": "connection test", "steps": [MESSAGE], "budget": BUDGET}
    return scenario_from(given, "connection test").model_copy(update={"target": target})

"""A whole scenario played in this process by one shard: no child process, no conductor, no log file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from krawall.clock import monotonic_ns
from krawall.engine.outbox import Kept
from krawall.engine.program import Program
from krawall.engine.shard import Shard
from krawall.metrics.tally import Tally
from krawall.model.budget import Spend
from krawall.model.connector import Connector, Secrets
from krawall.model.exchange import Exchange, Line, Told
from krawall.model.hook import Fetch
from krawall.model.plan import Plan, ShardSpec
from krawall.model.progress import Orders, Progress
from krawall.plugins.assemble import read_scenario
from krawall.services.planning import Overrides, make_plan

PLENTY = Spend(10**17, 10**12, 10**9, 10**9)


@dataclass(frozen=True)
class Played:
    """What came of it. `trouble` is the first traceback of an error of our own, empty when there was none."""

    lines: list[Line]
    tally: Tally
    last: Progress
    trouble: str

    @property
    def exchanges(self) -> list[Exchange]:
        """The attempts, in order."""
        return [line for line in self.lines if isinstance(line, Exchange)]

    @property
    def told(self) -> list[Told]:
        """The conversations, in the order in which they ended."""
        return [line for line in self.lines if isinstance(line, Told)]


def plan_of(scenario: str, url: str | None = None) -> Plan:
    """Return the plan of a scenario in YAML, its target at `url`."""
    return make_plan(read_scenario(scenario, "test"), Path(), Overrides(url=url), "test")


async def play(
    plan: Plan,
    clock: Callable[[], int] = monotonic_ns,
    *,
    secrets: Secrets | None = None,
    directory: str = "",
    fetch: Fetch | None = None,
    connector: Connector | None = None,
) -> Played:
    """Play the whole plan; every report is answered at once and allows plenty.

    Args:
        plan: what to play.
        clock: the engine's clock, ns.
        secrets: opens references; None: the environment.
        directory: where hooks keep files; "": nowhere.
        fetch: how hooks ask; None: by sockets.
        connector: takes the place of the target's.
    """
    kept = Kept()
    reports: list[Progress] = []
    program = Program(plan, ShardSpec("ses_test", 0, 1, 1, directory))
    if connector is not None:
        program.connector = lambda: connector  # type: ignore[method-assign]
    shard = Shard(program, [kept], clock, secrets=secrets, fetch=fetch)

    async def report(progress: Progress) -> Orders:
        reports.append(progress)
        return Orders(go_at_ns=clock(), allowance=PLENTY)

    await shard.play(report)
    return Played(kept.lines, shard.tally, reports[-1], shard.trouble)

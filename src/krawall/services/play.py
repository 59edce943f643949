"""`krawall.play`: a session from Python, with the same words as on the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

from krawall.model.scenario import Scenario
from krawall.model.summary import Summary
from krawall.services.planning import Overrides, load_scenario, make_plan
from krawall.services.playing import Session, Watch
from krawall.services.reading import write_report


def play(
    scenario: str | Path | Scenario,
    *,
    preset: str | None = None,
    url: str | None = None,
    stream: bool | None = None,
    users: int | None = None,
    rate: str | None = None,
    duration: str | None = None,
    conversations: int | None = None,
    seed: int | None = None,
    out: Path | None = None,
    processes: int | None = None,
    confirmed: bool = False,
    watch: Watch | None = None,
) -> Summary:
    """Play a scenario (a file, `template:NAME`, or a Scenario) and return the result; blocks until it is over.

    `rate` and `duration` are texts such as `5/s` and `30s`. `confirmed`: I operate the target, for private addresses.
    `watch` is called with a Picture once a second. The session's directory is `out`, or krawall-sessions/ID below the
    working directory; `Summary.directory` says where.

    Raises:
        KrawallError: the scenario is wrong, the target is not allowed, or an engine does not start.
    """
    if isinstance(scenario, Scenario):
        made, folder, source = scenario, Path(), scenario.name
    else:
        made, folder = load_scenario(str(scenario))
        source = str(scenario)
    overrides = Overrides(preset, url, stream, users, rate, duration, conversations, seed, confirmed)
    session = Session(make_plan(made, folder, overrides, source), out, processes)
    summary = asyncio.run(session.play(watch))
    write_report(session.directory.path)
    return summary

"""Plays a plan for a command: live view, Ctrl-C, result, report, JUnit."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from krawall.cli.live import view_for
from krawall.cli.output import print_json, print_result
from krawall.conduct.junit import junit as junit_xml
from krawall.errors import KrawallError
from krawall.model.plan import Plan
from krawall.model.summary import Summary
from krawall.services.playing import Session
from krawall.services.reading import write_report


@dataclass(frozen=True)
class Look:
    """How a command shows a session."""

    json: bool = False
    quiet: bool = False
    junit: Path | None = None
    command: str = ""


def play(plan: Plan, out: Path | None, processes: int | None, look: Look) -> int:
    """Play, show, report; return the exit code."""
    session = Session(plan, out, processes)
    summary = asyncio.run(_watched(session, look))
    return finish(session.directory.path, summary, look)


def finish(directory: Path, summary: Summary, look: Look) -> int:
    """Write report and JUnit, print the result, return the exit code."""
    try:
        write_report(directory)
        if look.junit:
            look.junit.write_text(junit_xml(summary), encoding="utf-8")
    except (OSError, KrawallError) as error:
        print(f"the report could not be written: {error}", file=sys.stderr)  # noqa: T201
    if look.json:
        print_json(summary)
    else:
        print_result(summary, look.command)
    return summary.exit_code


async def _watched(session: Session, look: Look) -> Summary:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, session.stop)
    try:
        with view_for(sys.stderr, json=look.json, quiet=look.quiet) as view:
            return await session.play(view.update)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

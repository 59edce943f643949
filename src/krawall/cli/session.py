"""Plays a plan for a command: live view, Ctrl-C, result, report, JUnit."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from krawall.cli.live import SilentView, view_for
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
    with _interrupts(session):
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
    with view_for(sys.stderr, json=look.json, quiet=look.quiet) as view:
        return await session.play(None if isinstance(view, SilentView) else view.update)


@contextmanager
def _interrupts(session: Session) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop the session, once gently, twice at once; a further one does not cost the report."""

    def ask(number: int, frame: FrameType | None) -> None:
        session.ask_to_stop()
        if not sys.stderr.isatty():  # a terminal shows the state itself
            os.write(2, b"stopping: turns in flight may finish; once more stops them too\n")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

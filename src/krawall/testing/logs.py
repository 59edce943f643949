"""The directory of a session as if it had been played, for tests: plan, manifest and a log of the given lines."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

from krawall.model.exchange import Check, Checked, Exchange, Fault, FaultKind, Line, Told, Usage
from krawall.model.plan import Plan
from krawall.model.summary import Point
from krawall.services.directory import Manifest, SessionDirectory
from krawall.testing.playing import plan_of
from krawall.version import __version__
from krawall.wire.log import Header, encode_lines

SCENARIO = """
name: Late parcel
target: {connector: echo}
steps:
  - message: "=1+1 my parcel is late"
  - message: Any news?
load: {users: 1, conversations: 3}
"""
S = 1_000_000_000  # ns


def an_exchange(conversation: int, turn: int, *, fault: Fault | None = None) -> Exchange:
    """Return the attempt at a turn: sent at a moment that follows from its place, answered after 100 ms."""
    sent = (conversation * 10 + turn) * S
    return Exchange(
        conversation=conversation, user=0, turn=turn, attempt=1, phase="measure", step=f"steps.{turn - 1}",
        planned_ns=sent, start_ns=sent, sent_ns=sent, done_ns=sent + S // 10, seen_ns=sent + S // 20,
        last_ns=sent + S // 10, usage=Usage(tokens_in=10, tokens_out=20, cost_pico=1_000_000),
        status=500 if fault else 200, fault=fault, checks=[Check("contains", ok=not fault)],
        said="=1+1 my parcel is late" if turn == 1 else "Any news?", heard="" if fault else f"echo {conversation}.{turn}",
    )  # fmt: skip


def some_lines(conversations: int = 3) -> list[Line]:
    """Return conversations of two turns, each with its end; the second turn of the last one fails."""
    lines: list[Line] = []
    for number in range(conversations):
        fault = Fault(FaultKind.server, "out of tea", 500) if number == conversations - 1 else None
        lines += [an_exchange(number, 1), an_exchange(number, 2, fault=fault)]
        lines.append(Checked(number, 1, "measure", "steps.1", [Check("politeness", ok=True)]))
        lines.append(
            Told(number, 0, "measure", number * 10 * S, number * 10 * S, (number * 10 + 3) * S, "failed" if fault else "completed",
                 turns=2, tokens_in=20, tokens_out=40, cost_pico=2_000_000, reason="out of tea" if fault else "")
        )  # fmt: skip
    return lines


def write_session(path: Path, session: str, lines: Sequence[Line] | None = None) -> Plan:
    """Write the directory of a finished session and return its plan."""
    plan = plan_of(SCENARIO)
    manifest = Manifest(
        krawall=__version__, session=session, plan_hash=plan.digest(), seed=plan.seed, name="Late parcel", target="echo",
        started_at="2026-11-23T06:15:00.000Z", shards=1, state="finished", outcome="completed", reason="", reason_kind="done",
        planned=3, points=[Point(second, 1, 1, 0, 100.0, 100.0, 100.0, 50.0, 50.0, 20, 0.0) for second in range(3)],
    )  # fmt: skip
    directory = SessionDirectory.create(path, plan, manifest)
    header = Header(1, __version__, session, 0, 1, 0, plan.digest())
    written = encode_lines([header, *(some_lines() if lines is None else lines)])
    (directory.log / "0-1-0.jsonl").write_bytes(written)
    return plan


def pack(folder: Path, tar: Path) -> bytes:
    """Pack a directory as a tar.gz and return its bytes."""
    with tarfile.open(tar, "w:gz") as archive:
        archive.add(folder, arcname=folder.name)
    return tar.read_bytes()

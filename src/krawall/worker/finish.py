"""The end of a session: its summary, its report, and the last transaction. Every part may be done twice."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import structlog

from krawall.clock import iso, wall_ns
from krawall.conduct.conductor import Conductor
from krawall.conduct.validity import judge as judge_generator
from krawall.errors import KrawallError, Unavailable
from krawall.model.event import (
    EventBody,
    SessionAborted,
    SessionCancelled,
    SessionCompleted,
    SessionFailed,
    ThresholdBreached,
)
from krawall.model.session import Outcome, Session, State, Verdict
from krawall.model.summary import Point, Summary
from krawall.services.aside import aside
from krawall.services.directory import SessionDirectory
from krawall.services.latencies import kept
from krawall.services.playing import summary_of
from krawall.worker.rows import Rows
from krawall.worker.tools import Tools

AGAIN_S = 1.0

_log = structlog.get_logger("krawall.worker.finish")


async def finish(tools: Tools, session: Session, rows: Rows, conductor: Conductor) -> bool:
    """Write the last word on a session. False: another conductor has taken over."""
    conductor.finish()
    folder = await tools.archive.fetch(session.id)
    directory = SessionDirectory(folder)
    await _manifest(tools, session, rows, conductor, directory)
    if rows.manifest.lost.get("processes"):
        # What a lost process did after its last report is known from its log alone.
        summary = msgspec.json.decode(await aside("recount", folder), type=Summary)
    else:
        summary = summary_of(directory, conductor.plan, rows.manifest, conductor.merge())
    try:
        await aside("report", folder)
    except Unavailable as error:
        # A session must end even so; whoever asks for the report has it written then.
        _log.error("the report was not written", session=session.id, error=error.message)
    await tools.archive.push(session.id)
    while True:
        try:
            return await _last_transaction(tools, session, rows, conductor, summary)
        except Unavailable:
            await asyncio.sleep(AGAIN_S)


async def refuse(tools: Tools, session: Session, fence: int, error: KrawallError) -> None:
    """End a session that cannot be played here, before anything is played of it. Somebody else's is left alone."""
    store = tools.store
    async with store.begin() as tx:
        mine = await store.sessions.write(
            session.id, fence,
            state=State.finished, outcome=Outcome.failed, verdict=Verdict.none, exit_code=error.exit_code,
            reason=error.message, reason_kind="internal", finished_ns=wall_ns(), tx=tx,
        )  # fmt: skip
        if mine:
            await store.ledger.release(session.id, tx=tx)
            body = SessionFailed(error.exit_code, error.message)
            await store.events.append(body, f"worker {tools.id}", session=session.id, tx=tx)


async def _manifest(
    tools: Tools, session: Session, rows: Rows, conductor: Conductor, directory: SessionDirectory
) -> None:
    manifest = rows.manifest
    manifest.state = State.finished
    manifest.outcome, manifest.reason = conductor.outcome.value, conductor.reason
    manifest.reason_kind = conductor.reason_kind
    manifest.generator = judge_generator(conductor.lag("loop_lag"), conductor.lag("send_lag"), conductor.health)
    manifest.windows = conductor.windows.worst
    manifest.points = [
        msgspec.json.decode(body, type=Point) for _, body in await tools.store.ticks.since(session.id, -1, 1_000_000)
    ]
    manifest.gaps, manifest.pauses = conductor.gaps, conductor.pauses
    lost = {"processes": conductor.losses, "bodies": sum(health.bodies_dropped for health in conductor.health)}
    lost["attempts in flight"] = directory.lost_in_flight()
    manifest.lost = {name: number for name, number in lost.items() if number}
    directory.save(manifest)
    await tools.archive.push(session.id)


async def _last_transaction(tools: Tools, session: Session, rows: Rows, conductor: Conductor, summary: Summary) -> bool:
    store = tools.store
    latency, tally = summary.metrics.get("latency"), conductor.merge()
    async with store.begin() as tx:
        mine = await store.sessions.write(
            session.id, rows.fence,
            state=State.finished, outcome=Outcome(summary.outcome), verdict=Verdict(summary.verdict),
            exit_code=summary.exit_code, reason=summary.reason, reason_kind=conductor.reason_kind,
            finished_ns=wall_ns(), conversations=summary.conversations.started, turns=summary.turns,
            errors=sum(summary.errors.values()), cost_pico=tally.view().cost_pico,
            p95_ms=latency.p95 if latency is not None and latency.count else None,
            summary=msgspec.json.encode(summary), saved=conductor.save().encode(),
            latencies=kept(tally),
            tx=tx,
        )  # fmt: skip
        if not mine:
            return False
        day = iso(session.created_ns)[:10]
        await store.ledger.settle(session.id, session.target, day, conductor.spent, tx=tx)
        await store.ledger.release(session.id, tx=tx)
        for body in _events(summary):
            await store.events.append(body, f"worker {tools.id}", session=session.id, tx=tx)
    with contextlib.suppress(Unavailable):
        await tools.bus.publish(f"session.{session.id}", b'{"event":0}')
    return True


def _events(summary: Summary) -> list[EventBody]:
    breached: list[EventBody] = [
        ThresholdBreached(judged.text, judged.value, judged.why)
        for judged in summary.thresholds
        if judged.outcome == "fail"
    ]
    verdict, code, reason = summary.verdict, summary.exit_code, summary.reason
    ends: dict[str, EventBody] = {
        Outcome.completed: SessionCompleted(verdict, code),
        Outcome.aborted: SessionAborted(verdict, code, reason),
        Outcome.cancelled: SessionCancelled(verdict, code, reason),
        Outcome.failed: SessionFailed(code, reason),
    }
    return [*breached, ends[summary.outcome]]

"""One attempt at one turn: the exchange under its timeouts, and the record of it."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

import msgspec

from krawall.engine import inject
from krawall.engine.mark import Stamps
from krawall.model.exchange import Exchange, Fault, FaultKind, Reply, TargetFault, Usage
from krawall.model.policy import Injection

if TYPE_CHECKING:
    from krawall.engine.user import User


class Attempt:
    """What became of an attempt. `reply` and `fault` exclude each other; `cancelled`: a stop, not a timeout, ended it."""

    __slots__ = ("cancelled", "done_ns", "fault", "injected", "injecting", "mark", "reply", "start_ns", "usage")

    def __init__(self, mark: Stamps, start_ns: int) -> None:
        self.mark = mark
        self.start_ns = start_ns
        self.done_ns = 0
        self.reply: Reply | None = None
        self.fault: Fault | None = None
        self.usage: Usage | None = None
        self.injecting: tuple[Injection, Random] | None = None
        self.injected: str | None = None
        self.cancelled = False

    @property
    def heard(self) -> str:
        """The text that arrived, whole or not."""
        return self.reply.text if self.reply is not None else "".join(self.mark.text)


def begin(user: User, deadline_ns: int, seed: int | None) -> Attempt:
    """Begin an attempt: fresh stamps, the timeouts run. `seed`: of the faults of our own to put in, if any."""
    shard, mark = user.shard, user.mark
    mark.reset()
    attempt = Attempt(mark, shard.clock())
    if seed is not None and (injecting := inject.draw(shard.program.inject, seed)) is not None:
        attempt.injecting = injecting
        attempt.injected = injecting[0].kind
        attempt.mark = inject.stamps_for(injecting[0], mark)
    shard.sent[0] += 1
    shard.in_flight += 1
    user.watch.begin(attempt.start_ns, deadline_ns, user.task, attempt.mark)
    return attempt


def failed(user: User, attempt: Attempt, error: BaseException) -> None:
    """Note why there is no reply. What is neither the target's fault nor a stop is a bug of ours, and is told."""
    if isinstance(error, TargetFault):
        attempt.fault, attempt.usage = error.fault, error.usage
    elif not isinstance(error, asyncio.CancelledError):
        attempt.fault = Fault(FaultKind.protocol, f"internal: {type(error).__name__}: {error}")
        user.shard.bug(error)
    elif user.watch.expired is not None:
        user.task.uncancel()
        attempt.fault = user.watch.expired
    else:
        attempt.cancelled = True
        attempt.fault = Fault(FaultKind.cancelled, "stopped")
    if attempt.injected and not attempt.cancelled:
        fault = attempt.fault
        attempt.fault = Fault(fault.kind, fault.detail, fault.status, fault.retry_after_ns, True)


def end(user: User, attempt: Attempt) -> None:
    """The attempt is over; the timeouts stop."""
    user.watch.end()
    user.shard.in_flight -= 1
    attempt.done_ns = user.shard.clock()
    if attempt.reply is not None:
        attempt.usage = attempt.reply.usage


def record(
    user: User, attempt: Attempt, conversation: int, turn: int, number: int, step: str, planned_ns: int, said: str
) -> Exchange:
    """Return the record of an attempt; times become ns since the session began."""
    mark, reply, fault = attempt.mark, attempt.reply, attempt.fault
    shard, course = user.shard, user.shard.course
    if planned_ns < course.resumed <= attempt.start_ns:
        planned_ns = course.resumed  # it was held by a pause: nobody is late for that
    planned_ns += mark.held_ns
    origin = course.origin
    heard = attempt.heard
    if shard.redact is not None:  # a target may repeat our key
        said, heard = shard.redact(said), shard.redact(heard)
        if fault is not None:
            fault = msgspec.structs.replace(fault, detail=shard.redact(fault.detail))
    return Exchange(
        conversation,
        user.index,
        turn,
        number,
        shard.program.phases.at(planned_ns - course.zero if planned_ns >= course.resumed else course.since(planned_ns)),
        step,
        planned_ns - origin,
        attempt.start_ns + mark.held_ns - origin,
        mark.sent_ns - origin if mark.sent_ns else 0,
        attempt.done_ns - origin,
        mark.byte_ns - origin if mark.byte_ns else 0,
        mark.event_ns - origin if mark.event_ns else 0,
        mark.token_ns - origin if mark.token_ns else 0,
        mark.seen_ns - origin if mark.seen_ns else 0,
        mark.last_ns - origin if mark.last_ns else 0,
        mark.connect_ns,
        mark.events,
        mark.gaps_us,
        attempt.usage,
        reply.status if reply is not None else fault.status if fault is not None else None,
        fault,
        injected=attempt.injected,
        said=said,
        heard=heard,
    )

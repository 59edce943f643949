"""One attempt at one turn: the exchange under its timeouts, and the record of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from krawall.engine import inject
from krawall.engine.mark import Stamps
from krawall.model.exchange import Exchange, Fault, FaultKind, Prompt, Reply, TargetFault, Usage

if TYPE_CHECKING:
    from krawall.engine.user import User


class Attempt:
    """What became of an attempt. `reply` and `fault` exclude each other; `cancelled`: a stop, not a timeout, ended it."""

    __slots__ = ("cancelled", "done_ns", "fault", "injected", "mark", "reply", "start_ns", "usage")

    def __init__(self, mark: Stamps, start_ns: int) -> None:
        self.mark = mark
        self.start_ns = start_ns
        self.done_ns = 0
        self.reply: Reply | None = None
        self.fault: Fault | None = None
        self.usage: Usage | None = None
        self.injected: str | None = None
        self.cancelled = False

    @property
    def heard(self) -> str:
        """The text that arrived, whole or not."""
        return self.reply.text if self.reply is not None else "".join(self.mark.text)


async def ask(user: User, prompt: Prompt, deadline_ns: int, injecting: int | None) -> Attempt:
    """Do one exchange; never raises but for a bug in the program. `injecting`: the seed of the faults to put in, if any."""
    shard = user.shard
    mark = user.mark
    mark.reset()
    attempt = Attempt(mark, shard.clock())
    injected = inject.draw(shard.program.inject, injecting) if injecting is not None else None
    if injected is not None:
        attempt.injected = injected[0].kind
        attempt.mark = mark = inject.stamps_for(injected[0], mark)
    shard.in_flight += 1
    user.watch.begin(attempt.start_ns, deadline_ns, user.task, mark)
    try:
        if injected is None:
            reply = await user.channel.exchange(prompt, mark)
        else:
            reply = await inject.exchange(*injected, user.channel, prompt, mark)
        attempt.reply, attempt.usage = reply, reply.usage
    except TargetFault as trouble:
        attempt.fault, attempt.usage = trouble.fault, trouble.usage
    except asyncio.CancelledError:
        attempt.fault = user.watch.expired
        if attempt.fault is None:
            attempt.cancelled = True
            attempt.fault = Fault(FaultKind.cancelled, "stopped")
        else:
            user.task.uncancel()
    except Exception as error:  # noqa: BLE001  the user's boundary: what escapes a connector is our bug, and is told
        attempt.fault = Fault(FaultKind.protocol, f"internal: {type(error).__name__}: {error}")
        shard.bug(error)
    user.watch.end()
    shard.in_flight -= 1
    attempt.done_ns = shard.clock()
    if attempt.injected and attempt.fault is not None and not attempt.cancelled:
        fault = attempt.fault
        attempt.fault = Fault(fault.kind, fault.detail, fault.status, fault.retry_after_ns, True)
    return attempt


def record(
    user: User, attempt: Attempt, conversation: int, turn: int, number: int, step: str, planned_ns: int, said: str
) -> Exchange:
    """Return the record of an attempt; times become ns since the session began."""
    mark, reply, fault = attempt.mark, attempt.reply, attempt.fault
    shard = user.shard
    origin = shard.origin
    heard = attempt.heard
    if shard.redact is not None:  # a target may repeat our key
        said, heard = shard.redact(said), shard.redact(heard)
    return Exchange(
        conversation,
        user.index,
        turn,
        number,
        shard.program.phases.at(planned_ns - origin),
        step,
        planned_ns - origin,
        attempt.start_ns - origin,
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

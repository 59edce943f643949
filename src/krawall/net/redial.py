"""The one place that decides when a connection is tried again: exponential backoff with jitter, drawn from a seeded generator.

It dials only while somebody waits for a reply, so nothing connects after a user has gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Annotated

from pydantic import Field

from krawall.model.base import NS_PER_S, Document, Duration
from krawall.model.connector import Mark
from krawall.model.exchange import FaultKind, TargetFault

_AGAIN = frozenset({FaultKind.connect, FaultKind.server})  # a refusal or a broken protocol does not mend itself


class Reconnect(Document):
    """How often a connection that fails is tried again for one message, and how far apart."""

    wait: Duration = Field(500_000_000, description="the pause before the second try")
    factor: Annotated[float, Field(ge=1, le=10)] = Field(2.0, description="each further pause is so many times longer")
    cap: Duration = Field(30 * NS_PER_S, description="no pause is longer")
    jitter: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="the share of a pause that is drawn: 0.5 makes it 50 to 100 % as long"
    )
    max: Annotated[int, Field(ge=0, le=1000)] = Field(5, description="tries after the first, for one message")


def pauses(policy: Reconnect, random: Random) -> Iterator[int]:
    """Yield the pauses between tries, ns: `wait * factor^n`, at most `cap`, less a drawn share of up to `jitter`."""
    whole = float(policy.wait)
    for _ in range(policy.max):
        bounded = min(whole, policy.cap)
        yield round(bounded * (1 - policy.jitter * random.random()))
        whole = min(whole * policy.factor, float(policy.cap))


async def persist(
    attempt: Callable[[], Awaitable[None]], policy: Reconnect | None, random: Random, mark: Mark, gone: asyncio.Event
) -> None:
    """Await `attempt` until it succeeds or the policy is used up. `gone`: the user has left, so nothing more is tried.

    Raises:
        TargetFault: the last try's.
    """
    waits = pauses(policy, random) if policy else iter(())
    while True:
        try:
            await attempt()
        except TargetFault as trouble:
            pause = next(waits, None) if trouble.fault.kind in _AGAIN else None
            if pause is None or gone.is_set():
                raise
            mark.hold()
            left = await _left(gone, pause)
            mark.release()
            if left:
                raise TargetFault(FaultKind.cancelled, "the user left while its connection was made") from None
        else:
            return


async def _left(gone: asyncio.Event, pause_ns: int) -> bool:
    """Wait for the pause, or less when the user leaves; return whether he did."""
    try:
        async with asyncio.timeout(pause_ns / NS_PER_S):
            await gone.wait()
    except TimeoutError:
        return False
    return True

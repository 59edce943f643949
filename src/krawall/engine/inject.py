"""Seeded faults of our own, on our side of the wire. Each is marked; none is counted as the target's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random

from krawall.engine.mark import Stamps
from krawall.model.base import NS_PER_S
from krawall.model.connector import Channel
from krawall.model.exchange import FaultKind, Prompt, Reply, TargetFault, Usage
from krawall.model.policy import Injection


def draw(injections: Sequence[Injection], seed: int) -> tuple[Injection, Random] | None:
    """Return the injection for an attempt and the generator for its amounts, or None. A function of `seed` alone."""
    rng = Random(seed)
    for injection in injections:
        if rng.random() < injection.share:
            return injection, rng
    return None


class Cutting(Stamps):
    """Stamps that end the exchange once `after` content events have come; a reply of fewer is cut at its end."""

    __slots__ = ("_after", "_words")

    def __init__(self, clock: Callable[[], int], after: int, words: str) -> None:
        super().__init__(clock)
        self._after = after
        self._words = words

    def token(self, text: str, at_ns: int, visible: bool = True) -> None:
        """Stamp, or cut."""
        if self.events >= self._after:
            raise self.fault()
        super().token(text, at_ns, visible)

    def fault(self, usage: Usage | None = None) -> TargetFault:
        """Return the cut. `usage`: what the target reported before."""
        return TargetFault(FaultKind.truncated, self._words, status=200, usage=usage)


def stamps_for(injection: Injection, usual: Stamps) -> Stamps:
    """Return the stamps that an injected exchange needs."""
    if injection.kind in ("truncate", "disconnect"):
        words = "cut short" if injection.kind == "truncate" else "disconnected in mid-reply"
        return Cutting(usual.now, injection.after, f"{words} (injected)")
    return usual


async def exchange(injection: Injection, rng: Random, channel: Channel, prompt: Prompt, mark: Stamps) -> Reply:
    """Do the exchange with the fault put in.

    Raises:
        TargetFault: the injected fault, or one of the target's own.
    """
    by_ns = injection.by.draw(rng) if injection.by else NS_PER_S // 2
    if injection.kind == "drop":
        raise TargetFault(FaultKind.connect, "never sent (injected)")
    if injection.kind == "status":
        raise _status(injection.status)
    if injection.kind == "delay":
        await asyncio.sleep(by_ns / NS_PER_S)
    if injection.kind == "slow":
        channel.slow(by_ns)
    try:
        reply = await channel.exchange(prompt, mark)
    finally:
        channel.slow(0)
    if isinstance(mark, Cutting):
        raise mark.fault(reply.usage)
    if injection.kind == "malformed":
        raise TargetFault(
            FaultKind.protocol, "a garbled reply (injected)", status=reply.status, usage=reply.usage, text=reply.text
        )
    return reply


def _status(status: int) -> TargetFault:
    kinds = {429: FaultKind.rate_limited}
    kind = kinds.get(status) or (
        FaultKind.server if status >= 500 else FaultKind.rejected if status >= 400 else FaultKind.protocol
    )
    return TargetFault(kind, f"{status} (injected)", status=status)

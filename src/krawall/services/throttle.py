"""Slows down who fails again and again: the first failures are free, then each doubles the wait. In memory, bounded."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from krawall.model.base import NS_PER_S

MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Failures:
    """Of one key: how many, and until when it must wait, ns since 1970."""

    count: int
    until_ns: int


class Throttle:
    """Waits by key: `free` failures cost nothing, the next one `first_s`, each further one twice that, at most `most_s`.

    A key is forgotten `forget_s` after its wait is over; None: by success only. When there are too many keys, who failed longest ago is forgotten.
    """

    def __init__(
        self,
        *,
        free: int,
        first_s: float = 1.0,
        most_s: float = 900.0,
        forget_s: float | None = 900.0,
        most_keys: int = MOST_KEYS,
    ) -> None:
        self._free = free
        self._first_s = first_s
        self._most_s = most_s
        self._forget_s = forget_s
        self._most_keys = most_keys
        self._failures: OrderedDict[str, Failures] = OrderedDict()

    def wait_s(self, key: str, now_ns: int) -> float:
        """Return how long a key must wait, seconds; 0: it may try."""
        found = self._failures.get(key)
        return max(0, found.until_ns - now_ns) / NS_PER_S if found else 0.0

    def fail(self, key: str, now_ns: int) -> None:
        """Count a failure."""
        found = self._failures.pop(key, None)
        old = found and self._forget_s is not None and now_ns > found.until_ns + self._forget_s * NS_PER_S
        if found is None or old:
            found = Failures(0, now_ns)
        count = found.count + 1
        wait_s = delay_s(count, free=self._free, first_s=self._first_s, most_s=self._most_s)
        self._failures[key] = Failures(count, now_ns + round(wait_s * NS_PER_S))
        while len(self._failures) > self._most_keys:
            self._failures.popitem(last=False)

    def succeed(self, key: str) -> None:
        """Forget a key's failures."""
        self._failures.pop(key, None)

    def __len__(self) -> int:
        return len(self._failures)


class Turns:
    """One at a time for each key, in order; what nobody waits for is forgotten."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._wanted: dict[str, int] = {}

    @asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[None]:
        """Wait until nobody else is in a block of this key."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._wanted[key] = self._wanted.get(key, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._wanted[key] -= 1
            if not self._wanted[key]:
                del self._wanted[key], self._locks[key]

    def __len__(self) -> int:
        return len(self._locks)


def delay_s(failures: int, *, free: int, first_s: float = 1.0, most_s: float = 900.0) -> float:
    """Return how long to wait after so many failures in a row, seconds."""
    over = failures - free
    return 0.0 if over <= 0 else min(most_s, first_s * 2.0 ** min(over - 1, 40))


def network(ip: str) -> str:
    """Return what counts as one sender: an IPv4 address, or the /64 that one IPv6 subscriber has."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)

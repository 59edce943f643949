"""Caps that hold: the worst case is reserved before a request is sent and settled after. Also what tokens cost.

Money is an integer of 1e-12 USD throughout.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence

from msgspec.structs import astuple

from krawall.load.striping import share
from krawall.model.base import Record
from krawall.model.budget import Spend
from krawall.model.exchange import Usage
from krawall.model.target import Prices

_PICO_PER_TOKEN = 1_000_000  # 1 USD per million tokens = 1e12 / 1e6


def add(a: Spend, b: Spend) -> Spend:
    """Return a + b."""
    return Spend(*map(operator.add, astuple(a), astuple(b)))


def minus(a: Spend, b: Spend) -> Spend:
    """Return a - b; below 0 where b is more."""
    return Spend(*map(operator.sub, astuple(a), astuple(b)))


def at_most(a: Spend, b: Spend) -> bool:
    """Return whether a is within b in all four."""
    return all(map(operator.le, astuple(a), astuple(b)))


def least(wants: Collection[Spend]) -> Spend:
    """Return the least of each cap that anybody wants who wants some of it."""
    return (
        Spend(*(min(filter(None, amounts), default=0) for amounts in zip(*map(astuple, wants), strict=True)))
        if wants
        else Spend()
    )


class Rates(Record, frozen=True):
    """Prices as the hot path wants them: 1e-12 USD per token, fallbacks applied, exact for prices of up to six decimals."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0

    @property
    def dearest_input(self) -> int:
        """What an input token costs at most."""
        return max(self.input, self.cached, self.cache_write)


FREE = Rates()


def rates_of(prices: Prices | None) -> Rates:
    """Return the rates of a target's prices; without prices everything is free."""
    if prices is None:
        return FREE
    cached = prices.input if prices.cached is None else prices.cached
    written = prices.input if prices.cache_write is None else prices.cache_write
    return Rates(_pico(prices.input), _pico(prices.output), _pico(cached), _pico(written))


def worst_case(tokens_in: int, max_out: int, rates: Rates) -> Spend:
    """Return the most that one request can spend: every input token at the dearest input price, the reply at full length."""
    return Spend(tokens_in * rates.dearest_input + max_out * rates.output, tokens_in + max_out, 1)


def cost_pico(usage: Usage, rates: Rates, input_excludes_cached: bool = False) -> int:
    """Return what a usage costs, 1e-12 USD, exactly. `tokens_in` includes cached and cache-written tokens unless it `excludes` them."""
    fresh = usage.tokens_in if input_excludes_cached else max(0, usage.tokens_in - usage.cached - usage.cache_write)
    return (
        fresh * rates.input
        + usage.cached * rates.cached
        + usage.cache_write * rates.cache_write
        + usage.tokens_out * rates.output
    )


def _pico(usd_per_million: float) -> int:
    return round(usd_per_million * _PICO_PER_TOKEN)


def divide(total: Spend, held_by_shard: Sequence[Spend]) -> list[Spend]:
    """Return an allowance for each shard: what it holds, and an even share of what is left. They never add up to more than `total`.

    If more than `total` is held already (a reply was longer than its worst case), each shard gets less than it holds, so that
    what is released is not spent again. Shards obey at different times: `allowances.Allowances` hands these out safely.
    """
    if not held_by_shard:
        return []
    held_by_cap = zip(*map(astuple, held_by_shard), strict=True)
    parts_by_cap = [_divide(cap, held) for cap, held in zip(astuple(total), held_by_cap, strict=True)]
    return [Spend(*parts) for parts in zip(*parts_by_cap, strict=True)]


def _divide(cap: int, held: tuple[int, ...]) -> list[int]:
    whole = sum(held)
    if whole > cap:
        return [cap * part // whole for part in held]
    return [part + share(cap - whole, index, len(held)) for index, part in enumerate(held)]


class Purse:
    """What one shard may spend, and what it has. Lives as long as the shard; `reserve` and `settle` run once per exchange.

    While every settlement is within its reservation, `held` never passes the largest allowance there was. A settlement above
    its reservation is counted as it is: what the target sent has been spent, whatever we thought.
    """

    __slots__ = (
        "_conversations",
        "_cost",
        "_most_conversations",
        "_most_cost",
        "_most_requests",
        "_most_tokens",
        "_requests",
        "_settled_conversations",
        "_settled_cost",
        "_settled_requests",
        "_settled_tokens",
        "_tokens",
    )

    def __init__(self, allowance: Spend) -> None:
        self._cost = self._tokens = self._requests = self._conversations = 0
        self._settled_cost = self._settled_tokens = self._settled_requests = self._settled_conversations = 0
        self.allow(allowance)

    def allow(self, allowance: Spend) -> None:
        """Replace the allowance. It may be less than what is held: that stays, and nothing is added to it."""
        self._most_cost = allowance.cost_pico
        self._most_tokens = allowance.tokens
        self._most_requests = allowance.requests
        self._most_conversations = allowance.conversations

    def reserve(self, worst: Spend) -> str | None:
        """Hold `worst` and return None; or hold nothing and return the cap that does not allow it.

        A cap of which `worst` wants nothing does not refuse: a conversation under way goes on when no further one may start.
        """
        cost = self._cost + worst.cost_pico
        if cost > self._most_cost and worst.cost_pico:
            return "cost"
        tokens = self._tokens + worst.tokens
        if tokens > self._most_tokens and worst.tokens:
            return "tokens"
        requests = self._requests + worst.requests
        if requests > self._most_requests and worst.requests:
            return "requests"
        conversations = self._conversations + worst.conversations
        if conversations > self._most_conversations and worst.conversations:
            return "conversations"
        self._cost, self._tokens, self._requests, self._conversations = cost, tokens, requests, conversations
        return None

    def reserve_request(self, cost_pico: int, tokens: int) -> str | None:
        """The same as `reserve` of one request, without a record: it runs once per attempt."""
        cost = self._cost + cost_pico
        tokens += self._tokens
        requests = self._requests + 1
        if cost > self._most_cost or tokens > self._most_tokens or requests > self._most_requests:
            return self.reserve(Spend(cost_pico, tokens - self._tokens, 1))
        self._cost, self._tokens, self._requests = cost, tokens, requests
        return None

    def settle_request(self, cost_pico: int, tokens: int, actual_pico: int, actual_tokens: int) -> None:
        """The same as `settle` of one request that was reserved with `cost_pico` and `tokens`."""
        self._cost += actual_pico - cost_pico
        self._tokens += actual_tokens - tokens
        self._settled_cost += actual_pico
        self._settled_tokens += actual_tokens
        self._settled_requests += 1

    def settle(self, worst: Spend, actual: Spend) -> None:
        """Replace a reservation of `worst` by what was spent."""
        self._cost += actual.cost_pico - worst.cost_pico
        self._tokens += actual.tokens - worst.tokens
        self._requests += actual.requests - worst.requests
        self._conversations += actual.conversations - worst.conversations
        self._settled_cost += actual.cost_pico
        self._settled_tokens += actual.tokens
        self._settled_requests += actual.requests
        self._settled_conversations += actual.conversations

    @property
    def allowed(self) -> Spend:
        """The allowance."""
        return Spend(self._most_cost, self._most_tokens, self._most_requests, self._most_conversations)

    @property
    def held(self) -> Spend:
        """What counts as spent: settled, and reservations still open."""
        return Spend(self._cost, self._tokens, self._requests, self._conversations)

    @property
    def settled(self) -> Spend:
        """What was spent."""
        return Spend(self._settled_cost, self._settled_tokens, self._settled_requests, self._settled_conversations)

"""How the bot behaves: the settings a test writes, checked and compiled; the queue of its capacity model; its rate limit.

Pure: times come in as integers of nanoseconds, randomness from seeded generators (`fate`).
"""

from __future__ import annotations

from heapq import heapreplace
from typing import Literal, get_args

import msgspec

from krawall.mockbot import spread
from krawall.mockbot.personas import PERSONAS
from krawall.mockbot.spread import Spread

Usage = Literal["end", "none", "every"]
Split = Literal["token", "random", "coalesce"]

_SERVER_WIDE = ("servers", "stations", "api_key")


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token bucket: `rate` requests a second, `burst` at once; what is over gets 429 with Retry-After."""

    rate: float
    burst: int = 1
    retry_after_s: float = 1.0

    def __post_init__(self) -> None:
        if self.rate < 0 or self.burst < 1 or self.retry_after_s < 0:
            raise ValueError("limit: rate and retry_after_s must not be negative, burst at least 1")


class Freeze(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `at_s` seconds after the behaviour was set or reset, chat endpoints send nothing for `for_s` seconds."""

    at_s: float
    for_s: float

    def __post_init__(self) -> None:
        if self.at_s < 0 or self.for_s < 0:
            raise ValueError("freeze: at_s and for_s must not be negative")


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set; field names as here in JSON and in the header `x-mock-behaviour`. Raises ValueError.

    latency      whole JSON replies: from received (or served, see `servers`) to sent; error replies too
    first_token  streams: the same to the first token;  gap: from token to token
    tokens       length of a reply where the persona does not fix it; capped by the request's maximum
    servers      0: no queue; n: n servers and one FIFO queue per station;  service: time one request occupies a server
    stations     replicas behind a uniform random balancer, each with `servers` and a queue of its own
    errors       status code to probability;  limit: see Limit;  freeze: see Freeze
    truncate     probability that a stream ends cleanly but early, without finish reason, usage and [DONE]
    disconnect   probability that the connection is cut in the middle of a reply, streamed or not
    stream_error probability that a stream says in the middle that something went wrong, and ends; a job fails likewise
    reasoning    tokens thought before the reply, paced like the others and sent where the dialect and the request show them
    tools        probability that the reply is a call of one of the request's tools (of `look_up` where it has none)
    refusal      probability that the reply is a refusal
    usage        in streams: at the end, as running totals on every chunk, or none unless the request asks for it
    split        how a stream is cut into writes: one per event, inside events (rest at most 1 ms later), several events each
    gzip         compress replies for clients that accept it
    oracle       keep the send time of every token;  api_key: when set, chat needs `Authorization: Bearer` with it

    The persona rate-limited brings a limit, and flaky errors, truncation and disconnects, unless they are set here.
    """

    persona: str = "default"
    seed: int = 0
    latency: str = "0ms"
    first_token: str = "20ms"
    gap: str = "2ms"
    tokens: str = "24"
    servers: int = 0
    service: str = "0ms"
    stations: int = 1
    errors: dict[str, float] = {}
    limit: Limit | None = None
    truncate: float = 0.0
    disconnect: float = 0.0
    stream_error: float = 0.0
    reasoning: str = "0"
    tools: float = 0.0
    refusal: float = 0.0
    freeze: Freeze | None = None
    usage: Usage = "end"
    split: Split = "token"
    gzip: bool = False
    oracle: bool = False
    api_key: str = ""

    def __post_init__(self) -> None:
        if self.persona not in PERSONAS:
            raise ValueError(f"persona: {self.persona!r} is none of {', '.join(PERSONAS)}")
        for name, value, known in (("usage", self.usage, Usage), ("split", self.split, Split)):
            if value not in get_args(known):
                raise ValueError(f"{name}: {value!r} is none of {', '.join(get_args(known))}")
        if self.servers < 0 or self.stations < 1:
            raise ValueError("servers must be 0 or more, stations 1 or more")
        for name in ("truncate", "disconnect", "stream_error", "tools", "refusal"):
            chance = getattr(self, name)
            if not 0 <= chance <= 1:
                raise ValueError(f"{name}: {chance} is not a probability")
        _check_errors(self.errors)
        rules(self)


class Rules(msgspec.Struct, frozen=True):
    """A behaviour compiled: texts parsed, the persona's own faults filled in.

    `errors` holds cumulative probabilities; `reasoning` is None where nothing is thought.
    """

    behaviour: Behaviour
    latency: Spread
    first_token: Spread
    gap: Spread
    tokens: Spread
    service: Spread
    errors: list[tuple[float, int]]
    limit: Limit | None
    truncate: float
    disconnect: float
    stream_error: float
    reasoning: Spread | None
    tools: float
    refusal: float


def rules(behaviour: Behaviour) -> Rules:
    """Compile a behaviour. Raises ValueError naming the field."""
    flaky = behaviour.persona == "flaky"
    errors = behaviour.errors or ({"500": 0.05, "503": 0.05} if flaky else {})
    limited = Limit(rate=5, burst=10, retry_after_s=1) if behaviour.persona == "rate-limited" else None
    cumulative, total = [], 0.0
    for status, chance in errors.items():
        total += chance
        cumulative.append((total, int(status)))
    reasoning = _parsed("reasoning", behaviour.reasoning)
    return Rules(
        behaviour=behaviour,
        latency=_parsed("latency", behaviour.latency),
        first_token=_parsed("first_token", behaviour.first_token),
        gap=_parsed("gap", behaviour.gap),
        tokens=_parsed("tokens", behaviour.tokens),
        service=_parsed("service", behaviour.service),
        errors=cumulative,
        limit=behaviour.limit or limited,
        truncate=behaviour.truncate or (0.05 if flaky else 0.0),
        disconnect=behaviour.disconnect or (0.05 if flaky else 0.0),
        stream_error=behaviour.stream_error,
        reasoning=None if reasoning.fixed == 0 else reasoning,
        tools=behaviour.tools,
        refusal=behaviour.refusal,
    )


def overridden(behaviour: Behaviour, text: str) -> Behaviour:
    """Apply a header such as `first_token=50ms;gap=10ms` for one request. Raises ValueError naming the field.

    Any field with a scalar value, but those that belong to the whole server (servers, stations, api_key).
    """
    fields = msgspec.to_builtins(behaviour)
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals:
            raise ValueError(f"{part!r} is not written as field=value")
        if name in _SERVER_WIDE or isinstance(getattr(behaviour, name, None), dict) or name in ("limit", "freeze"):
            raise ValueError(f"{name} cannot be set for one request; PUT /behaviour sets it for all")
        fields[name] = value.strip()
    return msgspec.convert(fields, Behaviour, strict=False)


def _parsed(name: str, text: str) -> Spread:
    try:
        return spread.count(text) if name in ("tokens", "reasoning") else spread.duration(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _check_errors(errors: dict[str, float]) -> None:
    for status, chance in errors.items():
        if not (status.isdigit() and 400 <= int(status) <= 599):
            raise ValueError(f"errors: {status!r} is not a status from 400 to 599")
        if not 0 <= chance <= 1:
            raise ValueError(f"errors: {chance} for {status} is not a probability")
    if sum(errors.values()) > 1 + 1e-9:
        raise ValueError("errors: the probabilities add up to more than 1")


class Station:
    """One FIFO queue in front of n equal servers, 0 meaning as many as needed. Times in ns on one clock.

    The multi-server form of Lindley's recursion (Kiefer and Wolfowitz 1955): the next in line starts when it has arrived
    and the server that is free first is free.
    """

    def __init__(self, servers: int) -> None:
        self._free = [0] * servers  # a heap: when each server is free next

    def complete(self, arrival_ns: int, service_ns: int) -> int:
        """Take the next arrival (they come in order) and return when its service ends."""
        if not self._free:
            return arrival_ns + service_ns
        done = max(arrival_ns, self._free[0]) + service_ns
        heapreplace(self._free, done)
        return done


def queue_times(arrivals_ns: list[int], services_ns: list[int], servers: int) -> list[int]:
    """Return when each service ends, for arrivals in order at one station."""
    station = Station(servers)
    return [station.complete(at, service) for at, service in zip(arrivals_ns, services_ns, strict=True)]


class Bucket:
    """The token bucket of a Limit, full at first."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._level = float(limit.burst)
        self._at_ns: int | None = None

    def take(self, now_ns: int) -> bool:
        """Take one token if there is one."""
        if self._at_ns is not None:
            self._level = min(self._limit.burst, self._level + (now_ns - self._at_ns) * self._limit.rate / 1e9)
        self._at_ns = now_ns
        if self._level < 1:
            return False
        self._level -= 1
        return True

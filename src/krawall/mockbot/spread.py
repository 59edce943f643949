"""Distributions written as text and drawn from a seeded generator: of durations (ns) and of numbers of tokens.

    50ms                 always the same
    20ms..80ms           uniform, both ends included
    normal(50ms, 10ms)   mean, standard deviation; below zero becomes zero
    exp(20ms)            mean
    lognormal(50ms, 0.5) median, sigma of the logarithm

Units are ns, us, ms, s and m; a bare 0 is zero. Numbers of tokens are written the same way without a unit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from random import Random
from typing import Literal, assert_never

import msgspec

_UNITS_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zµ]*)")
_CALL = re.compile(r"([a-z]+)\s*\(([^()]*)\)")

Kind = Literal["fixed", "uniform", "normal", "exp", "lognormal"]


class Spread(msgspec.Struct, frozen=True):
    """A distribution of whole numbers at or above zero. `a` and `b` are in the unit drawn; a sigma has none."""

    kind: Kind
    a: float
    b: float = 0.0

    @property
    def fixed(self) -> int | None:
        """The value, when there is only one."""
        return round(self.a) if self.kind == "fixed" else None

    def draw(self, rng: Random) -> int:
        """Draw one value. A fixed spread leaves the generator untouched."""
        match self.kind:
            case "fixed":
                return round(self.a)
            case "uniform":
                return rng.randint(round(self.a), round(self.b))
            case "normal":
                return max(0, round(rng.gauss(self.a, self.b)))
            case "exp":
                return round(-self.a * math.log(1.0 - rng.random()))
            case "lognormal":
                return round(self.a * math.exp(rng.gauss(0.0, self.b)))
            case _:
                assert_never(self.kind)


def duration(text: str) -> Spread:
    """Parse a distribution of durations; it draws nanoseconds. Raises ValueError."""
    return _parse(text, _nanoseconds)


def count(text: str) -> Spread:
    """Parse a distribution of numbers of tokens. Raises ValueError."""
    return _parse(text, _plain)


def _parse(text: str, read: Callable[[str], float]) -> Spread:
    call = _CALL.fullmatch(text.strip())
    try:
        if call:
            return _called(call[1], call[2].split(","), read)
        low, dots, high = text.partition("..")
        spread = Spread("uniform", read(low), read(high)) if dots else Spread("fixed", read(low))
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    if dots and spread.b < spread.a:
        raise ValueError(f"{text!r}: the range ends before it begins")
    return spread


def _called(name: str, parts: list[str], read: Callable[[str], float]) -> Spread:
    match name, parts:
        case "exp", [mean]:
            return Spread("exp", read(mean))
        case "normal", [mean, deviation]:
            return Spread("normal", read(mean), read(deviation))
        case "lognormal", [median, sigma]:
            return Spread("lognormal", read(median), _plain(sigma))
        case _:
            raise ValueError("expected normal(mean, deviation), exp(mean) or lognormal(median, sigma)")


def _nanoseconds(part: str) -> float:
    match = _NUMBER.fullmatch(part.strip())
    if match and match[2] in _UNITS_NS:
        return float(match[1]) * _UNITS_NS[match[2]]
    if match and not match[2] and float(match[1]) == 0:
        return 0.0
    raise ValueError(f"{part.strip()!r} is not a duration such as 50ms or 1.5s")


def _plain(part: str) -> float:
    match = _NUMBER.fullmatch(part.strip())
    if match and not match[2]:
        return float(match[1])
    raise ValueError(f"{part.strip()!r} is not a number such as 24 (no unit)")

"""A duration that is drawn: fixed (`2s`), uniform (`1s..4s`), `normal(3s, 1s)`, `exp(2s)`, `lognormal(2s, 0.5)`."""

from __future__ import annotations

import math
import re
from random import Random
from typing import Annotated, Literal

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from krawall.model.base import Record, format_duration, parse_duration

_CALL = re.compile(r"(normal|exp|lognormal)\(\s*([^,()]+?)\s*(?:,\s*([^,()]+?)\s*)?\)")


class SpreadValue(Record, frozen=True):
    """A distribution of durations. `a` and `b` are ns; for lognormal `a` is the median (ns) and `b` sigma x 1e9."""

    shape: Literal["fixed", "uniform", "normal", "exp", "lognormal"]
    a: int
    b: int = 0

    def draw(self, rng: Random) -> int:
        """Return one duration, ns, never negative."""
        if self.shape == "fixed":
            return self.a
        if self.shape == "uniform":
            return rng.randint(self.a, self.b)
        if self.shape == "normal":
            return max(0, round(rng.gauss(self.a, self.b)))
        if self.shape == "exp":
            return round(rng.expovariate(1.0) * self.a)
        return round(self.a * math.exp(rng.gauss(0.0, self.b / 1e9)))

    def mean(self) -> float:
        """Return the mean, ns (of the normal: before it is clamped at 0)."""
        if self.shape == "uniform":
            return (self.a + self.b) / 2
        if self.shape == "lognormal":
            return self.a * math.exp((self.b / 1e9) ** 2 / 2)
        return float(self.a)

    def __str__(self) -> str:
        if self.shape == "fixed":
            return format_duration(self.a)
        if self.shape == "uniform":
            return f"{format_duration(self.a)}..{format_duration(self.b)}"
        if self.shape == "exp":
            return f"exp({format_duration(self.a)})"
        second = f"{self.b / 1e9:.9g}" if self.shape == "lognormal" else format_duration(self.b)
        return f"{self.shape}({format_duration(self.a)}, {second})"


def parse_spread(value: object) -> SpreadValue:
    """Return the distribution that `value` writes.

    Raises:
        ValueError: it is none of the forms in the module's first line.
    """
    if isinstance(value, SpreadValue):
        return value
    if not isinstance(value, str):
        return SpreadValue("fixed", parse_duration(value))
    text = value.strip()
    if call := _CALL.fullmatch(text):
        return _call(call[1], call[2], call[3], text)
    if ".." in text:
        low, high = (parse_duration(part) for part in text.split("..", 1))
        if low > high:
            raise ValueError(f"{text!r}: the first duration must not be longer than the second")
        return SpreadValue("uniform", low, high)
    return SpreadValue("fixed", parse_duration(text))


def _call(name: str, first: str, second: str | None, text: str) -> SpreadValue:
    if name == "exp":
        if second is not None:
            raise ValueError(f"{text!r}: exp takes one duration, its mean")
        return SpreadValue("exp", parse_duration(first))
    if second is None:
        raise ValueError(f"{text!r}: {name} takes two values")
    if name == "normal":
        return SpreadValue("normal", parse_duration(first), parse_duration(second))
    try:
        sigma = float(second)
    except ValueError:
        raise ValueError(f"{text!r}: the second value of lognormal is sigma, a plain number") from None
    return SpreadValue("lognormal", parse_duration(first), round(sigma * 1e9))


Spread = Annotated[
    SpreadValue,
    PlainValidator(parse_spread),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "description": "a duration or a distribution: 2s, 1s..4s, normal(3s, 1s), exp(2s), lognormal(2s, 0.5)",
        }
    ),
]
"""A distribution of durations; text outside."""

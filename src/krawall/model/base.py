"""What every document and record is made of: two base classes and the units that people write (`30s`, `2 USD`, `5/s`)."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

NS_PER_S = 1_000_000_000
PICO_PER_USD = 1_000_000_000_000  # money inside is an integer of 1e-12 USD: 0.0375 USD per million tokens stays exact


class Document(BaseModel):
    """What people write: frozen, unknown keys refused, every error reported."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        defer_build=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class Record(msgspec.Struct, frozen=True, gc=False):
    """What moves fast: a small frozen struct that machines pass."""


_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": NS_PER_S, "m": 60 * NS_PER_S, "h": 3600 * NS_PER_S}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h)")
_SIZES = {"": 1, "k": 1_000, "m": 1_000_000}


def parse_duration(value: object) -> int:
    """Return ns for `30s`, `1m30s`, `250 ms`, `0`. A bare number other than 0 has no unit and is refused.

    Raises:
        ValueError: it is not a duration.
    """
    if value == 0 and not isinstance(value, bool):
        return 0
    if not isinstance(value, str):
        raise ValueError(f"a duration needs a unit, like '30s' or '250ms', not {value!r}")
    text = value.strip()
    if text == "0":
        return 0
    total, at = 0.0, 0
    for part in _DURATION.finditer(text):
        if text[at : part.start()].strip():
            break
        total += float(part[1]) * _UNITS[part[2]]
        at = part.end()
    if at == 0 or text[at:].strip():
        raise ValueError(f"{value!r} is not a duration; write it like '30s', '1m30s' or '250ms'")
    return round(total)


def format_duration(ns: int) -> str:
    """Return the shortest exact text for `ns`: the inverse of `parse_duration`."""
    if ns == 0:
        return "0s"
    for unit, size in (("h", _UNITS["h"]), ("m", _UNITS["m"]), ("s", NS_PER_S), ("ms", 1_000_000), ("us", 1_000)):
        if ns % size == 0:
            return f"{ns // size}{unit}"
    return f"{ns}ns"


def _duration(value: object) -> int:
    # A plan's JSON holds what `format_duration` wrote, so documents and plans share one road.
    return parse_duration(value)


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {"type": ["string", "integer"], "description": "a duration such as 250ms, 30s, 1m30s", "examples": ["30s"]}
    ),
]
"""Nanoseconds inside; text with a unit outside."""


def parse_money(value: object) -> int:
    """Return 1e-12 USD for `2 USD`, `$0.50`, `0.02`.

    Raises:
        ValueError: it is not an amount of US dollars.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        amount = float(value)
    else:
        found = re.fullmatch(r"\$?\s*(\d+(?:\.\d+)?)\s*(USD|usd|\$)?", str(value).strip())
        if not found or isinstance(value, bool):
            raise ValueError(f"{value!r} is not an amount of money; write it like '2 USD' or '0.05 USD'")
        amount = float(found[1])
    if not 0 <= amount < 1e6:
        raise ValueError(f"{value!r} is outside 0 to 1,000,000 USD")
    return round(amount * PICO_PER_USD)


def format_money(pico: int) -> str:
    """Return `2 USD` for 2e12: the inverse of `parse_money`."""
    return f"{pico / PICO_PER_USD:.12f}".rstrip("0").rstrip(".") + " USD"


Money = Annotated[
    int,
    BeforeValidator(parse_money),
    PlainSerializer(format_money, return_type=str),
    WithJsonSchema({"type": ["string", "number"], "description": "US dollars, such as '2 USD'", "examples": ["2 USD"]}),
]
"""Integers of 1e-12 USD inside; `2 USD` outside."""


def parse_size(value: object) -> int:
    """Return a whole number for `500k`, `1.5M`, `20000`.

    Raises:
        ValueError: it is not a whole, non-negative number.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKmM]?)", str(value).strip().replace("_", ""))
    if not found or isinstance(value, bool):
        raise ValueError(f"{value!r} is not a count; write it like 500, 20k or 1.5M")
    return round(float(found[1]) * _SIZES[found[2].lower()])


Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema(
        {"type": ["string", "integer"], "description": "a count such as 500, 20k, 1.5M", "examples": ["500k"]}
    ),
]
"""A whole number; `500k` and `1.5M` are read too."""


def parse_rate(value: object) -> float:
    """Return starts per second for `5/s`, `300/m`, `2.5`.

    Raises:
        ValueError: it is not a rate.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9:
        return float(value)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:/\s*(s|sec|second|m|min|minute|h|hour))?", str(value).strip())
    if not found or isinstance(value, bool):
        raise ValueError(f"{value!r} is not a rate; write it like '5/s' or '300/m'")
    per = {"s": 1, "m": 60, "h": 3600}[(found[2] or "s")[0]]
    return float(found[1]) / per


Rate = Annotated[
    float,
    BeforeValidator(parse_rate),
    PlainSerializer(lambda rate: f"{rate:.12g}/s", return_type=str),
    WithJsonSchema(
        {"type": ["string", "number"], "description": "starts per second, such as 5/s or 300/m", "examples": ["5/s"]}
    ),
]
"""Per second inside; `5/s` outside."""

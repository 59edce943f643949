"""What a conversation starts with: its seed, its drawn variables and its row of data. All are functions of the
session's seed and the conversation's index, so that any number of shards says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Literal

from krawall.model.scenario import AnyOf

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_ROWS = 0x524F5753  # sets the draw of rows apart from the conversation's own generator


def conversation_seed(seed: int, conversation: int) -> int:
    """Return the 64-bit seed of a conversation: splitmix64 (Steele, Lea, Flood 2014) of both numbers, the seed mixed first.

    `conversation` is the 0-based index of the conversation in the session. Different indexes of one session never share
    a seed: both rounds are bijections.
    """
    return _mix(_mix(seed & _MASK) + conversation & _MASK)


def _mix(value: int) -> int:
    value = (value + _GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def draw_vars(variables: Mapping[str, Any], rng: Random) -> dict[str, Any]:
    """Return the variables of one conversation: plain values as they are, each `any of` drawn once, in document order."""
    return {
        name: value.any_of[rng.randrange(len(value.any_of))] if isinstance(value, AnyOf) else value
        for name, value in variables.items()
    }


def pick_row(
    rows: Sequence[dict[str, Any]],
    pick: Literal["in order", "random", "once each"],
    conversation: int,
    seed: int,
) -> dict[str, Any] | None:
    """Return the row of data of a conversation (0-based index), or None when `once each` has used them up.

    `in order` starts again at the end; `random` depends on the seed and the index alone.
    """
    if pick == "once each":
        return rows[conversation] if conversation < len(rows) else None
    if pick == "random":
        return rows[conversation_seed(seed ^ _ROWS, conversation) % len(rows)]
    return rows[conversation % len(rows)]

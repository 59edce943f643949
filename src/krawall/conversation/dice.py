"""Chance in texts: `rng`, the one object with methods that a template may reach. All else in a template is plain data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from uuid import UUID

Whole = int  # the methods below are called `int` and `float`, which hides the types from the class's annotations
Real = float
_LETTERS = "abcdefghijklmnopqrstuvwxyz" * 2 + "     "
_TEXT_LIMIT = 100_000


class Dice:
    """Seeded draws for texts: `rng.int(1, 6)`, `rng.choice(list)`, `rng.text(80)`, `rng.uuid()`, `rng.float()`.

    `source` gives the conversation's generator and is called at the first draw, so that an unused one costs nothing.
    The template engine refuses names that begin with `_`, so a text cannot reach the generator itself.
    """

    __slots__ = ("_source",)

    def __init__(self, source: Callable[[], Random]) -> None:
        self._source = source

    def int(self, low: Whole, high: Whole) -> Whole:
        """Return a whole number of `low` to `high`, both included.

        Raises:
            ValueError: `low` is above `high`.
        """
        if low > high:
            raise ValueError(f"rng.int: {low} is above {high}")
        return self._source().randint(low, high)

    def float(self) -> Real:
        """Return a number of 0 to 1, 1 excluded."""
        return self._source().random()

    def choice(self, options: Sequence[object]) -> object:
        """Return one of `options`.

        Raises:
            ValueError: `options` is not a list, or an empty one.
        """
        if not isinstance(options, list | tuple) or not options:
            raise ValueError("rng.choice needs a list with at least one item")
        return options[self._source().randrange(len(options))]

    def text(self, length: Whole) -> str:
        """Return `length` small letters and spaces.

        Raises:
            ValueError: `length` is outside 0 to 100,000.
        """
        if not 0 <= length <= _TEXT_LIMIT:
            raise ValueError(f"rng.text: {length} is outside 0 to {_TEXT_LIMIT:,}")
        return "".join(self._source().choices(_LETTERS, k=length))

    def uuid(self) -> str:
        """Return a UUID of version 4's shape, drawn from the seed."""
        return str(UUID(int=self._source().getrandbits(128), version=4))

    def __repr__(self) -> str:
        return "rng"  # an address here would make a text differ from run to run

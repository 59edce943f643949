"""Draws in texts: within their bounds, the same for the same seed, free until used."""

from __future__ import annotations

from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.conversation.dice import Dice


def seeded(seed: int) -> Dice:
    rng = Random(seed)
    return Dice(lambda: rng)


@given(st.integers(), st.integers(-50, 50), st.integers(0, 50), st.integers(0, 40))
def test_draws_are_within_bounds_and_seeded(seed: int, low: int, more: int, length: int) -> None:
    def draw(dice: Dice) -> list[object]:
        return [dice.int(low, low + more), dice.float(), dice.choice([1, "b"]), dice.text(length), dice.uuid()]

    one = draw(seeded(seed))
    assert one == draw(seeded(seed))
    number, share, choice, text, uuid = one
    assert isinstance(number, int)
    assert low <= number <= low + more
    assert isinstance(share, float)
    assert 0 <= share < 1
    assert choice in (1, "b")
    assert isinstance(text, str)
    assert len(text) == length
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz ")
    assert UUID(str(uuid)).version == 4


def test_an_unused_one_asks_for_no_generator() -> None:
    def source() -> Random:
        raise AssertionError

    assert str(Dice(source)) == "rng"


@pytest.mark.parametrize("options", [[], (), "text", {"a": 1}])
def test_a_choice_needs_a_list(options: object) -> None:
    with pytest.raises(ValueError, match="needs a list"):
        seeded(1).choice(options)  # type: ignore[arg-type]


def test_bounds_are_checked() -> None:
    with pytest.raises(ValueError, match="is above"):
        seeded(1).int(2, 1)
    with pytest.raises(ValueError, match="outside"):
        seeded(1).text(-1)

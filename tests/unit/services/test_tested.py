"""Tests that are held: the newest ones, each by its id, the last of a target."""

from __future__ import annotations

from krawall.services.probing import Outcome
from krawall.services.tested import HeldTests


def test_the_newest_are_held_and_found():
    held = HeldTests(most=3)
    made = [held.hold([], Outcome(ok=True), target=target) for target in ("a", "b", "a", "")]
    assert held.get(made[0].id) is None
    assert held.get(made[1].id) == made[1]
    assert held.last("a") == made[2]
    assert held.last("c") is None
    assert held.last("") is None

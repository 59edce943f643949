"""Connection tests that are over, for as long as somebody may want to look at them: in memory, the newest ones only."""

from __future__ import annotations

from collections import OrderedDict

from krawall.clock import wall_ns
from krawall.ids import new_id
from krawall.model.base import Record
from krawall.services.probing import Outcome, Step

MOST = 64
"""Each holds up to 128 KB of what was sent and received."""


class HeldTest(Record, frozen=True):
    """A test that is over, or could not begin (`problem`). `target`: id of a kept one, "" for a draft; `typed`: its form.

    `notes`: how a target was recognised. No secret is in any of it.
    """

    id: str
    steps: list[Step]
    outcome: Outcome
    at_ns: int
    target: str = ""
    problem: str = ""
    hint: str = ""
    typed: dict[str, str] = {}
    notes: list[str] = []


class HeldTests:
    """The newest tests of one process. What was held is gone after a restart, and is then tested again."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: OrderedDict[str, HeldTest] = OrderedDict()

    def hold(
        self,
        steps: list[Step],
        outcome: Outcome,
        *,
        target: str = "",
        problem: str = "",
        hint: str = "",
        typed: dict[str, str] | None = None,
        notes: list[str] | None = None,
    ) -> HeldTest:
        """Hold a test, and return it with its id."""
        made = HeldTest(new_id("tst"), steps, outcome, wall_ns(), target, problem, hint, typed or {}, notes or [])
        self._held[made.id] = made
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return made

    def get(self, id: str) -> HeldTest | None:
        """Return a test; None when it is not held any more."""
        return self._held.get(id)

    def last(self, target: str) -> HeldTest | None:
        """Return the newest test of a kept target; None when none is held."""
        return next((each for each in reversed(self._held.values()) if each.target == target and target), None)

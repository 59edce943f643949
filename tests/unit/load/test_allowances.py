"""Shards that report and obey at different times, and die, never spend past the total together."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from krawall.load.allowances import Allowances
from krawall.load.spend import Purse, add, at_most, divide
from krawall.model.budget import Spend

worsts = st.builds(Spend, *[st.integers(0, 20)] * 4)


class ShardsMachine(RuleBasedStateMachine):
    """Each shard has a report or an answer under way, or neither; everything else happens in between."""

    @initialize(total=st.builds(Spend, *[st.integers(0, 300)] * 4), count=st.integers(1, 4))
    def begin(self, total: Spend, count: int) -> None:
        self.total = total
        self.allowances = Allowances(total, count)
        self.purses = [Purse(Spend()) for _ in range(count)]
        self.reports: dict[int, Spend] = {}
        self.answers: dict[int, Spend] = {}
        self.open: dict[int, list[Spend]] = {index: [] for index in range(count)}
        self.dead = Spend()

    def shard(self, which: int) -> int:
        return which % len(self.purses)

    @rule(which=st.integers(0, 3), worst=worsts)
    def reserve(self, which: int, worst: Spend) -> None:
        index = self.shard(which)
        if self.purses[index].reserve(worst) is None:
            self.open[index].append(worst)

    @rule(which=st.integers(0, 3), half=st.booleans())
    def settle(self, which: int, half: bool) -> None:
        index = self.shard(which)
        if self.open[index]:
            worst = self.open[index].pop()
            actual = Spend(worst.cost_pico // 2, worst.tokens // 2, worst.requests, 0) if half else worst
            self.purses[index].settle(worst, actual)

    @rule(which=st.integers(0, 3))
    def report(self, which: int) -> None:
        index = self.shard(which)
        if index not in self.reports and index not in self.answers:
            self.reports[index] = self.purses[index].held

    @precondition(lambda self: self.reports)
    @rule(data=st.data())
    def conduct(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from(sorted(self.reports)))
        self.answers[index] = self.allowances.answer(index, self.reports.pop(index))

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def obey(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from(sorted(self.answers)))
        self.purses[index].allow(self.answers.pop(index))

    @rule(which=st.integers(0, 30))
    def die(self, which: int) -> None:
        if which >= len(self.purses):
            return  # rare, so that there is something to lose
        self.allowances.lost(which)
        self.dead = add(self.dead, self.purses[which].held)
        self.purses[which] = Purse(Spend())
        self.open[which] = []
        self.reports.pop(which, None)
        self.answers.pop(which, None)

    @invariant()
    def never_past_the_total(self) -> None:
        whole = self.dead
        for purse in self.purses:
            whole = add(whole, purse.held)
        assert at_most(whole, self.total)


TestShards = ShardsMachine.TestCase
TestShards.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_what_one_shard_does_not_use_reaches_the_other_after_it_has_obeyed() -> None:
    allowances = Allowances(Spend(tokens=100), 2)
    busy, idle = Spend(tokens=50), Spend()
    assert [allowances.answer(0, idle).tokens, allowances.answer(1, idle).tokens] == [50, 50]
    assert allowances.answer(0, busy).tokens == 50  # the idle one may spend its 50 until it has obeyed less
    assert allowances.answer(1, idle).tokens == 25
    assert allowances.answer(0, busy).tokens == 50
    assert allowances.answer(1, idle).tokens == 25
    assert allowances.answer(0, busy).tokens == 75


def test_dividing_alone_would_spend_past_the_total_when_orders_are_late() -> None:
    first, second = (Purse(allowance) for allowance in divide(Spend(tokens=100), [Spend(), Spend()]))
    assert first.reserve(Spend(tokens=50)) is None
    late = divide(Spend(tokens=100), [first.held, second.held])
    first.allow(late[0])
    assert first.reserve(Spend(tokens=25)) is None
    assert second.reserve(Spend(tokens=50)) is None  # its order is still under way
    assert not at_most(add(first.held, second.held), Spend(tokens=100))


def test_a_lost_shard_counts_as_all_it_may_have_spent() -> None:
    allowances = Allowances(Spend(tokens=100), 2)
    for index in (0, 1):
        allowances.answer(index, Spend())
    allowances.lost(0)
    assert allowances.answer(1, Spend()).tokens == 25
    assert allowances.answer(0, Spend()).tokens == 0
    assert allowances.answer(1, Spend()).tokens == 25
    assert allowances.answer(0, Spend()).tokens == 25

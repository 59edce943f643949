"""Shards that report and obey at different times, and die, never spend past the total together."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from krawall.load.allowances import Allowances
from krawall.load.spend import Purse, add, at_most, divide
from krawall.model.base import PICO_PER_USD
from krawall.model.budget import Spend

worsts = st.builds(Spend, *[st.integers(0, 20)] * 4)


class ShardsMachine(RuleBasedStateMachine):
    """Each shard has a report or answers under way, or neither; shards die, conductors are replaced, in between.

    The newest report and the newest answer of a shard are to be found when the conductor that had or gave them is gone; of a
    shard that lives it does not matter whether anybody looks.
    """

    @initialize(total=st.builds(Spend, *[st.integers(0, 300)] * 4), count=st.integers(1, 4))
    def begin(self, total: Spend, count: int) -> None:
        self.total = total
        self.allowances = Allowances(total, count)
        self.purses = [Purse(Spend()) for _ in range(count)]
        self.reports: dict[int, Spend] = {}  # what a shard held when it reported, until it obeys the answer
        self.seen: set[int] = set()  # reports that this conductor has answered
        self.answers: dict[int, list[Spend]] = {}  # under way
        self.newest: dict[int, tuple[Spend, Spend]] = {}  # what the newest report obeyed, the newest answer
        self.open: dict[int, list[Spend]] = {index: [] for index in range(count)}
        self.dead = Spend()
        self.save()

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
        if index not in self.reports:
            self.reports[index] = self.purses[index].held
            self.newest[index] = (self.purses[index].allowed, self.newest.get(index, (Spend(), Spend()))[1])

    @precondition(lambda self: self.reports.keys() - self.seen)
    @rule(data=st.data(), wants=st.one_of(st.just(Spend()), worsts))
    def conduct(self, data: st.DataObject, wants: Spend) -> None:
        index = data.draw(st.sampled_from(sorted(self.reports.keys() - self.seen)))
        allowed = self.purses[index].allowed
        told = self.allowances.answer(index, self.reports[index], allowed, wants)
        self.seen.add(index)
        self.answers.setdefault(index, []).append(told)
        self.newest[index] = (allowed, told)

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def obey(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from(sorted(self.answers)))
        self.purses[index].allow(data.draw(st.sampled_from(self.answers[index])))
        self.forget(index)

    def forget(self, index: int) -> None:
        self.answers.pop(index, None)
        self.reports.pop(index, None)
        self.seen.discard(index)

    @rule(which=st.integers(0, 30))
    def die(self, which: int) -> None:
        if which >= len(self.purses):
            return  # rare, so that there is something to lose
        self.teach(which, self.newest.get(which))
        self.allowances.lost(which)
        self.died.append((which, self.newest.pop(which, None)))
        self.dead = add(self.dead, self.purses[which].held)
        self.purses[which] = Purse(Spend())
        self.open[which] = []
        self.forget(which)

    @rule()
    def save(self) -> None:
        self.kept = self.allowances.kept()
        self.died: list[tuple[int, tuple[Spend, Spend] | None]] = []

    @rule(taught=st.sets(st.integers(0, 3)))
    def replace_the_conductor(self, taught: set[int]) -> None:
        self.allowances = Allowances(self.total, len(self.purses), self.kept, range(len(self.purses)))
        for index, newest in self.died:
            self.teach(index, newest)
            self.allowances.lost(index)
        for index in taught & self.newest.keys():
            self.teach(index, self.newest[index])
        self.seen.clear()  # a shard that has no answer yet asks again

    def teach(self, index: int, newest: tuple[Spend, Spend] | None) -> None:
        for told in newest or ():
            self.allowances.taught(index, told)

    @invariant()
    def never_past_the_total(self) -> None:
        whole = self.dead
        for purse in self.purses:
            whole = add(whole, purse.held)
        assert at_most(whole, self.total)


TestShards = ShardsMachine.TestCase
TestShards.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)


def test_what_one_shard_does_not_use_reaches_the_other_after_it_has_obeyed() -> None:
    allowances = Allowances(Spend(tokens=100), 2)
    busy, idle = Spend(tokens=50), Spend()
    assert [allowances.answer(0, idle).tokens, allowances.answer(1, idle).tokens] == [50, 50]
    assert allowances.answer(0, busy).tokens == 50  # the idle one may spend its 50 until it has obeyed less
    assert allowances.answer(1, idle).tokens == 25
    assert allowances.answer(0, busy).tokens == 50
    assert allowances.answer(1, idle).tokens == 25
    assert allowances.answer(0, busy).tokens == 75


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200), st.lists(st.integers(0, 40), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_what_is_left_at_last_is_less_than_anybody_waits_for(total: int, wants: list[int], rng: Random) -> None:
    allowances = Allowances(Spend(tokens=total), len(wants))
    purses = [Purse(Spend()) for _ in wants]
    for _ in range(total // max(1, min(wants, default=1)) + 20):
        for index in rng.sample(range(len(wants)), len(wants)):
            want, purse = Spend(tokens=wants[index]), purses[index]
            purse.allow(allowances.answer(index, purse.held, purse.allowed, want))
            while wants[index] and purse.reserve(want) is None:
                pass
    unspent = total - sum(purse.held.tokens for purse in purses)
    assert unspent == allowances.unspent().tokens
    assert 0 <= unspent < min(filter(None, wants), default=total + 1)


def test_what_was_given_back_since_a_save_is_not_told_again_by_the_next_conductor() -> None:
    total, wants = Spend(requests=20), Spend(requests=1)
    first = Allowances(total, 2)
    for index in (0, 1):
        assert first.answer(index, Spend()).requests == 10
    saved = first.kept()
    assert first.answer(0, Spend(requests=10), Spend(requests=10), wants).requests == 10
    assert first.answer(1, Spend(requests=4), Spend(requests=10)).requests == 4
    assert first.answer(1, Spend(requests=4), Spend(requests=4)).requests == 4
    more = first.answer(0, Spend(requests=10), Spend(requests=10), wants)
    assert more.requests > 10
    second = Allowances(total, 2, saved, [0, 1])
    second.taught(0, more)
    second.taught(1, Spend(requests=4))
    told = [second.answer(0, more, more), second.answer(1, Spend(requests=4), Spend(requests=4), wants)]
    assert sum(allowance.requests for allowance in told) <= 20


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


def test_another_conductor_gives_nothing_more_before_all_have_said_what_they_obey() -> None:
    first = Allowances(Spend(tokens=100), 2)
    kept = first.kept()
    busy, idle = Spend(tokens=50), Spend()
    for index, held in ((0, idle), (1, idle), (0, busy), (1, idle), (0, busy), (1, idle)):
        first.answer(index, held)
    told = first.answer(0, busy)
    assert told.tokens == 75  # after the save, and nobody taught it
    second = Allowances(Spend(tokens=100), 2, kept, [0, 1])
    assert second.answer(1, idle, Spend(tokens=25)).tokens == 25
    assert second.answer(0, busy, told).tokens == 75
    assert second.answer(1, idle, Spend(tokens=25)).tokens == 25
    assert second.answer(0, Spend(tokens=75), told).tokens == 75


def test_a_lost_shard_that_was_told_more_after_the_save_counts_as_all_of_it() -> None:
    kept = Allowances(Spend(tokens=100), 2).kept()
    second = Allowances(Spend(tokens=100), 2, kept, [0, 1])
    second.taught(0, Spend(tokens=60))
    second.lost(0)
    assert second.answer(1, Spend()).tokens == 20
    assert second.answer(0, Spend()).tokens == 20


def test_an_allowance_that_is_not_used_does_not_grow_with_every_report():
    total = Spend(100 * PICO_PER_USD, 10**8, 10**6, 10**6)
    allowances = Allowances(total, 1)
    told = [allowances.answer(0, Spend(0, 10, 1, 1)) for _ in range(100)]
    assert told[-1] == told[0]
    allowances.lost(0)
    after = allowances.answer(0, Spend())
    assert after.conversations > 0  # what died with it was a slice
    assert sum(1 for _ in range(10) if not allowances.lost(0) and allowances.answer(0, Spend()).conversations) == 10

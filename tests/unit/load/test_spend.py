"""Purses never pass their allowance, several of them never the total; and tokens cost what the price list says."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from krawall.load.spend import FREE, Purse, add, at_most, cost_pico, divide, minus, rates_of, worst_case
from krawall.model.budget import Spend
from krawall.model.exchange import Usage
from krawall.model.target import Prices

small = st.builds(Spend, *[st.integers(0, 20)] * 4)
large = st.builds(Spend, *[st.integers(0, 300)] * 4)


def total_of(spends: list[Spend]) -> Spend:
    whole = Spend()
    for spend in spends:
        whole = add(whole, spend)
    return whole


def within(worst: Spend, shares: list[float]) -> Spend:
    """Return a spend of at most `worst`, each part by its share."""
    parts = (worst.cost_pico, worst.tokens, worst.requests, worst.conversations)
    return Spend(*(int(part * share) for part, share in zip(parts, shares, strict=True)))


shares = st.lists(st.floats(0, 1), min_size=4, max_size=4)


class PursesMachine(RuleBasedStateMachine):
    """Several purses under one total, divided anew at any moment."""

    open_reservations = Bundle("open_reservations")

    @initialize(total=large, count=st.integers(1, 4))
    def begin(self, total: Spend, count: int) -> None:
        self.total = total
        self.purses = [Purse(allowance) for allowance in divide(total, [Spend()] * count)]
        self.settled = [Spend()] * count
        self.open: list[list[Spend]] = [[] for _ in range(count)]

    @rule(target=open_reservations, which=st.integers(0, 3), worst=small)
    def reserve(self, which: int, worst: Spend) -> tuple[int, Spend] | None:
        index = which % len(self.purses)
        before = self.purses[index].held
        refusal = self.purses[index].reserve(worst)
        if refusal is not None:
            assert refusal in ("cost", "tokens", "requests", "conversations")
            assert self.purses[index].held == before
            return None
        self.open[index].append(worst)
        return index, worst

    @rule(reservation=consumes(open_reservations), portions=shares)
    def settle(self, reservation: tuple[int, Spend] | None, portions: list[float]) -> None:
        if reservation is None:
            return
        index, worst = reservation
        actual = within(worst, portions)
        self.purses[index].settle(worst, actual)
        self.open[index].remove(worst)
        self.settled[index] = add(self.settled[index], actual)

    @rule()
    def divide_anew(self) -> None:
        for purse, allowance in zip(
            self.purses, divide(self.total, [purse.held for purse in self.purses]), strict=True
        ):
            purse.allow(allowance)

    @invariant()
    def never_past_the_total(self) -> None:
        assert at_most(total_of([purse.held for purse in self.purses]), self.total)

    @invariant()
    def books_balance(self) -> None:
        for index, purse in enumerate(self.purses):
            assert purse.settled == self.settled[index]
            assert purse.held == add(self.settled[index], total_of(self.open[index]))


TestPurses = PursesMachine.TestCase
TestPurses.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(large, st.lists(large, min_size=1, max_size=7))
def test_allowances_never_add_up_to_more_than_the_total(total: Spend, held: list[Spend]) -> None:
    allowances = divide(total, held)
    assert len(allowances) == len(held)
    assert at_most(total_of(allowances), total)
    assert all(at_most(Spend(), allowance) for allowance in allowances)
    if at_most(total_of(held), total):
        assert total_of(allowances) == total
        assert all(at_most(mine, allowance) for mine, allowance in zip(held, allowances, strict=True))


def test_nobody_to_divide_among() -> None:
    assert divide(Spend(9), []) == []


@given(small, small)
def test_arithmetic(a: Spend, b: Spend) -> None:
    assert minus(add(a, b), b) == a
    assert at_most(a, add(a, b))
    assert at_most(a, b) == at_most(Spend(), minus(b, a))


def test_a_refusal_names_the_cap() -> None:
    purse = Purse(Spend(10, 10, 10, 10))
    wants = [Spend(11), Spend(0, 11), Spend(0, 0, 11), Spend(0, 0, 0, 11)]
    assert [purse.reserve(want) for want in wants] == ["cost", "tokens", "requests", "conversations"]
    assert purse.reserve(Spend(10, 10, 10, 10)) is None


def test_a_cap_used_up_does_not_stop_what_needs_none_of_it() -> None:
    purse = Purse(Spend(10, 10, 10, 1))
    assert purse.reserve(Spend(conversations=1)) is None
    purse.allow(Spend(10, 10, 10, 0))
    assert purse.reserve(Spend(conversations=1)) == "conversations"
    assert purse.reserve(Spend(1, 1, 1)) is None
    assert purse.held == Spend(1, 1, 1, 1)


def test_a_reply_beyond_its_worst_case_is_counted_as_it_was() -> None:
    purse = Purse(Spend(tokens=10))
    purse.reserve(Spend(tokens=10))
    purse.settle(Spend(tokens=10), Spend(tokens=12))
    assert purse.held == purse.settled == Spend(tokens=12)
    assert purse.reserve(Spend(tokens=1)) == "tokens"


price = st.one_of(st.none(), st.integers(0, 10**8).map(lambda micros: micros / 1e6))
prices = st.builds(
    lambda *parts: Prices.model_validate(dict(zip(("input", "output", "cached", "cache write"), parts, strict=True))),
    st.integers(0, 10**8).map(lambda micros: micros / 1e6),
    st.integers(0, 10**8).map(lambda micros: micros / 1e6),
    price,
    price,
)
counts = st.integers(0, 10**7)


@given(prices, counts, counts, counts, counts)
def test_cost_is_exact(prices: Prices, fresh: int, out: int, cached: int, written: int) -> None:
    def pico(usd: float | None) -> Fraction:
        return Fraction(str(prices.input if usd is None else usd)) * 10**6

    exact = (
        fresh * pico(prices.input)
        + out * pico(prices.output)
        + cached * pico(prices.cached)
        + written * pico(prices.cache_write)
    )
    counted = Usage(fresh + cached + written, out, cached, written)
    assert cost_pico(counted, rates_of(prices)) == exact
    assert cost_pico(Usage(fresh, out, cached, written), rates_of(prices), input_excludes_cached=True) == exact
    assert cost_pico(counted, rates_of(prices)) <= worst_case(counted.tokens_in, out, rates_of(prices)).cost_pico


def test_a_price_of_fractions_of_a_cent_stays_exact() -> None:
    assert cost_pico(Usage(1, 0), rates_of(Prices(input=0.0375))) == 37_500
    assert cost_pico(Usage(1_000_000, 1_000_000), rates_of(Prices(input=0.15, output=0.6))) == 750_000_000_000


def test_more_cached_than_input_costs_the_cached_alone() -> None:
    assert cost_pico(Usage(5, 0, cached=10), rates_of(Prices(input=1.0, cached=0.1))) == 1_000_000


def test_the_worst_case_without_prices_has_tokens_and_one_request() -> None:
    assert worst_case(100, 50, FREE) == Spend(0, 150, 1, 0)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60)), max_size=30),
    large,
)
def test_requests_are_reserved_and_settled_the_same_without_records(
    asked: list[tuple[int, int, int, int]], allowance: Spend
) -> None:
    quick, slow = Purse(allowance), Purse(allowance)
    for cost, tokens, actual_cost, actual_tokens in asked:
        worst = Spend(cost, tokens, 1)
        denied = quick.reserve_request(cost, tokens)
        assert denied == slow.reserve(worst)
        if denied is None:
            quick.settle_request(cost, tokens, actual_cost, actual_tokens)
            slow.settle(worst, Spend(actual_cost, actual_tokens, 1))
        assert quick.held == slow.held
        assert quick.settled == slow.settled

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from krawall.errors import Conflict, Refused
from krawall.ids import new_id
from krawall.load.spend import add, minus
from krawall.model.base import PICO_PER_USD
from krawall.model.budget import Spend
from krawall.store.store import Store

DAY = "2026-11-23"


def usd(amount: float) -> Spend:
    return Spend(round(amount * PICO_PER_USD))


async def _line(store, scope: str, key: str, day: str = DAY) -> tuple[Spend, Spend]:
    [line] = [each for each in await store.ledger.lines(day) if (each.scope, each.key) == (scope, key)]
    return line.reserved, line.spent


async def test_money_goes_from_reserved_to_spent_and_the_rest_goes_back(store):
    await store.ledger.reserve("ses_a", "shop", DAY, Spend(10, 20, 30, 40), None)
    await store.ledger.reserve("ses_b", "shop", DAY, usd(1), None)
    await store.ledger.settle("ses_a", "shop", DAY, Spend(4, 5, 6, 7))
    await store.ledger.settle("ses_a", "shop", DAY, Spend(5, 5, 6, 7))
    assert await _line(store, "session", "ses_a") == (Spend(5, 15, 24, 33), Spend(5, 5, 6, 7))
    expected = (add(usd(1), Spend(5, 15, 24, 33)), Spend(5, 5, 6, 7))
    assert await _line(store, "target", "shop") == await _line(store, "all", "") == expected
    await store.ledger.release("ses_a")
    await store.ledger.release("ses_a")
    assert await _line(store, "session", "ses_a") == (Spend(), Spend(5, 5, 6, 7))
    assert await _line(store, "all", "") == (usd(1), Spend(5, 5, 6, 7))


async def test_the_lines_of_a_day(store):
    await store.ledger.reserve("ses_a", "shop", DAY, usd(1), None)
    await store.ledger.reserve("ses_b", "bank", DAY, usd(2), None)
    await store.ledger.reserve("ses_c", "bank", "2026-11-24", usd(4), None)
    lines = await store.ledger.lines(DAY)
    assert [(each.scope, each.key, each.day, each.reserved) for each in lines] == [
        ("all", "", DAY, usd(3)), ("target", "bank", DAY, usd(2)), ("target", "shop", DAY, usd(1)),
        ("session", "ses_a", "", usd(1)), ("session", "ses_b", "", usd(2)),
    ]  # fmt: skip
    assert await store.ledger.lines("2026-01-01") == []


async def test_a_session_past_midnight_stays_on_its_day(store):
    await store.ledger.reserve("ses_a", "shop", DAY, usd(2), None)
    await store.ledger.settle("ses_a", "shop", "2026-11-24", usd(1))
    assert await _line(store, "all", "") == (usd(1), usd(1))
    assert await store.ledger.lines("2026-11-24") == []


async def test_what_was_not_reserved_is_counted_too(store):
    await store.ledger.settle("ses_a", "shop", DAY, usd(1))
    await store.ledger.settle("ses_a", "shop", DAY, usd(3))
    assert await _line(store, "all", "") == (Spend(), usd(3))


async def test_a_refusal_says_what_is_left_and_reserves_nothing(store):
    await store.ledger.reserve("ses_a", "shop", DAY, usd(3), usd(5))
    with pytest.raises(
        Refused, match=r"may spend 5 USD together, which leaves 2 USD; this one may spend up to 2\.5 USD"
    ):
        await store.ledger.reserve("ses_b", "shop", DAY, usd(2.5), usd(5))
    await store.ledger.reserve("ses_b", "shop", DAY, usd(2), usd(5))
    with pytest.raises(Refused, match="leaves 0 USD"):
        await store.ledger.reserve("ses_c", "shop", DAY, usd(0.5), usd(4))
    with pytest.raises(Conflict, match="reserved already"):
        await store.ledger.reserve("ses_a", "shop", DAY, usd(0), None)


async def test_a_cap_of_nothing_refuses_everything(store):
    with pytest.raises(Refused):
        await store.ledger.reserve("ses_a", "shop", DAY, Spend(1), Spend())
    await store.ledger.reserve("ses_b", "shop", DAY, Spend(0, 100), Spend())
    with pytest.raises(Refused, match="may use 150 tokens together, which leaves 50"):
        await store.ledger.reserve("ses_c", "shop", DAY, Spend(0, 100), Spend(0, 150))


async def test_a_refused_start_leaves_no_session(store, make_session):
    with pytest.raises(Refused):
        await _start(store, make_session())
    assert await store.sessions.count() == 0
    assert await store.ledger.lines(DAY) == []


async def _start(store, session) -> None:
    async with store.begin() as tx:
        await store.sessions.create(session, b"{}", key=None, tx=tx)
        await store.ledger.reserve(session.id, "shop", DAY, usd(2), usd(1), tx=tx)


async def test_the_cap_holds_whoever_reserves_at_the_same_time(store, other):
    asked = [
        each.ledger.reserve(f"ses_{n}", ("shop", "bank")[n % 3 % 2], DAY, usd(1), usd(7))
        for n, each in enumerate([store, other] * 10)
    ]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in results].count(Refused) == 13
    assert results.count(None) == 7
    assert await _line(store, "all", "") == (usd(7), Spend())
    won = [f"ses_{n}" for n, each in enumerate(results) if each is None]
    settled = [each.ledger.settle(id, "", "", usd(0.5)) for id in won for each in (store, other)]
    await asyncio.gather(*settled, *(store.ledger.release(id) for id in won[:3]))
    lines = await store.ledger.lines(DAY)
    assert await _line(store, "all", "") == (usd(2), usd(3.5))
    assert _sum(lines, "target") == _sum(lines, "session") == (usd(2), usd(3.5))


def _sum(lines, scope: str) -> tuple[Spend, Spend]:
    reserved, spent = Spend(), Spend()
    for each in lines:
        if each.scope == scope:
            reserved, spent = add(reserved, each.reserved), add(spent, each.spent)
    return reserved, spent


class Money(RuleBasedStateMachine):
    """Sessions reserve, spend no more than they reserved, and end: what is booked never passes the cap."""

    runner: asyncio.Runner
    store: Store
    CAP = Spend(20, 20, 20, 20)

    @initialize()
    def begin(self) -> None:
        self.day = new_id("day")  # a day of its own, so that examples do not add up
        self.open: dict[str, tuple[Spend, Spend]] = {}
        self.spent = Spend()

    @rule(amount=st.integers(0, 12), shop=st.sampled_from(["a", "b"]))
    def reserve(self, amount: int, shop: str) -> None:
        id, asked = new_id("ses"), Spend(amount, amount, amount, amount)
        booked = self.spent.cost_pico + sum(held.cost_pico - spent.cost_pico for held, spent in self.open.values())
        reserving = self.store.ledger.reserve(id, shop, self.day, asked, self.CAP)
        if booked + amount > self.CAP.cost_pico:
            with pytest.raises(Refused):
                self.runner.run(reserving)
        else:
            self.runner.run(reserving)
            self.open[id] = (asked, Spend())

    @rule(which=st.integers(0), share=st.integers(0, 4))
    def settle(self, which: int, share: int) -> None:
        if not self.open:
            return
        id = sorted(self.open)[which % len(self.open)]
        held, before = self.open[id]
        amount = held.cost_pico * share // 4
        spent = Spend(amount, amount, amount, amount)
        self.runner.run(self.store.ledger.settle(id, "", "", spent))
        self.spent = add(minus(self.spent, before), spent)
        self.open[id] = (held, spent)

    @rule(which=st.integers(0))
    def release(self, which: int) -> None:
        if self.open:
            id = sorted(self.open)[which % len(self.open)]
            self.runner.run(self.store.ledger.release(id))
            del self.open[id]

    @invariant()
    def the_lines_add_up_below_the_cap(self) -> None:
        lines = self.runner.run(self.store.ledger.lines(self.day)) if hasattr(self, "day") else []
        if not lines:
            return
        total = _sum(lines, "all")
        assert total == _sum(lines, "target") == _sum(lines, "session")
        assert total[1] == self.spent
        assert add(*total).cost_pico <= self.CAP.cost_pico
        assert min(total[0].cost_pico, total[1].cost_pico) >= 0


def test_reserved_and_spent_never_pass_the_cap(url):
    with asyncio.Runner() as runner:
        store = runner.run(Store.open(url, migrate=False))
        try:
            machine = type("Machine", (Money,), {"runner": runner, "store": store})
            run_state_machine_as_test(
                machine, settings=settings(max_examples=12, stateful_step_count=15, deadline=None)
            )
        finally:
            runner.run(store.close())

"""The breaker as a machine, against a model that keeps every result."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from krawall.load.breaker import CircuitBreaker
from krawall.model.base import NS_PER_S
from krawall.model.policy import Breaker


class BreakerMachine(RuleBasedStateMachine):
    """Drives one breaker; `results` is everything recorded since it last closed."""

    @initialize(faults=st.integers(1, 4), window=st.integers(1, 6), rest=st.integers(0, 50))
    def begin(self, faults: int, window: int, rest: int) -> None:
        self.policy = Breaker.model_construct(faults=faults, window=window, rest=rest)
        self.breaker = CircuitBreaker(self.policy)
        self.now = 0
        self.results: list[bool] = []
        self.opened_ns: int | None = None
        self.probe_ns: int | None = None

    @rule(by=st.integers(0, 60))
    def time_passes(self, by: int) -> None:
        self.now += by

    @rule(ok=st.booleans())
    def record(self, ok: bool) -> None:
        before = self.breaker.state
        self.breaker.record(ok, self.now)
        if before == "open":
            assert self.breaker.state == "open"
        elif before == "half-open":
            assert self.breaker.state == ("closed" if ok else "open")
            self.results, self.probe_ns = [], None
            self.opened_ns = None if ok else self.now
        else:
            self.results.append(ok)
            bad = self.results[-self.policy.window :].count(False)
            assert (self.breaker.state == "open") == (bad >= self.policy.faults)
            self.opened_ns = self.now if self.breaker.state == "open" else None

    @rule()
    def allow(self) -> None:
        before, wait = self.breaker.state, self.breaker.wait_ns(self.now)
        allowed = self.breaker.allow(self.now)
        assert allowed == (wait == 0)
        since = self.opened_ns if before == "open" else self.probe_ns
        if before == "closed":
            assert allowed
            return
        assert since is not None
        assert allowed == (self.now - since >= self.policy.rest)
        if allowed:
            assert self.breaker.state == "half-open"
            self.probe_ns = self.now

    @invariant()
    def the_wait_is_exact(self) -> None:
        wait = self.breaker.wait_ns(self.now)
        assert 0 <= wait <= self.policy.rest
        assert self.breaker.state != "closed" or wait == 0


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_one_probe_goes_through_after_the_rest_and_closes_it() -> None:
    breaker = CircuitBreaker(Breaker(faults=2, window=3, rest="5s"))
    for ok in (False, True, False):
        assert breaker.allow(0)
        breaker.record(ok, 0)
    assert (breaker.state, breaker.allow(NS_PER_S), breaker.wait_ns(NS_PER_S)) == ("open", False, 4 * NS_PER_S)
    assert breaker.allow(5 * NS_PER_S)
    assert not breaker.allow(5 * NS_PER_S)
    breaker.record(True, 6 * NS_PER_S)
    breaker.record(False, 6 * NS_PER_S)  # the window is empty again: one fault of two
    assert breaker.state == "closed"


def test_what_was_counted_before_the_rest_is_forgotten() -> None:
    breaker = CircuitBreaker(Breaker(faults=2, window=2, rest="5s"))
    for _ in range(3):
        breaker.record(False, 0)
    assert breaker.allow(5 * NS_PER_S)
    breaker.record(True, 5 * NS_PER_S)
    breaker.record(False, 5 * NS_PER_S)
    assert breaker.state == "closed"
    breaker.record(False, 5 * NS_PER_S)
    assert breaker.state == "open"


def test_a_probe_that_never_comes_back_does_not_block_for_ever() -> None:
    breaker = CircuitBreaker(Breaker(faults=1, window=1, rest="5s"))
    breaker.record(False, 0)
    assert [breaker.allow(s * NS_PER_S) for s in (5, 9, 10, 11)] == [True, False, True, False]

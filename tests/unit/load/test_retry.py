"""Every fault gets an answer, waits stay within their bounds, and a wrong key is noticed."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.load.retry import BY_KIND, Decision, Streak, decide
from krawall.model.base import NS_PER_S
from krawall.model.exchange import Fault, FaultKind
from krawall.model.policy import OnError, Rule

kinds = st.sampled_from(FaultKind)
statuses = st.one_of(st.none(), st.integers(400, 599))
ns = st.integers(0, 100 * NS_PER_S)
faults = st.builds(Fault, kinds, st.just(""), statuses, st.one_of(st.none(), ns), st.booleans())
rules = st.builds(
    Rule.model_construct,
    status=st.lists(st.integers(400, 599), max_size=2),
    kind=st.lists(kinds, max_size=2),
    do=st.sampled_from(["retry", "retry", "skip", "end", "abort"]),
    max=st.integers(1, 100),
    wait=ns,
    factor=st.one_of(st.floats(1, 10), st.sampled_from([1e308, float("inf")])),
    cap=ns,
    jitter=st.floats(0, 1),
    then=st.sampled_from(["skip", "end", "abort"]),
)
policies = st.builds(
    OnError.model_construct,
    default=st.sampled_from([None, "retry", "skip", "end", "abort"]),
    rules=st.lists(rules, max_size=3),
)


@given(faults, st.integers(1, 101), rules, st.randoms(use_true_random=False))
def test_a_wait_is_within_its_bounds_and_never_before_retry_after(
    fault: Fault, attempt: int, rule: Rule, rng: Random
) -> None:
    rule = rule.model_copy(update={"status": [], "kind": []})
    decision = decide(fault, attempt, OnError.model_construct(rules=[rule], default=None), rng)
    least = fault.retry_after_ns or 0
    if fault.kind is FaultKind.cancelled:
        assert decision == Decision("end")
    elif rule.do != "retry":
        assert decision == Decision(rule.do)
    elif attempt > rule.max or least > rule.cap:
        assert decision == Decision(rule.then)
    else:
        full: float = rule.wait
        for _ in range(attempt - 1):
            full = min(full * rule.factor, float(rule.cap)) if full else 0.0
        full = min(full, rule.cap)
        assert decision.action == "retry"
        assert least <= decision.wait_ns <= max(rule.cap, least)
        assert decision.wait_ns >= full * (1 - rule.jitter) - 1
        assert decision.wait_ns <= max(full + 1, least)


@given(faults, st.integers(1, 101), policies, st.integers(0, 99))
def test_decisions_are_repeatable_and_retries_come_to_an_end(
    fault: Fault, attempt: int, policy: OnError, seed: int
) -> None:
    decision = decide(fault, attempt, policy, Random(seed))
    assert decision == decide(fault, attempt, policy, Random(seed))
    assert decide(fault, 101, policy, Random(seed)).action != "retry"
    if decision.action != "retry":
        assert decision.wait_ns == 0


@given(faults, policies, st.randoms(use_true_random=False))
def test_the_first_rule_that_matches_decides(fault: Fault, policy: OnError, rng: Random) -> None:
    mine = Rule(status=[fault.status or 400], kind=[fault.kind], do="abort")
    first = policy.model_copy(update={"rules": [mine, *policy.rules]})
    wanted = "end" if fault.kind is FaultKind.cancelled else "abort"
    assert decide(fault, 1, first, rng).action == wanted


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (Rule(status=[503], do="abort"), True),
        (Rule(kind=[FaultKind.server], do="abort"), True),
        (Rule(status=[500], kind=[FaultKind.server], do="abort"), True),
        (Rule(status=[503], kind=[FaultKind.tls], do="abort"), True),
        (Rule(do="abort"), True),
        (Rule(status=[500], do="abort"), False),
        (Rule(status=[500], kind=[FaultKind.tls], do="abort"), False),
    ],
)
def test_a_rule_matches_by_status_or_by_kind(rule: Rule, matches: bool) -> None:
    fault = Fault(FaultKind.server, "", status=503)
    assert (decide(fault, 1, OnError(rules=[rule], default="skip"), Random(1)).action == "abort") is matches


def test_a_fault_without_a_status_is_not_matched_by_status() -> None:
    policy = OnError(rules=[Rule(status=[503], do="abort")], default="skip")
    assert decide(Fault(FaultKind.connect, ""), 1, policy, Random(1)) == Decision("skip")


@pytest.mark.parametrize(
    ("kind", "actions"),
    [
        (FaultKind.rate_limited, ["retry", "retry", "retry", "skip"]),
        (FaultKind.connect, ["retry", "retry", "retry", "skip"]),
        (FaultKind.timeout, ["retry", "skip"]),
        (FaultKind.server, ["retry", "skip"]),
        (FaultKind.truncated, ["retry", "skip"]),
        (FaultKind.rejected, ["end"]),
        (FaultKind.protocol, ["end"]),
        (FaultKind.tls, ["end"]),
        (FaultKind.expectation, ["end"]),
        (FaultKind.cancelled, ["end"]),
    ],
)
def test_without_a_policy_the_kind_decides(kind: FaultKind, actions: list[str]) -> None:
    got = [decide(Fault(kind, ""), attempt, OnError(), Random(1)).action for attempt in range(1, len(actions) + 1)]
    assert got == actions


def test_every_kind_has_a_default() -> None:
    assert set(BY_KIND) == set(FaultKind)


def test_default_retry_uses_the_defaults_of_a_rule() -> None:
    policy = OnError(default="retry")
    fault = Fault(FaultKind.rejected, "", status=400)
    assert [decide(fault, attempt, policy, Random(1)).action for attempt in (1, 3, 4)] == ["retry", "retry", "skip"]


def test_waits_grow_by_the_factor_up_to_the_cap() -> None:
    rule = Rule(do="retry", max=9, wait="1s", factor=3, cap="10s", jitter=0)
    waits = [decide(Fault(FaultKind.server, ""), n, OnError(rules=[rule]), Random(1)).wait_ns for n in (1, 2, 3, 4)]
    assert waits == [1 * NS_PER_S, 3 * NS_PER_S, 9 * NS_PER_S, 10 * NS_PER_S]


def test_retry_after_is_waited_for_up_to_the_cap_and_given_up_on_beyond_it() -> None:
    policy = OnError(rules=[Rule(do="retry", wait="1s", cap="10s", then="end")])
    asked = [Fault(FaultKind.rate_limited, "", 429, after * NS_PER_S) for after in (4, 10, 11)]
    answers = [decide(fault, 1, policy, Random(1)) for fault in asked]
    assert answers == [Decision("retry", 4 * NS_PER_S), Decision("retry", 10 * NS_PER_S), Decision("end")]


def rejected(status: int = 401, *, injected: bool = False) -> Fault:
    return Fault(FaultKind.rejected, "", status=status, injected=injected)


def test_ten_rejections_in_a_row_trip() -> None:
    streak = Streak()
    for n in range(10):
        assert not streak.tripped
        streak.record(rejected(401 + 2 * (n % 2)))
    assert streak.tripped
    streak.record(None)
    assert streak.tripped


@pytest.mark.parametrize("between", [None, rejected(404), Fault(FaultKind.timeout, "")])
def test_anything_else_begins_the_streak_anew(between: Fault | None) -> None:
    streak = Streak()
    for fault in [rejected()] * 9 + [between] + [rejected()] * 9:
        streak.record(fault)
    assert not streak.tripped


@pytest.mark.parametrize("between", [rejected(injected=True), Fault(FaultKind.cancelled, "")])
def test_what_is_ours_neither_counts_nor_breaks_the_streak(between: Fault) -> None:
    streak = Streak()
    for fault in [rejected()] * 9 + [between] * 20:
        streak.record(fault)
    assert not streak.tripped
    streak.record(rejected())
    assert streak.tripped

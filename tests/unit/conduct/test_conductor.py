"""The conductor: gather, start together, caps, stops, dead shards, late reports."""

from __future__ import annotations

import pytest

from krawall.conduct.conductor import Conductor
from krawall.metrics.tally import Tally
from krawall.model.budget import Spend
from krawall.model.exchange import Exchange, Fault, FaultKind
from krawall.model.progress import Health, Progress
from krawall.model.session import Outcome, State
from krawall.testing.playing import plan_of

S = 1_000_000_000
BASE = "name: t\ntarget: {connector: echo}\nsteps: [hello]\nload: {users: 4, duration: 20s}\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1000 * S

    def __call__(self) -> int:
        return self.now


def made(more: str = "", shards: int = 2) -> tuple[Conductor, Clock]:
    clock = Clock()
    return Conductor(plan_of(BASE + more), shards, clock), clock


def progress(shard: int, seq: int, state: str = "playing", attempt: int = 1, **more: object) -> Progress:
    return Progress(shard=shard, attempt=attempt, seq=seq, at_ns=0, state=state, **more)  # type: ignore[arg-type]


def attempts(count: int, failed: bool = False, turn: int = 1) -> bytes:
    tally = Tally()
    for index in range(count):
        fault = Fault(FaultKind.server, "500", 500) if failed else None
        tally.add(
            Exchange(
                index,
                0,
                turn,
                1,
                "measure",
                "steps.0",
                0,
                0,
                1000,
                2_000_000,
                last_ns=2_000_000,
                status=200,
                fault=fault,
            )
        )
    return tally.encode()


def test_nobody_starts_before_all_are_ready() -> None:
    conductor, _ = made()
    assert conductor.report(progress(0, 1, "ready")).go_at_ns == 0
    orders = conductor.report(progress(1, 1, "ready"))
    assert orders.go_at_ns > 1000 * S
    assert conductor.report(progress(0, 2, "ready")).go_at_ns == orders.go_at_ns
    assert conductor.state is State.running


def test_a_shard_that_cannot_start_ends_the_session_for_all() -> None:
    conductor, _ = made()
    conductor.report(progress(0, 1, "ready"))
    conductor.report(progress(1, 1, "failed", reason="unreachable: 127.0.0.1:9: Connection refused"))
    assert conductor.report(progress(0, 2, "ready")).stop == "drain"
    assert (conductor.outcome, conductor.reason_kind) == (Outcome.failed, "unreachable")


def test_reports_are_cumulative_so_a_repeated_one_changes_nothing() -> None:
    conductor, clock = started()
    conductor.report(progress(0, 5, tally=attempts(10)))
    conductor.report(progress(1, 5, tally=attempts(7)))
    conductor.report(progress(1, 6, tally=attempts(9)))
    clock.now += S
    assert conductor.merge().view().attempts == 19


def test_a_report_of_a_replaced_attempt_is_told_to_stop() -> None:
    conductor, _ = started()
    conductor.report(progress(0, 9, tally=attempts(3)))
    conductor.lost(0, None)
    conductor.report(progress(0, 1, attempt=2, tally=attempts(2)))
    assert conductor.report(progress(0, 10, attempt=1, tally=attempts(99))).stop == "now"
    assert conductor.merge().view().attempts == 5


def started(more: str = "", shards: int = 2) -> tuple[Conductor, Clock]:
    conductor, clock = made(more, shards)
    for shard in range(shards):
        conductor.report(progress(shard, 1, "ready"))
    clock.now += 2 * S
    return conductor, clock


def test_allowances_never_add_up_to_more_than_the_budget() -> None:
    conductor, _ = started("budget: {requests: 100}\n")
    first = conductor.report(progress(0, 2, spent=Spend(requests=10))).allowance
    second = conductor.report(progress(1, 2, spent=Spend(requests=50))).allowance
    assert first is not None
    assert second is not None
    assert first.requests + second.requests <= 100


def test_who_waits_gets_what_another_shard_does_not_use_before_a_cap_counts_as_reached() -> None:
    conductor, _ = started("budget: {requests: 20}\n", shards=2)
    thinks = {"spent": Spend(requests=4), "allowed": Spend(requests=10)}
    waits = {
        "spent": Spend(requests=10),
        "allowed": Spend(requests=10),
        "wants": Spend(requests=1),
        "stop": "cap: requests",
    }
    orders = conductor.report(progress(1, 2, **thinks))
    for seq in range(2, 6):
        answer = conductor.report(progress(0, seq, **waits))
        assert answer.stop == "no"
        if answer.allowance.requests > 10:
            break
        thinks["allowed"] = orders.allowance
        orders = conductor.report(progress(1, seq + 1, **thinks))
    else:
        pytest.fail("nothing was given")


def test_a_shard_that_is_done_leaves_what_it_did_not_use() -> None:
    conductor, clock = started("budget: {requests: 20}\n", shards=2)
    conductor.report(progress(1, 2, "done", spent=Spend(requests=3), allowed=Spend(requests=10)))
    for again in (conductor, Conductor(conductor.plan, 2, clock, conductor.save())):
        told = again.report(progress(0, 9, spent=Spend(requests=10), allowed=Spend(requests=10))).allowance
        assert told is not None
        assert told.requests > 10


def test_a_cap_stops_the_session_once_asking_again_brings_nothing() -> None:
    conductor, _ = started("budget: {requests: 20}\n", shards=1)
    more = {"spent": Spend(requests=20), "stop": "cap: requests", "wants": Spend(requests=1)}
    stops = [conductor.report(progress(0, seq, **more)).stop for seq in range(2, 6)]
    assert stops == ["no", "no", "drain", "drain"]
    assert (conductor.reason_kind, conductor.outcome) == ("cap", Outcome.aborted)


def test_a_cap_is_not_declared_while_turns_in_flight_may_give_back() -> None:
    conductor, _ = started("budget: {requests: 20}\n")
    conductor.report(progress(1, 2, health=Health(in_flight=1)))
    assert {conductor.report(progress(0, seq, stop="cap: requests")).stop for seq in range(2, 9)} == {"no"}


def test_a_person_is_the_reason_once_and_now_means_now() -> None:
    conductor, _ = started()
    conductor.stop("person", "stopped by a person")
    assert conductor.report(progress(0, 2)).stop == "drain"
    conductor.stop("cap", "later", now=True)
    assert conductor.report(progress(0, 3)).stop == "now"
    assert (conductor.reason, conductor.outcome) == ("stopped by a person", Outcome.cancelled)


def test_a_threshold_that_aborts_stops_after_its_delay() -> None:
    conductor, clock = started("thresholds: ['rate(errors) < 10%, abort after 5s']\n", shards=1)
    conductor.report(progress(0, 2, tally=attempts(50, failed=True)))
    conductor.tick()
    assert conductor.orders.stop == "no"
    clock.now += 5 * S
    conductor.tick()
    assert conductor.orders.stop == "drain"
    assert "rate(errors)" in conductor.reason


def test_the_budgets_duration_is_a_cap() -> None:
    conductor, clock = started("budget: {duration: 10s}\n", shards=1)
    conductor.report(progress(0, 2))
    clock.now += 11 * S
    conductor.tick()
    assert (conductor.orders.stop, conductor.reason_kind) == ("drain", "cap")


def test_a_tick_is_what_one_second_added() -> None:
    conductor, clock = started(shards=1)
    conductor.report(progress(0, 2, tally=attempts(10)))
    conductor.tick()
    clock.now += S
    conductor.report(progress(0, 3, tally=attempts(25)))
    conductor.tick()
    assert [point.turns for point in conductor.points] == [10, 15]

"""Our own limits towards a target: pace (wait, drop, error), the rate of an unproven public host, the circuit breaker."""

from __future__ import annotations

from krawall.model.exchange import FaultKind
from krawall.testing.playing import Played, plan_of, play
from krawall.testing.virtual import clock, run_virtual

S = 1_000_000_000
LOAD = "load: {users: 1, conversations: 1}\nsteps: [{loop: 4, steps: [hello]}]\n"


def played(pace: str, more: str = "") -> Played:
    return run_virtual(play(plan_of(f"name: t\ntarget: {{connector: echo, pace: {pace}}}\n{LOAD}{more}"), clock))


def test_waiting_for_pace_spaces_the_messages() -> None:
    got = played("{rate: 1/s}")
    assert [line.sent_ns // S for line in got.exchanges] == [0, 1, 2, 3]
    assert got.tally.view().ok == 4


def test_what_pace_drops_is_marked_as_ours_and_skipped() -> None:
    got = played("{rate: 1/s, when empty: drop}")
    assert [line.injected for line in got.exchanges] == [None, "pace", "pace", "pace"]
    assert got.tally.view().errors == {}
    assert got.tally.view().injected == {"pace": 3}
    assert [told.outcome for told in got.told] == ["completed"]
    assert got.last.spent == got.last.settled


def test_what_pace_fails_follows_the_error_policy() -> None:
    got = played("{rate: 1/s, when empty: error}", "on_error: {rules: [{kind: [rate_limited], do: end}]}\n")
    assert [line.fault.kind if line.fault else None for line in got.exchanges] == [None, FaultKind.rate_limited]
    assert [told.outcome for told in got.told] == ["failed"]
    assert got.tally.view().errors == {}


def test_an_unproven_public_host_gets_one_request_a_second() -> None:
    plan = plan_of(f"name: t\ntarget: {{connector: echo}}\n{LOAD}")
    plan = plan.model_copy(update={"granted": plan.granted.model_copy(update={"requests_per_s": 1.0})})
    got = run_virtual(play(plan, clock))
    assert [line.sent_ns // S for line in got.exchanges] == [0, 1, 2, 3]


def test_an_open_breaker_holds_messages_back_until_a_probe() -> None:
    got = run_virtual(
        play(
            plan_of(
                "name: t\ntarget: {connector: echo, options: {fail every: 1}}\n" + LOAD
                + "on_error: {default: skip, breaker: {faults: 2, window: 4, rest: 10s}}\n"
            ),
            clock,
        )
    )  # fmt: skip
    assert [line.sent_ns // S for line in got.exchanges] == [0, 0, 10, 20]

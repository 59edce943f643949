"""When things happen, to the nanosecond, in virtual time against the echo connector."""

from __future__ import annotations

import asyncio

import pytest

from krawall.engine.outbox import Kept
from krawall.engine.program import Program
from krawall.engine.shard import Shard
from krawall.model.exchange import Dropped, FaultKind, Told
from krawall.model.plan import ShardSpec
from krawall.model.progress import Orders, Progress
from krawall.testing.playing import PLENTY, Played, plan_of, play
from krawall.testing.virtual import clock, run_virtual

MS = 1_000_000
S = 1_000 * MS


def played(body: str) -> Played:
    return run_virtual(play(plan_of("name: t\n" + body), clock))


def test_arrivals_come_at_their_moments_whatever_the_target_does() -> None:
    got = played(
        "target: {connector: echo, options: {first token: 300ms}}\nsteps: [hello]\nload: {rate: 10/s, duration: 2s, max users: 50}"
    )
    first = [line for line in got.exchanges if line.turn == 1]
    assert [line.planned_ns for line in first] == [index * 100 * MS for index in range(20)]
    assert all(line.sent_ns == line.planned_ns for line in first)
    assert all(line.last_ns - line.sent_ns == 300 * MS for line in first)


def test_waiting_for_a_free_user_is_part_of_the_intended_latency() -> None:
    got = played(
        "target: {connector: echo, options: {first token: 150ms}}\nsteps: [hello]\n"
        "load: {rate: 10/s, duration: 2s, max users: 1, overrun: queue}"
    )
    intended = sorted(line.last_ns - line.planned_ns for line in got.exchanges)
    assert intended == [150 * MS + index * 50 * MS for index in range(20)]
    assert {line.last_ns - line.sent_ns for line in got.exchanges} == {150 * MS}


def test_an_arrival_without_a_free_user_is_dropped_and_counted() -> None:
    got = played(
        "target: {connector: echo, options: {first token: 250ms}}\nsteps: [hello]\nload: {rate: 10/s, duration: 1s, max users: 1}"
    )
    dropped = [line.conversation for line in got.lines if isinstance(line, Dropped)]
    assert [line.conversation for line in got.exchanges] == [0, 3, 6, 9]
    assert dropped == [1, 2, 4, 5, 7, 8]
    assert got.tally.view().dropped == 6


def test_a_closed_user_thinks_between_conversations_and_turns() -> None:
    got = played(
        "target: {connector: echo, options: {first token: 100ms}}\n"
        "steps: [one, {delay: 400ms}, two]\nload: {users: 1, conversations: 2, pause: 2s}"
    )
    assert [line.planned_ns for line in got.exchanges] == [0, 500 * MS, 2600 * MS, 3100 * MS]
    assert [line.sent_ns for line in got.exchanges] == [0, 500 * MS, 2600 * MS, 3100 * MS]


def test_users_of_a_ramp_begin_and_end_in_their_spans() -> None:
    got = played(
        "target: {connector: echo, options: {first token: 100ms}}\nsteps: [hello]\n"
        "load: {users: [{over: 10s, to: 5}, {over: 0s, to: 0}, {over: 1s, to: 0}]}"
    )
    begins = {user: min(line.planned_ns for line in got.exchanges if line.user == user) for user in range(5)}
    assert begins == {user: user * 2 * S for user in range(5)}
    assert max(line.planned_ns for line in got.exchanges) < 10 * S


def test_retries_wait_as_the_policy_says_and_are_attempts_at_one_turn() -> None:
    got = played(
        "target: {connector: echo, options: {fail every: 1}}\nsteps: [hello]\nload: {users: 1, conversations: 1}\n"
        "on_error: {rules: [{status: [500], do: retry, max: 3, wait: 1s, factor: 2, jitter: 0, then: end}]}"
    )
    assert [(line.turn, line.attempt, line.final) for line in got.exchanges] == [
        (1, 1, False),
        (1, 2, False),
        (1, 3, False),
        (1, 4, True),
    ]
    assert [line.sent_ns for line in got.exchanges] == [0, 1 * S, 3 * S, 7 * S]
    assert [told.outcome for told in got.told] == ["failed"]


def test_a_skipped_turn_leaves_no_unanswered_message_behind() -> None:
    got = played(
        "target: {connector: echo, options: {fail every: 2}}\nsteps: [one, two, three]\nload: {users: 1, conversations: 1}\n"
        "on_error: {default: skip}"
    )
    assert [line.fault.kind if line.fault else None for line in got.exchanges] == [None, FaultKind.server, None]
    # The echo counts the words of what it is sent: one, its answer, three.
    assert got.exchanges[2].usage is not None
    assert got.exchanges[2].usage.tokens_in == 3
    assert [told.outcome for told in got.told] == ["completed"]


def test_phases_are_labels_by_planned_start() -> None:
    got = played(
        "target: {connector: echo, options: {first token: 100ms}}\nsteps: [hello]\n"
        "load: {rate: 2/s, duration: 10s, warm-up: 2s, cool-down: 3s}"
    )
    phases = [line.phase for line in got.exchanges]
    assert phases == ["warm-up"] * 4 + ["measure"] * 10 + ["cool-down"] * 6


def test_a_conversation_timeout_ends_it_and_says_so() -> None:
    got = played(
        "target: {connector: echo, options: {first token: 400ms}}\nsteps: [{loop: 100, steps: [hello]}]\n"
        "timeouts: {conversation: 1s}\nload: {users: 1, conversations: 1}\non_error: {default: end}"
    )
    assert got.exchanges[-1].fault is not None
    assert "the conversation took longer than 1s" in got.exchanges[-1].fault.detail
    assert got.exchanges[-1].done_ns == 1 * S
    assert [told.outcome for told in got.told] == ["failed"]


def test_data_rows_used_once_end_the_session_when_they_are_used_up() -> None:
    got = played(
        "target: {connector: echo}\nsteps: ['{{ data.order }}']\ndata: {rows: [{order: a}, {order: b}, {order: c}], pick: once each}\n"
        "load: {users: 2, conversations: 10}"
    )
    assert sorted(line.said for line in got.exchanges) == ["a", "b", "c"]


@pytest.mark.parametrize("load", ["{users: 2, duration: 1h}", "{rate: 1/s, duration: 1h}"])
def test_a_session_of_an_hour_ends_when_its_rows_are_used_up(load: str) -> None:
    got = played(
        "target: {connector: echo, options: {first token: 1s}}\nsteps: ['{{ data.order }}']\n"
        f"data: {{rows: [{{order: a}}, {{order: b}}, {{order: c}}], pick: once each}}\nload: {load}"
    )
    assert sorted(line.said for line in got.exchanges) == ["a", "b", "c"]
    assert got.last.at_ns < 10 * S


def test_goodput_misses_what_was_slow() -> None:
    got = played(
        "target: {connector: echo, options: {first token: 300ms}}\nsteps: [hello]\nload: {users: 1, conversations: 2}\n"
        "thresholds: [p95(latency) < 200ms]"
    )
    assert [told.slow for told in got.told] == [True, True]
    assert got.tally.view().good == 0


async def _stopped(how: str, after_s: float) -> tuple[Kept, Progress]:
    kept, reports = Kept(), []
    plan = plan_of(
        "name: t\ntarget: {connector: echo, options: {first token: 5s}}\nsteps: [{loop: 9, steps: [hello]}]\nload: {users: 2, conversations: 9}"
    )
    shard = Shard(Program(plan, ShardSpec("ses_test", 0, 1, 1, "")), [kept], clock)

    async def report(progress: Progress) -> Orders:
        reports.append(progress)
        late = shard.course.origin and clock() - shard.course.origin >= after_s * S
        return Orders(go_at_ns=clock(), allowance=PLENTY, stop=how if late else "no", reason="because")  # type: ignore[arg-type]

    async with asyncio.timeout(100):
        await shard.play(report)
    return kept, reports[-1]


def test_draining_lets_the_turn_in_flight_finish() -> None:
    kept, last = run_virtual(_stopped("drain", 2))
    told = [line for line in kept.lines if isinstance(line, Told)]
    assert [(line.outcome, line.reason, line.turns) for line in told] == [("abandoned", "because", 1)] * 2
    assert {line.done_ns for line in told} == {5 * S}
    assert last.state == "done"


def test_stopping_now_cancels_the_turn_in_flight_and_records_it() -> None:
    kept, last = run_virtual(_stopped("now", 2))
    faults = [line.fault.kind for line in kept.lines if hasattr(line, "fault") and line.fault]
    assert faults == [FaultKind.cancelled] * 2
    assert last.state == "done"

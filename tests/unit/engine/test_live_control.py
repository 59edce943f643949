"""Pause, resume, change of users or rate while a session plays: by several shards, in virtual time, against the echo connector."""

from __future__ import annotations

from collections import Counter

import pytest

from krawall.conduct.conductor import Conductor
from krawall.model.exchange import Exchange
from krawall.model.plan import Plan
from krawall.testing.conducting import Script, Session, conducted
from krawall.testing.playing import plan_of

MS = 1_000_000
S = 1_000 * MS
EPOCH = 10_000_000
TARGET = "name: t\ntarget: {connector: echo, options: {first token: 100ms}}\n"
OPEN = TARGET + "steps: [hello]\nload: {rate: 10/s, duration: 6s, max users: 50}\n"
CLOSED = TARGET + "steps: [hello]\nload: {users: 4, duration: 10s}\n"


def at(at_s: float, name: str, **how: object) -> Script:
    """Return a script of one act."""
    return acts((at_s, name, how))


def acts(*steps: tuple[float, str, dict[str, object]]) -> Script:
    async def script(session: Session) -> None:
        for at_s, name, how in steps:
            await session.until(at_s)
            session.steer(lambda conductor, name=name, how=how: getattr(conductor, name)(**how))  # type: ignore[misc]

    return script


def paused(from_s: float, to_s: float) -> Script:
    return acts((from_s, "pause", {}), (to_s, "resume", {}))


def sent_in(session: Session, from_s: float, to_s: float) -> list[Exchange]:
    return [line for line in session.exchanges if from_s * S <= line.sent_ns < to_s * S]


def plan(text: str) -> Plan:
    return plan_of(text)


# pause ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [1, 3, 7])
@pytest.mark.parametrize("load", [OPEN, CLOSED])
def test_nothing_is_sent_in_a_pause_and_the_timeline_is_shifted_by_it(shards: int, load: str) -> None:
    got = conducted(plan(load), shards, paused(2.05, 5.05))
    usual = conducted(plan(load), shards)
    assert not sent_in(got, 2.1, 5.05)
    moved = [line.sent_ns - (3 * S if line.sent_ns > 2.05 * S else 0) for line in got.exchanges]
    # A turn in flight finishes in the pause, so that what a closed user does next is earlier by what was left of it.
    assert 0 <= len(moved) - len(usual.exchanges) <= (4 if load is CLOSED else 0)
    assert max(abs(a - line.sent_ns) for a, line in zip(moved, usual.exchanges, strict=False)) <= 100 * MS
    assert got.conductor.lag("send_lag").max == 0


@pytest.mark.parametrize("load", [OPEN, CLOSED, CLOSED.replace("users: 4", "users: 4, pause: 1s")])
def test_a_pause_that_is_longer_than_the_timeline_ends_nothing(load: str) -> None:
    got = conducted(plan(load), 3, paused(2.05, 102.05))
    usual = conducted(plan(load), 3)
    assert len(usual.exchanges) <= len(got.exchanges) <= len(usual.exchanges) + 4
    assert (
        max(line.sent_ns for line in got.exchanges) > 100 * S + max(line.sent_ns for line in usual.exchanges) - 1.2 * S
    )
    assert not sent_in(got, 2.1, 102.05)


def test_a_user_whose_turn_ends_in_the_pause_has_the_rest_of_the_timeline_left() -> None:
    slow = CLOSED.replace("100ms", "4s")
    got = conducted(plan(slow), 3, paused(9, 60))
    assert len(sent_in(got, 0, 9)) == 12
    assert len(sent_in(got, 60, 61)) == 4


def test_arrivals_of_all_shards_keep_their_places_through_several_pauses() -> None:
    script = acts((1.05, "pause", {}), (2.05, "resume", {}), (4.05, "pause", {}), (9.05, "resume", {}))
    got = conducted(plan(OPEN), 3, script)
    planned = sorted(line.planned_ns for line in got.exchanges)
    shift = [0 if index <= 10 else 1 if index <= 30 else 6 for index in range(60)]
    assert planned == [index * 100 * MS + shift[index] * S for index in range(60)]
    assert got.conductor.pauses[1].to_s == pytest.approx(9.05)


def test_a_pause_between_turns_and_a_retry_stand_still() -> None:
    text = TARGET + "steps: [one, {delay: 2s}, two]\nload: {users: 1, conversations: 2, pause: 3s}\n"
    got = conducted(plan(text), 1, acts((1, "pause", {}), (11, "resume", {}), (13, "pause", {}), (33, "resume", {})))
    assert [line.sent_ns for line in got.exchanges] == [0, 12_100 * MS, 35_200 * MS, 37_300 * MS]
    assert [line.planned_ns for line in got.exchanges] == [line.sent_ns for line in got.exchanges]


def test_phases_and_the_length_of_the_session_go_by_the_timeline() -> None:
    text = TARGET + "steps: [hello]\nload: {rate: 2/s, duration: 10s, warm-up: 2s, cool-down: 3s}\n"
    got = conducted(
        plan(text), 1, acts((1.2, "pause", {}), (5.2, "resume", {}), (8.2, "pause", {}), (20.2, "resume", {}))
    )
    assert [line.phase for line in got.exchanges] == ["warm-up"] * 4 + ["measure"] * 10 + ["cool-down"] * 6
    assert [told.phase for told in got.told] == [line.phase for line in got.exchanges]


def test_a_turn_in_flight_over_a_whole_pause_keeps_its_phase() -> None:
    text = (
        "name: t\ntarget: {connector: echo, options: {first token: 3s}}\nsteps: [hello]\n"
        "load: {rate: 1/s, duration: 6s, warm-up: 2s}\n"
    )
    got = conducted(plan(text), 1, paused(2.5, 3.5))
    assert [(line.planned_ns // S, line.phase) for line in got.exchanges] == [
        (0, "warm-up"), (1, "warm-up"), (2, "measure"), (4, "measure"), (5, "measure"), (6, "measure")
    ]  # fmt: skip


def test_the_time_of_a_conversation_and_its_timeout_leave_pauses_out() -> None:
    text = TARGET + "steps: [one, {delay: 1s}, two]\ntimeouts: {conversation: 2s}\nload: {users: 1, conversations: 1}\n"
    got = conducted(plan(text), 1, paused(0.5, 60.5))
    assert [told.outcome for told in got.told] == ["completed"]
    assert got.told[0].done_ns - got.told[0].start_ns == 1_200 * MS
    assert got.told[0].done_ns == 61_200 * MS


def test_a_pause_that_is_only_heard_of_with_the_next_report_holds_all_the_same() -> None:
    got = conducted(plan(CLOSED), 3, paused(2.05, 6.05), late_s=0.4)
    assert not sent_in(got, 2.05 + 0.4, 6.05 + 0.1)
    assert got.conductor.lag("send_lag").quantile(1.0) < 1_000_000


def test_a_session_can_be_paused_before_it_begins_and_stopped_in_a_pause() -> None:
    async def script(session: Session) -> None:
        session.steer(Conductor.pause)
        await session.until(5)
        assert session.exchanges == []
        session.steer(Conductor.resume)
        await session.until(5.95)
        session.steer(Conductor.pause)
        await session.until(8)
        session.steer(lambda conductor: conductor.stop("person", "enough"))

    got = conducted(plan(CLOSED), 3, script)
    assert {line.sent_ns // S for line in got.exchanges} == {5}
    assert {told.reason for told in got.told if told.outcome == "abandoned"} <= {"enough"}
    assert got.conductor.outcome == "cancelled"


def test_the_budgets_time_goes_on_in_a_pause() -> None:
    got = conducted(plan(CLOSED + "budget: {duration: 20s}\n"), 1, at(2, "pause"))
    assert got.conductor.reason == "the budget's duration of 20s is used up"
    assert got.reports[-1].at_ns < 23 * S


# change of the load -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["constant", "poisson"])
@pytest.mark.parametrize("limit", ["", ", conversations: 90"])
def test_a_change_of_rate_gives_the_same_arrivals_over_1_3_and_7_shards(kind: str, limit: str) -> None:
    text = OPEN.replace("max users: 50", f"max users: 50, arrivals: {kind}{limit}")
    script = acts((2, "adjust", {"rate": 30.0}), (4, "adjust", {"rate": 2.0}), (5, "adjust", {"rate": 5.0}))
    found = [
        sorted((told.conversation, told.planned_ns) for told in conducted(plan(text), shards, script).told)
        for shards in (1, 3, 7)
    ]
    assert found[0] == found[1] == found[2]
    if kind == "constant" and not limit:
        assert Counter(number // EPOCH for number, _ in found[0]) == {0: 25, 1: 60, 2: 2, 3: 3}
        assert [at_ns for number, at_ns in found[0] if number == EPOCH] == [2_500 * MS]
    if limit:
        assert len(found[0]) == 90 or kind == "poisson"


@pytest.mark.parametrize("late_s", [0.0, 0.3])
def test_a_promised_number_of_arrivals_holds_over_changes(late_s: float) -> None:
    text = OPEN.replace("duration: 6s", "conversations: 100")
    script = acts((2, "adjust", {"rate": 40.0}), (3, "adjust", {"rate": 5.0}), (3.2, "adjust", {"rate": 20.0}))
    got = conducted(plan(text), 3, script, late_s)
    assert len({told.conversation for told in got.told}) == len(got.told) == 100


@pytest.mark.parametrize("shards", [1, 3, 7])
def test_more_and_fewer_users_take_effect_within_a_second(shards: int) -> None:
    got = conducted(plan(CLOSED), shards, acts((3, "adjust", {"users": 10}), (6, "adjust", {"users": 2})), late_s=0.1)
    before, more, fewer = (sent_in(got, a, b) for a, b in ((2, 3), (4, 6), (7, 10)))
    assert {line.user for line in before} == set(range(4))
    assert {line.user for line in more} == set(range(10))
    assert {line.user for line in fewer} == {0, 1}
    assert {line.conversation // EPOCH for line in more} == {1}
    assert {line.conversation // EPOCH for line in fewer} == {2}
    assert all((line.conversation % EPOCH) % 2 == line.user for line in fewer)
    assert len(got.told) == len({told.conversation for told in got.told}), "no number twice"
    assert {told.outcome for told in got.told} == {"completed"}, "everybody finished a conversation before moving on"
    assert max(line.planned_ns for line in got.exchanges) < 10 * S


@pytest.mark.parametrize("shards", [1, 3, 7])
@pytest.mark.parametrize("late_s", [0.0, 0.25])
def test_a_promised_number_of_conversations_is_kept_over_changes(shards: int, late_s: float) -> None:
    text = CLOSED.replace("duration: 10s", "conversations: 120")
    script = acts((0.55, "adjust", {"users": 9}), (1.2, "adjust", {"users": 1}), (3, "adjust", {"users": 16}))
    got = conducted(plan(text), shards, script, late_s)
    assert len({told.conversation for told in got.told}) == len(got.told) == 120
    assert {told.outcome for told in got.told} == {"completed"}
    assert {told.conversation // EPOCH for told in got.told} >= ({0, 3} if late_s else {0, 1, 2, 3})


def test_users_that_had_left_or_not_yet_come_obey_a_change() -> None:
    text = (
        TARGET
        + "steps: [hello]\nload: {users: [{over: 0s, to: 6}, {over: 2s, to: 6}, {over: 0s, to: 1}, {over: 18s, to: 1}]}\n"
    )
    got = conducted(plan(text), 3, at(5, "adjust", users=6))
    assert {line.user for line in sent_in(got, 3, 5)} == {0}
    assert {line.user for line in sent_in(got, 5.1, 6)} == set(range(6))
    ramp = TARGET + "steps: [hello]\nload: {users: [{over: 20s, to: 10}]}\n"
    got = conducted(plan(ramp), 3, at(3, "adjust", users=10))
    assert {line.user for line in sent_in(got, 3.1, 4)} == set(range(10))
    assert max(line.sent_ns for line in got.exchanges) > 19 * S


def test_a_change_in_a_pause_holds_after_it() -> None:
    got = conducted(plan(CLOSED), 3, acts((2, "pause", {}), (3, "adjust", {"users": 7}), (6, "resume", {})))
    assert not sent_in(got, 2.01, 6)
    assert {line.user for line in sent_in(got, 6, 6.2)} == set(range(7))
    assert max(line.planned_ns for line in got.exchanges) < 14 * S


def test_a_change_before_the_start_is_the_load() -> None:
    async def script(session: Session) -> None:
        session.steer(lambda conductor: conductor.adjust(users=2))

    got = conducted(plan(CLOSED), 3, script)
    assert {line.user for line in got.exchanges} == {0, 1}
    assert {line.conversation // EPOCH for line in got.exchanges} == {1}


@pytest.mark.parametrize("text", [OPEN, CLOSED])
def test_a_replaced_shard_learns_pause_shift_and_change_from_its_first_orders(text: str) -> None:
    change: dict[str, object] = {"users": 6} if text is CLOSED else {"rate": 20.0}

    async def script(session: Session) -> None:
        await acts((1, "pause", {}), (3, "resume", {}), (3.2, "adjust", change), (4, "pause", {}))(session)
        await session.until(4.5)
        await session.kill(1)
        session.replace(1)
        await session.until(7)
        session.steer(Conductor.resume)

    got = conducted(plan(text), 3, script)
    assert not sent_in(got, 4.01, 7)
    # The timeline is 5 s behind: it ends after 15 s, or 11 s.
    end_s = 15 if text is CLOSED else 11
    assert 0 <= end_s * S - max(line.planned_ns for line in got.exchanges) <= 150 * MS
    late = sent_in(got, 8, end_s)
    if text is CLOSED:
        assert {line.user for line in late} == set(range(6))
    else:
        assert len(late) == pytest.approx(20 * (end_s - 8), abs=2)
    [gap] = got.conductor.gaps
    assert (gap.shard, gap.to_s is not None) == (1, True)


def test_shards_with_nothing_left_stay_while_others_play_and_leave_together() -> None:
    text = CLOSED.replace("duration: 10s", "conversations: 4").replace("users: 4", "users: 1")
    text = text.replace("steps: [hello]", "steps: [{loop: 20, steps: [hello]}]")
    got = conducted(plan(text), 1)
    assert got.reports[-1].at_ns < 8.1 * S
    many = conducted(plan(CLOSED.replace("duration: 10s", "conversations: 9")), 3)
    ends = [report.at_ns for report in many.reports if report.state == "done"]
    assert len(ends) == 3
    assert max(ends) - min(ends) < 0.1 * S

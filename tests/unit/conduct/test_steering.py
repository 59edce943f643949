"""What may be changed while a session plays, what is refused, and what the orders say of it."""

from __future__ import annotations

import pytest

from krawall.conduct.conductor import Conductor
from krawall.conduct.steering import LEAD_NS, too_much
from krawall.errors import Conflict, DocumentError, Refused
from krawall.model.plan import Plan
from krawall.model.progress import Adjusted, Progress
from krawall.testing.playing import plan_of

S = 1_000_000_000
EPOCH = 10_000_000
CLOSED = "name: t\ntarget: {connector: echo}\nsteps: [hello]\nload: {users: 4, duration: 20s}\n"
OPEN = CLOSED.replace("users: 4", "rate: 10/s")


class Clock:
    def __init__(self) -> None:
        self.now = 1000 * S

    def __call__(self) -> int:
        return self.now


def progress(shard: int, seq: int, state: str = "playing", **more: object) -> Progress:
    return Progress(shard=shard, attempt=1, seq=seq, at_ns=0, state=state, **more)  # type: ignore[arg-type]


def started(text: str = CLOSED, shards: int = 2, plan: Plan | None = None) -> tuple[Conductor, Clock]:
    clock = Clock()
    conductor = Conductor(plan or plan_of(text), shards, clock)
    for shard in range(shards):
        conductor.report(progress(shard, 1, "ready"))
    clock.now = conductor.origin
    return conductor, clock


def test_orders_tell_of_a_pause_and_for_how_long_the_timeline_has_stood_still() -> None:
    conductor, clock = started()
    clock.now += 3 * S
    conductor.pause()
    conductor.pause()
    assert (conductor.orders.paused, conductor.orders.shift_ns) == (True, 0)
    clock.now += 2 * S
    assert conductor.timeline_ns == 3 * S
    assert conductor.report(progress(0, 2)).paused
    conductor.resume()
    clock.now += 1 * S
    orders = conductor.report(progress(0, 3))
    assert (orders.paused, orders.shift_ns, conductor.timeline_ns) == (False, 2 * S, 4 * S)
    assert [(pause.from_s, pause.to_s) for pause in conductor.pauses] == [(3.0, 5.0)]


def test_overtime_and_the_sessions_timeout_go_by_the_timeline_the_budget_does_not() -> None:
    conductor, clock = started(CLOSED + "timeouts: {session: 60s}\nbudget: {duration: 10m}\n")
    conductor.pause()
    clock.now += 300 * S
    conductor.tick()
    conductor.resume()
    clock.now += 49 * S
    conductor.tick()
    assert conductor.orders.stop == "no"
    clock.now += 2 * S
    conductor.tick()
    assert conductor.reason == "conversations that went on after the timeline were ended"
    again, clock = started(CLOSED + "budget: {duration: 10m}\n")
    again.pause()
    clock.now += 601 * S
    again.tick()
    assert again.reason == "the budget's duration of 10m is used up"
    assert not again.paused, "a stop ends a pause"


def test_a_change_says_from_when_it_holds_and_which_numbers_it_has() -> None:
    conductor, clock = started()
    clock.now += 3 * S
    conductor.adjust(users=9)
    assert conductor.orders.adjusted == Adjusted(1, EPOCH, 3 * S, users=9)
    conductor.report(progress(0, 2, highest=EPOCH + 9_000_000, epoch=1))
    conductor.adjust(users=2, epoch=5)
    assert conductor.orders.adjusted == Adjusted(5, 5 * EPOCH, 3 * S, users=2)
    conductor.adjust(users=3, epoch=5)
    assert conductor.orders.adjusted == Adjusted(5, 5 * EPOCH, 3 * S, users=2), "it was made already"
    opened, clock = started(OPEN)
    clock.now += 3 * S
    opened.adjust(rate=2.5)
    assert opened.orders.adjusted == Adjusted(1, EPOCH, 3 * S + LEAD_NS, rate=2.5)


def test_promised_conversations_are_given_out_once_every_shard_has_heard_of_the_change() -> None:
    conductor, clock = started(CLOSED.replace("duration: 20s", "conversations: 100"))
    clock.now += S
    conductor.adjust(users=9)
    before = conductor.revision
    assert conductor.report(progress(0, 2, epoch=1, before=30)).adjusted == Adjusted(1, EPOCH, S, 9, None, 0, True)
    assert conductor.revision == before
    assert conductor.report(progress(1, 2)).adjusted == Adjusted(1, EPOCH, S, 9, None, 0, True)
    orders = conductor.report(progress(1, 3, epoch=1, before=25))
    assert orders.adjusted == Adjusted(1, EPOCH, S, 9, None, 45, False)
    assert conductor.revision == before + 1


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        (CLOSED, {"rate": 5.0}, "has users and no rate"),
        (OPEN, {"users": 5}, "has a rate and no users"),
        (OPEN, {}, "one of users or of rate"),
        (CLOSED, {"users": 5, "rate": 1.0}, "one of users or of rate"),
    ],
)
def test_a_change_that_the_model_does_not_have_is_a_conflict(text: str, change: dict[str, object], words: str) -> None:
    conductor, _ = started(text)
    with pytest.raises(Conflict, match=words):
        conductor.adjust(**change)  # type: ignore[arg-type]
    assert conductor.orders.adjusted is None


@pytest.mark.parametrize(("text", "change"), [(CLOSED, {"users": 0}), (OPEN, {"rate": 0.0}), (OPEN, {"rate": -1.0})])
def test_a_change_to_nothing_is_wrong(text: str, change: dict[str, object]) -> None:
    conductor, _ = started(text)
    with pytest.raises(DocumentError, match="above 0"):
        conductor.adjust(**change)  # type: ignore[arg-type]


def test_rows_that_are_used_once_each_cannot_be_given_other_numbers() -> None:
    text = CLOSED.replace("steps: [hello]", "steps: ['{{ data.a }}']\ndata: {rows: [{a: 1}], pick: once each}")
    conductor, _ = started(text)
    with pytest.raises(Conflict, match="once each"):
        conductor.adjust(users=9)


def granted(text: str, **granted: object) -> Plan:
    plan = plan_of(text)
    return plan.model_copy(update={"granted": plan.granted.model_copy(update=granted)})


def test_the_guard_rails_bound_a_change() -> None:
    private = granted(CLOSED, tier="private", host="bot.internal")
    assert too_much(private, 200, None) == []
    conductor, _ = started(plan=private)
    with pytest.raises(Refused, match=r"201 users for bot\.internal \(private\): at most 200"):
        conductor.adjust(users=201)
    opened, _ = started(
        plan=granted(OPEN, tier="private", host="bot.internal").model_copy(
            update={"load": plan_of(OPEN.replace("duration", "max users: 9, duration")).load}
        )
    )
    with pytest.raises(Refused, match="starts per second"):
        opened.adjust(rate=51.0)
    few, _ = started(plan=granted(CLOSED, concurrent=3))
    with pytest.raises(Refused, match="at most 3 at once"):
        few.adjust(users=4)
    assert few.epoch == 0
    free, _ = started()
    free.adjust(users=50_000)
    assert free.epoch == 1


def test_nothing_can_be_steered_once_the_session_stops_or_nothing_is_left_of_it() -> None:
    conductor, clock = started()
    conductor.stop("person", "enough")
    for act in (conductor.pause, conductor.resume, lambda: conductor.adjust(users=2)):
        with pytest.raises(Conflict, match="stopping"):
            act()
    over, clock = started()
    clock.now += 20 * S
    with pytest.raises(Conflict, match="timeline"):
        over.adjust(users=2)
    idle, _ = started()
    assert idle.report(progress(0, 2, idle=True)).stay
    assert not idle.report(progress(1, 2, idle=True)).stay
    assert not idle.report(progress(0, 3, idle=True)).stay
    with pytest.raises(Conflict, match="have been played"):
        idle.adjust(users=2)

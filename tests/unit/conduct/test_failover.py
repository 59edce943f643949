"""A conductor that vanishes at any moment is replaced by one that knows its last save: the session comes out as without."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from krawall.conduct.conductor import Conductor
from krawall.conduct.saved import Saved
from krawall.metrics.tally import Tally
from krawall.model.plan import Plan
from krawall.model.progress import Progress
from krawall.model.session import Outcome, State
from krawall.testing.conducting import Script, Session, conducted
from krawall.testing.playing import plan_of

S = 1_000_000_000
TARGET = "name: t\ntarget: {connector: echo, options: {first token: 130ms}}\nsteps: [{loop: 2, steps: [hello]}]\n"
CLOSED = TARGET + "load: {users: 5, duration: 8s}\nthresholds: ['p95(latency) < 1s, over 3s']\n"
OPEN = TARGET + "load: {rate: 7/s, conversations: 50}\n"
holes = st.lists(st.tuples(st.floats(0.1, 4.0), st.floats(0.0, 3.0), st.booleans()), min_size=1, max_size=3)


def replaced(gaps: list[tuple[float, float, bool]]) -> Script:
    async def script(session: Session) -> None:
        now = 0.0
        for after_s, hole_s, teach in gaps:
            now += after_s
            await session.until(now)
            if not session.playing:
                return
            await session.replace_conductor(hole_s, teach)
            now += hole_s

    return script


def outcome_of(session: Session) -> tuple[object, ...]:
    conductor = session.conductor
    said = Counter((line.conversation, line.turn, line.sent_ns) for line in session.exchanges)
    return said, conductor.merge(), conductor.outcome, conductor.reason, conductor.gaps, conductor.state


@settings(max_examples=15, deadline=None)
@given(holes, st.sampled_from([CLOSED, OPEN]), st.sampled_from([0, 3]))
def test_a_session_comes_out_as_if_one_conductor_had_lived(
    gaps: list[tuple[float, float, bool]], text: str, lossy: int
) -> None:
    plan = plan_of(text)
    got = conducted(plan, 2, replaced(gaps), 0.01, lossy)
    assert outcome_of(got) == outcome_of(conducted(plan, 2, None, 0.01))
    assert sum(point.turns for point in got.rows) == got.conductor.merge().view().turns == len(got.exchanges)
    assert sum(point.errors for point in got.rows) == 0


@settings(max_examples=25, deadline=None)
@given(holes, st.integers(1, 60), st.sampled_from([1, 3]), st.sampled_from([0, 2, 3]))
@example([(1.4, 2.3, True)], 33, 3, 3)  # one request was left, and three shards waited for it
@example([(2.2, 2.3, False)], 51, 3, 2)  # what was given back before the hole was told again after it
def test_no_allowance_is_given_twice(gaps: list[tuple[float, float, bool]], cap: int, shards: int, lossy: int) -> None:
    plan = plan_of(CLOSED + f"budget: {{requests: {cap}}}\n")
    got = conducted(plan, shards, replaced(gaps), 0.01, lossy)
    assert len(got.exchanges) == cap
    assert (got.conductor.outcome, got.conductor.reason) == (Outcome.aborted, "the budget's requests is used up")


@settings(max_examples=10, deadline=None)
@given(holes)
def test_pauses_and_changes_outlive_the_conductor(gaps: list[tuple[float, float, bool]]) -> None:
    async def script(session: Session) -> None:
        await session.until(0.5)
        session.steer(Conductor.pause)
        await session.replace_conductor(0.2, True)
        await session.until(3)
        session.steer(Conductor.resume)
        session.steer(lambda conductor: conductor.adjust(users=2))
        for after_s, hole_s, teach in gaps:
            await session.until(3 + after_s)
            await session.replace_conductor(hole_s, teach)

    got = conducted(plan_of(CLOSED), 3, script)
    assert not [line for line in got.exchanges if 0.51 * S < line.sent_ns < 3 * S]
    assert {line.user for line in got.exchanges if line.sent_ns > 3.5 * S} == {0, 1}
    assert 10 * S < max(line.planned_ns for line in got.exchanges) < 10.8 * S
    assert [(pause.from_s, pause.to_s) for pause in got.conductor.pauses] == [(pytest.approx(0.5), pytest.approx(3.0))]


def test_a_shard_that_dies_with_the_conductor_is_counted_once() -> None:
    async def script(session: Session) -> None:
        await session.until(2.5)
        await session.replace_conductor(0.5, True)
        await session.kill(0)
        session.replace(0)
        await session.until(5.3)
        await session.replace_conductor(1.0, False)

    got = conducted(plan_of(CLOSED), 2, script)
    assert got.conductor.merge().view().attempts == len(got.exchanges)
    assert [gap.shard for gap in got.conductor.gaps] == [0]
    assert got.conductor.losses == 1


# what is saved ------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1000 * S

    def __call__(self) -> int:
        return self.now


def progress(shard: int, seq: int, state: str = "playing", **more: object) -> Progress:
    return Progress(shard=shard, attempt=1, seq=seq, at_ns=seq * S, state=state, **more)  # type: ignore[arg-type]


def full() -> tuple[Plan, Conductor, Clock]:
    """Return a conductor of which everything is known that can be."""
    plan, clock = plan_of(CLOSED), Clock()
    conductor = Conductor(plan, 2, clock)
    for shard in range(2):
        conductor.report(progress(shard, 1, "ready"))
    for second in range(2, 8):
        clock.now += S
        for shard in range(2):
            conductor.report(progress(shard, second, tally=Tally().encode()))
        conductor.tick()
    conductor.lost(1, Tally(), 1)
    conductor.pause()
    clock.now += S
    conductor.resume()
    conductor.adjust(users=3)
    return plan, conductor, clock


def test_a_save_survives_its_bytes_and_is_small() -> None:
    _, conductor, _ = full()
    saved = conductor.save()
    assert Saved.decode(saved.encode()) == saved
    assert len(saved.encode()) < 4_000


def test_what_is_restored_is_what_was_saved() -> None:
    plan, conductor, clock = full()
    again = Conductor.restored(plan, 2, clock, conductor.save().encode())
    assert again.save() == conductor.save()
    assert again.orders == conductor.orders
    assert (again.state, again.epoch, again.timeline_ns) == (State.running, 1, conductor.timeline_ns)
    assert again.points == []


def test_a_repeated_report_gets_the_same_answer_from_the_next_conductor() -> None:
    plan, conductor, clock = full()
    first = conductor.report(progress(0, 8))
    again = Conductor(plan, 2, clock, conductor.save())
    assert again.report(progress(0, 8)) == first
    assert again.report(progress(0, 7)).stop == "now"


def test_nothing_saved_is_a_beginning() -> None:
    plan, _, clock = full()
    assert Conductor.restored(plan, 2, clock, b"").save() == Conductor(plan, 2, clock).save()


def test_the_first_tick_covers_the_hole() -> None:
    _, conductor, clock = full()
    again = Conductor(conductor.plan, 2, clock, conductor.save())
    clock.now += 11 * S
    again.tick()
    assert [point.at_s for point in again.points] == [pytest.approx(17.8)]

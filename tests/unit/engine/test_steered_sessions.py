"""Whatever a person does to a session while it plays: promised conversations are played once each, and pauses are quiet."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.errors import Conflict
from krawall.model.exchange import Told
from krawall.testing.conducting import Script, Session, conducted
from krawall.testing.playing import plan_of

S = 1_000_000_000
TARGET = "name: t\ntarget: {connector: echo, options: {first token: 230ms}}\nsteps: [hello]\n"
moments = st.floats(0.0, 1.5)
acts = st.lists(
    st.tuples(moments, st.one_of(st.sampled_from(["pause", "resume"]), st.integers(1, 12))), min_size=1, max_size=8
)


def script(steps: list[tuple[float, str | int]], closed: bool, quiet: list[tuple[float, float]]) -> Script:
    """Act after act; `quiet` takes the pauses, in seconds of the session."""

    async def play(session: Session) -> None:
        now, began = 0.0, -1.0
        for after_s, act in [*steps, (0.5, "resume")]:
            now += after_s
            await session.until(now)
            paused = session.conductor.paused
            with suppress(Conflict):  # the session may be over already
                if isinstance(act, int):
                    change = {"users": act} if closed else {"rate": act * 2.5}
                    session.steer(lambda conductor, change=change: conductor.adjust(**change))  # type: ignore[misc]
                else:
                    session.steer(lambda conductor, act=act: getattr(conductor, act)())  # type: ignore[misc]
            if session.conductor.paused and not paused:
                began = now
            elif paused and not session.conductor.paused:
                quiet.append((began, now))

    return play


@settings(max_examples=25, deadline=None)
@given(acts, st.booleans(), st.sampled_from([1, 3, 7]), st.sampled_from([0.0, 0.12]), st.integers(1, 80))
def test_promised_conversations_are_played_once_each(
    steps: list[tuple[float, str | int]], closed: bool, shards: int, late_s: float, promised: int
) -> None:
    load = "users: 5" if closed else "rate: 8/s, max users: 500"
    quiet: list[tuple[float, float]] = []
    plan = plan_of(TARGET + f"load: {{{load}, conversations: {promised}}}\n")
    got = conducted(plan, shards, script(steps, closed, quiet), late_s)
    numbers = [told.conversation for told in got.told]
    assert len(numbers) == len(set(numbers)) == promised
    assert {told.outcome for told in got.told} == {"completed"}
    # What was under way when a pause began or ended is allowed to arrive late.
    for begin_s, end_s in quiet:
        assert not [line for line in got.exchanges if (begin_s + late_s + 1e-6) * S < line.sent_ns < (end_s - 1e-6) * S]


@settings(max_examples=25, deadline=None)
@given(acts, st.booleans(), moments, moments, st.sampled_from([0.0, 0.12]))
def test_a_shard_that_is_killed_and_replaced_meanwhile_repeats_nothing_that_was_done(
    steps: list[tuple[float, str | int]], closed: bool, die_s: float, back_s: float, late_s: float
) -> None:
    load = "users: 5" if closed else "rate: 8/s, max users: 500"
    steering = script(steps, closed, [])

    async def play(session: Session) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(steering(session))
            await session.until(die_s + 0.1)
            if 1 in session.playing:
                await session.kill(1)
                await session.until(die_s + 0.1 + back_s)
                session.replace(1)

    got = conducted(plan_of(TARGET + f"load: {{{load}, duration: 5s}}\n"), 3, play, late_s)
    done = [line.conversation for line in got.lines if isinstance(line, Told) and line.outcome == "completed"]
    assert len(done) == len(set(done))
    assert got.conductor.merge().view().attempts == len(got.exchanges)
    assert all(gap.to_s is not None for gap in got.conductor.gaps)

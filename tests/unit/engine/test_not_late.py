"""Nobody is late for what could not be: the time before a replacement was there, and the conversation that a user still had."""

from __future__ import annotations

import pytest

from krawall.metrics.histogram import Histogram
from krawall.testing.conducting import Session, conducted
from krawall.testing.playing import plan_of

MS = 1_000_000
TARGET = "name: t\ntarget: {connector: echo, options: {first token: %s}}\nsteps: [hello]\n"
CLOSED = TARGET % "100ms" + "load: {users: 6, duration: 12s}\n"
OPEN = TARGET % "100ms" + "load: {rate: 10/s, duration: 12s, max users: 50}\n"
PROMISED = TARGET % "100ms" + "load: {rate: 10/s, conversations: 100, max users: 50}\n"


def latest_us(session: Session) -> float:
    """How late the latest start was by the engines' own watch, microseconds."""
    whole = Histogram()
    for health in session.conductor.health:
        whole.merge(Histogram.from_pairs(health.send_lag))
    return whole.quantile(1.0)


def most_lag_ns(session: Session) -> int:
    return max(line.start_ns - line.planned_ns for line in session.exchanges)


@pytest.mark.parametrize("text", [CLOSED, OPEN, PROMISED])
def test_a_replacement_begins_now_and_is_not_late_for_what_was_before_it(text: str) -> None:
    async def script(session: Session) -> None:
        await session.until(4)
        await session.kill(1)
        await session.until(7)
        session.replace(1)

    got = conducted(plan_of(text), 3, script)
    assert got.conductor.losses == 1
    assert latest_us(got) < 1_000
    assert most_lag_ns(got) < 1 * MS


def test_a_user_that_finishes_a_long_conversation_after_a_change_is_not_late() -> None:
    async def script(session: Session) -> None:
        await session.until(1)
        session.steer(lambda conductor: conductor.adjust(users=4))

    got = conducted(plan_of(TARGET % "3s" + "load: {users: 6, duration: 12s}\n"), 2, script)
    assert {line.user for line in got.exchanges if line.conversation >= 10_000_000} == set(range(4))
    assert latest_us(got) < 1_000
    assert most_lag_ns(got) < 1 * MS

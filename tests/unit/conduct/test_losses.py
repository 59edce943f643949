"""Reports that come twice or too late, attempts that die, and the gaps that they leave."""

from __future__ import annotations

from krawall.conduct.conductor import Conductor
from krawall.metrics.tally import Tally
from krawall.model.exchange import Exchange
from krawall.model.progress import Progress
from krawall.model.summary import Gap
from krawall.testing.playing import plan_of

S = 1_000_000_000
PLAN = "name: t\ntarget: {connector: echo}\nsteps: [hello]\nload: {users: 4, duration: 20s}\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1000 * S

    def __call__(self) -> int:
        return self.now


def progress(
    shard: int, seq: int, attempt: int = 1, state: str = "playing", at_s: float = 0, **more: object
) -> Progress:
    return Progress(shard, attempt, seq, round(at_s * S), state, **more)  # type: ignore[arg-type]


def tally(attempts: int, step: str = "steps.0") -> Tally:
    made = Tally()
    for index in range(attempts):
        made.add(Exchange(index, 0, 1, 1, "measure", step, 0, 0, 1000, 2_000_000, last_ns=2_000_000, status=200))
    return made


def started(shards: int = 2) -> tuple[Conductor, Clock]:
    clock = Clock()
    conductor = Conductor(plan_of(PLAN), shards, clock)
    for shard in range(shards):
        conductor.report(progress(shard, 1, state="ready"))
    clock.now += 2 * S
    return conductor, clock


def test_a_report_that_is_asked_again_gets_the_same_orders_and_says_which_it_answers() -> None:
    conductor, _ = started()
    first = conductor.report(progress(0, 2))
    conductor.report(progress(1, 2))
    assert first.answers == 2
    assert first.allowance is not None
    assert conductor.report(progress(0, 2)) == first
    assert conductor.report(progress(0, 3)).answers == 3
    assert conductor.orders.answers == 0


def test_a_repeated_report_learns_what_was_decided_since() -> None:
    conductor, _ = started()
    first = conductor.report(progress(0, 2))
    conductor.pause()
    again = conductor.report(progress(0, 2))
    assert (again.allowance, again.paused) == (first.allowance, True)


def test_an_older_report_and_one_of_an_older_attempt_are_told_to_stop() -> None:
    conductor, _ = started()
    conductor.report(progress(0, 5))
    late = conductor.report(progress(0, 4))
    assert (late.stop, late.answers) == ("now", 4)
    conductor.lost(0, None)
    assert conductor.report(progress(0, 6)).stop == "now", "it was lost, whatever it still says"
    assert conductor.report(progress(0, 1, attempt=2)).stop == "no"
    assert conductor.report(progress(0, 7)).stop == "now"
    conductor.replaced(0, 4)
    assert conductor.report(progress(0, 2, attempt=3)).stop == "now"


def test_an_attempt_that_nobody_said_was_lost_is_lost_when_the_next_one_reports() -> None:
    conductor, _ = started()
    conductor.report(progress(0, 2, tally=tally(5).encode()))
    conductor.report(progress(0, 1, attempt=2, tally=tally(3).encode()))
    assert conductor.merge().view().attempts == 8
    assert conductor.losses == 1
    conductor.lost(0, tally(6), attempt=1)
    assert conductor.merge().view().attempts == 9, "its log is known now"
    assert conductor.losses == 1


def test_the_gap_is_from_the_last_report_to_the_first_of_the_replacement() -> None:
    conductor, _ = started()
    conductor.report(progress(1, 2, at_s=1.5))
    conductor.lost(1, None, 1)
    assert conductor.gaps == [Gap(1, 1.5, None, "its engine process died")]
    conductor.lost(1, None, 2, why="it died again")
    conductor.report(progress(1, 1, attempt=3, state="ready"))
    assert conductor.gaps == [Gap(1, 1.5, None, "its engine process died")]
    conductor.report(progress(1, 2, attempt=3, at_s=4.25))
    conductor.report(progress(1, 3, attempt=3, at_s=5.25))
    assert conductor.gaps == [Gap(1, 1.5, 4.25, "its engine process died")]
    assert conductor.losses == 2


def test_a_loss_before_the_start_leaves_no_gap() -> None:
    conductor = Conductor(plan_of(PLAN), 2, Clock())
    conductor.report(progress(0, 1, state="ready"))
    conductor.lost(0, None, 1)
    assert conductor.gaps == []
    assert conductor.losses == 1


def test_what_was_reported_and_never_reached_the_log_takes_nothing_back_from_the_charts() -> None:
    conductor, clock = started()
    conductor.report(progress(0, 2, tally=tally(10).encode()))
    conductor.tick()
    conductor.lost(0, tally(7), 1)  # three answers were not written yet
    clock.now += S
    conductor.tick()
    conductor.report(progress(0, 1, attempt=2, tally=tally(4).encode()))
    clock.now += S
    conductor.tick()
    assert [point.turns for point in conductor.points] == [10, 0, 4]
    assert conductor.merge().view().attempts == 11


def test_what_reached_the_log_after_the_last_report_is_in_the_charts() -> None:
    conductor, clock = started()
    conductor.report(progress(0, 2, tally=tally(10).encode()))
    conductor.tick()
    conductor.lost(0, tally(12), 1)
    clock.now += S
    conductor.tick()
    assert [point.turns for point in conductor.points] == [10, 2]

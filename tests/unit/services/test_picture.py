"""The live picture goes by the timeline, and says what a person has steered."""

from __future__ import annotations

from krawall.conduct.conductor import Conductor
from krawall.model.progress import Progress
from krawall.model.summary import Picture
from krawall.services.directory import Manifest
from krawall.services.picture import picture
from krawall.testing.playing import plan_of

S = 1_000_000_000
PLAN = "name: t\ntarget: {connector: echo}\nsteps: [hello]\nload: {users: 4, duration: 20s, warm-up: 5s}\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1000 * S

    def __call__(self) -> int:
        return self.now


def shown(conductor: Conductor) -> Picture:
    manifest = Manifest("0", "ses_1", "abcd", 1, "t", "echo", "", 1)
    return picture(conductor, manifest)


def test_a_pause_moves_neither_the_phase_nor_what_is_left() -> None:
    clock = Clock()
    conductor = Conductor(plan_of(PLAN), 1, clock)
    conductor.report(Progress(0, 1, 1, 0, "ready"))
    clock.now = conductor.origin + 4 * S
    conductor.pause()
    clock.now += 60 * S
    still = shown(conductor)
    assert (still.paused, still.phase, still.elapsed_s, still.left_s, still.progress) == (True, "warm-up", 64, 16, 0.2)
    conductor.resume()
    conductor.adjust(users=9)
    clock.now += 2 * S
    moving = shown(conductor)
    assert (moving.paused, moving.phase, moving.left_s) == (False, "measure", 14)
    assert (moving.wanted_users, moving.wanted_rate) == (9, None)

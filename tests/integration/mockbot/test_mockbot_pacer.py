"""Wake-ups on both event loops, with a timerfd and without."""

import asyncio
from collections.abc import Callable
from random import Random

import pytest
import uvloop

from krawall.clock import monotonic_ns
from krawall.mockbot.pacer import Pacer

MS = 1_000_000
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


async def wake(count: int, exact: bool) -> list[tuple[int, int]]:
    """Ask for wake-ups in a drawn order, some of them past; return (due, woken) in the order of waking."""
    loop = asyncio.get_running_loop()
    done, woken = loop.create_future(), []
    pacer = Pacer(loop, exact=exact)
    start = monotonic_ns()

    def note(due: int) -> None:
        woken.append((due, monotonic_ns()))
        if len(woken) == count:
            done.set_result(None)

    for step in Random(3).sample(range(count), count):
        due = start + (step - 20) * MS // 10
        pacer.at(due, lambda due=due: note(due))
    await done
    pacer.close()
    return woken


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("exact", [True, False])
def test_wake_ups_come_in_order_and_never_early(loop: Callable[[], asyncio.AbstractEventLoop], exact: bool) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        woken = runner.run(wake(300, exact))
    assert [due for due, _ in woken] == sorted(due for due, _ in woken)
    assert all(at >= due for due, at in woken)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("exact", [True, False])
def test_nothing_is_woken_after_the_end_and_what_is_woken_may_ask_again(
    loop: Callable[[], asyncio.AbstractEventLoop], exact: bool
) -> None:
    async def play() -> list[str]:
        running = asyncio.get_running_loop()
        pacer, ended, said = Pacer(running, exact=exact), running.create_future(), []

        def again() -> None:
            said.append("first")
            pacer.at(monotonic_ns(), lambda: (said.append("second"), pacer.close(), ended.set_result(None)))
            pacer.at(monotonic_ns() + 2 * MS, lambda: said.append("after the end"))

        pacer.at(0, again)
        await ended
        later = Pacer(running, exact=exact)
        over = running.create_future()
        later.at(monotonic_ns() + 4 * MS, lambda: over.set_result(None))
        await over
        later.close()
        return said

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(play()) == ["first", "second"]

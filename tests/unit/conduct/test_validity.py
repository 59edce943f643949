"""When the generator itself was the bottleneck."""

from __future__ import annotations

import pytest

from krawall.conduct.validity import judge
from krawall.metrics.histogram import Histogram
from krawall.model.progress import Health


def lags(value_us: int, count: int = 1000) -> Histogram:
    made = Histogram()
    for _ in range(count):
        made.record(value_us)
    return made


def health(**values: float) -> Health:
    return Health(**{"cpu_s": 2.0, "wall_s": 10.0, **values})  # type: ignore[arg-type]


def test_a_quiet_machine_is_valid() -> None:
    found = judge(lags(1_500), lags(3_000), [health(waited_s=0.05, others=0.3)])
    assert (found.valid, found.why) == (True, "")
    assert found.cpu == 0.2


@pytest.mark.parametrize(
    ("loop_us", "send_us", "values", "words"),
    [
        (40_000, 0, {}, "event loop was 40 ms late"),
        (0, 60_000, {}, "started turns 60 ms late"),
        (0, 0, {"waited_s": 3.0}, "took 60% of the CPU time"),
        (0, 0, {"waited_s": 0.2, "others": 0.95}, "other processes used 95% of its cores"),
    ],
)
def test_each_sign_of_a_short_core_makes_it_invalid_and_says_so(
    loop_us: int, send_us: int, values: dict[str, float], words: str
) -> None:
    found = judge(lags(loop_us), lags(send_us), [health(), health(**values)])
    assert not found.valid
    assert words in found.why
    assert "lower the load" in found.why


def test_a_process_that_hardly_runs_may_wait_a_little() -> None:
    # 20 users against a bot on the same two cores: a third of what it wanted, but a twentieth of the time.
    assert judge(lags(1_500), lags(3_000), [health(cpu_s=0.8, waited_s=0.4, others=0.2)]).valid


def test_a_few_looks_are_the_start_up_of_the_process_itself() -> None:
    assert judge(lags(90_000, 20), lags(90_000, 20), [health(wall_s=1.0, waited_s=0.9, others=1.0)]).valid

"""A target that is going down is left alone; loopback targets are the tester's own and are exempt."""

from __future__ import annotations

from krawall.conduct.protection import Protection
from krawall.metrics.tally import Tally
from krawall.model.exchange import Exchange, Fault, FaultKind

S = 1_000_000_000


def add(tally: Tally, count: int, latency_ms: int = 100, kind: FaultKind | None = None) -> None:
    end = latency_ms * 1_000_000
    fault = Fault(kind, "x", 500) if kind else None
    for index in range(count):
        tally.add(
            Exchange(
                index, 0, 1, 1, "measure", "steps.0", 0, 0, 1, end, last_ns=0 if fault else end, fault=fault, status=200
            )
        )


def seen(tier: str, *states: tuple[int, int, FaultKind | None], every_s: int = 5) -> list[str]:
    """Return what the protection says each `every_s`, after `count` more attempts of a latency or a fault."""
    protection, tally, said = Protection(tier), Tally(), []
    for number, (count, latency_ms, kind) in enumerate(states):
        add(tally, count, latency_ms, kind)
        said.append(protection.look(tally.copy(), number * every_s * S))
    return said


def test_an_error_share_stops_the_session_once_it_lasts() -> None:
    said = seen("private", *[(30, 100, FaultKind.server)] * 4)
    assert said[:3] == ["", "", ""]
    assert "90 of the last 90 attempts failed" in said[3]


def test_a_few_errors_or_few_attempts_do_not() -> None:
    assert not any(seen("private", *[(30, 100, None), (10, 100, FaultKind.server)] * 4))
    assert not any(seen("private", *[(10, 100, FaultKind.server)] * 4))


def test_what_is_rejected_is_not_a_target_going_down() -> None:
    assert not any(seen("private", *[(30, 100, FaultKind.rejected)] * 6))


def test_a_latency_that_collapses_stops_the_session() -> None:
    said = seen("private", *[(40, 100, None)] * 4, *[(40, 9_000, None)] * 4)
    assert not any(said[:5])
    assert "the median latency went from 100 ms to 8978 ms" in said[-1]


def test_a_loopback_target_is_the_testers_own() -> None:
    assert not any(seen("loopback", *[(30, 100, FaultKind.server)] * 6))

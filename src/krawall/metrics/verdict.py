"""The verdict of a session and its exit code: pure functions of what was judged and why it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from krawall.metrics.catalog import Group
from krawall.metrics.cell import Cell
from krawall.metrics.thresholds import FAIL, UNDECIDED
from krawall.model.exchange import FaultKind
from krawall.model.session import Outcome, Verdict
from krawall.model.summary import Generator, Judged

STOPPED = {"internal": 70, "unreachable": 30, "cap": 20, "protection": 21, "person": 22}
"""Exit codes of sessions that something stopped, by kind of reason; a threshold that aborts has no kind."""

_FAILING = {Group.performance: 10, Group.quality: 11, Group.cost: 12}


def verdict_of(judged: Sequence[Judged], generator: Generator, whole: Cell) -> Verdict:
    """Return the verdict. `whole` is the merge of all cells of the session.

    A session in which no turn succeeded has failed, whatever its thresholds say.
    """
    outcomes = {one.outcome for one in judged}
    if not generator.valid:
        return Verdict.invalid
    if FAIL in outcomes or all_failed(whole):
        return Verdict.failed
    if not judged:
        return Verdict.none
    return Verdict.undecided if UNDECIDED in outcomes or not whole.ok else Verdict.passed


def all_failed(whole: Cell) -> str:
    """Return `no turn succeeded: 401 x 312` when that is so, else nothing. Attempts that we cancelled do not count."""
    faults = {kind: count for kind, count in whole.errors.items() if kind != FaultKind.cancelled}
    if whole.ok or not faults:
        return ""
    answered = {str(status): count for status, count in whole.statuses.items() if status >= 400}
    causes = answered if sum(answered.values()) >= sum(faults.values()) else faults
    most = sorted(causes.items(), key=lambda cause: (-cause[1], cause[0]))[:3]
    return "no turn succeeded: " + ", ".join(f"{cause} x {count}" for cause, count in most)


def exit_code(outcome: str, reason_kind: str, verdict: str, failing: Iterable[str]) -> int:
    """Return the exit code of a session, the table in the command line's reference.

    What stopped it comes first, then validity, then thresholds in the order performance, quality, cost. `failing` are
    the groups of the thresholds that did not hold: of failed ones, or of undecided ones when none failed. An undecided
    gate is not a passed one, so it does not exit 0.
    """
    if reason_kind in STOPPED:
        return STOPPED[reason_kind]
    if outcome == Outcome.failed:
        return STOPPED["internal"]
    if outcome == Outcome.cancelled:
        return STOPPED["person"]
    if verdict == Verdict.invalid:
        return 31
    if verdict in (Verdict.failed, Verdict.undecided):
        return min((_FAILING[Group(name)] for name in failing), default=_FAILING[Group.performance])
    return 0

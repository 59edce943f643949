"""The verdict, and the exit code of every combination."""

from __future__ import annotations

from itertools import product

import pytest

from krawall.metrics.cell import Cell
from krawall.metrics.verdict import all_failed, exit_code, verdict_of
from krawall.model.session import Outcome, Verdict
from krawall.model.summary import Generator, Judged

VALID = Generator()
BUSY = Generator(valid=False, why="the loop was late")


def cell(ok: int = 0, **errors: int) -> Cell:
    made = Cell()
    made.ok = ok
    made.errors = dict(errors)
    made.attempts = made.turns = ok + sum(errors.values())
    return made


def judged(*outcomes: str) -> list[Judged]:
    return [Judged("x", 1.0, outcome) for outcome in outcomes]


@pytest.mark.parametrize(
    ("outcomes", "generator", "whole", "verdict"),
    [
        (["pass", "pass"], VALID, cell(5), "passed"),
        (["pass", "fail", "undecided"], VALID, cell(5), "failed"),
        (["pass", "undecided"], VALID, cell(5), "undecided"),
        (["fail"], BUSY, cell(5), "invalid"),
        ([], BUSY, cell(5), "invalid"),
        ([], VALID, cell(5), "none"),
        ([], VALID, cell(0), "none"),
        ([], VALID, cell(0, rejected=3), "failed"),
        (["pass"], VALID, cell(0, rejected=3), "failed"),
        (["undecided"], VALID, cell(0, rejected=3), "failed"),
        (["pass"], VALID, cell(0), "undecided"),
        (["pass"], VALID, cell(0, cancelled=3), "undecided"),
        (["pass"], VALID, cell(1, rejected=300), "passed"),
    ],
)
def test_the_verdict(outcomes: list[str], generator: Generator, whole: Cell, verdict: str) -> None:
    assert verdict_of(judged(*outcomes), generator, whole) == verdict


def test_a_session_in_which_no_turn_succeeded_says_what_came_instead() -> None:
    refused = cell(0, rejected=312)
    refused.statuses = {401: 312}
    assert all_failed(refused) == "no turn succeeded: 401 x 312"
    mixed = cell(0, rejected=2, connect=5)
    mixed.statuses = {403: 2}
    assert all_failed(mixed) == "no turn succeeded: connect x 5, rejected x 2"
    broken = cell(0, truncated=4)
    broken.statuses = {200: 4}
    assert all_failed(broken) == "no turn succeeded: truncated x 4"
    assert all_failed(cell(1, rejected=9)) == ""
    assert all_failed(cell(0, cancelled=9)) == ""


@pytest.mark.parametrize(
    ("verdict", "failing", "code"),
    [
        ("passed", [], 0),
        ("none", [], 0),
        ("failed", ["performance"], 10),
        ("failed", ["quality"], 11),
        ("failed", ["cost"], 12),
        ("failed", ["cost", "quality", "performance"], 10),
        ("failed", ["cost", "quality"], 11),
        ("failed", [], 10),
        ("undecided", ["quality"], 11),
        ("undecided", [], 10),
        ("invalid", ["performance"], 31),
    ],
)
@pytest.mark.parametrize("outcome", ["completed", "aborted"])
def test_the_exit_code_of_a_session_that_nothing_stopped(
    outcome: str, verdict: str, failing: list[str], code: int
) -> None:
    assert exit_code(outcome, "", verdict, failing) == code


@pytest.mark.parametrize(
    ("kind", "code"), [("cap", 20), ("protection", 21), ("person", 22), ("unreachable", 30), ("internal", 70)]
)
def test_what_stopped_a_session_comes_before_its_verdict(kind: str, code: int) -> None:
    assert {exit_code("aborted", kind, verdict, ["cost"]) for verdict in Verdict} == {code}


def test_an_error_of_ours_or_a_person_is_never_zero_even_without_a_kind() -> None:
    assert exit_code("failed", "", "passed", []) == 70
    assert exit_code("cancelled", "", "passed", []) == 22


def test_zero_means_that_it_ran_was_valid_and_every_threshold_passed() -> None:
    kinds = ["", "cap", "protection", "person", "unreachable", "internal"]
    for outcome, kind, verdict in product(Outcome, kinds, Verdict):
        code = exit_code(outcome, kind, verdict, [])
        may_be_zero = outcome in ("completed", "aborted") and not kind and verdict in ("passed", "none")
        assert (code == 0) == may_be_zero

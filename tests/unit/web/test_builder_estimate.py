"""The estimate bar says what is known, what is not and why, and leads to the first problem."""

from __future__ import annotations

import pytest

from krawall.errors import Place
from krawall.services.draft import Draft
from krawall.services.drafts import Editing, Problem
from krawall.services.estimating import Estimate
from krawall.services.scenarios import Validation
from krawall.web.frame import Frame
from krawall.web.pages.builder_estimate import duration, estimate_bar, money, short
from krawall.web.pages.builder_view import View

KNOWN = Estimate(10, 40, 60, 8_000, 12_000, 0.02, 1.5, 5.0, 90.0, 200)


def bar(estimate=None, problems=(), warnings=(), **head):
    draft = Draft.of({"name": "x", "steps": ["hi"], **head})
    editing = Editing("dft_1", "", draft, 0, "", False, False)
    errors = [Place(problem.field, problem.message) for problem in problems]
    return str(estimate_bar(View(Frame("/"), "dft_1", editing, problems, Validation(errors, list(warnings), estimate))))


def test_figures_stand_beside_their_caps():
    text = bar(KNOWN, budget={"tokens": "500k", "duration": "10m"}, load={"users": 1, "conversations": 10})
    for words in (
        "10",
        "40",
        "at most 60",
        "1 min 30 s",
        "at most 10 min",
        "20k",
        "at most 500k",
        "$0.02",
        "at most $1.50",
        "cap $5.00",
    ):
        assert f">{words}<" in text or words in text
    assert "Nothing is wrong" in text


def test_what_cannot_be_known_says_why():
    text = bar(Estimate(None, None, None, None, None, None, None, 5.0, None, 200))
    for words in ("as long as time lets them", "time alone ends it", "no target with prices"):
        assert words in text
    endless = Estimate(1, 4, None, 10, 10, None, None, 5.0, 1.0, 200)
    assert "no upper bound" in bar(endless)
    assert "no load: one is played" in bar(endless)


def test_a_problem_at_a_step_and_one_in_the_settings_are_led_to():
    step = bar(problems=[Problem("s1", "text", "is missing"), Problem("", "load", "no")])
    assert "2 problems" in step
    assert 'href="/scenarios/dft_1?step=s1"' in step
    assert "tab=settings" in bar(problems=[Problem("", "load.users", "<b>no</b>")])
    assert "<b>no" not in bar(problems=[Problem("", "load.users", "<b>no</b>")])


def test_a_warning_is_told():
    assert "target: there is no target" in bar(KNOWN, warnings=[Place("target", "there is no target 'a' yet")])


def test_caps_that_are_written_wrongly_do_not_break_the_bar():
    assert "at most 10M" in bar(KNOWN, budget={"tokens": "many", "duration": 7})
    assert "at most 1 h" in bar(KNOWN, budget="none")


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "not known"), (0.5, "0.5 s"), (59, "59 s"), (60, "1 min"), (3661, "1 h 1 min")]
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_counts_and_money():
    assert [short(number) for number in (0, 999, 1_000, 12_345, 999_999, 5_000_000)] == [
        "0",
        "999",
        "1k",
        "12.3k",
        "1M",
        "5M",
    ]
    assert [money(usd) for usd in (None, 0.0, 0.000123, 1.5, 1234.0)] == [
        "not known",
        "$0.00",
        "$0.00012",
        "$1.50",
        "$1,234.00",
    ]

"""Lists fit a terminal, stay whole in a pipe, and say the way on when there is nothing."""

from __future__ import annotations

import pytest

from krawall.cli.listing import print_facts, print_list, when

ID = "ses_01jd3x8k2v7q9m4tz0abcdef"


def test_ids_and_names_stay_whole_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a name that is longer than most terminals would like it to be, and then some more of it " * 2
    print_list(["id", "name", "+cost"], [[ID, name, "$0.01"]], right=["cost"], empty="")
    out = capsys.readouterr().out
    head, row = out.splitlines()
    assert head.split() == ["id", "name", "cost"]
    assert ID in row
    assert name.strip() in row


def test_nothing_to_list_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(["id"], [], empty="no sessions yet: `krawall sessions start FILE` starts one")
    assert capsys.readouterr().out == "no sessions yet: `krawall sessions start FILE` starts one\n"


def test_what_others_have_written_cannot_drive_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(["name"], [["\x1b[31m[bold]red[/bold]\nsecond line :smile:"]], empty="")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]red[/bold] second line :smile:" in out


def test_facts_leave_out_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts([("id", ID), ("why", ""), ("finished", None), ("turns", 0), ("archived", False)])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["id", ID],
        ["turns", "0"],
        ["archived", "no"],
    ]


def test_times_are_shown_to_the_second() -> None:
    assert when("2026-11-23T06:15:00.123Z") == "2026-11-23 06:15:00Z"
    assert when(None) == ""

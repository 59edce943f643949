"""Which command is called: found before anything loads, named when there is none."""

from __future__ import annotations

import pytest

from krawall.cli.main import COMMANDS, GROUPS, look_for
from krawall.errors import NotFound

CALLS = [
    *([name] for name in COMMANDS),
    *([group, name] for group, (_, commands) in GROUPS.items() for name in commands),
    [], ["--help"], ["--version"], ["sessions", "--help"], ["run", "no-command.yaml"], ["--install-completion", "--shell", "bash"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", CALLS, ids=" ".join)
def test_what_there_is_is_found(arguments: list[str]):
    look_for(arguments)


@pytest.mark.parametrize(
    ("arguments", "name", "hint"),
    [
        (["zzzzzz"], "'zzzzzz'", "`krawall --help`"),
        (["valdate", "file.yaml"], "'valdate'", "`krawall validate`"),
        (["targets", "lisst"], "'targets lisst'", "`krawall targets list`"),
        (["targets", "zzzzzz"], "'targets zzzzzz'", "`krawall targets --help`"),
    ],
)
def test_what_there_is_not_is_named_with_the_nearest(arguments: list[str], name: str, hint: str):
    with pytest.raises(NotFound, match=name) as told:
        look_for(arguments)
    assert hint in (told.value.hint or "")

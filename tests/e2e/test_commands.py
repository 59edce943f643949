"""The command line as tests call it: a fork of a loaded process that is told from a started one by nothing but its speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from krawall.testing.commands import krawall
from krawall.testing.warm import warm


def started(*arguments: str, cwd: Path, said: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "krawall", *arguments], cwd=cwd, env={**os.environ, "NO_COLOR": "1"},
        input=said, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["validate", "none.yaml"], ["validate", "one.yaml"], ["init", "--print"], ["targets", "lisst"]],
    ids=" ".join,
)
def test_a_fork_says_what_a_started_process_says(arguments: list[str], tmp_path: Path):
    (tmp_path / "one.yaml").write_text("name: one\nsteps: [{message: hi}]\ntarget: {url: 'http://127.0.0.1:1/'}\n")
    ran = krawall(*arguments, cwd=tmp_path)
    assert (ran.code, ran.out, ran.err) == started(*arguments, cwd=tmp_path)


def test_a_call_knows_nothing_of_the_one_before(tmp_path: Path):
    names = {"KRAWALL_DATA": str(tmp_path / "somewhere")}
    assert str(tmp_path / "somewhere") in krawall("settings", "--json", cwd=tmp_path, **names).out
    assert str(tmp_path / "somewhere") not in krawall("settings", "--json", cwd=tmp_path).out


def test_what_is_said_arrives(tmp_path: Path):
    made = krawall(
        *("users", "create", "ann", "--role", "admin", "--json", "--data", "data"),
        cwd=tmp_path,
        said="correct horse battery staple\n",
    )
    assert json.loads(made.out)["name"] == "ann"


def test_a_call_that_does_not_end_is_killed_and_told(tmp_path: Path):
    with pytest.raises(TimeoutError, match="mock --port 0"):
        warm().call(["mock", "--port", "0"], str(tmp_path), os.environ, "", 0.0)
    assert krawall("--version", cwd=tmp_path).code == 0

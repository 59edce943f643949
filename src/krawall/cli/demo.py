"""`krawall demo`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

from krawall.cli.session import Look, play
from krawall.errors import Unavailable
from krawall.plugins.assemble import read_scenario
from krawall.services.planning import Overrides, make_plan


def demo(
    *, users: int = 20, duration: str = "15s", out: Path | None = None, json: bool = False, quiet: bool = False
) -> int:
    """Play a session against the built-in mock bot: no key, no network, under a minute.

    Parameters
    ----------
    users
        Virtual users.
    duration
        How long new conversations start.
    out
        The session's directory; default krawall-sessions/ID.
    json
        Print the result as one JSON object.
    quiet
        No progress.
    """
    bot = subprocess.Popen(
        [sys.executable, "-m", "krawall", "mock", "--port", "0", "--first-token", "lognormal(120ms, 0.4)", "--gap", "exp(15ms)", "--persona", "shop"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert bot.stdout
        words = bot.stdout.readline().split()
        if len(words) < 4:
            raise Unavailable("the mock bot does not start")
        text = resources.files("krawall.cli").joinpath("demo.yaml").read_text(encoding="utf-8")
        overrides = Overrides(url=f"{words[3]}/v1/chat/completions", users=users, duration=duration)
        plan = make_plan(read_scenario(text, "demo"), Path(), overrides, "demo")
        code = play(plan, out, None, Look(json=json, quiet=quiet, command="demo"))
        if not (json or quiet):
            print("go on      krawall serve, then krawall import DIRECTORY: it is kept at http://127.0.0.1:8600")  # noqa: T201
        return code
    finally:
        bot.terminate()
        bot.wait(10)

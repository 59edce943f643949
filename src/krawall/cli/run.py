"""`krawall run`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from krawall.cli.session import Look, play
from krawall.services.planning import Overrides, load_scenario, make_plan


def run(
    file: str,
    /,
    *,
    preset: str | None = None,
    url: str | None = None,
    stream: bool | None = None,
    users: int | None = None,
    rate: str | None = None,
    duration: str | None = None,
    conversations: int | None = None,
    seed: int | None = None,
    out: Path | None = None,
    processes: int | None = None,
    json: bool = False,
    junit: Path | None = None,
    quiet: Annotated[bool, Parameter(alias="-q")] = False,
    yes: Annotated[bool, Parameter(alias="-y", negative="")] = False,
) -> int:
    """Play a scenario file, or `template:NAME`, against a chatbot.

    The result is a directory with the log, the numbers and a report; the exit code says how it went.

    Parameters
    ----------
    file
        A scenario file (YAML or JSON), or `template:NAME` (see `krawall templates`).
    preset
        What kind of chatbot it is: openai-chat, custom-http, custom-sse, mock.
    url
        The chatbot's endpoint.
    stream
        Ask for a stream of tokens, or for one reply.
    users
        Closed model: so many virtual users, each playing conversations one after another.
    rate
        Open model: so many conversations arrive, such as 5/s or 300/m.
    duration
        How long new conversations start, such as 30s or 2m.
    conversations
        How many conversations in all.
    seed
        The seed of everything that is drawn; the same seed says the same texts.
    out
        The session's directory; default krawall-sessions/ID.
    processes
        How many engine processes; default by load and cores.
    json
        Print the result as one JSON object on standard output.
    junit
        Write a JUnit XML file for CI.
    quiet
        No progress.
    yes
        I operate the target: needed once for private addresses.
    """
    overrides = Overrides(preset, url, stream, users, rate, duration, conversations, seed, yes)
    scenario, folder = load_scenario(file)
    plan = make_plan(scenario, folder, overrides, file)
    return play(plan, out, processes, Look(json=json, quiet=quiet, junit=junit, command=_again(file, overrides)))


def _again(file: str, overrides: Overrides) -> str:
    """Return what to type after `krawall run` for the same session again; the seed is added where it is shown."""
    given = {name: getattr(overrides, name) for name in ("preset", "url", "users", "rate", "duration", "conversations")}
    words = [shlex.quote(file)]
    words += [f"--{name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None]
    if overrides.stream is not None:
        words.append("--stream" if overrides.stream else "--no-stream")
    return " ".join([*words, *(["--yes"] if overrides.confirmed else [])])

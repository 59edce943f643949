"""`krawall sessions start` and `restart`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from krawall.cli.bodies import is_file, read_body
from krawall.cli.client import Client, Where, name_of
from krawall.cli.finding import resolve
from krawall.cli.listing import say
from krawall.cli.output import print_json
from krawall.cli.session import Look
from krawall.errors import DocumentError, Place


def start(
    scenario: str,
    /,
    *,
    target: str | None = None,
    preset: str | None = None,
    url: str | None = None,
    stream: bool | None = None,
    name: str = "",
    users: int | None = None,
    rate: str | None = None,
    duration: str | None = None,
    conversations: int | None = None,
    seed: int | None = None,
    shards: int | None = None,
    threshold: Annotated[list[str] | None, Parameter(negative="")] = None,
    wait: Annotated[bool, Parameter(alias="-w", negative="")] = False,
    json: bool = False,
    quiet: Annotated[bool, Parameter(alias="-q")] = False,
    junit: Path | None = None,
    where: Where = Where(),
) -> int:
    """Start a session on a server.

    Parameters
    ----------
    scenario
        A file (rows of its data file go with it), the name or id of a scenario on the server, or `template:NAME`.
    target
        A file, or the name or id of a target on the server; without one, the scenario's own.
    preset
        Instead of --target, with --url: what kind of chatbot it is.
    url
        Instead of --target: the chatbot's endpoint.
    stream
        With --url: ask for a stream of tokens, or for one reply.
    name
        What to call the session; default the scenario's name.
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
    shards
        How many engine processes; default by load.
    threshold
        Take the place of the scenario's thresholds; give it once for each.
    wait
        Watch it to its end; the exit code is the session's.
    json
        Print the session as one JSON object on standard output.
    quiet
        No progress.
    junit
        With --wait: write a JUnit XML file for CI.
    """
    laid: dict[str, Any] = {
        "name": name or None,
        "users": users,
        "rate": rate,
        "duration": duration,
        "conversations": conversations,
        "seed": seed,
        "shards": shards,
        "thresholds": threshold,
        "target": _target(target, {"preset": preset, "url": url, "stream": stream}),
    }
    body = {
        "scenario": read_body("scenarios", Path(scenario)).data if is_file(scenario) else scenario,
        **{key: value for key, value in laid.items() if value is not None},
    }
    with Client(where) as client:
        return _started(client, client.post_once("/sessions", body), wait, Look(json=json, quiet=quiet, junit=junit))


def restart(
    id: str,
    /,
    *,
    wait: Annotated[bool, Parameter(alias="-w", negative="")] = False,
    json: bool = False,
    quiet: Annotated[bool, Parameter(alias="-q")] = False,
    junit: Path | None = None,
    where: Where = Where(),
) -> int:
    """Start a new session of the same frozen plan.

    Parameters
    ----------
    id
        The earlier session's id, or `last`.
    wait
        Watch the new session to its end; the exit code is the session's.
    json
        Print the new session as one JSON object on standard output.
    quiet
        No progress.
    junit
        With --wait: write a JUnit XML file for CI.
    """
    with Client(where) as client:
        made = client.post_once(f"/sessions/{name_of(resolve(client, id))}/restart")
        return _started(client, made, wait, Look(json=json, quiet=quiet, junit=junit))


def _started(client: Client, session: dict[str, Any], wait: bool, look: Look) -> int:
    if wait:
        from krawall.cli.watch import watched

        return watched(client, session["id"], look)
    if look.json:
        print_json(session)
    else:
        say(f"{session['state']} {session['id']} ({session['name']} on {session['target']})")
        say(f"watch it with: krawall sessions watch {session['id']}")
    return 0


def _target(named: str | None, given: dict[str, Any]) -> object:
    """Return the target as the API takes it: a name, a document, or None for the scenario's own."""
    given = {key: value for key, value in given.items() if value is not None}
    if named is not None and given:
        raise DocumentError("command line", [Place("--target", "give either --target or --preset, --url and --stream")])
    if named is not None:
        if not is_file(named):
            return named
        data = read_body("targets", Path(named)).data
        return {key: value for key, value in data.items() if key not in ("kind", "name", "description", "confirmed")}
    if given and "url" not in given and given.get("preset") != "mock":
        raise DocumentError("command line", [Place("--url", "is missing; a preset alone names no chatbot")])
    return given or None

"""Watches a session of a server as `krawall run` watches its own: live view, result, JUnit, exit code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from krawall.cli.client import Client, Message, Where, name_of
from krawall.cli.finding import detail, resolve
from krawall.cli.live import View, view_for
from krawall.cli.output import print_end, print_json
from krawall.cli.session import Look
from krawall.model.summary import Picture, Summary

_QUIET_EVENTS = frozenset({"session.queued", "session.started"})
_INTERNAL = 70


def watch(
    id: str = "last",
    /,
    *,
    json: bool = False,
    quiet: Annotated[bool, Parameter(alias="-q")] = False,
    junit: Path | None = None,
    where: Where = Where(),
) -> int:
    """Watch a session to its end. The exit code is the session's; Ctrl-C stops watching, not the session.

    Parameters
    ----------
    id
        Its id; the newest session without one.
    json
        Print the session with its result as one JSON object on standard output.
    quiet
        No progress.
    junit
        Write a JUnit XML file for CI.
    """
    with Client(where) as client:
        return watched(client, resolve(client, id), Look(json=json, quiet=quiet, junit=junit))


def watched(client: Client, id: str, look: Look) -> int:
    """Watch a session to its end, print its result and return its exit code."""
    try:
        with view_for(sys.stderr, json=look.json, quiet=look.quiet) as view:
            for message in client.follow(f"/sessions/{name_of(id)}/stream"):
                _show(view, message)
    except KeyboardInterrupt:
        print(f"{id} goes on; `krawall sessions stop {id}` stops it", file=sys.stderr)  # noqa: T201
        raise
    session = detail(client, id)
    if look.junit and session["summary"]:
        from krawall.conduct.junit import junit

        look.junit.write_text(junit(msgspec.convert(session["summary"], Summary)), encoding="utf-8")
    if look.json:
        print_json(session)
    else:
        print_end(session)
    return _INTERNAL if session["exit_code"] is None else int(session["exit_code"])


def _show(view: View, message: Message) -> None:
    if message.name in ("snapshot", "tick") and message.data.get("picture"):
        view.update(msgspec.convert(message.data["picture"], Picture))
    elif message.name == "event" and message.data["type"] not in _QUIET_EVENTS:
        view.note(_sentence(message.data))


def _sentence(event: dict[str, Any]) -> str:
    data = event["data"]
    told = data.get("reason") or data.get("why") or data.get("cap") or data.get("text") or data.get("worker") or ""
    extra = f": {told}" if told else ""
    return f"{event['type'].replace('.', ' ')} (by {event['actor']}){extra}"

"""`krawall sessions`: what a server plays. Starting and watching are in modules of their own."""

from __future__ import annotations

import sys
from typing import Any

from krawall.cli.asking import Yes, sure
from krawall.cli.client import Client, Where, name_of
from krawall.cli.finding import NONE_YET, detail, resolve
from krawall.cli.listing import print_facts, print_list, say, told, when
from krawall.cli.output import print_end, print_json
from krawall.conduct import words
from krawall.errors import DocumentError, Place


def list_(
    *,
    state: str | None = None,
    outcome: str | None = None,
    verdict: str | None = None,
    scenario: str | None = None,
    target: str | None = None,
    search: str = "",
    since: str | None = None,
    until: str | None = None,
    sort: str | None = None,
    limit: int = 20,
    json: bool = False,
    where: Where = Where(),
) -> None:
    """List sessions, newest first.

    Parameters
    ----------
    state
        queued, starting, running, stopping or finished.
    outcome
        completed, cancelled, aborted or failed.
    verdict
        passed, failed, undecided, invalid or none.
    scenario
        Name of the scenario.
    target
        Name of the target.
    search
        Text that the name holds.
    since
        Created at or after this time, such as 2026-11-23 or 2026-11-23T06:15:00Z.
    until
        Created before this time.
    sort
        created_at, finished_at, name, cost_usd, p95_ms, errors, turns or conversations; a minus before it sorts downwards.
    limit
        At most so many.
    json
        Print a JSON list.
    """
    query = {
        "state": state,
        "outcome": outcome,
        "verdict": verdict,
        "scenario": scenario,
        "target": target,
        "search": search,
        "from": since,
        "to": until,
        "sort": sort,
    }
    with Client(where) as client:
        found = list(client.pages("/sessions", limit, **query))
    if json:
        print_json(found)
        return
    narrowed = any(value for value in query.values())
    print_list(
        ["id", "name", "result", "turns", "errors", "+p95", "cost", "+target", "+created"],
        [_row(session) for session in found],
        right=("turns", "errors", "p95", "cost"),
        empty="no sessions like that" if narrowed else NONE_YET,
    )


def show(id: str, /, *, json: bool = False, where: Where = Where()) -> None:
    """Show a session: its result, or how it is doing and why nothing happens.

    Parameters
    ----------
    id
        Its id, or `last`.
    json
        Print one JSON object, with `summary`, `picture` and `diagnosis`.
    """
    with Client(where) as client:
        session = detail(client, id)
    if json:
        print_json(session)
        return
    if session["summary"]:
        print_end(session)
        return
    print_facts(_facts(session))
    for sentence in session["diagnosis"]:
        say(f"  {sentence}")


def stop(id: str, /, *, now: bool = False, json: bool = False, where: Where = Where()) -> None:
    """Stop a session: no new turns; those in flight may finish.

    Parameters
    ----------
    id
        Its id, or `last`.
    now
        Turns in flight end too.
    json
        Print the session as one JSON object.
    """
    _steer(id, "stop", "stopping", json, where, {"now": now})


def cancel(id: str, /, *, json: bool = False, where: Where = Where()) -> None:
    """Stop a session at once: the same as `stop --now`.

    Parameters
    ----------
    id
        Its id, or `last`.
    json
        Print the session as one JSON object.
    """
    _steer(id, "cancel", "cancelling", json, where)


def pause(id: str, /, *, json: bool = False, where: Where = Where()) -> None:
    """Hold back new turns until `resume`.

    Parameters
    ----------
    id
        Its id, or `last`.
    json
        Print the session as one JSON object.
    """
    _steer(id, "pause", "pausing", json, where)


def resume(id: str, /, *, json: bool = False, where: Where = Where()) -> None:
    """Go on after a pause.

    Parameters
    ----------
    id
        Its id, or `last`.
    json
        Print the session as one JSON object.
    """
    _steer(id, "resume", "resuming", json, where)


def adjust(
    id: str, /, *, users: int | None = None, rate: str | None = None, json: bool = False, where: Where = Where()
) -> None:
    """Change the load of a running session.

    Parameters
    ----------
    id
        Its id, or `last`.
    users
        Of a closed model: so many virtual users.
    rate
        Of an open model: so many conversations arrive, such as 5/s.
    json
        Print the session as one JSON object.
    """
    from krawall.model.base import parse_rate

    try:
        per_s = parse_rate(rate) if rate is not None else None
    except ValueError as error:
        raise DocumentError("command line", [Place("--rate", str(error))]) from None
    if (users is None) == (per_s is None):
        raise DocumentError("command line", [Place("--users", "give either --users or --rate")])
    _steer(id, "adjust", "adjusting", json, where, {"users": users} if per_s is None else {"rate": per_s})


def delete(*ids: str, yes: Yes = False, json: bool = False, where: Where = Where()) -> int:
    """Delete finished sessions with their messages.

    Parameters
    ----------
    ids
        Their ids.
    yes
        Do not ask.
    json
        Print what became of each as one JSON object.
    """
    if not ids:
        raise DocumentError("command line", [Place("", "name the sessions to delete")])
    with Client(where) as client:
        chosen = [resolve(client, id) for id in ids]
        if not sure(f"delete {words.many(len(chosen), 'session')} for good?", yes):
            return 0
        answer = client.post("/sessions/bulk", {"ids": chosen, "deed": "delete"})
    failed = [one for one in answer["results"] if not one["ok"]]
    if json:
        print_json(answer)
    else:
        say(f"deleted {words.many(len(chosen) - len(failed), 'session')}")
        for one in failed:
            print(f"{one['id']}: {one['detail']}", file=sys.stderr)  # noqa: T201
    return 2 if failed else 0


def result_of(session: dict[str, Any]) -> str:
    """Return what became of a session in one word: its verdict once it has one, else outcome or state."""
    if session["state"] != "finished":
        return "paused" if session["wish"]["paused"] else str(session["state"])
    verdict, outcome = session["verdict"] or "none", session["outcome"] or "failed"
    return str(outcome if verdict == "none" else verdict)


def _steer(id: str, deed: str, doing: str, json: bool, where: Where, body: object = None) -> None:
    with Client(where) as client:
        session = client.post(f"/sessions/{name_of(resolve(client, id))}/{deed}", body)
    told(json, session, f"{doing} {session['id']} ({session['name']}): {result_of(session)}")


def _row(session: dict[str, Any]) -> list[object]:
    p95 = session["p95_ms"]
    return [
        session["id"],
        session["name"],
        result_of(session),
        words.count(session["turns"]),
        words.count(session["errors"]),
        words.time(p95) if p95 is not None else "-",
        words.money(session["cost_usd"]),
        session["target"],
        when(session["created_at"]),
    ]


def _facts(session: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("id", session["id"]),
        ("name", session["name"]),
        ("scenario", session["scenario"]),
        ("target", session["target"]),
        ("result", result_of(session)),
        ("why", session["reason"]),
        ("created", f"{when(session['created_at'])} by {session['actor']}"),
        ("started", when(session["started_at"])),
        ("finished", when(session["finished_at"])),
        ("restart of", session["restart_of"]),
        ("conversations", words.count(session["conversations"])),
        ("turns", words.count(session["turns"])),
        ("errors", words.count(session["errors"])),
        ("cost", words.money(session["cost_usd"])),
    ]

"""Sessions of a server by id, or by the word for the newest one."""

from __future__ import annotations

from typing import Any

from krawall.cli.client import Client, name_of
from krawall.errors import NotFound

LAST = "last"
"""The word for the newest session, where an id is asked for."""

NONE_YET = "no sessions yet: `krawall sessions start template:NAME --target NAME` starts one"


def detail(client: Client, id: str) -> dict[str, Any]:
    """Return a session with its summary, picture and diagnosis."""
    found: dict[str, Any] = client.get(f"/sessions/{name_of(resolve(client, id))}")
    return found


def resolve(client: Client, id: str) -> str:
    """Return the id of a session that may be called `last`.

    Raises:
        NotFound: there are no sessions.
    """
    if id != LAST:
        return id
    for session in client.pages("/sessions", 1):
        return str(session["id"])
    raise NotFound("there are no sessions", hint=NONE_YET)

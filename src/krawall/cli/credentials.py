"""`krawall credentials`: secrets that targets and webhooks refer to by name. A value never is an argument."""

from __future__ import annotations

from krawall.cli.asking import Yes, read_secret, sure
from krawall.cli.client import Client, Where, name_of
from krawall.cli.listing import print_list, told, when
from krawall.cli.output import print_json


def list_(*, json: bool = False, where: Where = Where()) -> None:
    """List credentials by name. Nobody can read their values back.

    Parameters
    ----------
    json
        Print a JSON list.
    """
    with Client(where) as client:
        answer = client.get("/credentials")
    found = answer["items"] if isinstance(answer, dict) else answer
    if json:
        print_json(found)
        return
    print_list(
        ["name", "updated", "used", "key", "note"],
        [
            [one["name"], when(one.get("updated_at")), when(one.get("used_at")), one.get("key_id"), one.get("note")]
            for one in found
        ],
        empty="no credentials yet: `krawall credentials set NAME` keeps one",
    )


def set_(name: str, /, *, note: str = "", json: bool = False, where: Where = Where()) -> None:
    """Keep a secret under a name. The value is asked for; a pipe gives it on standard input.

    Parameters
    ----------
    name
        What targets call it, as in ${BOT_KEY}.
    note
        A word on it.
    json
        Print one JSON object, without the value.
    """
    value = read_secret(f"value of {name}")
    with Client(where) as client:
        client.put(f"/credentials/{name_of(name)}", {"value": value, "note": note})
    told(json, {"name": name, "note": note}, f"kept credential {name}")


def delete(name: str, /, *, yes: Yes = False, json: bool = False, where: Where = Where()) -> None:
    """Delete a credential.

    Parameters
    ----------
    name
        Its name.
    yes
        Do not ask.
    json
        Print one JSON object.
    """
    if sure(f"delete credential {name}? Targets that refer to it no longer start", yes):
        with Client(where) as client:
            client.delete(f"/credentials/{name_of(name)}")
        told(json, {"deleted": name}, f"deleted credential {name}")


def rotate(*, json: bool = False, where: Where = Where()) -> None:
    """Make a new key and seal all credentials with it.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    with Client(where) as client:
        answer = client.post("/credentials/rotate")
    told(json, answer, "all credentials are sealed with a new key")

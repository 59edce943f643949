"""`krawall users`: on the database itself, for whoever may write it."""

from __future__ import annotations

from typing import Any, Literal

from krawall.cli.accounts import ACTOR, with_accounts
from krawall.cli.asking import Yes, read_secret, sure
from krawall.cli.listing import print_list, told, when
from krawall.cli.output import print_json
from krawall.cli.places import DatabaseUrl, Home
from krawall.clock import iso
from krawall.model.account import Role, User

RoleName = Literal["admin", "operator", "viewer"]


def list_(*, json: bool = False, data: Home = None, database: DatabaseUrl = None) -> None:
    """List users by name.

    Parameters
    ----------
    json
        Print a JSON list.
    """
    found = [_shown(user) for user in with_accounts(data, database, lambda accounts: accounts.users())]
    if json:
        print_json(found)
        return
    print_list(
        ["name", "role", "disabled", "created", "seen", "+id"],
        [[u["name"], u["role"], u["disabled"], when(u["created_at"]), when(u["seen_at"]), u["id"]] for u in found],
        empty="no users: whoever reaches the server on this machine may do everything.\n"
        "`krawall users create NAME --role admin` makes the first one",
    )


def create(
    name: str, /, *, role: RoleName = "operator", json: bool = False, data: Home = None, database: DatabaseUrl = None
) -> None:
    """Make a user. The password is asked for; a pipe gives it on standard input.

    Parameters
    ----------
    name
        Letters, digits and . _ @ + -
    role
        admin, operator or viewer. The first user is an admin.
    json
        Print the user as one JSON object.
    """
    password = read_secret(f"password of {name}", twice=True)
    user = with_accounts(data, database, lambda accounts: accounts.create_user(name, password, Role(role), ACTOR))
    told(json, _shown(user), f"made {user.role} {user.name}")


def role(name: str, role: RoleName, /, *, json: bool = False, data: Home = None, database: DatabaseUrl = None) -> None:
    """Give a user another role.

    Parameters
    ----------
    name
        The user.
    role
        admin, operator or viewer.
    json
        Print one JSON object.
    """
    user = with_accounts(data, database, lambda accounts: accounts.change_user(name, ACTOR, role=Role(role)))
    told(json, _shown(user), f"{user.name} is {user.role} now")


def password(name: str, /, *, json: bool = False, data: Home = None, database: DatabaseUrl = None) -> None:
    """Give a user another password, and end the user's logins.

    Parameters
    ----------
    name
        The user.
    json
        Print one JSON object.
    """
    new = read_secret(f"password of {name}", twice=True)
    user = with_accounts(data, database, lambda accounts: accounts.change_user(name, ACTOR, password=new))
    told(json, _shown(user), f"{user.name} has another password; all logins are ended")


def disable(name: str, /, *, json: bool = False, data: Home = None, database: DatabaseUrl = None) -> None:
    """Shut a user out: logins end, tokens stop working.

    Parameters
    ----------
    name
        The user.
    json
        Print one JSON object.
    """
    user = with_accounts(data, database, lambda accounts: accounts.change_user(name, ACTOR, disabled=True))
    told(json, _shown(user), f"{user.name} is disabled")


def enable(name: str, /, *, json: bool = False, data: Home = None, database: DatabaseUrl = None) -> None:
    """Let a disabled user in again.

    Parameters
    ----------
    name
        The user.
    json
        Print one JSON object.
    """
    user = with_accounts(data, database, lambda accounts: accounts.change_user(name, ACTOR, disabled=False))
    told(json, _shown(user), f"{user.name} is enabled")


def delete(
    name: str, /, *, yes: Yes = False, json: bool = False, data: Home = None, database: DatabaseUrl = None
) -> None:
    """Delete a user with logins and tokens.

    Parameters
    ----------
    name
        The user.
    yes
        Do not ask.
    json
        Print one JSON object.
    """
    if sure(f"delete user {name} with logins and tokens?", yes):
        with_accounts(data, database, lambda accounts: accounts.delete_user(name, ACTOR))
        told(json, {"deleted": name}, f"deleted user {name}")


def _shown(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role.value,
        "disabled": user.disabled,
        "created_at": iso(user.created_ns),
        "seen_at": iso(user.seen_ns) if user.seen_ns is not None else None,
    }

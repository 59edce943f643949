"""`krawall tokens`: on the database itself, for whoever may write it."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from krawall.cli.accounts import with_accounts
from krawall.cli.asking import Yes, sure
from krawall.cli.listing import print_list, say, told, when
from krawall.cli.output import print_json
from krawall.cli.places import DatabaseUrl, Home
from krawall.clock import iso, wall_ns
from krawall.errors import Conflict, DocumentError, Place
from krawall.model.account import SCOPES, Caller, Role, Scope, Token, User
from krawall.model.base import NS_PER_S
from krawall.services.accounts import Accounts, NewToken

DAY_NS = 86_400 * NS_PER_S
_CONSOLE = "console"
_ANY = Caller("system", SCOPES[Role.admin], login=_CONSOLE)

ScopeName = Literal["read", "run", "admin"]


def list_(*, user: str | None = None, json: bool = False, data: Home = None, database: DatabaseUrl = None) -> None:
    """List API tokens. Their secrets are kept nowhere.

    Parameters
    ----------
    user
        Only those of this user.
    json
        Print a JSON list.
    """

    async def read(accounts: Accounts) -> list[dict[str, Any]]:
        names = {each.id: each.name for each in await accounts.users()}
        of = (await accounts.user(user)).id if user is not None else None
        return [_shown(token, names.get(token.user, "")) for token in await accounts.tokens(of)]

    found = with_accounts(data, database, read)
    if json:
        print_json(found)
        return
    print_list(
        ["id", "name", "user", "scopes", "begins with", "+expires", "+used"],
        [
            [
                t["id"],
                t["name"],
                t["user"],
                ", ".join(t["scopes"]),
                t["prefix"],
                when(t["expires_at"]),
                when(t["used_at"]),
            ]
            for t in found
        ],
        empty="no tokens yet: `krawall tokens create NAME` makes one",
    )


def create(
    name: str,
    /,
    *,
    user: str | None = None,
    scope: Annotated[list[ScopeName] | None, Parameter(negative="")] = None,
    days: int | None = None,
    json: bool = False,
    data: Home = None,
    database: DatabaseUrl = None,
) -> None:
    """Make an API token and print its secret, this once. It never may do more than its user.

    Parameters
    ----------
    name
        What to know it by, such as `ci`.
    user
        Whose it is; may be left out while there is one user.
    scope
        read, run, admin; give it once for each; default read and run, as far as the user has them.
    days
        After how many days it runs out; default never.
    json
        Print one JSON object: `secret` and `token`.
    """
    if days is not None and not 1 <= days <= 36_500:
        raise DocumentError("command line", [Place("--days", "must be 1 to 36500")])

    async def make(accounts: Accounts) -> tuple[NewToken, User]:
        whose = await _whose(accounts, user)
        may = SCOPES[whose.role]
        wanted = {Scope(each) for each in scope} if scope else {Scope.read, Scope.run} & may
        caller = Caller(whose.name, may, whose.id, _CONSOLE)
        expires_ns = wall_ns() + days * DAY_NS if days is not None else None
        return await accounts.create_token(caller, name, wanted, expires_ns), whose

    made, whose = with_accounts(data, database, make)
    if json:
        print_json({"secret": made.secret, "token": _shown(made.token, whose.name)})
        return
    print(f"token {name} of {whose.name}; it is shown this once:", file=sys.stderr)  # noqa: T201
    say(made.secret)


def revoke(
    id: str, /, *, yes: Yes = False, json: bool = False, data: Home = None, database: DatabaseUrl = None
) -> None:
    """Revoke a token: whoever has it is shut out at once.

    Parameters
    ----------
    id
        Its id.
    yes
        Do not ask.
    json
        Print one JSON object.
    """
    if sure(f"revoke token {id}?", yes):
        with_accounts(data, database, lambda accounts: accounts.revoke_token(_ANY, id))
        told(json, {"revoked": id}, f"revoked token {id}")


async def _whose(accounts: Accounts, user: str | None) -> User:
    if user is not None:
        return await accounts.user(user)
    users = await accounts.users()
    if len(users) == 1:
        return users[0]
    if not users:
        raise Conflict("there are no users, so nobody needs a token", hint="krawall users create NAME --role admin")
    raise DocumentError("command line", [Place("--user", f"is missing: {', '.join(each.name for each in users)}")])


def _shown(token: Token, user: str) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "user": user,
        "scopes": sorted(scope.value for scope in token.scopes),
        "prefix": token.prefix,
        "created_at": iso(token.created_ns),
        "expires_at": iso(token.expires_ns) if token.expires_ns is not None else None,
        "used_at": iso(token.used_ns) if token.used_ns is not None else None,
    }

"""API tokens, by the hash of their secret."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from krawall.clock import wall_ns
from krawall.errors import Conflict, NotFound
from krawall.ids import new_id
from krawall.model.account import Scope, Token
from krawall.model.event import AccountChanged
from krawall.store.database import Database, Transaction
from krawall.store.events import Events
from krawall.store.plain import from_text, to_text
from krawall.store.tables import tokens, users


class Tokens:
    """The API tokens of all users. The secret itself is never kept. Making and revoking one appends an event."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database = database
        self._events = events

    async def create(
        self,
        user: str,
        name: str,
        token_hash: str,
        prefix: str,
        scopes: Iterable[Scope],
        expires_ns: int | None,
        *,
        actor: str = "",
        tx: Transaction | None = None,
    ) -> Token:
        """Keep a token of a user (its id). `actor`: who made it; empty: the user.

        Raises:
            NotFound: there is no such user.
            Conflict: the user has a token of that name.
        """
        async with self._database.within(tx) as own:
            owner = await own.first(select(users.c.name).where(users.c.id == user).with_for_update())
            if owner is None:
                raise NotFound(f"no user {user}")
            if await own.first(select(tokens.c.id).where(tokens.c.user == user, tokens.c.name == name)) is not None:
                raise Conflict(f"{owner.name!r} has a token {name!r} already", hint="choose another name")
            token = Token(new_id("tok"), name, user, frozenset(scopes), prefix, wall_ns(), expires_ns)
            row = {"id": token.id, "name": name, "user": user, "token_hash": token_hash, "prefix": prefix}
            row["scopes"] = to_text(sorted(token.scopes))
            await own.run(insert(tokens).values(**row, created_ns=token.created_ns, expires_ns=expires_ns))
            await self._events.append(AccountChanged(f"token {name}", "created"), actor or owner.name, tx=own)
            return token

    async def by_hash(self, token_hash: str) -> Token | None:
        """Return a token by its secret's hash; None: there is none, it has run out, or its user is disabled."""
        query = (
            select(tokens)
            .join(users, users.c.id == tokens.c.user)
            .where(tokens.c.token_hash == token_hash, users.c.disabled.is_(False))
            .where(or_(tokens.c.expires_ns.is_(None), tokens.c.expires_ns > wall_ns()))
        )
        async with self._database.read() as tx:
            row = await tx.first(query)
        return _token(row) if row is not None else None

    async def list(self, user: str | None = None) -> builtins.list[Token]:
        """Return the tokens of a user, or of all, oldest first."""
        query = select(tokens).order_by(tokens.c.created_ns, tokens.c.id)
        async with self._database.read() as tx:
            rows = await tx.all(query if user is None else query.where(tokens.c.user == user))
        return [_token(row) for row in rows]

    async def touch(self, id: str) -> None:
        """Note that a token was used just now."""
        async with self._database.begin(ordered=False) as tx:
            await tx.run(update(tokens).where(tokens.c.id == id).values(used_ns=wall_ns()))

    async def delete(self, id: str, actor: str, tx: Transaction | None = None) -> None:
        """Revoke a token.

        Raises:
            NotFound: there is none.
        """
        async with self._database.within(tx) as own:
            row = await own.first(select(tokens.c.name).where(tokens.c.id == id))
            if row is None or not await own.changed(delete(tokens).where(tokens.c.id == id)):
                raise NotFound(f"no token {id}")
            await self._events.append(AccountChanged(f"token {row.name}", "revoked"), actor, tx=own)


def _token(row: Row[Any]) -> Token:
    scopes = from_text(row.scopes, frozenset[Scope])
    return Token(row.id, row.name, row.user, scopes, row.prefix, row.created_ns, row.expires_ns, row.used_ns)

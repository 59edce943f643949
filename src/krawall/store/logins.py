"""Logins: server-side sessions of browsers, by the hash of the token in their cookie."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update

from krawall.clock import wall_ns
from krawall.ids import new_id
from krawall.model.account import Role, User
from krawall.model.base import Record
from krawall.store.database import Database, Transaction
from krawall.store.tables import logins, users


class Login(Record, frozen=True):
    """A browser that is logged in. `csrf`: what its forms must send back. Times in ns since 1970."""

    id: str
    user: User
    csrf: str
    created_ns: int
    expires_ns: int
    seen_ns: int


class Logins:
    """The logins of all users. The token itself is never kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, user: str, token_hash: str, csrf: str, expires_ns: int, tx: Transaction | None = None
    ) -> str:
        """Keep a login of a user (its id) and return the login's id.

        Raises:
            Conflict: there is no such user.
        """
        now, id = wall_ns(), new_id("log")
        row = {"id": id, "user": user, "token_hash": token_hash, "csrf": csrf, "created_ns": now}
        async with self._database.within(tx, ordered=False) as own:
            await own.run(insert(logins).values(**row, expires_ns=expires_ns, seen_ns=now))
        return id

    async def by_hash(self, token_hash: str) -> Login | None:
        """Return the login of a token; None: there is none, it has run out, or its user is disabled."""
        query = (
            select(
                logins.c.id, logins.c.csrf, logins.c.created_ns, logins.c.expires_ns, logins.c.seen_ns,
                users.c.id.label("user_id"), users.c.name, users.c.role, users.c.disabled,
                users.c.created_ns.label("user_created_ns"), users.c.seen_ns.label("user_seen_ns"),
            )
            .join(users, users.c.id == logins.c.user)
            .where(logins.c.token_hash == token_hash, logins.c.expires_ns > wall_ns(), users.c.disabled.is_(False))
        )  # fmt: skip
        async with self._database.read() as tx:
            row = await tx.first(query)
        if row is None:
            return None
        user = User(row.user_id, row.name, Role(row.role), row.disabled, row.user_created_ns, row.user_seen_ns)
        return Login(row.id, user, row.csrf, row.created_ns, row.expires_ns, row.seen_ns)

    async def touch(self, id: str, expires_ns: int | None = None) -> None:
        """Note that a login was used just now; `expires_ns`: it runs out later than it would have."""
        changes = {"seen_ns": wall_ns()} | ({} if expires_ns is None else {"expires_ns": expires_ns})
        async with self._database.begin(ordered=False) as tx:
            await tx.run(update(logins).where(logins.c.id == id).values(changes))

    async def delete(self, id: str) -> bool:
        """Log a browser out. False: it was not logged in."""
        async with self._database.begin(ordered=False) as tx:
            return await tx.changed(delete(logins).where(logins.c.id == id)) > 0

    async def delete_of(self, user: str, *, besides: str | None = None, tx: Transaction | None = None) -> int:
        """Log every browser of a user out, `besides` one; return how many."""
        gone = delete(logins).where(logins.c.user == user)
        if besides is not None:
            gone = gone.where(logins.c.id != besides)
        async with self._database.within(tx) as own:  # in order, since it locks several rows
            return await own.changed(gone)

    async def expire(self, now_ns: int) -> int:
        """Delete the logins that have run out; return how many."""
        async with self._database.begin() as tx:
            return await tx.changed(delete(logins).where(logins.c.expires_ns <= now_ns))

"""Users: accounts with a role and a password's hash. Wrong passwords in a row lock an account for a while."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from krawall.clock import wall_ns
from krawall.errors import Conflict, NotFound
from krawall.ids import new_id
from krawall.model.account import Role, User
from krawall.model.base import NS_PER_S
from krawall.model.event import AccountChanged
from krawall.store.database import Database, Transaction
from krawall.store.events import Events
from krawall.store.plain import folded
from krawall.store.tables import users

FREE_FAILURES = 4
"""So many wrong passwords in a row do not lock an account."""

_FIRST_LOCK_S = 15  # doubled with each further wrong password
_LONGEST_LOCK_S = 15 * 60


class Users:
    """Accounts by id and name; names that differ in case only are one name. There is always an admin left to log in."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database = database
        self._events = events

    async def create(
        self, name: str, password_hash: str, role: Role, actor: str, tx: Transaction | None = None
    ) -> User:
        """Make an account.

        Raises:
            Conflict: the name is taken.
        """
        async with self._database.within(tx) as own:
            if await _by_name(own, name) is not None:
                raise Conflict(f"there is a user {name!r} already", hint="choose another name")
            user = User(new_id("usr"), name, role, disabled=False, created_ns=wall_ns())
            row = {
                "id": user.id, "name": name, "folded": folded(name), "password_hash": password_hash,
                "role": role.value, "disabled": False, "created_ns": user.created_ns, "failures": 0, "locked_until_ns": 0,
            }  # fmt: skip
            await own.run(insert(users).values(row))
            await self._events.append(AccountChanged(name, "created", role.value), actor, tx=own)
            return user

    async def get(self, id: str) -> User:
        """Return a user.

        Raises:
            NotFound: there is none.
        """
        async with self._database.read() as tx:
            return user_of(await _find(tx, id))

    async def by_name(self, name: str) -> tuple[User, str] | None:
        """Return a user and the password's hash; None: nobody is called so."""
        async with self._database.read() as tx:
            row = await _by_name(tx, name)
        return (user_of(row), row.password_hash) if row is not None else None

    async def list(self) -> list[User]:
        """Return every user, by name."""
        async with self._database.read() as tx:
            return [user_of(row) for row in await tx.all(select(users).order_by(users.c.folded))]

    async def count(self) -> int:
        """Return how many users there are."""
        async with self._database.read() as tx:
            row = await tx.first(select(func.count()).select_from(users))
        return int(row[0]) if row else 0

    async def change(
        self,
        id: str,
        actor: str,
        *,
        role: Role | None = None,
        disabled: bool | None = None,
        password_hash: str | None = None,
        tx: Transaction | None = None,
    ) -> User:
        """Change an account; what is None stays. A new password unlocks it. Logins stay: see `Logins.delete_of`.

        Raises:
            NotFound: there is no such user.
            Conflict: no admin would be left who can log in.
        """
        async with self._database.within(tx) as own:
            old = user_of(await _find(own, id, lock=True))
            changes: dict[str, Any] = {}
            if role is not None and role != old.role:
                changes["role"] = role.value
            if disabled is not None and disabled != old.disabled:
                changes["disabled"] = disabled
            if changes.get("disabled") or "role" in changes:
                await _spare_the_last_admin(own, old)
            detail = ", ".join([*changes, *(["password"] if password_hash is not None else [])])
            if password_hash is not None:
                changes |= {"password_hash": password_hash, "failures": 0, "locked_until_ns": 0}
            if changes:
                await own.run(update(users).where(users.c.id == id).values(changes))
                deed = "disabled" if changes.get("disabled") else "changed"
                await self._events.append(AccountChanged(old.name, deed, detail), actor, tx=own)
            return user_of(await _find(own, id))

    async def delete(self, id: str, actor: str, tx: Transaction | None = None) -> None:
        """Delete an account with its logins and tokens.

        Raises:
            NotFound: there is no such user.
            Conflict: no admin would be left who can log in.
        """
        async with self._database.within(tx) as own:
            old = user_of(await _find(own, id, lock=True))
            await _spare_the_last_admin(own, old)
            await own.run(delete(users).where(users.c.id == id))
            await self._events.append(AccountChanged(old.name, "deleted"), actor, tx=own)

    async def locked_until(self, name: str) -> int:
        """Return until when a login is refused without a look at the password, ns since 1970; 0: never locked."""
        async with self._database.read() as tx:
            row = await _by_name(tx, name)
        return int(row.locked_until_ns) if row is not None else 0

    async def failed(self, name: str, now_ns: int) -> int:
        """Count a wrong password and return until when the account is locked, 0 if it is not."""
        async with self._database.begin(ordered=False) as tx:
            row = await _by_name(tx, name, lock=True)
            if row is None:
                return 0
            failures = row.failures + 1
            until = row.locked_until_ns
            if failures > FREE_FAILURES:
                lock_s = min(_FIRST_LOCK_S * 2 ** min(failures - FREE_FAILURES - 1, 20), _LONGEST_LOCK_S)
                until = max(until, now_ns + lock_s * NS_PER_S)
            await tx.run(update(users).where(users.c.id == row.id).values(failures=failures, locked_until_ns=until))
            return int(until)

    async def succeeded(self, name: str) -> None:
        """Forget the wrong passwords of an account, and note that its user was here."""
        changes = {"failures": 0, "locked_until_ns": 0, "seen_ns": wall_ns()}
        async with self._database.begin(ordered=False) as tx:
            await tx.run(update(users).where(users.c.folded == folded(name)).values(changes))


def user_of(row: Row[Any]) -> User:
    """Return a row of `users` as a user."""
    return User(row.id, row.name, Role(row.role), row.disabled, row.created_ns, row.seen_ns)


async def _find(tx: Transaction, id: str, *, lock: bool = False) -> Row[Any]:
    query = select(users).where(users.c.id == id)
    row = await tx.first(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"no user {id}")
    return row


async def _by_name(tx: Transaction, name: str, *, lock: bool = False) -> Row[Any] | None:
    query = select(users).where(users.c.folded == folded(name))
    return await tx.first(query.with_for_update() if lock else query)


async def _spare_the_last_admin(tx: Transaction, user: User) -> None:
    if user.role is not Role.admin or user.disabled:
        return
    others = select(users.c.id).where(
        users.c.role == Role.admin.value, users.c.disabled.is_(False), users.c.id != user.id
    )
    if await tx.first(others.limit(1)) is None:
        raise Conflict(f"{user.name!r} is the only admin", hint="make another user an admin first")

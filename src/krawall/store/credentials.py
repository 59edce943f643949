"""Credentials as sealed bytes: the store never sees a value, nor the key that seals it."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, delete, select, update

from krawall.clock import wall_ns
from krawall.errors import NotFound
from krawall.model.event import CredentialChanged
from krawall.model.kept import CredentialFacts
from krawall.store.database import Database, Transaction
from krawall.store.events import Events
from krawall.store.tables import credentials

_FACTS = [credentials.c[name] for name in CredentialFacts.__struct_fields__]


class Credentials:
    """Credentials by name. Each change appends an event in its transaction."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database = database
        self._events = events

    async def put(
        self, name: str, sealed: bytes, key_id: str, actor: str, note: str = "", tx: Transaction | None = None
    ) -> CredentialFacts:
        """Keep a credential, in place of the one of that name if there is one."""
        async with self._database.within(tx) as own:
            now = wall_ns()
            row = {"name": name, "sealed": sealed, "key_id": key_id, "created_ns": now, "updated_ns": now, "note": note}
            await own.upsert(credentials, row, keep=["created_ns"])
            await self._events.append(CredentialChanged(name, "set"), actor, tx=own)
            return _facts(await _find(own, name))

    async def facts(self, name: str) -> CredentialFacts:
        """Return what is known of a credential.

        Raises:
            NotFound: there is none of that name.
        """
        async with self._database.read() as tx:
            return _facts(await _find(tx, name))

    async def list(self) -> list[CredentialFacts]:
        """Return what is known of every credential, by name."""
        async with self._database.read() as tx:
            return [_facts(row) for row in await tx.all(select(*_FACTS).order_by(credentials.c.name))]

    async def sealed(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the sealed values of these names.

        Raises:
            NotFound: some are missing; names every one.
        """
        wanted = sorted(set(names))
        query = select(credentials.c.name, credentials.c.sealed).where(credentials.c.name.in_(wanted))
        async with self._database.read() as tx:
            found = {row.name: bytes(row.sealed) for row in await tx.all(query)}
        if missing := [name for name in wanted if name not in found]:
            raise NotFound(f"no credential is called {', '.join(missing)}", hint="set it first")
        return found

    async def all_sealed(self, tx: Transaction | None = None) -> dict[str, bytes]:
        """Return every sealed value. Reseal in the same `tx`, or a value that is set meanwhile is lost."""
        async with self._database.seen_by(tx) as own:
            rows = await own.all(select(credentials.c.name, credentials.c.sealed).order_by(credentials.c.name))
            return {row.name: bytes(row.sealed) for row in rows}

    async def delete(self, name: str, actor: str, tx: Transaction | None = None) -> None:
        """Delete a credential.

        Raises:
            NotFound: there is none of that name.
        """
        async with self._database.within(tx) as own:
            if not await own.changed(delete(credentials).where(credentials.c.name == name)):
                raise _missing(name)
            await self._events.append(CredentialChanged(name, "deleted"), actor, tx=own)

    async def touch(self, names: Iterable[str]) -> None:
        """Note that credentials were used just now; names that are not there are left out."""
        used = update(credentials).where(credentials.c.name.in_(builtins.list(names))).values(used_ns=wall_ns())
        async with self._database.begin() as tx:  # in order, since it locks several rows
            await tx.run(used)


async def _find(tx: Transaction, name: str) -> Row[Any]:
    row = await tx.first(select(*_FACTS).where(credentials.c.name == name))
    if row is None:
        raise _missing(name)
    return row


def _missing(name: str) -> NotFound:
    return NotFound(f"no credential is called {name}")


def _facts(row: Row[Any]) -> CredentialFacts:
    return CredentialFacts(**row._mapping)

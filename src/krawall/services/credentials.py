"""Credentials: secrets that targets and webhooks refer to by name. Values go in and never come back; workers get them sealed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

from krawall.errors import DocumentError, Place, Refused
from krawall.logs import conceal
from krawall.model.kept import CredentialFacts
from krawall.store.store import Store
from krawall.vault import Vault

MOST_BYTES = 65_536
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")  # as in ${NAME}


class Credentials:
    """Seals, lists, deletes and rotates. Who made a change is in the events that the store appends with it."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def put(self, name: str, value: str, actor: str, note: str = "") -> CredentialFacts:
        """Seal a value under a name, in place of the one before.

        Raises:
            DocumentError: the name cannot stand in `${NAME}`, or the value is empty or too long. Never shows the value.
        """
        wrong = []
        if not _NAME.fullmatch(name):
            wrong.append(Place("name", "must be letters, digits and _, not begin with a digit, and have at most 100"))
        if not value:
            wrong.append(Place("value", "is empty"))
        elif len(value.encode("utf-8", "surrogatepass")) > MOST_BYTES:
            wrong.append(Place("value", f"has more than {MOST_BYTES:,} bytes"))
        elif any("\ud800" <= letter <= "\udfff" for letter in value):
            wrong.append(Place("value", "has halves of characters"))
        if wrong:
            raise DocumentError("credential", wrong)
        conceal(value)
        sealed = self._vault.seal(name, value)
        return await self._store.credentials.put(name, sealed, self._vault.key_id(sealed), actor, note)

    async def facts(self, name: str) -> CredentialFacts:
        """Return what is known of one, without its value. Raises NotFound."""
        return await self._store.credentials.facts(name)

    async def list(self) -> list[CredentialFacts]:
        """Return what is known of all, by name, without their values."""
        return await self._store.credentials.list()

    async def delete(self, name: str, actor: str) -> None:
        """Delete one. Raises NotFound."""
        await self._store.credentials.delete(name, actor)

    async def sealed(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the sealed values of these names, for the process that sends them. Raises NotFound with all that are missing."""
        return await self._store.credentials.sealed(names)

    async def rotate(self, actor: str) -> int:
        """Make a new key, seal every credential with it, and return how many. With keys from outside: with the first of them.

        Raises:
            Refused: the key comes from outside and seals everything already, or a sealed value was changed.
            Unavailable: a key is missing, or the key ring cannot be written.
        """
        before = self._vault.current
        if self._vault.rotates:
            await asyncio.to_thread(self._vault.rotate)
        # No other writer that has events to tell commits while this transaction is open: no newer value is overwritten.
        async with self._store.begin() as tx:
            blobs = await self._store.credentials.all_sealed(tx)
            old = {name: blob for name, blob in blobs.items() if self._vault.key_id(blob) != self._vault.current}
            if not old and self._vault.current == before:
                raise Refused(
                    "KRAWALL_KEY seals every credential already",
                    hint="set KRAWALL_KEY to NEWKEY,OLDKEY, start again and rotate; after that OLDKEY can go",
                )
            notes = {facts.name: facts.note for facts in await self._store.credentials.list()}
            for name, blob in old.items():
                sealed = self._vault.seal(name, self._vault.unseal(name, blob))
                await self._store.credentials.put(name, sealed, self._vault.key_id(sealed), actor, notes[name], tx=tx)
        return len(old)

"""Webhooks: trial deliveries, what was delivered, sending again, signing secrets. `worker.deliver` does the sending."""

from __future__ import annotations

import contextlib
import secrets

from krawall.clock import wall_ns
from krawall.errors import Internal, NotFound, Unavailable
from krawall.model.event import WebhookTest
from krawall.model.job import Deliver
from krawall.model.kept import DocumentKind
from krawall.model.webhook import Delivery, Webhook
from krawall.queue.jobs import Jobs
from krawall.store.paging import Page
from krawall.store.store import Store
from krawall.vault import Vault
from krawall.wire.signing import SECRET_BYTES, rotated


class Webhooks:
    """What is special about webhooks; as documents they behave like the others. One per process."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs

    async def test(self, id: str, actor: str) -> Delivery:
        """Send a trial event to one webhook, whatever it subscribes to; return its delivery.

        Raises:
            NotFound: there is no such webhook, or it was put away.
        """
        kept = await self._store.documents.get(DocumentKind.webhook, id)
        if kept.archived:
            raise NotFound(f"webhook {kept.name!r} was put away", hint="restore it first")
        event = await self._store.events.append(WebhookTest(kept.id), actor)
        made = next((each for each in await self._store.deliveries.of_event(event.id)), None)
        if made is None:
            raise Internal("a trial event made no delivery")
        await self._hurry(made.id)
        return made

    async def deliveries(self, id: str, cursor: str | None = None, limit: int = 50) -> Page[Delivery]:
        """Return the deliveries of a webhook, the newest event first. Raises NotFound."""
        kept = await self._store.documents.get(DocumentKind.webhook, id)
        return await self._store.deliveries.of(kept.id, cursor, limit)

    async def delivery(self, id: str) -> Delivery:
        """Return one delivery with its attempts. Raises NotFound."""
        return await self._store.deliveries.get(id)

    async def resend(self, id: str) -> Delivery:
        """Send a delivery once more, whatever became of it. Its receiver sees the same message id.

        Raises:
            NotFound: there is no such delivery.
        """
        found = await self._store.deliveries.again(id, wall_ns())
        await self._hurry(found.id)
        return found

    async def new_secret(self, id: str, actor: str, vault: Vault) -> str:
        """Make a new signing secret and return it, this once; the one before signs too until the next change.

        A webhook without a credential gets one of its own.

        Raises:
            NotFound: there is no such webhook.
            Stale: somebody changed it meanwhile.
        """
        kept = await self._store.documents.get(DocumentKind.webhook, id)
        name = Webhook.model_validate(kept.body).credential or f"WEBHOOK_{kept.id.partition('_')[2].upper()}"
        value = rotated(await self._secrets(name, vault), secrets.token_bytes(SECRET_BYTES))
        sealed = vault.seal(name, value)
        async with self._store.begin() as tx:
            note = f"signs deliveries to webhook {kept.name}"
            await self._store.credentials.put(name, sealed, vault.key_id(sealed), actor, note, tx=tx)
            if kept.body.get("credential") != name:
                body = {**kept.body, "credential": name}
                await self._store.documents.revise(
                    DocumentKind.webhook, kept.id, body, actor, etag=kept.etag, note="signed from now on", tx=tx
                )
        return value.split()[0]

    async def _secrets(self, name: str, vault: Vault) -> str:
        try:
            return vault.unseal(name, (await self._store.credentials.sealed([name]))[name])
        except NotFound:
            return ""

    async def _hurry(self, delivery: str) -> None:
        """Put a delivery into the queue now; without a queue upkeep finds it."""
        with contextlib.suppress(Unavailable):
            await self._jobs.enqueue(Deliver(delivery), id=f"deliver.{delivery}")

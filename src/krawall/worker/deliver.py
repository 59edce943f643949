"""Job `deliver`: one event on its way to one webhook, by Standard Webhooks 1.0. At least once: a receiver knows a repeated
message by its `webhook-id`, which is the delivery's id in every attempt.

attempt ─► 2xx: delivered
       ├─► 410 Gone: failed, and the webhook is disabled
       └─► anything else: again after 5 s, 12.5 s, 31 s, ... at most 4 h, until 24 h after the event; then failed
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from http import HTTPStatus
from random import Random
from typing import Protocol

import httpx2
import msgspec

from krawall.clock import iso, monotonic_ns, wall_ns
from krawall.errors import KrawallError, NotFound, Refused, Stale, Unavailable, Unreachable
from krawall.guard.hosts import Site, classify_address, parse_url
from krawall.model.base import NS_PER_S
from krawall.model.event import Event, WebhookTest, to_json
from krawall.model.job import Deliver
from krawall.model.kept import DocumentKind, Kept
from krawall.model.webhook import Attempt, Delivery, DeliveryState, Webhook
from krawall.queue.jobs import Jobs
from krawall.services.authored import reachable
from krawall.store.store import Store
from krawall.vault import Vault
from krawall.version import __version__
from krawall.wire.document import shown
from krawall.wire.signing import keys_of, sign

TIMEOUT_S = 10.0
FIRST_WAIT_S = 5.0
FACTOR = 2.5
LONGEST_WAIT_S = 4 * 3600.0
GIVE_UP_S = 24 * 3600
HELD_S = 30  # nobody else tries meanwhile; a crash costs this long
_JITTER = 0.2  # a wait is up to so much shorter or longer, so that a receiver that comes back is not overrun
_READ = 1_000  # bytes of an answer


class Parts(Protocol):
    """What a delivery needs of a worker."""

    @property
    def store(self) -> Store:
        """Rows of deliveries, events and webhooks."""

    @property
    def jobs(self) -> Jobs:
        """Where the next attempt waits."""

    @property
    def vault(self) -> Vault:
        """Opens the signing secret."""

    @property
    def private_webhooks(self) -> bool:
        """Whether webhooks may go to private addresses."""


async def deliver(parts: Parts, delivery_id: str) -> None:
    """Attempt a delivery that is due. Done twice, or too early, it changes nothing.

    Raises:
        Unavailable: the database is away; the queue tries again.
    """
    try:
        delivery = await parts.store.deliveries.get(delivery_id)
        if delivery.state is not DeliveryState.waiting or delivery.due_ns > wall_ns():
            return
        await parts.store.deliveries.again(delivery.id, wall_ns() + HELD_S * NS_PER_S)
        event = await parts.store.events.get(delivery.event)
        kept = await parts.store.documents.get(DocumentKind.webhook, delivery.webhook)
    except NotFound:  # deleted meanwhile, and with it whatever was to be told
        return
    webhook = Webhook.model_validate(kept.body)
    if not webhook.enabled and not isinstance(event.body, WebhookTest):
        attempt = Attempt(wall_ns(), 0.0, None, "the webhook is disabled")
        state, due_ns = DeliveryState.failed, 0
    else:
        attempt = await _attempt(parts, webhook, delivery, event)
        state, due_ns = after(delivery, attempt)
    with contextlib.suppress(NotFound):
        await parts.store.deliveries.record(delivery.id, attempt, state, due_ns)
    if attempt.status == HTTPStatus.GONE:
        await _disable(parts.store, kept)
    if state is DeliveryState.waiting:
        # Upkeep finds it too; this is sooner.
        with contextlib.suppress(Unavailable):
            wait_s = max(0.0, (due_ns - wall_ns()) / NS_PER_S)
            number = len(delivery.attempts) + 1
            await parts.jobs.enqueue(Deliver(delivery.id), id=f"deliver.{delivery.id}.{number}", delay_s=wait_s)


def after(delivery: Delivery, attempt: Attempt) -> tuple[DeliveryState, int]:
    """Return what becomes of a delivery after an attempt, and when it is due again, ns since 1970 (0: never)."""
    if attempt.status is not None and 200 <= attempt.status < 300:
        return DeliveryState.delivered, 0
    due_ns = attempt.at_ns + round(wait_s(delivery.id, len(delivery.attempts)) * NS_PER_S)
    if attempt.status == HTTPStatus.GONE or due_ns > delivery.created_ns + GIVE_UP_S * NS_PER_S:
        return DeliveryState.failed, 0
    return DeliveryState.waiting, due_ns


def wait_s(delivery_id: str, before: int) -> float:
    """Return how long to wait after an attempt that `before` others came before; the same for the same delivery."""
    wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * FACTOR ** min(before, 30))
    return wait * Random(f"{delivery_id} {before}").uniform(1 - _JITTER, 1 + _JITTER)


def body_of(event: Event) -> bytes:
    """Return what receivers get, JSON: `type`, `timestamp`, `data` and what orders the event among others."""
    told = to_json(event)
    del told["at_ns"]
    return msgspec.json.encode({"type": told.pop("type"), "timestamp": iso(event.at_ns), **told})


async def _attempt(parts: Parts, webhook: Webhook, delivery: Delivery, event: Event) -> Attempt:
    at_ns, began = wall_ns(), monotonic_ns()
    status: int | None = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            body = body_of(event)
            headers = await _headers(parts, webhook, delivery, body, at_ns // NS_PER_S)
            status, detail = await _post(webhook.url, headers, body, parts.private_webhooks)
    except Unavailable:
        raise
    except KrawallError as error:
        detail = error.message
    except TimeoutError:
        detail = f"no answer within {TIMEOUT_S:.0f} s"
    except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
        detail = f"{type(error).__name__}: {error}"
    return Attempt(at_ns, round((monotonic_ns() - began) / 1e6, 1), status, detail.replace("\0", "�")[:500])


async def _headers(parts: Parts, webhook: Webhook, delivery: Delivery, body: bytes, timestamp_s: int) -> dict[str, str]:
    """Return the headers, signed with the credential's secrets; unsigned for a webhook that names none."""
    headers = {"content-type": "application/json", "user-agent": f"krawall/{__version__}"}
    if not webhook.credential:
        return {**headers, "webhook-id": delivery.id, "webhook-timestamp": str(timestamp_s)}
    sealed = (await parts.store.credentials.sealed([webhook.credential]))[webhook.credential]
    keys = keys_of(parts.vault.unseal(webhook.credential, sealed))
    await parts.store.credentials.touch([webhook.credential])
    return {**headers, **sign(keys, id=delivery.id, timestamp_s=timestamp_s, body=body)}


async def _post(url: str, headers: dict[str, str], body: bytes, private: bool) -> tuple[int, str]:
    """Post to an address that was checked, under the name that was written; return the status and what it means."""
    site = parse_url(url)
    address = await checked_address(site, private)
    shown_address = f"[{address}]" if ":" in address else address
    request_url = f"{site.scheme}://{shown_address}:{site.port}{site.path}"
    extensions = {} if site.literal else {"sni_hostname": site.host}
    async with (
        # No proxy of the environment: it would look the name up again, and reach what we must not.
        httpx2.AsyncClient(verify=ssl.create_default_context(), trust_env=False, timeout=TIMEOUT_S) as client,
        client.stream(
            "POST", request_url, content=body, headers={**headers, "host": site.authority}, extensions=extensions
        ) as answer,
    ):
        begin = b""
        async for chunk in answer.aiter_raw(_READ):
            begin += chunk
            if len(begin) >= _READ:
                break
        if answer.is_success:
            return answer.status_code, ""
        if answer.is_redirect:
            return answer.status_code, "redirects are not followed; write the address that it leads to"
        return (
            answer.status_code,
            f"{answer.status_code} {answer.reason_phrase} {shown(begin) if begin else ''}".strip(),
        )


async def checked_address(site: Site, private: bool) -> str:
    """Return the address to connect to: of a host whose every address webhooks may reach, the first.

    Raises:
        Unreachable: the name does not resolve.
        Refused: one of its addresses is private, or of a kind that nobody should be made to talk to.
    """
    addresses = [site.host]
    if not site.literal:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(site.host, site.port)
        except OSError as error:
            raise Unreachable(f"{site.host} does not resolve: {error.strerror or error}") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        kind = classify_address(address)
        if not reachable(kind, private):
            raise Refused(
                f"{site.host} is at {address} ({kind.value.replace('_', '-')}); webhooks do not go there",
                hint="KRAWALL_PRIVATE_WEBHOOKS=true allows private addresses and loopback",
            )
    return addresses[0]


async def _disable(store: Store, kept: Kept) -> None:
    """Switch off a webhook whose receiver says that it is gone for good, unless somebody changed it meanwhile."""
    body = {**kept.body, "enabled": False}
    with contextlib.suppress(NotFound, Stale):
        await store.documents.revise(
            DocumentKind.webhook, kept.id, body, "system", etag=kept.etag, note="disabled: it answered 410 Gone"
        )

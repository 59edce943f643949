"""Trial deliveries, the list of deliveries, sending again, secrets."""

from __future__ import annotations

from krawall.model.job import QUEUES, Deliver
from krawall.model.kept import DocumentKind
from krawall.model.webhook import Attempt, DeliveryState
from krawall.testing.documents import HOOK
from krawall.wire.signing import keys_of


async def test_a_trial_goes_to_one_webhook_whatever_it_wants(client, app):
    await client.post("/webhooks", json={"body": {**HOOK, "enabled": False}})
    await client.post("/webhooks", json={"body": {**HOOK, "name": "other", "events": ["*"]}})
    tried = await client.post("/webhooks/ops/test")
    made = tried.json()
    assert (tried.status_code, made["state"], made["attempts"]) == (202, "waiting", [])
    assert await app.jobs.has(QUEUES[Deliver], f"deliver.{made['id']}")
    assert [each["id"] for each in (await client.get("/webhooks/ops/deliveries")).json()["items"]] == [made["id"]]
    others = (await client.get("/webhooks/other/deliveries")).json()["items"]
    assert made["event"] not in [each["event"] for each in others]
    assert (await client.get(f"/deliveries/{made['id']}")).json() == made
    assert (await client.post("/webhooks/none/test")).status_code == 404
    await client.post("/webhooks/ops/archive")
    assert (await client.post("/webhooks/ops/test")).status_code == 404


async def test_deliveries_have_pages_and_can_be_sent_again(client, app):
    await client.post("/webhooks", json={"body": HOOK})
    ids = [(await client.post("/webhooks/ops/test")).json()["id"] for _ in range(3)]
    first = (await client.get("/webhooks/ops/deliveries?limit=2")).json()
    rest = (await client.get("/webhooks/ops/deliveries", params={"cursor": first["next"]})).json()
    assert [each["id"] for each in first["items"] + rest["items"]] == ids[::-1]
    attempt = Attempt(1_700_000_000_000_000_000, 12.5, 500, "500 Any")
    await app.store.deliveries.record(ids[0], attempt, DeliveryState.failed, 0)
    failed = (await client.get(f"/deliveries/{ids[0]}")).json()
    assert (failed["state"], failed["due_at"]) == ("failed", None)
    assert failed["attempts"] == [
        {"at": "2023-11-14T22:13:20.000Z", "took_ms": 12.5, "status": 500, "detail": "500 Any"}
    ]
    again = await client.post(f"/deliveries/{ids[0]}/resend")
    assert (again.status_code, again.json()["state"], len(again.json()["attempts"])) == (202, "waiting", 1)
    for method, path in (
        ("POST", "/deliveries/none/resend"),
        ("GET", "/deliveries/none"),
        ("GET", "/webhooks/none/deliveries"),
    ):
        assert (await client.request(method, path)).status_code == 404
    assert (await client.get("/webhooks/ops/deliveries?cursor=x")).status_code == 422


async def test_a_secret_is_shown_once_and_the_old_one_overlaps(client, app):
    await client.post("/webhooks", json={"body": HOOK})
    one = (await client.post("/webhooks/ops/secret")).json()["secret"]
    name = (await client.get("/webhooks/ops")).json()["body"]["credential"]
    two = (await client.post("/webhooks/ops/secret")).json()["secret"]
    three = (await client.post("/webhooks/ops/secret")).json()["secret"]
    assert len({one, two, three}) == 3
    value = app.vault.unseal(name, (await app.store.credentials.sealed([name]))[name])
    assert value.split() == [three, two]
    assert len(keys_of(value)) == 2
    assert (await client.get("/webhooks/ops")).json()["revision"] == 2
    for path in ("/webhooks/ops", "/credentials", "/audit"):
        assert three not in (await client.get(path)).text
    assert (await client.post("/webhooks/none/secret")).status_code == 404


async def test_who_may_only_look_sends_nothing(client, viewer, app):
    kept = await app.documents.create(DocumentKind.webhook, HOOK, "ada")
    made = await app.webhooks.test(kept.id, "ada")
    assert (await viewer.get("/webhooks/ops/deliveries")).status_code == 200
    assert (await viewer.get(f"/deliveries/{made.id}")).status_code == 200
    for path in ("/webhooks/ops/test", "/webhooks/ops/secret", f"/deliveries/{made.id}/resend"):
        assert (await viewer.post(path)).status_code == 403
        assert (await client.post(path)).status_code == 401

"""Credentials over the API: values go in and never come back."""

from __future__ import annotations

import pytest

SECRET = "hunter2-and-more"


async def test_a_value_goes_in_and_is_never_shown(client, app):
    put = await client.put("/credentials/BOT_KEY", json={"value": SECRET, "note": "of the bot"})
    assert (put.status_code, put.content) == (204, b"")
    (item,) = (await client.get("/credentials")).json()["items"]
    assert (item["name"], item["note"], item["used_at"]) == ("BOT_KEY", "of the bot", None)
    assert SECRET not in (await client.get("/credentials")).text
    sealed = (await app.store.credentials.sealed(["BOT_KEY"]))["BOT_KEY"]
    assert app.vault.unseal("BOT_KEY", sealed) == SECRET
    assert (await client.delete("/credentials/BOT_KEY")).status_code == 204
    assert (await client.delete("/credentials/BOT_KEY")).status_code == 404
    assert SECRET not in (await client.get("/audit")).text


async def test_rotation_seals_everything_anew(client):
    await client.put("/credentials/A", json={"value": SECRET})
    before = (await client.get("/credentials")).json()["items"][0]["key_id"]
    assert (await client.post("/credentials/rotate")).json() == {"resealed": 1}
    assert (await client.get("/credentials")).json()["items"][0]["key_id"] != before


@pytest.mark.parametrize("name", ["1A", "a-b", "a" * 101, "%F0%9F%98%80"])
async def test_names_must_fit_references(client, name):
    assert (await client.put(f"/credentials/{name}", json={"value": SECRET})).status_code == 422


@pytest.mark.parametrize("body", [{}, {"value": ""}, {"value": 3}, {"value": "x", "more": 1}, {"value": "x" * 65_537}])
async def test_values_must_be_texts(client, body):
    answer = await client.put("/credentials/A", json=body)
    assert answer.status_code == 422
    assert "xxxx" not in answer.text


async def test_only_admins_set_them(client, viewer):
    assert (await viewer.get("/credentials")).status_code == 200
    for method, path in (("PUT", "/credentials/A"), ("DELETE", "/credentials/A"), ("POST", "/credentials/rotate")):
        assert (await viewer.request(method, path, json={"value": SECRET})).status_code == 403
        assert (await client.request(method, path, json={"value": SECRET})).status_code == 401


async def test_what_documents_can_use_is_listed(client, viewer):
    items = (await viewer.get("/plugins")).json()["items"]
    assert {item["family"] for item in items} == {"steps", "connectors", "hooks", "presets"}
    assert all(item["about"] and item["source"] == "built-in" and not item["error"] for item in items)
    assert (await client.get("/plugins")).status_code == 401

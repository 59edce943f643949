"""Targets, scenarios and webhooks over the API: they behave alike, so most tests are over all three."""

from __future__ import annotations

import pytest

from krawall.model.event import DocumentChanged
from krawall.model.kept import DocumentKind
from krawall.testing.documents import BODIES, ECHO, PRIVATE
from krawall.wire.yaml import read, write

KINDS = list(BODIES)
both = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
YAML = {"content-type": "application/yaml"}


def named(kind: str, name: str) -> dict:
    return {"name": name, "body": BODIES[kind]}


async def make(client, kind: str, name: str = "first", **more):
    answer = await client.post(f"/{kind}", json={**named(kind, name), **more})
    assert answer.status_code == 201, answer.text
    return answer


def changed(kind: str) -> dict:
    more = {"targets": {"description": "new"}, "scenarios": {"description": "new"}, "webhooks": {"enabled": False}}
    return {**BODIES[kind], **more[kind]}


@both
@pytest.mark.parametrize("kind", KINDS)
async def test_a_document_is_made_changed_and_deleted(client, kind):
    made = await make(client, kind, note="to begin with")
    first = made.json()
    assert made.headers["location"] == f"/api/v1/{kind}/{first['id']}"
    assert made.headers["etag"] == first["etag"]
    assert (first["name"], first["revision"], first["note"], first["actor"]) == ("first", 1, "to begin with", "local")
    assert first["kind"] + "s" == kind
    for way in (first["id"], "first"):
        found = await client.get(f"/{kind}/{way}")
        assert (found.status_code, found.json(), found.headers["etag"]) == (200, first, first["etag"])
    revised = await client.put(
        f"/{kind}/{first['id']}", json={"name": "second", "body": changed(kind)}, headers={"If-Match": first["etag"]}
    )
    second = revised.json()
    assert (revised.status_code, second["revision"], second["name"]) == (200, 2, "second")
    assert revised.headers["etag"] == second["etag"] != first["etag"]
    assert (await client.get(f"/{kind}/{first['id']}?revision=1")).json()["body"] == first["body"]
    gone = await client.delete(f"/{kind}/{first['id']}", headers={"If-Match": second["etag"]})
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.get(f"/{kind}/{first['id']}")).status_code == 404


@pytest.mark.parametrize("kind", KINDS)
async def test_what_says_the_same_is_no_new_revision(client, kind):
    first = (await make(client, kind)).json()
    again = await client.put(f"/{kind}/first", json={"body": BODIES[kind], "name": "first"}, headers={"If-Match": "*"})
    assert (again.json()["revision"], again.headers["etag"]) == (1, first["etag"])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_change_names_the_revision_that_it_was_made_from(client, kind):
    first = (await make(client, kind)).json()
    body = {"name": "first", "body": changed(kind)}
    assert (await client.put(f"/{kind}/first", json=body)).status_code == 428
    await client.put(f"/{kind}/first", json=body, headers={"If-Match": first["etag"]})
    stale = await client.put(f"/{kind}/first", json=body, headers={"If-Match": first["etag"]})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert (await client.delete(f"/{kind}/first", headers={"If-Match": first["etag"]})).status_code == 412
    newest = (await client.get(f"/{kind}/first")).headers["etag"]
    several = await client.put(f"/{kind}/first", json=body, headers={"If-Match": f"{first['etag']}, {newest}"})
    assert several.status_code == 200
    assert (await client.delete(f"/{kind}/first")).status_code == 204


@pytest.mark.parametrize("kind", KINDS)
async def test_names_are_taken_once(client, kind):
    await make(client, kind)
    taken = await client.post(f"/{kind}", json=named(kind, "first"))
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")
    await make(client, kind, "second")
    renamed = await client.put(f"/{kind}/second", json=named(kind, "first"), headers={"If-Match": "*"})
    assert renamed.status_code == 409


@pytest.mark.parametrize("kind", KINDS)
async def test_a_copy_has_its_own_name_and_history(client, kind):
    first = (await make(client, kind)).json()
    copied = await client.post(f"/{kind}/first/duplicate", json={"name": "copy"})
    copy = copied.json()
    assert (copied.status_code, copied.headers["location"]) == (201, f"/api/v1/{kind}/{copy['id']}")
    assert (copy["name"], copy["revision"]) == ("copy", 1)
    assert {**copy["body"], "name": "first"} == {**first["body"], "name": "first"}
    assert (await client.post(f"/{kind}/first/duplicate", json={"name": "copy"})).status_code == 409
    assert (await client.post(f"/{kind}/none/duplicate", json={"name": "x"})).status_code == 404
    assert (await client.post(f"/{kind}/first/duplicate", json={})).status_code == 422


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_put_away_is_left_out_of_the_list(client, kind):
    await make(client, kind)
    away = await client.post(f"/{kind}/first/archive")
    assert (away.status_code, away.json()["archived"]) == (200, True)
    assert (await client.get(f"/{kind}")).json()["items"] == []
    assert [item["name"] for item in (await client.get(f"/{kind}?archived=true")).json()["items"]] == ["first"]
    assert (await client.post(f"/{kind}/first/restore")).json()["archived"] is False
    assert len((await client.get(f"/{kind}")).json()["items"]) == 1
    for deed in ("archive", "restore"):
        assert (await client.post(f"/{kind}/none/{deed}")).status_code == 404


@both
@pytest.mark.parametrize("kind", KINDS)
async def test_lists_have_pages_in_order_of_names(client, kind):
    for name in ("beta", "Alpha", "delta", "gamma", "ändern"):
        await make(client, kind, name)
    seen, cursor = [], None
    while True:
        page = (await client.get(f"/{kind}", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        assert len(page["items"]) <= 2
        seen += [item["name"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == ["Alpha", "beta", "delta", "gamma", "ändern"]
    found = (await client.get(f"/{kind}", params={"search": "ALPH"})).json()["items"]
    assert [item["name"] for item in found] == ["Alpha"]
    assert (await client.get(f"/{kind}", params={"search": "%"})).json()["items"] == []
    for wrong in ({"cursor": "x"}, {"limit": 0}, {"limit": 201}, {"limit": "x"}, {"archived": "perhaps"}):
        assert (await client.get(f"/{kind}", params=wrong)).status_code == 422


@pytest.mark.parametrize("kind", KINDS)
async def test_history_is_kept_and_compared(client, kind):
    await make(client, kind, note="one")
    body = {"name": "first", "note": "two", "body": changed(kind)}
    await client.put(f"/{kind}/first", json=body, headers={"If-Match": "*"})
    history = (await client.get(f"/{kind}/first/revisions")).json()["items"]
    assert [(item["revision"], item["note"]) for item in history] == [(2, "two"), (1, "one")]
    newest = (await client.get(f"/{kind}/first/revisions?limit=1")).json()
    older = (await client.get(f"/{kind}/first/revisions", params={"cursor": newest["next"]})).json()
    assert [item["revision"] for item in older["items"]] == [1]
    diff = (await client.get(f"/{kind}/first/diff")).json()["diff"]
    assert "--- first revision 1" in diff
    assert [line for line in diff.splitlines()[2:] if line.startswith("+")] in (
        ["+description: new"],
        ["+enabled: false"],
    )
    assert (await client.get(f"/{kind}/first/diff?from=2&to=2")).json() == {"diff": ""}
    assert (await client.get(f"/{kind}/first/diff?from=9")).status_code == 404
    assert (await client.get(f"/{kind}/first/diff?from=0")).status_code == 422
    assert (await client.get(f"/{kind}/first?revision=9")).status_code == 404
    assert (await client.get(f"/{kind}/none/revisions")).status_code == 404


@pytest.mark.parametrize("kind", KINDS)
async def test_yaml_goes_in_and_comes_out(client, kind):
    first = (await make(client, kind)).json()
    shown = await client.get(f"/{kind}/first", headers={"accept": "application/yaml"})
    assert (shown.headers["content-type"], shown.headers["etag"]) == ("application/yaml", first["etag"])
    await client.delete(f"/{kind}/first")
    back = await client.post(f"/{kind}?note=again", content=shown.text, headers=YAML)
    assert (back.status_code, back.json()["body"], back.json()["name"]) == (201, first["body"], "first")
    assert back.json()["note"] == "again"
    more = write({**read(shown.text, "x").data, **changed(kind)})
    revised = await client.put(f"/{kind}/first", content=more, headers={**YAML, "If-Match": "*"})
    assert (revised.status_code, revised.json()["revision"]) == (200, 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", "- a", "a: [", "name: x\0", "a: 1\n---\nb: 2", "nonsense: true"])
async def test_wrong_yaml_names_places(client, kind, text):
    answer = await client.post(f"/{kind}", content=text, headers=YAML)
    assert (answer.status_code, answer.json()["code"]) == (422, "document")
    assert answer.json()["places"]


@pytest.mark.parametrize("kind", KINDS)
async def test_bodies_of_another_kind_are_refused(client, kind):
    for method in ("POST", "PUT"):
        path = f"/{kind}" if method == "POST" else f"/{kind}/first"
        answer = await client.request(
            method, path, content=b"a=1", headers={"If-Match": "*", "content-type": "text/plain"}
        )
        assert answer.status_code == 415
        empty = await client.request(method, path, headers={"If-Match": "*"})
        assert empty.status_code == 415
        torn = await client.request(
            method, path, content=b"\xff", headers={"If-Match": "*", "content-type": "application/yaml"}
        )
        assert torn.status_code == 400
    assert (
        await client.post(f"/{kind}", content=b"{", headers={"content-type": "application/json"})
    ).status_code == 400
    for wrong in ([], {}, {"body": 1}, {"body": {}, "extra": 1}, {"body": {}, "name": 3}, "x"):
        assert (await client.post(f"/{kind}", json=wrong)).status_code == 422


@pytest.mark.parametrize("kind", KINDS)
async def test_who_may_only_look_changes_nothing(client, viewer, kind, app):
    kept = await app.documents.create(DocumentKind(kind.removesuffix("s")), dict(BODIES[kind]), "ada", name="first")
    assert (await viewer.get(f"/{kind}")).status_code == 200
    assert (await viewer.get(f"/{kind}/first/revisions")).status_code == 200
    for method, path in (
        ("POST", ""), ("PUT", "/first"), ("DELETE", "/first"), ("POST", "/first/duplicate"), ("POST", "/first/archive"),
        ("POST", "/first/restore"),
    ):  # fmt: skip
        answer = await viewer.request(method, f"/{kind}{path}", json={"name": "x"}, headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
        nobody = await client.request(method, f"/{kind}{path}", json={"name": "x"}, headers={"If-Match": "*"})
        assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthorized"), path
    assert await app.documents.get(kept.kind, kept.id) == kept


async def test_every_change_is_an_event(client, app):
    await make(client, "scenarios")
    await client.put(
        "/scenarios/first", json={"name": "second", "body": changed("scenarios")}, headers={"If-Match": "*"}
    )
    await client.post("/scenarios/second/archive")
    await client.delete("/scenarios/second")
    bodies = [event.body for event in await app.store.events.after()]
    assert [body.deed for body in bodies if isinstance(body, DocumentChanged)] == [
        "created", "revised", "archived", "deleted",
    ]  # fmt: skip


# targets ------------------------------------------------------------------------------------------------


async def test_a_private_host_is_confirmed_once_until_it_changes(client):
    await client.post("/targets", json={"name": "bot", "body": PRIVATE})
    confirmed = await client.post("/targets/bot/confirm")
    assert (confirmed.status_code, confirmed.json()["body"]["confirmed"]) == (200, "10.1.2.3")
    assert confirmed.json()["revision"] == 2
    assert (await client.post("/targets/bot/confirm")).json()["revision"] == 2
    same = {**PRIVATE, "url": "http://10.1.2.3:9/other"}
    kept = await client.put("/targets/bot", json={"body": same}, headers={"If-Match": "*"})
    assert kept.json()["body"]["confirmed"] == "10.1.2.3"
    read_back = {**kept.json()["body"], "description": "as it was read"}
    assert (await client.put("/targets/bot", json={"body": read_back}, headers={"If-Match": "*"})).status_code == 200
    moved = await client.put(
        "/targets/bot", json={"body": {**read_back, "url": "http://10.9.9.9/"}}, headers={"If-Match": "*"}
    )
    assert "confirmed" not in moved.json()["body"]


async def test_nobody_confirms_by_writing(client):
    forged = {**PRIVATE, "confirmed": "10.1.2.3"}
    answer = await client.post("/targets", json={"name": "bot", "body": forged})
    assert [place["path"] for place in answer.json()["places"]] == ["confirmed"]
    await client.post("/targets", json={"name": "bot", "body": PRIVATE})
    answer = await client.put("/targets/bot", json={"body": forged}, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["places"][0]["path"]) == (422, "confirmed")
    await client.post("/targets/bot/confirm")
    copy = await client.post("/targets/bot/duplicate", json={"name": "copy"})
    assert "confirmed" not in copy.json()["body"]
    text = (await client.get("/targets/bot", headers={"accept": "application/yaml"})).text
    assert "confirmed" not in text


async def test_only_a_host_can_be_confirmed(client, viewer, app):
    await app.documents.create(DocumentKind.target, dict(ECHO), "ada", name="bot")
    assert (await viewer.post("/targets/bot/confirm")).status_code == 403


async def test_a_target_without_a_host_cannot_be_confirmed(client):
    await client.post("/targets", json={"name": "bot", "body": ECHO})
    assert (await client.post("/targets/bot/confirm")).status_code == 409
    assert (await client.post("/targets/none/confirm")).status_code == 404


async def test_a_target_keeps_its_name_when_a_change_does_not_say_one(client):
    await client.post("/targets", json={"name": "bot", "body": ECHO})
    answer = await client.put(
        "/targets/bot", content="connector: echo\ndescription: x\n", headers={**YAML, "If-Match": "*"}
    )
    assert (answer.status_code, answer.json()["name"]) == (200, "bot")


async def test_bodies_are_kept_as_they_were_written(client):
    text = "name: a\n# a word\nsteps:\n  - hi\n  - message: {text: ho}\n    \nwindow: last 3 turns\nload: {users: 1, duration: 1m30s}\n"
    answer = await client.post("/scenarios", content=text.replace("{text: ho}", "ho"), headers=YAML)
    assert answer.json()["body"] == read(text.replace("{text: ho}", "ho"), "x").data
    assert answer.json()["body"]["load"]["duration"] == "1m30s"

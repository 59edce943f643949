"""Documents in and out, many at a time; what goes out comes in again unchanged."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krawall.model.kept import DocumentKind
from krawall.services.documents import to_yaml
from krawall.testing.documents import ECHO, HOOK, SCENARIO
from krawall.wire.yaml import write

YAML = {"content-type": "application/yaml"}
ALL = "---\n".join([write({"kind": "target", "name": "bot", **ECHO}), write(SCENARIO), write(HOOK)])
ORIGINAL = """name: Old one
description: from before
category: LOGIC
repetitions: 1
concurrency: 2
delayBetweenMs: 0
flowConfig:
  - {id: s1, type: message, config: {content: "Hello {{messageIndex}}"}, next: null}
"""


def files(*named: tuple[str, str]):
    return [("files", (name, text.encode(), "application/yaml")) for name, text in named]


async def taken(client, **request):
    answer = await client.post("/import", **request)
    assert answer.status_code == 200, answer.text
    return [(each["file"], each["deed"], each["kind"], each["name"]) for each in answer.json()["results"]]


async def test_one_text_may_hold_many_documents(client):
    assert await taken(client, content=ALL, headers=YAML) == [
        ("body#1", "created", "target", "bot"), ("body#2", "created", "scenario", "greeting"),
        ("body#3", "created", "webhook", "ops"),
    ]  # fmt: skip
    assert {deed for _, deed, _, _ in await taken(client, content=ALL, headers=YAML)} == {"unchanged"}


async def test_each_file_succeeds_or_fails_by_itself(client):
    answer = await client.post(
        "/import",
        files=files(
            ("a.yaml", write(SCENARIO)), ("b.yaml", "name: b\nsteps:\n- mesage: x\n"), ("dir/bot.yaml", "connector: echo\n"),
            ("c.yaml", "nonsense: 1\n"), ("d.yaml", "kind: batch\nname: d\n"), ("e.yaml", "- 1\n"),
        ),
    )  # fmt: skip
    results = answer.json()["results"]
    assert [each["deed"] for each in results] == ["created", "failed", "created", "failed", "failed", "failed"]
    assert results[1]["errors"][0] == {"path": "steps.0", "message": results[1]["errors"][0]["message"], "line": 3}
    assert (results[2]["kind"], results[2]["name"]) == ("target", "bot")
    assert [each["errors"][0]["path"] for each in results[3:]] == ["kind", "kind", ""]


async def test_names_that_are_taken_are_revised_on_demand_only(client):
    await client.post("/scenarios", json={"body": SCENARIO})
    changed = write({**SCENARIO, "description": "new"})
    (result,) = (await client.post("/import", content=changed, headers=YAML)).json()["results"]
    assert (result["deed"], result["errors"][0]["path"]) == ("failed", "name")
    assert await taken(client, content=changed, headers=YAML, params={"replace": True}) == [
        ("body", "revised", "scenario", "greeting")
    ]
    assert (await client.get("/scenarios/greeting")).json()["revision"] == 2


async def test_files_of_the_original_are_read_and_their_changes_told(client):
    (result,) = (await client.post("/import", files=files(("old.yaml", ORIGINAL)))).json()["results"]
    assert (result["deed"], result["name"]) == ("created", "Old one")
    assert any("concurrency" in change for change in result["changes"])


async def test_what_goes_out_comes_in_again(client, app):
    await client.post("/import", content=ALL, headers=YAML)
    await client.post("/targets", json={"name": "a/b:c", "body": {"preset": "mock", "url": "http://10.1.2.3/"}})
    await client.post("/targets", json={"name": "a-b-c", "body": ECHO})
    await client.post("/targets/a-b-c/archive")
    confirmed = (await client.get("/targets", params={"search": "a/b"})).json()["items"][0]
    await client.post(f"/targets/{confirmed['id']}/confirm")
    packed = await client.get("/export")
    assert (packed.headers["content-type"], "attachment" in packed.headers["content-disposition"]) == (
        "application/zip",
        True,
    )
    before = {
        kind: {kept.name: kept.body for kept in (await app.documents.list(kind, archived=None)).items}
        for kind in DocumentKind
    }
    for kind in ("targets", "scenarios", "webhooks"):
        for archived in ("false", "true"):
            for item in (await client.get(f"/{kind}?archived={archived}")).json()["items"]:
                await client.delete(f"/{kind}/{item['id']}")
    results = await taken(client, content=packed.content, headers={"content-type": "application/zip"})
    assert {deed for _, deed, _, _ in results} == {"created"}
    del before[DocumentKind.target]["a/b:c"]["confirmed"]  # an operator's word is not for others
    after = {kind: {kept.name: kept.body for kept in (await app.documents.list(kind)).items} for kind in DocumentKind}
    assert after == before
    again = await client.post("/import", files=[("zip", ("all.zip", packed.content, "application/zip"))])
    assert {each["deed"] for each in again.json()["results"]} == {"unchanged"}


async def test_an_export_can_be_of_some(client):
    await client.post("/import", content=ALL, headers=YAML)

    async def names(**params):
        answer = await client.get("/export", params=params)
        assert answer.status_code == 200, answer.text
        return sorted(zipfile.ZipFile(io.BytesIO(answer.content)).namelist())

    assert await names(kind="scenario") == ["scenarios/greeting.yaml"]
    assert await names(ids=["bot", "ops", "bot"]) == ["targets/bot.yaml", "webhooks/ops.yaml"]
    assert (await client.get("/export", params={"ids": "none"})).status_code == 404
    assert (await client.get("/export", params={"kind": "batch"})).status_code == 422
    assert (await client.get("/export?ids=")).status_code == 404


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415),
        ({}, 415),
        ({"content": b"\xff", "headers": YAML}, 422),
        ({"content": b"no zip", "headers": {"content-type": "application/zip"}}, 422),
        ({"content": b"", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400),
        ({"files": [("a", ("a.yaml", b"\xff", "text/plain"))]}, 422),
        ({"data": {"files": "name: a"}, "files": [("b", ("b.yaml", b"", "text/plain"))]}, 422),
        ({"files": [("a", ("a.zip", b"PK", "text/plain"))]}, 422),
        ({"content": b"--b--\r\n", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 422),
    ],
)
async def test_imports_that_cannot_be_read(client, request_, status):
    answer = await client.post("/import", **request_)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text


async def test_who_may_only_look_takes_out_and_puts_nothing_in(client, viewer):
    assert (await viewer.get("/export")).status_code == 200
    assert (await viewer.post("/import", content=ALL, headers=YAML)).status_code == 403
    assert (await client.get("/export")).status_code == 401


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(TEXT, min_size=1, max_size=4), about=TEXT, number=st.integers(0, 2**40))
async def test_any_text_survives_the_way_out_and_in(app, said, about, number):
    steps = [{"message": "{% raw %}" + text.replace("{%", "").replace("%}", "") + "{% endraw %}"} for text in said]
    body = {**SCENARIO, "steps": steps, "description": about, "seed": number, "vars": {"x": said}}
    made = await app.documents.check(DocumentKind.scenario, body)
    kept = await app.documents.create(DocumentKind.scenario, body, "ada")
    back = await app.documents.check(DocumentKind.scenario, to_yaml(kept))
    assert back.body == kept.body == made.body == body
    await app.documents.delete(DocumentKind.scenario, kept.id, "ada")

"""Pages about scenarios over HTTP: filtered, ordered, chosen, taken in and given out, tried, restored; without any script."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

import httpx2
import pytest

from krawall.model.account import Role
from krawall.model.kept import DocumentKind

KIND = DocumentKind.scenario
GOOD = "name: Taken in\nsteps: [Hello, {loop: 2, steps: [Again]}]\n"
BAD = "name: Broken\nsteps:\n  - mesage: Hello\n"


@pytest.fixture
def client(pages) -> Iterator[httpx2.Client]:
    with httpx2.Client(
        base_url=pages.url, headers={"Accept": "text/html,*/*"}, follow_redirects=False, timeout=60
    ) as made:
        yield made


def make(pages, name: str, **more):
    body = {"name": name, "steps": [{"message": "Hello"}], **more}
    return pages.do(lambda app: app.documents.create(KIND, body, "ada"))


@pytest.fixture(scope="module")
def shelf(pages) -> dict[str, str]:
    """Three scenarios: name -> id."""
    loops = [{"loop": 3, "steps": ["One", {"if": "turn > 1", "then": ["Two"]}]}]
    made = [
        make(pages, "Alpha", category="stress"),
        make(pages, "Beta", category="logic", steps=loops),
        make(pages, "Gamma", category="stress"),
    ]
    return {kept.name: kept.id for kept in made}  # fmt: skip


def names(page: httpx2.Response) -> list[str]:
    return [
        part.partition("<")[0] for part in page.text.split('class="rowlink"')[1:] for part in [part.partition(">")[2]]
    ]


def test_the_list_is_filtered_and_ordered_by_its_address(client, shelf):
    assert names(client.get("/scenarios")) == ["Alpha", "Beta", "Gamma"]
    assert names(client.get("/scenarios?category=stress")) == ["Alpha", "Gamma"]
    assert names(client.get("/scenarios?q=bet")) == ["Beta"]
    assert names(client.get("/scenarios?sort=-steps"))[0] == "Beta"
    assert names(client.get("/scenarios?sort=-name")) == ["Gamma", "Beta", "Alpha"]
    assert names(client.get("/scenarios?sort=nonsense&page=x&show=all")) == ["Alpha", "Beta", "Gamma"]
    assert "No scenario fits these filters" in client.get("/scenarios?q=zzz").text
    assert "about 4.5, at most 6" in client.get("/scenarios").text


def test_archived_ones_are_shown_apart_and_come_back(client, shelf):
    put_away = client.post(f"/scenarios/{shelf['Gamma']}/archive")
    assert (put_away.status_code, put_away.headers["location"]) == (303, "/scenarios")
    assert names(client.get("/scenarios")) == ["Alpha", "Beta"]
    assert names(client.get("/scenarios?show=archived")) == ["Gamma"]
    client.post(f"/scenarios/{shelf['Gamma']}/unarchive")
    assert "No scenario was put away" in client.get("/scenarios?show=archived").text


def test_a_copy_has_the_name_that_was_typed(client, shelf):
    taken = client.post(f"/scenarios/{shelf['Alpha']}/duplicate", data={"name": "Beta"})
    assert taken.status_code == 422
    assert 'value="Beta"' in taken.text
    assert 'id="f-name-error"' in taken.text
    assert client.post(f"/scenarios/{shelf['Alpha']}/duplicate", data={"name": " "}).status_code == 422
    made = client.post(f"/scenarios/{shelf['Alpha']}/duplicate", data={"name": "Alpha & more"})
    assert made.status_code == 303
    gone = client.post(f"{made.headers['location']}/delete")
    assert gone.headers["location"] == "/scenarios"
    assert client.get(made.headers["location"]).status_code == 404


def test_every_template_has_a_page_with_what_it_says(client, pages):
    for info in pages.app.scenarios.templates():
        page = client.get(f"/scenarios/templates/{info.name}")
        assert page.status_code == 200, info.name
        assert "Conversation 1" in page.text
        assert "Use template" in page.text
    assert client.get("/scenarios/templates/nothing").status_code == 404


def test_one_scenario_is_a_file_and_many_are_an_archive(client, shelf):
    file = client.get(f"/scenarios/{shelf['Beta']}/export")
    assert "attachment" in file.headers["content-disposition"]
    assert file.text.startswith("name: Beta")
    packed = client.get(f"/api/v1/export?kind=scenario&ids={shelf['Alpha']}&ids={shelf['Beta']}")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as held:
        assert sorted(held.namelist()) == ["scenarios/Alpha.yaml", "scenarios/Beta.yaml"]


def test_files_are_taken_in_whole_or_not_at_all(client, pages):
    def send(replace: str = "", text: str = "", files=(("a.yaml", GOOD), ("b.yaml", BAD))):
        parts = [("files", (name, body.encode(), "application/yaml")) for name, body in files]
        return client.post("/scenarios/import", data={"text": text, "replace": replace}, files=parts)

    first = send(text="name: Pasted\nsteps: [Hi]\n---\nname: Also pasted\nsteps: [Ho]\n")
    assert first.status_code == 422
    assert "4 documents: 3 made, 1 not taken in" in first.text
    assert "Line 3" in first.text
    assert pages.do(lambda app: app.documents.find(KIND, "Broken")) is None
    assert pages.do(lambda app: app.documents.find(KIND, "Also pasted")) is not None
    changed = GOOD.replace("Again", "Once more")
    refused = send(files=[("a.yaml", changed)])
    assert "1 not taken in" in refused.text
    assert "already" in refused.text
    assert "1 new revision" in send("yes", files=[("a.yaml", changed)]).text
    assert "1 unchanged" in send(files=[("a.yaml", changed)]).text


def test_what_cannot_be_read_is_named(client):
    empty = client.post("/scenarios/import", data={"text": ""})
    assert empty.status_code == 422
    assert "There is nothing to take in" in empty.text
    broken = client.post(
        "/scenarios/import", data={"text": ""}, files=[("files", ("x.zip", b"no zip", "application/zip"))]
    )
    assert "is not a zip that can be read" in broken.text
    typed = client.post("/scenarios/import", data={"text": "steps: ["})
    assert "steps: [</textarea>" in typed.text


def test_a_zip_of_an_export_is_taken_in_again(client, shelf):
    packed = client.get(f"/api/v1/export?kind=scenario&ids={shelf['Alpha']}").content
    again = client.post("/scenarios/import", files=[("files", ("all.zip", packed, "application/zip"))])
    assert "1 document: 1 unchanged" in again.text


def test_an_old_revision_comes_back_as_the_newest(client, pages, shelf):
    id = shelf["Alpha"]
    for text in ("Good day", "Good night"):
        pages.do(
            lambda app, text=text: app.documents.revise(KIND, id, {"name": "Alpha", "steps": [text]}, "bob", etag=None)
        )
    page = client.get(f"/scenarios/{id}?tab=revisions")
    assert "Good night" in page.text
    first = client.get(f"/scenarios/{id}?tab=revisions&a=1&b=2").text
    assert "Good day" in first
    assert "Good night" not in first
    stale = client.post(f"/scenarios/{id}/revisions/1/restore", data={"etag": "old"})
    assert stale.status_code == 412
    back = client.post(f"/scenarios/{id}/revisions/1/restore", data={"etag": ""})
    assert back.headers["location"] == f"/scenarios/{id}?tab=revisions"
    newest = pages.do(lambda app: app.documents.get(KIND, id))
    assert newest.revision == 4
    assert newest.body["steps"] == [{"message": "Hello"}]


def test_the_preview_says_what_will_be_said(client, pages, shelf):
    page = client.get(f"/scenarios/{shelf['Beta']}?tab=preview&n=2&seed=7")
    assert "Conversation 2" in page.text
    assert "Nothing was sent" in page.text
    wrong = client.get(f"/scenarios/{shelf['Beta']}?tab=preview&seed=many")
    assert 'id="f-seed-error"' in wrong.text
    assert 'value="many"' in wrong.text
    gone = client.get(f"/scenarios/{shelf['Beta']}?tab=preview&target=tgt_gone")
    assert "There is nothing to preview yet" in gone.text


def test_one_conversation_is_really_played(client, shelf):
    page = client.post(f"/scenarios/{shelf['Beta']}/try", data={"persona": "echo"})
    assert page.status_code == 200
    assert "It came to its end" in page.text
    assert page.text.count('class="says target"') == 5
    assert "First token" in page.text


def test_a_form_with_files_needs_its_token_too(pages):
    """Once there is an account everybody has to log in, so this is the last test of the file."""

    async def make_ada(app) -> None:
        await app.accounts.create_user("ada", "correct horse battery", Role.admin, "test")

    pages.do(make_ada)
    with httpx2.Client(base_url=pages.url, headers={"Accept": "text/html,*/*"}) as client:
        client.post("/login", data={"name": "ada", "password": "correct horse battery"})
        token = re.search(r'name="csrf" value="([^"]+)"', client.get("/scenarios/import").text)
        assert token
        files = [("files", ("a.yaml", b"name: With a token\nsteps: [Hi]\n" + b"# long\n" * 20_000, "application/yaml"))]
        for given, status in ((token[1], 200), ("guessed", 403)):
            sent = client.post("/scenarios/import", data={"csrf": given, "text": ""}, files=files)
            assert sent.status_code == status, sent.text[:2000]
        assert client.post("/scenarios/import", files=files).status_code == 403

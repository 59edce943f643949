"""Pages over HTTP, without a browser: headers, files, errors, logins, and what a foreign page may not do."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest

from krawall.model.account import Role
from krawall.web.assets import PREFIX

PATHS = ("/", "/targets", "/targets/new", "/scenarios", "/sessions", "/gallery", "/login", "/nothing")


@pytest.fixture
def client(pages) -> Iterator[httpx2.Client]:
    """A browser's manners, without following where it is sent."""
    with httpx2.Client(base_url=pages.url, headers={"Accept": "text/html,*/*"}, follow_redirects=False) as made:
        yield made


@pytest.mark.parametrize("path", PATHS)
def test_no_page_names_another_host_or_needs_inline_code(client, path):
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.status_code == 303 or answer.headers["content-encoding"] == "gzip"
    named = re.findall(r"""(?:src|href|action|hx-get|hx-post)="([^"]*)\"""", answer.text)
    assert [each for each in named if not each.startswith(("/", "#"))] == []
    assert not re.search(r"""\s(?:style|on\w+)=""", answer.text)


@pytest.mark.parametrize("path", PATHS[:-1])
def test_what_a_page_loads_is_there_for_ever(client, path):
    for url in set(re.findall(rf'"({PREFIX}[^"#]+)', client.get(path).text)):
        answer = client.get(url)
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True), url
        assert client.get(url, headers={"Accept-Encoding": "identity"}).content == answer.content


def test_a_cold_load_stays_within_its_budget(client):
    page = client.get("/", headers={"Accept-Encoding": "gzip"})
    urls = set(re.findall(rf'"({PREFIX}[^"#]+)', page.text))
    sizes = {url: int(client.get(url, headers={"Accept-Encoding": "gzip"}).headers["content-length"]) for url in urls}
    whole = int(page.headers["content-length"]) + sum(sizes.values())
    assert whole < 90_000, sorted(sizes.items(), key=lambda pair: -pair[1])


def test_an_error_is_a_page_for_people_a_document_for_programs_and_a_toast_for_scripts(client):
    page = client.get("/targets/tgt_nothing")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["x-request-id"] in page.text
    program = client.get("/targets/tgt_nothing", headers={"Accept": "application/json"})
    assert program.json()["code"] == "not_found"
    script = client.get("/targets/tgt_nothing", headers={"HX-Request": "true"})
    assert (script.headers["hx-reswap"], script.json()["status"]) == ("none", 404)
    assert client.get("/api/v1/nothing").headers["content-type"] == "application/problem+json"
    assert client.request("DELETE", "/targets").status_code == 405


def test_forms_work_without_scripts_and_say_what_was_done(client):
    wrong = client.post("/targets/new", data={"preset": "mock", "name": ""})
    assert wrong.status_code == 422
    made = client.post(
        "/targets/new",
        data={"preset": "mock", "name": "Plain <form>", "url": "http://127.0.0.1:8010/v1/chat/completions"},
    )
    assert made.status_code == 303
    shown = client.get(made.headers["location"])
    assert "Saved Plain &lt;form&gt;" in shown.text
    assert "krawall_told" in shown.headers["set-cookie"]
    assert client.post(f"{made.headers['location']}/delete", data={}).headers["location"] == "/targets"


def test_a_page_of_another_site_changes_nothing(client):
    for headers in ({"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/targets/new", data={"name": "x", "preset": "mock"}, headers=headers).status_code == 403
    assert client.get("/", headers={"Host": "evil.test"}).status_code == 403


def test_every_change_a_page_makes_can_be_made_by_the_api(pages):
    """A page's route bears the name of what it does; the API has an operation for each."""
    twins = {
        "web_create_target": "create_target", "web_revise_target": "revise_target", "web_target_deed": "archive_target",
        "web_duplicate_target": "duplicate_target", "web_revert_target": "revise_target",
        "web_preview_target": "preview_target", "web_change_preset": "preview_target", "web_pick_path": "preview_target", "web_test_draft": "test_target_draft", "web_detect_target": "detect_target",
        "web_test_target": "test_target", "web_session_deed": "pause_session", "web_adjust_session": "adjust_session",
        "web_start_session": "start_session",
        "web_duplicate_scenario": "duplicate_scenario", "web_archive_scenario": "archive_scenario", "web_unarchive_scenario": "restore_scenario",
        "web_delete_scenario": "delete_scenario", "web_restore_revision": "revise_scenario", "web_do_import": "import_documents", "web_try_scenario": "try_scenario",
        "web_estimate_session": "preview_scenario", "web_begin_scenario": "create_scenario", "web_scenario_deed": "revise_scenario", "web_log_in": "log_in", "web_log_out": "log_out",
    }  # fmt: skip
    from krawall.api.app import make_api
    from krawall.web.pages import ROUTERS

    operations = {route.name for route in make_api(pages.app).state.routes}
    changing = {route.name for router in ROUTERS for route in router.routes if "POST" in route.methods} - {
        "web_gallery_form"
    }
    assert changing == twins.keys()
    assert set(twins.values()) <= operations


class TestWithAccounts:
    """Once there is an account, everybody has to log in. The last tests of this file: there is no way back."""

    @pytest.fixture(autouse=True)
    def ada(self, pages) -> None:
        async def make(app) -> None:
            if not await app.accounts.exist():
                await app.accounts.create_user("ada", "correct horse battery", Role.admin, "test")
                await app.accounts.create_user("vera", "correct horse battery", Role.viewer, "test")

        pages.do(make)

    def log_in(self, client: httpx2.Client, name: str = "ada", **more: str) -> httpx2.Response:
        return client.post("/login", data={"name": name, "password": "correct horse battery", **more})

    def test_a_stranger_is_sent_to_log_in_and_then_to_where_he_wanted(self, client):
        sent = client.get("/targets")
        assert (sent.status_code, sent.headers["location"]) == (303, "/login?to=/targets")
        script = client.post("/targets/new", data={}, headers={"HX-Request": "true"})
        assert (script.status_code, script.headers["hx-redirect"]) == (204, "/login")
        assert self.log_in(client, to="/targets").headers["location"] == "/targets"
        assert client.get("/targets").status_code == 200
        assert "ada" in client.get("/").text

    def test_nobody_is_sent_elsewhere(self, client):
        assert self.log_in(client, to="https://evil.test").headers["location"] == "/"

    def test_a_wrong_password_is_said_in_the_form(self, client):
        answer = client.post("/login", data={"name": "ada", "password": "wrong"})
        assert answer.status_code == 422
        assert "the password is wrong" in answer.text
        assert 'value="ada"' in answer.text

    def test_a_form_needs_the_token_that_it_was_given(self, client):
        self.log_in(client)
        form = client.get("/targets/new?preset=mock").text
        token = re.search(r'name="csrf" value="([^"]+)"', form)
        assert token
        assert client.post("/targets/new", data={"name": "x", "preset": "mock"}).status_code == 403
        assert client.post("/targets/new", data={"name": "x", "preset": "mock", "csrf": "guessed"}).status_code == 403
        assert (
            client.post(
                "/targets/new", data={"name": "x", "preset": "mock", "url": "http://127.0.0.1:8010/x", "csrf": token[1]}
            ).status_code
            == 303
        )

    def test_who_may_only_look_is_not_offered_more(self, client):
        self.log_in(client, "vera")
        assert "New target" not in client.get("/targets").text.partition("<main")[2].partition("</main")[0]
        refused = client.get("/targets/new")
        assert refused.status_code == 403
        assert "You may not do that" in refused.text

    def test_logging_out_ends_it(self, client):
        self.log_in(client)
        token = re.search(r'name="csrf" value="([^"]+)"', client.get("/targets/new?preset=mock").text)
        assert token
        gone = client.post("/logout", data={"csrf": token[1]})
        assert gone.headers["location"] == "/login"
        assert client.get("/targets").status_code == 303

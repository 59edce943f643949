"""Who may call what over HTTP: local mode, logins, tokens, and what a foreign page cannot make a browser do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request

from krawall.api import accounts as routes
from krawall.api import errors
from krawall.api.auth import Access, Admin, Reader, Runner, caller_of, csrf_of
from krawall.model.account import Role, Scope
from krawall.services.accounts import Accounts

PASSWORD = "correct horse battery"
HERE = "http://127.0.0.1:8600"


def make(accounts: Accounts, *, host: str = "127.0.0.1", public_url: str = "") -> FastAPI:
    api = FastAPI()
    api.state.krawall = SimpleNamespace(accounts=accounts)
    api.include_router(routes.router)
    errors.install(api)
    api.add_middleware(Access, host=host, public_url=public_url)
    api.add_middleware(errors.Boundary)

    @api.get("/open")
    async def open_to_all(request: Request) -> dict[str, Any]:
        caller = caller_of(request)
        return {"name": caller.name if caller else None, "csrf": csrf_of(request)}

    @api.get("/read")
    async def read(caller: Reader) -> str:
        return caller.name

    @api.post("/run")
    async def run(caller: Runner) -> str:
        return caller.name

    @api.delete("/admin")
    async def admin(caller: Admin) -> str:
        return caller.name

    return api


def browser(api: FastAPI, base: str = HERE, **headers: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=api, client=("192.0.2.7", 1234))
    return httpx2.AsyncClient(
        transport=transport, base_url=base, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


async def logged_in(accounts: Accounts, web: httpx2.AsyncClient, name: str = "ann") -> dict[str, str]:
    """Log in and return the headers that unsafe requests need."""
    answer = await web.post("/api/v1/login", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"X-CSRF-Token": answer.json()["csrf"]}


@pytest.fixture
async def ann(accounts: Accounts) -> Accounts:
    await accounts.create_user("ann", PASSWORD, Role.admin, "local")
    return accounts


async def test_local_mode_needs_no_login_and_ends_with_the_first_account(accounts: Accounts) -> None:
    async with browser(make(accounts)) as web:
        assert (await web.get("/api/v1/me")).json() == {
            "name": "local", "user": None, "scopes": ["admin", "read", "run"], "local": True, "csrf": None,
        }  # fmt: skip
        assert (await web.post("/run")).json() == "local"
        assert (await web.delete("/admin")).json() == "local"
        wish = {"name": "ann", "password": PASSWORD, "role": "operator"}
        assert (await web.post("/api/v1/users", json=wish)).status_code == 409
        made = await web.post("/api/v1/users", json=wish | {"role": "admin"})
        assert (made.status_code, made.json()["role"]) == (201, "admin")
        for path in ("/read", "/api/v1/me", "/api/v1/users"):
            assert (await web.get(path)).status_code == 401
        assert (await web.get("/open")).json() == {"name": None, "csrf": ""}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8600", "localhost:8600", "LOCALHOST", "[::1]:8600", "a.localhost", "127.1.2.3"]
)
async def test_local_mode_answers_to_this_machines_names(accounts: Accounts, host: str) -> None:
    async with browser(make(accounts), host=host) as web:
        assert (await web.get("/read")).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test:8600", "192.168.0.2", "0.0.0.0", "[", "", "2130706433"],
)
async def test_local_mode_refuses_names_that_were_pointed_to_it(accounts: Accounts, host: str) -> None:
    async with browser(make(accounts), host=host) as web:
        for path in ("/read", "/open"):
            answer = await web.get(path)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-Host"])
async def test_local_mode_trusts_nobody_behind_a_proxy(accounts: Accounts, header: str) -> None:
    async with browser(make(accounts)) as web:
        assert (await web.get("/read", headers={header: "for=127.0.0.1"})).status_code == 403
        await accounts.create_user("ann", PASSWORD, Role.admin, "local")
        await logged_in(accounts, web)
        assert (await web.get("/read", headers={header: "for=127.0.0.1"})).status_code == 200


FOREIGN = [
    {"Origin": "http://evil.test"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1:3000"},
    {"Origin": "http://localhost:8600"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:8600.evil.test"},
    {"Origin": "http://[", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]
OWN = [
    {},
    {"Origin": "http://127.0.0.1:8600"},
    {"Origin": "http://127.0.0.1:8600", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_foreign_page_changes_nothing_in_any_mode(accounts: Accounts, headers: dict[str, str]) -> None:
    async with browser(make(accounts)) as web:
        assert (await web.post("/run", headers=headers)).status_code == 403
        await accounts.create_user("ann", PASSWORD, Role.admin, "local")
        answer = await web.post("/api/v1/login", headers=headers, json={"name": "ann", "password": PASSWORD})
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        proof = await logged_in(accounts, web)
        assert (await web.post("/run", headers=headers | proof)).status_code == 403
        assert (await web.get("/read", headers=headers)).status_code == 200


@pytest.mark.parametrize("headers", OWN)
async def test_our_own_pages_and_programs_do(accounts: Accounts, headers: dict[str, str]) -> None:
    async with browser(make(accounts)) as web:
        assert (await web.post("/run", headers=headers)).status_code == 200
        await accounts.create_user("ann", PASSWORD, Role.admin, "local")
        proof = await logged_in(accounts, web)
        assert (await web.post("/run", headers=headers | proof)).status_code == 200


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("krawall.example", "https://krawall.example", 200),
        ("krawall.example:443", "https://krawall.example", 200),
        ("inner:8600", "https://krawall.example", 200),
        ("krawall.example", "https://krawall.example:8443", 403),
        ("krawall.example", "https://other.example", 403),
    ],
)
async def test_behind_a_proxy_the_public_address_counts(ann: Accounts, host: str, origin: str, status: int) -> None:
    async with browser(make(ann, public_url="https://krawall.example")) as web:
        made = await ann.login("ann", PASSWORD, "")
        headers = {
            "Cookie": f"krawall_session={made.secret}",
            "X-CSRF-Token": made.csrf,
            "Host": host,
            "Origin": origin,
        }
        assert (await web.post("/run", headers=headers)).status_code == status


@pytest.mark.parametrize("options", [{"host": "0.0.0.0"}, {"public_url": "https://krawall.example"}])
async def test_without_an_account_a_public_server_lets_nobody_in(accounts: Accounts, options: dict[str, str]) -> None:
    async with browser(make(accounts, **options)) as web:
        assert (await web.get("/read")).status_code == 401
        wish = {"name": "ann", "password": PASSWORD, "role": "admin"}
        assert (await web.post("/api/v1/users", json=wish)).status_code == 401


@pytest.mark.parametrize(("base", "public_url", "secure"), [
    (HERE, "", False), ("https://127.0.0.1:8600", "", True), (HERE, "https://krawall.example", True),
])  # fmt: skip
async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    ann: Accounts, base: str, public_url: str, secure: bool
) -> None:
    async with browser(make(ann, public_url=public_url), base) as web:
        answer = await web.post("/api/v1/login", json={"name": "ann", "password": PASSWORD})
        parts = answer.headers["set-cookie"].lower().split("; ")
        assert parts[0].startswith("krawall_session=")
        assert {"httponly", "samesite=lax", "path=/"} <= set(parts)
        assert ("secure" in parts) is secure


async def test_a_login_by_cookie_needs_its_token_for_what_changes_things(ann: Accounts) -> None:
    async with browser(make(ann)) as web:
        proof = await logged_in(ann, web)
        assert (await web.get("/read")).json() == "ann"
        assert (await web.get("/api/v1/me")).json()["csrf"] == proof["X-CSRF-Token"]
        for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "wrong"}):
            answer = await web.post("/run", headers=headers)
            assert (answer.status_code, "X-CSRF-Token" in answer.json()["detail"]) == (403, True)
        assert (await web.post("/run", headers=proof)).json() == "ann"
        other = (await ann.login("ann", PASSWORD, "")).csrf
        assert (await web.post("/run", headers={"X-CSRF-Token": other})).status_code == 403
        assert (await web.post("/api/v1/logout")).status_code == 403
        cookie = web.cookies["krawall_session"]
        ended = await web.post("/api/v1/logout", headers=proof)
        assert (ended.status_code, "krawall_session" in web.cookies) == (204, False)
        assert (await web.get("/read", headers={"Cookie": f"krawall_session={cookie}"})).status_code == 401
        await logged_in(ann, web)  # logging in needs no token, whatever cookie is there


@pytest.mark.parametrize("cookie", ["", "nonsense", "é", "a; krawall_session=b", "=;;="])
async def test_another_cookie_is_nobodys(ann: Accounts, cookie: str) -> None:
    async with browser(make(ann)) as web:
        headers = [(b"cookie", b"krawall_session=" + cookie.encode())]
        assert (await web.get("/read", headers=headers)).status_code == 401


async def test_a_token_needs_no_cookie_and_no_proof(ann: Accounts) -> None:
    caller = (await ann.login("ann", PASSWORD, "")).caller
    made = await ann.create_token(caller, "ci", {Scope.read})
    async with browser(make(ann), authorization=f"Bearer {made.secret}", origin="http://evil.test") as web:
        assert (await web.get("/read")).json() == "token ci"
        refused = await web.post("/run")
        assert (refused.status_code, refused.json()["detail"]) == (403, "token ci does not have the scope 'run'")
        await ann.revoke_token(caller, made.token.id)
        answer = await web.get("/read")
        assert (answer.status_code, answer.json()["detail"]) == (401, "the token is not valid")
        assert (await web.get("/open")).json()["name"] is None


async def test_a_wrong_token_is_not_healed_by_a_cookie(ann: Accounts) -> None:
    async with browser(make(ann)) as web:
        await logged_in(ann, web)
        assert (await web.get("/read", headers={"Authorization": "Bearer krw_x"})).status_code == 401
        assert (await web.get("/read", headers={"Authorization": "Basic eDp5"})).status_code == 200


@pytest.mark.parametrize(("role", "statuses"), [("viewer", [200, 403, 403]), ("operator", [200, 200, 403])])
async def test_roles_decide(ann: Accounts, role: str, statuses: list[int]) -> None:
    await ann.create_user("bob", PASSWORD, Role(role), "ann")
    async with browser(make(ann)) as web:
        proof = await logged_in(ann, web, "bob")
        answers = [
            await web.get("/read"),
            await web.post("/run", headers=proof),
            await web.delete("/admin", headers=proof),
        ]
        assert [answer.status_code for answer in answers] == statuses
        assert (await web.get("/api/v1/users")).status_code == 403
        assert (await web.get("/api/v1/tokens?all=true")).status_code == 403


async def test_users_are_looked_after_over_the_api(ann: Accounts) -> None:
    async with browser(make(ann)) as web, browser(make(ann)) as bobs:
        proof = await logged_in(ann, web)
        made = await web.post("/api/v1/users", headers=proof, json={"name": "bob", "password": PASSWORD})
        bob = made.json()
        assert (made.status_code, bob["role"], "password" in made.text) == (201, "operator", False)
        assert [user["name"] for user in (await web.get("/api/v1/users")).json()["items"]] == ["ann", "bob"]
        await logged_in(ann, bobs, "bob")
        off = await web.patch(f"/api/v1/users/{bob['id']}", headers=proof, json={"disabled": True})
        assert (off.status_code, off.json()["disabled"]) == (200, True)
        assert (await bobs.get("/read")).status_code == 401
        on = await web.patch(f"/api/v1/users/{bob['id']}", headers=proof, json={"disabled": False, "role": "viewer"})
        assert (on.json()["disabled"], on.json()["role"]) == (False, "viewer")
        assert (await web.get("/api/v1/users/bob")).json() == (await web.get(f"/api/v1/users/{bob['id']}")).json()
        for wrong in ({"role": "king"}, {"name": "x"}, {"password": "short"}):
            assert (await web.patch(f"/api/v1/users/{bob['id']}", headers=proof, json=wrong)).status_code == 422
        assert (await web.delete(f"/api/v1/users/{bob['id']}", headers=proof)).status_code == 204
        assert (await web.get(f"/api/v1/users/{bob['id']}")).status_code == 404
        myself = (await web.get("/api/v1/me")).json()["user"]
        assert (await web.delete(f"/api/v1/users/{myself}", headers=proof)).status_code == 409


async def test_a_token_is_made_shown_once_listed_and_revoked(ann: Accounts) -> None:
    async with browser(make(ann)) as web:
        proof = await logged_in(ann, web)
        wish = {"name": "ci", "scopes": ["read", "run"], "expires_at": "2100-01-01T00:00:00Z"}
        made = await web.post("/api/v1/tokens", headers=proof, json=wish)
        secret, token = made.json()["secret"], made.json()["token"]
        assert (made.status_code, token["scopes"], token["expires_at"]) == (
            201,
            ["read", "run"],
            "2100-01-01T00:00:00Z",
        )
        listed = await web.get("/api/v1/tokens")
        assert [each["id"] for each in listed.json()["items"]] == [token["id"]]
        assert secret not in listed.text
        async with browser(make(ann), authorization=f"Bearer {secret}") as program:
            assert (await program.post("/run")).json() == "token ci"
            assert (
                await program.post("/api/v1/me/password", json={"old": PASSWORD, "new": "x" * 20})
            ).status_code == 403
            assert (await program.post("/api/v1/logout")).status_code == 204
        assert (await web.delete(f"/api/v1/tokens/{token['id']}", headers=proof)).status_code == 204
        assert (await web.delete(f"/api/v1/tokens/{token['id']}", headers=proof)).status_code == 404


async def test_ones_own_password_is_changed_with_the_old_one(ann: Accounts) -> None:
    async with browser(make(ann)) as web:
        proof = await logged_in(ann, web)
        new = "another long password"
        wrong = await web.post("/api/v1/me/password", headers=proof, json={"old": new, "new": new})
        assert wrong.status_code == 401
        right = await web.post("/api/v1/me/password", headers=proof, json={"old": PASSWORD, "new": new})
        assert right.status_code == 204
        assert (await web.get("/read")).status_code == 200
        again = await web.post("/api/v1/login", json={"name": "ann", "password": new})
        assert again.status_code == 200


async def test_guessing_is_answered_with_when_to_come_again(ann: Accounts) -> None:
    async with browser(make(ann)) as web:
        guess = {"name": "ann", "password": "not the password"}
        statuses = [(await web.post("/api/v1/login", json=guess)).status_code for _ in range(5)]
        locked = await web.post("/api/v1/login", json=guess)
        assert (statuses, locked.status_code, locked.headers["retry-after"]) == ([401] * 5, 429, "15")

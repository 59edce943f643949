"""Users, logins and tokens over a real database."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from sqlalchemy import select

from krawall.errors import Conflict, DocumentError, Forbidden, NotFound, TooMany, Unauthorized
from krawall.model.account import LOCAL, Caller, Role, Scope
from krawall.model.event import AccountChanged
from krawall.services.accounts import LOGIN_MOST_S, Accounts, is_loopback, needs_account
from krawall.store.store import Store
from krawall.store.tables import metadata

PASSWORD = "correct horse battery"
OTHER = "staple the next one"


async def admin(accounts: Accounts, name: str = "ann") -> Caller:
    await accounts.create_user(name, PASSWORD, Role.admin, "local")
    return (await accounts.login(name, PASSWORD, "192.0.2.1")).caller


async def deeds(store: Store) -> list[tuple[str, str, str]]:
    bodies = [(event.actor, event.body) for event in await store.events.after()]
    return [(actor, body.name, body.deed) for actor, body in bodies if isinstance(body, AccountChanged)]


async def test_a_login_knows_its_user_until_it_is_ended(accounts: Accounts, store: Store) -> None:
    assert not await accounts.exist()
    await accounts.create_user("Ann", PASSWORD, Role.admin, "local")
    assert await accounts.exist()
    made = await accounts.login("ann", PASSWORD, "192.0.2.1")
    known = await accounts.caller_of_cookie(made.secret)
    assert known is not None
    assert (known.caller, known.csrf) == (made.caller, made.csrf)
    assert (known.caller.name, known.caller.scopes) == ("Ann", frozenset(Scope))
    await accounts.logout(known.caller)
    assert await accounts.caller_of_cookie(made.secret) is None
    assert await accounts.caller_of_cookie("") is None
    await accounts.logout(known.caller)
    assert await deeds(store) == [("local", "Ann", "created"), ("Ann", "Ann", "login"), ("Ann", "Ann", "logout")]


async def test_no_secret_is_kept(accounts: Accounts, store: Store, tmp_path: Any) -> None:
    await admin(accounts)
    made = await accounts.login("ann", PASSWORD, "192.0.2.1")
    token = await accounts.create_token(made.caller, "ci", {Scope.read})
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())  # SQLite, with its journal
    async with store.database.read() as tx:
        rows = [await tx.all(select(table)) for table in metadata.sorted_tables]
    kept += repr(rows).encode()
    for secret in (PASSWORD, made.secret, token.secret):
        assert secret.encode() not in kept
    assert hashlib.sha256(token.secret.encode()).hexdigest().encode() in kept


@pytest.mark.parametrize(("name", "password"), [("ann", OTHER), ("nobody", PASSWORD), ("off", PASSWORD), ("", "")])
async def test_every_wrong_login_says_the_same(accounts: Accounts, name: str, password: str) -> None:
    await admin(accounts)
    await accounts.create_user("off", PASSWORD, Role.viewer, "ann")
    await accounts.change_user("off", "ann", disabled=True)
    with pytest.raises(Unauthorized) as wrong:
        await accounts.login(name, password, "192.0.2.1")
    assert wrong.value.message == "the name or the password is wrong"


async def test_names_that_nobody_has_lock_like_those_of_users(accounts: Accounts, store: Store, now: Any) -> None:
    await admin(accounts)
    seen: dict[str, list[float]] = {"ann": [], "nobody": []}
    for _ in range(8):
        for name, waits in seen.items():
            try:
                await accounts.login(name, OTHER, f"198.51.100.{len(waits)}")
            except Unauthorized:
                waits.append(0)
            except TooMany as error:
                waits.append(error.retry_after_s)
        now.later(max(waits[-1] for waits in seen.values()) + 0.001)
    assert seen["ann"] == seen["nobody"]
    assert seen["ann"] == [0, 0, 0, 0, 0, pytest.approx(14.999, abs=0.01), 0, pytest.approx(29.999, abs=0.01)]
    told = await deeds(store)
    assert ("system", "ann", "locked") in told
    assert ("system", "(unknown)", "refused") in told
    assert not [deed for deed in told if "nobody" in deed]


async def test_a_locked_account_does_not_look_at_the_password_and_opens_by_time(accounts: Accounts, now: Any) -> None:
    await admin(accounts)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            await accounts.login("ann", OTHER, "192.0.2.1")
    with pytest.raises(TooMany) as locked:
        await accounts.login("ANN", PASSWORD, "192.0.2.9")
    now.later(locked.value.retry_after_s + 0.001)
    await accounts.login("ann", PASSWORD, "192.0.2.9")
    with pytest.raises(Unauthorized):
        await accounts.login("ann", OTHER, "192.0.2.9")  # the count began anew


async def test_of_many_guesses_at_once_those_behind_the_lock_do_not_count(accounts: Accounts) -> None:
    await admin(accounts)
    guesses = [f"guess number {number}" for number in range(20)] + [PASSWORD]
    done = await asyncio.gather(
        *(accounts.login("ann", guess, "192.0.2.1") for guess in guesses), return_exceptions=True
    )
    assert [type(each) for each in done] == [Unauthorized] * 5 + [TooMany] * 16


async def test_an_address_that_tries_many_names_waits(accounts: Accounts, now: Any) -> None:
    await admin(accounts)
    for number in range(31):
        with pytest.raises(Unauthorized):
            await accounts.login(f"name{number}", OTHER, "2001:db8::1")
    with pytest.raises(TooMany):
        await accounts.login("ann", PASSWORD, "2001:db8::2")
    await accounts.login("ann", PASSWORD, "2001:db8:0:1::1")
    now.later(1.001)
    await accounts.login("ann", PASSWORD, "2001:db8::2")


async def test_a_login_lasts_while_it_is_used_and_a_week_at_most(accounts: Accounts, store: Store, now: Any) -> None:
    await admin(accounts)
    made = await accounts.login("ann", PASSWORD, "")
    before = await store.logins.by_hash(hashlib.sha256(made.secret.encode()).hexdigest())
    now.later(6 * 3600)
    await accounts.caller_of_cookie(made.secret)
    used = await store.logins.by_hash(hashlib.sha256(made.secret.encode()).hexdigest())
    now.later(LOGIN_MOST_S)
    await accounts.caller_of_cookie(made.secret)
    late = await store.logins.by_hash(hashlib.sha256(made.secret.encode()).hexdigest())
    assert before is not None
    assert used is not None
    assert late is not None
    assert used.expires_ns == before.expires_ns + 6 * 3600 * 10**9
    assert late.expires_ns == before.created_ns + LOGIN_MOST_S * 10**9


async def test_a_new_password_ends_other_logins(accounts: Accounts) -> None:
    await admin(accounts)
    here, there = [await accounts.login("ann", PASSWORD, "") for _ in range(2)]
    with pytest.raises(Unauthorized):
        await accounts.change_password(here.caller, OTHER, OTHER, "")
    await accounts.change_password(here.caller, PASSWORD, OTHER, "")
    assert await accounts.caller_of_cookie(here.secret) is not None
    assert await accounts.caller_of_cookie(there.secret) is None
    await accounts.change_user("ann", "ann", password=PASSWORD)
    assert await accounts.caller_of_cookie(here.secret) is None
    await accounts.login("ann", PASSWORD, "")


async def test_the_last_admin_stays_one(accounts: Accounts) -> None:
    with pytest.raises(Conflict, match="first user"):
        await accounts.create_user("bob", PASSWORD, Role.operator, "local")
    ann = await admin(accounts)
    bob = await accounts.create_user("bob", PASSWORD, Role.admin, "ann")
    await accounts.change_user(bob.id, "ann", disabled=True)
    for attempt in (
        accounts.delete_user(ann.user, "ann"),
        accounts.change_user(ann.user, "ann", role=Role.viewer),
        accounts.change_user(ann.user, "ann", disabled=True),
    ):
        with pytest.raises(Conflict, match="only admin"):
            await attempt
    await accounts.change_user(bob.id, "ann", disabled=False)
    done = await asyncio.gather(
        accounts.change_user(ann.user, "ann", role=Role.viewer),
        accounts.delete_user(bob.id, "ann"),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in done) in (["Conflict", "User"], ["Conflict", "NoneType"])


@pytest.mark.parametrize("name", ["", " ", "a b", "token x", "System", "local", "_a", "usr_x", "a" * 101, "a\n"])
async def test_names_that_cannot_be_told_from_others_are_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(DocumentError, match="name"):
        await accounts.create_user(name, PASSWORD, Role.admin, "local")


@pytest.mark.parametrize("name", ["Ann", "ANN"])
async def test_names_are_taken_whatever_their_case(accounts: Accounts, name: str) -> None:
    await admin(accounts)
    with pytest.raises(Conflict):
        await accounts.create_user(name, PASSWORD, Role.viewer, "ann")


async def test_a_token_may_do_what_its_scopes_and_its_users_role_now_both_say(accounts: Accounts, store: Store) -> None:
    ann = await admin(accounts)
    await accounts.create_user("bob", PASSWORD, Role.operator, "ann")
    bob = (await accounts.login("bob", PASSWORD, "")).caller
    made = await accounts.create_token(bob, "ci", {Scope.read, Scope.run})
    assert made.secret.startswith(made.token.prefix)
    assert len(made.token.prefix) == 10
    caller = await accounts.caller_of_token(made.secret)
    assert caller == Caller("token ci", frozenset({Scope.read, Scope.run}), bob.user)
    assert (await accounts.tokens(bob.user))[0].used_ns is not None
    await accounts.change_user(bob.user, "ann", role=Role.viewer)
    assert (await accounts.caller_of_token(made.secret) or ann).scopes == {Scope.read}
    await accounts.change_user(bob.user, "ann", disabled=True)
    assert await accounts.caller_of_token(made.secret) is None
    await accounts.change_user(bob.user, "ann", disabled=False, role=Role.admin)
    assert (await accounts.caller_of_token(made.secret) or ann).scopes == {Scope.read, Scope.run}
    await accounts.delete_user(bob.user, "ann")
    assert await accounts.caller_of_token(made.secret) is None
    assert ("bob", "token ci", "created") in await deeds(store)


@pytest.mark.parametrize(
    "secret", ["", "krw_", "krw_" + "x" * 43, "nonsense", "krw_" + "x" * 42 + "é", "krw_" + "x" * 44]
)
async def test_what_is_no_token_is_nobodys(accounts: Accounts, secret: str) -> None:
    assert await accounts.caller_of_token(secret) is None


async def test_a_token_ends_at_its_time(accounts: Accounts, store: Store, now: Any) -> None:
    ann = await admin(accounts)
    with pytest.raises(DocumentError, match="over already"):
        await accounts.create_token(ann, "old", {Scope.read}, now.ns)
    await store.tokens.create(
        ann.user, "past", hashlib.sha256(b"krw_" + b"y" * 43).hexdigest(), "krw_", {Scope.read}, 1
    )
    assert await accounts.caller_of_token("krw_" + "y" * 43) is None


async def test_nobody_makes_a_token_that_may_do_more(accounts: Accounts) -> None:
    ann = await admin(accounts)
    await accounts.create_user("bob", PASSWORD, Role.viewer, "ann")
    bob = (await accounts.login("bob", PASSWORD, "")).caller
    with pytest.raises(Forbidden, match="run"):
        await accounts.create_token(bob, "ci", {Scope.run})
    token = await accounts.create_token(bob, "ci", {Scope.read})
    by_token = await accounts.caller_of_token(token.secret)
    assert by_token is not None
    with pytest.raises(Forbidden, match="a token makes tokens"):
        await accounts.create_token(by_token, "more", {Scope.read})
    with pytest.raises(Conflict, match="local mode"):
        await accounts.create_token(LOCAL, "ci", {Scope.read})
    for name, scopes in (("", {Scope.read}), ("a\nb", {Scope.read}), ("none", set())):
        with pytest.raises(DocumentError):
            await accounts.create_token(ann, name, scopes)


async def test_tokens_are_revoked_by_their_user_or_an_admin(accounts: Accounts) -> None:
    ann = await admin(accounts)
    await accounts.create_user("bob", PASSWORD, Role.operator, "ann")
    bob = (await accounts.login("bob", PASSWORD, "")).caller
    anns = await accounts.create_token(ann, "a", {Scope.read})
    bobs = [await accounts.create_token(bob, name, {Scope.read}) for name in "bc"]
    with pytest.raises(NotFound):
        await accounts.revoke_token(bob, anns.token.id)
    await accounts.revoke_token(bob, bobs[0].token.id)
    await accounts.revoke_token(ann, bobs[1].token.id)
    assert [token.name for token in await accounts.tokens()] == ["a"]
    assert await accounts.caller_of_token(bobs[0].secret) is None


@pytest.mark.parametrize(
    ("host", "public_url", "needed"),
    [
        ("127.0.0.1", "", False),
        ("127.9.9.9", "", False),
        ("::1", "", False),
        ("localhost", "", False),
        ("localhost.", "http://localhost:8600", False),
        ("127.0.0.1", "https://krawall.example", True),
        ("0.0.0.0", "", True),
        ("::", "", True),
        ("", "", True),
        ("192.168.0.2", "", True),
        ("localhost.example", "", True),
        ("2130706433", "", True),
    ],
)
def test_a_server_that_others_can_reach_demands_an_account(host: str, public_url: str, needed: bool) -> None:
    assert needs_account(host, public_url) is needed


def test_only_this_machine_is_loopback() -> None:
    assert [
        name for name in ("[::1]", "127.0.0.1", "a.localhost", "evil.test", "127.0.0.1.evil.test") if is_loopback(name)
    ] == [
        "[::1]",
        "127.0.0.1",
        "a.localhost",
    ]

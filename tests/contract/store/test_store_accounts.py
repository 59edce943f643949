from __future__ import annotations

import asyncio

import msgspec
import pytest

from krawall.clock import wall_ns
from krawall.errors import Conflict, NotFound
from krawall.model.account import Role, Scope
from krawall.model.base import NS_PER_S

FAR = 2**62


@pytest.fixture
async def ann(store):
    return await store.users.create("Ann", "$argon2$ann", Role.admin, "setup")


@pytest.fixture
async def bob(store, ann):
    return await store.users.create("bob", "$argon2$bob", Role.viewer, "Ann")


async def test_a_user_is_found_by_any_case_of_the_name(store, ann):
    assert await store.users.get(ann.id) == ann
    assert await store.users.by_name("aNN") == (ann, "$argon2$ann")
    assert await store.users.by_name("nobody") is None
    with pytest.raises(Conflict, match="'ANN' already"):
        await store.users.create("ANN", "h", Role.viewer, "Ann")
    with pytest.raises(NotFound):
        await store.users.get("usr_none")
    assert await store.users.count() == 1


async def test_a_change_of_an_account_is_told(store, ann, bob):
    changed = await store.users.change(bob.id, "Ann", role=Role.operator, password_hash="$new")
    assert changed == msgspec.structs.replace(bob, role=Role.operator)
    assert await store.users.by_name("bob") == (changed, "$new")
    await store.users.change(bob.id, "Ann", disabled=True)
    await store.users.change(bob.id, "Ann", disabled=True, role=Role.operator)
    await store.users.change(bob.id, "Ann", disabled=False)
    assert [each.name for each in await store.users.list()] == ["Ann", "bob"]
    await store.users.delete(bob.id, "Ann")
    told = [(each.body.name, each.body.deed, each.body.detail, each.actor) for each in await store.events.after()]
    assert told == [
        ("Ann", "created", "admin", "setup"), ("bob", "created", "viewer", "Ann"),
        ("bob", "changed", "role, password", "Ann"), ("bob", "disabled", "disabled", "Ann"),
        ("bob", "changed", "disabled", "Ann"), ("bob", "deleted", "", "Ann"),
    ]  # fmt: skip
    assert "$" not in str(told)


async def test_the_last_admin_stays(store, ann, bob):
    for asked in (
        store.users.change(ann.id, "Ann", role=Role.viewer),
        store.users.change(ann.id, "Ann", disabled=True),
        store.users.delete(ann.id, "Ann"),
    ):
        with pytest.raises(Conflict, match="only admin"):
            await asked
    await store.users.change(bob.id, "Ann", role=Role.admin)
    await store.users.delete(ann.id, "bob")
    with pytest.raises(Conflict, match="only admin"):
        await store.users.delete(bob.id, "bob")


async def test_two_admins_who_delete_each_other_leave_one(store, other, ann):
    cat = await store.users.create("cat", "h", Role.admin, "Ann")
    deleting = [store.users.delete(ann.id, "cat"), other.users.delete(cat.id, "Ann")]
    results = await asyncio.gather(*deleting, return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["Conflict", "NoneType"]
    assert await store.users.count() == 1


async def test_wrong_passwords_lock_an_account_longer_and_longer(store, other, ann):
    now = 1000 * NS_PER_S
    until = [await store.users.failed("ann", now) for _ in range(12)]
    assert until[:4] == [0, 0, 0, 0]
    assert [(each - now) // NS_PER_S for each in until[4:]] == [15, 30, 60, 120, 240, 480, 900, 900]
    assert await store.users.locked_until("ANN") == until[-1]
    await store.users.succeeded("ann")
    assert await store.users.locked_until("ann") == 0
    assert (await store.users.get(ann.id)).seen_ns > 0
    assert await store.users.failed("nobody", now) == await store.users.locked_until("nobody") == 0
    guesses = [each.users.failed("ann", now) for each in [store, other] * 3]
    assert max(await asyncio.gather(*guesses)) == now + 30 * NS_PER_S


async def test_a_login_lasts_until_it_runs_out_or_its_user_goes(store, ann, bob):
    id = await store.logins.create(bob.id, "hash", "csrf", FAR)
    login = await store.logins.by_hash("hash")
    assert (login.id, login.user, login.csrf, login.expires_ns) == (id, bob, "csrf", FAR)
    assert await store.logins.by_hash("other") is None
    await store.logins.touch(id, FAR + 1)
    assert (await store.logins.by_hash("hash")).expires_ns == FAR + 1
    await store.users.change(bob.id, "Ann", disabled=True)
    assert await store.logins.by_hash("hash") is None
    await store.users.change(bob.id, "Ann", disabled=False)
    assert await store.logins.by_hash("hash") is not None
    await store.users.delete(bob.id, "Ann")
    assert await store.logins.by_hash("hash") is None


async def test_logins_end_one_by_one_or_all_at_once(store, ann):
    ids = [await store.logins.create(ann.id, f"h{n}", "c", FAR) for n in range(4)]
    await store.logins.create(ann.id, "old", "c", wall_ns())
    assert await store.logins.by_hash("old") is None
    assert await store.logins.expire(wall_ns()) == 1
    assert await store.logins.delete(ids[0])
    assert not await store.logins.delete(ids[0])
    assert await store.logins.delete_of(ann.id, besides=ids[1]) == 2
    assert (await store.logins.by_hash("h1")).id == ids[1]
    with pytest.raises(Conflict):
        await store.logins.create(ann.id, "h1", "c", FAR)


async def test_a_token_works_until_it_runs_out_or_is_revoked(store, ann, bob):
    token = await store.tokens.create(bob.id, "ci", "hash", "kr_ab", [Scope.run, Scope.read], None)
    assert await store.tokens.by_hash("hash") == token
    assert (token.scopes, token.prefix, token.user) == (frozenset({Scope.read, Scope.run}), "kr_ab", bob.id)
    await store.tokens.touch(token.id)
    assert (await store.tokens.by_hash("hash")).used_ns > 0
    with pytest.raises(Conflict, match="'ci' already"):
        await store.tokens.create(bob.id, "ci", "hash2", "kr_cd", [], None)
    with pytest.raises(NotFound):
        await store.tokens.create("usr_none", "ci", "hash2", "kr_cd", [], None)
    await store.tokens.create(ann.id, "ci", "over", "kr_ef", [Scope.admin], wall_ns(), actor="bob")
    assert await store.tokens.by_hash("over") is None
    assert [each.user for each in await store.tokens.list()] == [bob.id, ann.id]
    assert [each.id for each in await store.tokens.list(bob.id)] == [token.id]
    await store.users.change(bob.id, "Ann", disabled=True)
    assert await store.tokens.by_hash("hash") is None
    await store.tokens.delete(token.id, "Ann")
    with pytest.raises(NotFound):
        await store.tokens.delete(token.id, "Ann")
    told = [
        (each.body.name, each.body.deed, each.actor)
        for each in await store.events.after()
        if each.body.name.startswith("token")
    ]
    assert told == [("token ci", "created", "bob"), ("token ci", "created", "bob"), ("token ci", "revoked", "Ann")]

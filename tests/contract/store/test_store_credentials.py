from __future__ import annotations

import asyncio

import pytest

from krawall.errors import NotFound


async def test_a_credential_is_kept_sealed_and_shown_without_its_value(store):
    made = await store.credentials.put("key", b"\x00sealed", "k1", "ann", "for the shop")
    assert (made.name, made.key_id, made.note, made.used_ns) == ("key", "k1", "for the shop", None)
    assert await store.credentials.facts("key") == made
    assert await store.credentials.sealed(["key", "key"]) == {"key": b"\x00sealed"}
    again = await store.credentials.put("key", b"new", "k2", "bob")
    assert (again.created_ns, again.key_id, again.note) == (made.created_ns, "k2", "")
    assert again.updated_ns >= made.updated_ns
    await store.credentials.touch(["key", "nobody"])
    assert (await store.credentials.facts("key")).used_ns > 0
    await store.credentials.put("another", b"x", "k2", "ann")
    assert [each.name for each in await store.credentials.list()] == ["another", "key"]
    assert await store.credentials.all_sealed() == {"another": b"x", "key": b"new"}
    await store.credentials.delete("key", "ann")
    told = [(each.body.name, each.body.deed, each.actor) for each in await store.events.after()]
    assert told == [("key", "set", "ann"), ("key", "set", "bob"), ("another", "set", "ann"), ("key", "deleted", "ann")]


async def test_every_missing_name_is_said(store):
    await store.credentials.put("key", b"x", "k1", "ann")
    with pytest.raises(NotFound, match="a, b"):
        await store.credentials.sealed(["b", "key", "a"])
    assert await store.credentials.sealed([]) == {}
    for lost in (store.credentials.facts("a"), store.credentials.delete("a", "ann")):
        with pytest.raises(NotFound, match="called a"):
            await lost


async def test_a_value_that_is_set_during_a_rotation_is_not_lost(store, other):
    for number in range(5):
        await store.credentials.put(f"c{number}", b"old", "k1", "ann")

    async def rotate() -> None:
        async with store.begin() as tx:
            for name, sealed in (await store.credentials.all_sealed(tx=tx)).items():
                await store.credentials.put(name, b"re" + sealed, "k2", "ann", tx=tx)

    await asyncio.gather(rotate(), *(other.credentials.put(f"c{n}", b"new", "k2", "bob") for n in range(5)))
    assert set((await store.credentials.all_sealed()).values()) <= {b"new", b"renew"}

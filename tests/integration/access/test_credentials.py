"""Credentials over a real database and key ring."""

from __future__ import annotations

import asyncio
import base64
import secrets
from pathlib import Path

import pytest

from krawall import logs
from krawall.errors import DocumentError, NotFound, Refused
from krawall.model.event import CredentialChanged
from krawall.services.credentials import MOST_BYTES, Credentials
from krawall.store.store import Store
from krawall.vault import Vault

VALUE = "s3cret value of the bot"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.open(tmp_path / "home", None)


@pytest.fixture
def credentials(store: Store, vault: Vault) -> Credentials:
    return Credentials(store, vault)


def kept_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("krawall.db*"))


async def test_a_value_goes_in_sealed_and_does_not_come_back(
    credentials: Credentials, vault: Vault, store: Store, tmp_path: Path
) -> None:
    facts = await credentials.put("BOT_KEY", VALUE, "ann", "of the shop")
    assert (facts.name, facts.key_id, facts.note) == ("BOT_KEY", "k1", "of the shop")
    assert await credentials.list() == [facts] == [await credentials.facts("BOT_KEY")]
    assert vault.unseal("BOT_KEY", (await credentials.sealed(["BOT_KEY"]))["BOT_KEY"]) == VALUE
    assert VALUE.encode() not in kept_in(tmp_path)
    assert VALUE not in repr([facts, await store.events.after()])
    assert logs.redact(None, "", {"event": f"it is {VALUE}"}) == {"event": "it is ***"}


async def test_it_is_replaced_and_deleted(credentials: Credentials, vault: Vault, store: Store) -> None:
    await credentials.put("A", "first value", "ann")
    await credentials.put("A", "second value", "bob")
    assert vault.unseal("A", (await credentials.sealed(["A"]))["A"]) == "second value"
    await credentials.delete("A", "ann")
    with pytest.raises(NotFound, match="A, B"):
        await credentials.sealed(["B", "A"])
    with pytest.raises(NotFound):
        await credentials.delete("A", "ann")
    bodies = [event.body for event in await store.events.after()]
    assert [body.deed for body in bodies if isinstance(body, CredentialChanged)] == ["set", "set", "deleted"]


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "Ä", "A" * 101, "A\n", "${A}"])
async def test_names_are_those_that_a_reference_can_have(credentials: Credentials, name: str) -> None:
    with pytest.raises(DocumentError, match="name") as wrong:
        await credentials.put(name, VALUE, "ann")
    assert VALUE not in str(wrong.value)


@pytest.mark.parametrize("value", ["", "x" * (MOST_BYTES + 1), "half \ud800"])
async def test_values_that_cannot_be_kept_are_refused(credentials: Credentials, value: str) -> None:
    with pytest.raises(DocumentError, match="value"):
        await credentials.put("A", value, "ann")


async def test_rotation_seals_all_with_a_new_key(credentials: Credentials, vault: Vault) -> None:
    for name in "ABC":
        await credentials.put(name, f"value of {name}", "ann", f"note of {name}")
    assert await credentials.rotate("ann") == 3
    assert {facts.name: (facts.key_id, facts.note) for facts in await credentials.list()} == {
        name: ("k2", f"note of {name}") for name in "ABC"
    }
    for name, blob in (await credentials.sealed("ABC")).items():
        assert vault.unseal(name, blob) == f"value of {name}"


async def test_a_value_that_is_set_during_a_rotation_is_not_lost(credentials: Credentials, vault: Vault) -> None:
    for name in "ABCDEFGH":
        await credentials.put(name, "old value", "ann")
    await asyncio.gather(credentials.rotate("ann"), *(credentials.put(name, "new value", "bob") for name in "ABCDEFGH"))
    values = {vault.unseal(name, blob) for name, blob in (await credentials.sealed("ABCDEFGH")).items()}
    assert values == {"new value"}


async def test_keys_from_outside_are_rotated_by_giving_a_new_one_first(store: Store, tmp_path: Path) -> None:
    old, new = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    before = Credentials(store, Vault.open(tmp_path, old))
    await before.put("A", VALUE, "ann")
    with pytest.raises(Refused, match="already"):
        await before.rotate("ann")
    assert await Credentials(store, Vault.open(tmp_path, f"{new},{old}")).rotate("ann") == 1
    sealed = await before.sealed(["A"])
    assert Vault.open(tmp_path, new).unseal("A", sealed["A"]) == VALUE

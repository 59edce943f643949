"""The vault: what it seals opens under its own name only, and no weak key gets in."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import KrawallError, Refused, Unavailable
from krawall.vault import RING, Vault

KEY = base64.b64encode(bytes.fromhex("9f0c51e7a24b7788d1034cfe56a98b30e2c4f61d0a93b5b74e8d2f6c71905a3b")).decode()
OTHER = base64.b64encode(bytes.fromhex("14d9a7623f5be08c9147c3fa06d2587eab31f4509cd6e87b253a0f98cb4416ed")).decode()
NOWHERE = Path("nowhere")
names = st.text(st.sampled_from("ABCXYZ_09"), min_size=1, max_size=12)
values = st.text(max_size=60)


@given(names, values)
def test_what_is_sealed_opens_and_does_not_show(name: str, value: str) -> None:
    vault = Vault.open(NOWHERE, KEY)
    blob = vault.seal(name, value)
    assert vault.unseal(name, blob) == value
    assert vault.seal(name, value) != blob
    assert vault.key_id(blob) == vault.current
    assert len(value) < 4 or value.encode() not in blob


@given(names, values, st.data())
def test_a_blob_that_was_touched_does_not_open(name: str, value: str, data: st.DataObject) -> None:
    vault = Vault.open(NOWHERE, KEY)
    blob = vault.seal(name, value)
    at = data.draw(st.integers(0, len(blob) - 1))
    changed = blob[:at] + bytes([blob[at] ^ data.draw(st.integers(1, 255))]) + blob[at + 1 :]
    for wrong in (changed, blob[:at], blob + b"\0"):
        with pytest.raises((Refused, Unavailable)):
            vault.unseal(name, wrong)


@given(names, names, values)
def test_a_blob_moved_to_another_name_does_not_open(name: str, other: str, value: str) -> None:
    vault = Vault.open(NOWHERE, KEY)
    if name != other:
        with pytest.raises(Refused, match="another name"):
            vault.unseal(other, vault.seal(name, value))


@given(st.binary(min_size=32, max_size=32))
def test_random_keys_are_taken_in_every_spelling(raw: bytes) -> None:
    standard, urls = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")
    try:
        vault = Vault.open(NOWHERE, standard)
    except Refused:
        return
    assert Vault.open(NOWHERE, urls).unseal("A", vault.seal("A", "x")) == "x"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(31),
        bytes(33),
        bytes(32),
        b"\xff" * 32,
        b"abcdefghijklmno" * 2 + b"\xff\xfe",
        b"changeme-changeme-please-changeM",
        b"0123456789abcdefghijklmnopqrstuv",
        bytes(range(32)),
        bytes(range(255, 223, -1)),
        bytes(range(0, 96, 3)),
        bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2),
        bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
    ],
)
def test_weak_short_and_published_keys_are_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as refused:
        Vault.open(NOWHERE, base64.b64encode(raw).decode())
    assert "openssl rand" in (refused.value.hint or "")


@pytest.mark.parametrize("text", ["not base64!", "ä" * 43, "****"])
def test_a_key_that_is_not_base64_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(Refused, match="not base64") as refused:
        Vault.open(NOWHERE, text)
    assert text not in str(refused.value)


def test_the_ring_is_made_once_with_mode_0600(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path / "new", None)
    blob = vault.seal("A", "secret")
    assert stat.S_IMODE((tmp_path / "new" / RING).stat().st_mode) == 0o600
    assert Vault.open(tmp_path / "new", None).unseal("A", blob) == "secret"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [RING]


def test_a_rotated_ring_opens_the_old_and_seals_with_the_new(tmp_path: Path) -> None:
    vault, other = Vault.open(tmp_path, None), Vault.open(tmp_path, None)
    old = vault.seal("A", "one")
    assert (vault.rotate(), other.rotate()) == ("k2", "k3")
    assert vault.unseal("A", old) == "one"
    new = other.seal("A", "two")
    assert other.key_id(new) == "k3"
    assert vault.unseal("A", new) == "two"  # it reads the ring again
    assert vault.current == "k3"
    assert stat.S_IMODE((tmp_path / RING).stat().st_mode) == 0o600


def test_keys_from_outside_open_what_the_ring_and_older_keys_sealed(tmp_path: Path) -> None:
    by_file = Vault.open(tmp_path, None).seal("A", "file")
    by_old = Vault.open(NOWHERE, OTHER).seal("A", "old")
    vault = Vault.open(tmp_path, f"{KEY}, {OTHER}")
    assert (vault.unseal("A", by_file), vault.unseal("A", by_old)) == ("file", "old")
    assert vault.key_id(vault.seal("A", "new")) == vault.current == Vault.open(NOWHERE, KEY).current
    with pytest.raises(Refused, match="KRAWALL_KEY"):
        vault.rotate()


def test_a_key_that_is_not_here_is_named(tmp_path: Path) -> None:
    blob = Vault.open(NOWHERE, OTHER).seal("A", "old")
    with pytest.raises(Unavailable, match="not here"):
        Vault.open(tmp_path, None).unseal("A", blob)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_ring_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    Vault.open(tmp_path, None)
    (tmp_path / RING).chmod(mode)
    with pytest.raises(Refused, match="others can read"):
        Vault.open(tmp_path, None)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"current": "k1", "keys": {}}', '{"current": 1, "keys": {"k\\n": "x"}}']
)
def test_a_broken_ring_is_not_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / RING).write_text(text)
    (tmp_path / RING).chmod(0o600)
    with pytest.raises(Unavailable, match="not a key ring"):
        Vault.open(tmp_path, None)
    assert (tmp_path / RING).read_text() == text


def test_a_sample_key_in_the_ring_is_refused(tmp_path: Path) -> None:
    (tmp_path / RING).write_text(json.dumps({"current": "k1", "keys": {"k1": base64.b64encode(bytes(32)).decode()}}))
    (tmp_path / RING).chmod(0o600)
    with pytest.raises(Refused, match="weak"):
        Vault.open(tmp_path, None)


def test_a_data_directory_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KrawallError, match="file"):
        Vault.open(tmp_path / "file" / "home", None)

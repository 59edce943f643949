"""Seals credentials: AES-256-GCM with a nonce per value, the key's id in the blob, and a ring of keys that can be rotated.

A blob is `KV1`, one byte for the length of the key's id, the id, a nonce of 12 bytes, then ciphertext and tag (NIST SP
800-38D). The credential's name is authenticated with it, so that a blob moved to another name does not open.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from krawall.errors import Refused, Unavailable

RING = "keys.json"
_MAGIC = b"KV1"
_NONCE_BYTES = 12
_KEY_BYTES = 32
_FEWEST_DISTINCT = 16  # 32 random bytes have fewer with a chance below 1e-11
_PRINTABLE = 28  # so many or more printable ones have a chance below 1e-8
_PUBLISHED = frozenset(
    bytes.fromhex(key)
    for key in (
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",  # NIST SP 800-38A, F.1.5
        "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",  # McGrew and Viega, GCM
        "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",  # RFC 8439, 2.8.2
        "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",  # RFC 8439, 2.6.2 and A.5
    )
)
_MAKE_ONE = "make one with: openssl rand -base64 32"


class Vault:
    """A ring of keys. `current` seals, every key opens. Made once per process; a ring file is read again when another
    process has rotated it."""

    def __init__(self, keys: dict[str, bytes], current: str, home: Path | None = None) -> None:
        self._keys = keys
        self._home = home
        self.current = current

    @classmethod
    def open(cls, home: Path, key: str | None) -> Self:
        """Return the vault of a data directory. Without a `key`, HOME/keys.json counts and is made on first use, mode 0600.

        `key`: 32 bytes as base64; several separated by commas are a ring whose first key seals. Keys of an existing
        keys.json then still open what they sealed.

        Raises:
            Refused: a key is weak or not 32 bytes, or others can read the file.
            Unavailable: the file cannot be read, written or understood.
        """
        if key is not None:
            given = [_decoded(text.strip(), "the key") for text in key.split(",")]
            ids = [_fingerprint(raw) for raw in given]
            old = _read(home / RING)[1] if (home / RING).exists() else {}
            return cls({**old, **dict(zip(ids, given, strict=True))}, ids[0])
        with _explained(home / RING):
            if not (home / RING).exists():
                home.mkdir(parents=True, exist_ok=True, mode=0o700)
                _write(home / RING, "k1", {"k1": _new_key()}, replace=False)
        current, keys = _read(home / RING)
        return cls(keys, current, home)

    @property
    def rotates(self) -> bool:
        """Whether `rotate` can add a key: the ring is a file of ours."""
        return self._home is not None

    def seal(self, name: str, value: str) -> bytes:
        """Return the blob of a credential's value."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._keys[self.current]).encrypt(nonce, value.encode(), _bound_to(name))
        key_id = self.current.encode()
        return _MAGIC + bytes([len(key_id)]) + key_id + nonce + sealed

    def unseal(self, name: str, blob: bytes) -> str:
        """Return the value of the credential `name`. The messages of what is raised never hold it.

        Raises:
            Refused: the blob was changed, is cut, or belongs to another name.
            Unavailable: its key is not in the ring.
        """
        key_id = self.key_id(blob)
        if key_id not in self._keys and self._home is not None:
            self.current, self._keys = _read(self._home / RING)
        if key_id not in self._keys:
            raise Unavailable(
                f"credential {name!r} is sealed with the key {key_id!r}, which is not here",
                hint="start with the keys it was sealed with (KRAWALL_KEY or keys.json), or set the credential again",
            )
        start = len(_MAGIC) + 1 + len(key_id.encode())
        nonce, sealed = blob[start : start + _NONCE_BYTES], blob[start + _NONCE_BYTES :]
        try:
            return AESGCM(self._keys[key_id]).decrypt(nonce, sealed, _bound_to(name)).decode()
        except (InvalidTag, ValueError):
            raise Refused(
                f"credential {name!r} does not open: its sealed value was changed or belongs to another name",
                hint="set the credential again",
            ) from None

    def key_id(self, blob: bytes) -> str:
        """Return the id of the key that sealed a blob. Raises Refused when it is none of ours."""
        start = len(_MAGIC) + 1
        if blob[: len(_MAGIC)] == _MAGIC and len(blob) > start:
            text = blob[start : start + blob[len(_MAGIC)]]
            if len(text) == blob[len(_MAGIC)] > 0 and text.isascii():
                return text.decode()
        raise Refused("this is not a sealed value of Krawall's", hint="set the credential again")

    def rotate(self) -> str:
        """Add a key to keys.json, make it the current one and return its id. Two processes may do so at once.

        Raises:
            Refused: the keys come from outside and cannot be changed here.
            Unavailable: the file cannot be read or written.
        """
        if self._home is None:
            raise Refused(
                "the key comes from KRAWALL_KEY, which only you can change",
                hint="set KRAWALL_KEY to NEWKEY,OLDKEY, start again and rotate; after that OLDKEY can go",
            )
        path = self._home / RING
        with _explained(path), _locked(path.with_name(RING + ".lock")):
            _, keys = _read(path)
            taken = [int(name[1:]) for name in keys if re.fullmatch(r"k\d{1,9}", name)]
            current = f"k{max(taken, default=0) + 1}"
            keys[current] = _new_key()
            _write(path, current, keys, replace=True)
        self.current, self._keys = current, keys
        return current


def _bound_to(name: str) -> bytes:
    return b"krawall.credential\0" + name.encode()


def _new_key() -> bytes:
    while True:
        key = secrets.token_bytes(_KEY_BYTES)
        if _weakness(key) is None:
            return key


def _fingerprint(key: bytes) -> str:
    return "e" + hashlib.sha256(b"krawall.key-id\0" + key).hexdigest()[:12]


def _decoded(text: str, what: str) -> bytes:
    try:
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        key = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (ValueError, binascii.Error):
        raise Refused(f"{what} is not base64", hint=_MAKE_ONE) from None
    weakness = _weakness(key)
    if weakness:
        raise Refused(f"{what} {weakness}", hint=_MAKE_ONE)
    return key


def _weakness(key: bytes) -> str | None:
    """Say what is wrong with a key. What is tested for is what people paste, not what chance makes."""
    if len(key) != _KEY_BYTES:
        return f"has {len(key)} bytes instead of {_KEY_BYTES}"
    if len(set(key)) < _FEWEST_DISTINCT:
        return f"is weak: only {len(set(key))} of its bytes differ"
    if sum(32 <= byte < 127 for byte in key) >= _PRINTABLE:
        return "is weak: it is a text, not random bytes"
    if key[:16] == key[16:] or len({(after - before) % 256 for before, after in pairwise(key)}) == 1:
        return "is weak: its bytes follow a pattern"
    return "is published in a standard" if key in _PUBLISHED else None


def _read(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return the current key's id and all keys."""
    with _explained(path), path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise Refused(f"others can read {path}", hint=f"chmod 600 {path}; if others had access, rotate the key")
        text = file.read()
    try:
        ring = json.loads(text)
        current, found = ring["current"], dict(ring["keys"])
        if current not in found or not all(re.fullmatch(r"[\x21-\x7e]{1,40}", name) for name in found):
            raise ValueError(current)
    except (ValueError, KeyError, TypeError):
        raise Unavailable(
            f"{path} is not a key ring", hint="restore it from a backup; without it credentials stay shut"
        ) from None
    return current, {name: _decoded(str(key), f"the key {name} in {path}") for name, key in found.items()}


def _write(path: Path, current: str, keys: dict[str, bytes], *, replace: bool) -> None:
    """Write the ring whole or not at all; without `replace`, who comes second leaves the first one's file."""
    ring = {"current": current, "keys": {name: base64.b64encode(key).decode() for name, key in keys.items()}}
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(ring, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            fresh.replace(path)
        else:
            with suppress(FileExistsError):
                os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file lock; the kernel lets go of it when the process ends, however it ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"{path}: {error.strerror or error}", hint="check the data directory and its owner"
        ) from error

"""Signatures of webhooks in the layout of Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

The signature is HMAC-SHA256 (RFC 2104) over `id.timestamp.body`, as `v1,BASE64`; several, separated by spaces, while a
secret is rotated. A secret is `whsec_` and 24 to 64 bytes as base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from krawall.errors import Internal, Refused

PREFIX = "whsec_"
SECRET_BYTES = 24
TOLERANCE_S = 300
"""How far a timestamp may be from the receiver's clock, seconds."""
_MOST_SECRETS = 2


def secret_of(raw: bytes) -> str:
    """Return random bytes (24 to 64) as a secret that people can copy."""
    return PREFIX + base64.b64encode(raw).decode()


def rotated(secrets: str, raw: bytes) -> str:
    """Return a credential's value with a new secret before the newest old one, which overlaps until the next change."""
    return " ".join([secret_of(raw), *secrets.split()][:_MOST_SECRETS])


def keys_of(secrets: str) -> list[bytes]:
    """Return the keys of a credential's value: one secret or more, separated by white space, newest first.

    Raises:
        Refused: there is none, or one is not a secret of this form. The message never holds it.
    """
    keys = [_key(secret) for secret in secrets.split()]
    if not keys:
        raise Refused("the credential holds no signing secret", hint=_FORM)
    return keys


def sign(keys: Sequence[bytes], *, id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the three headers for a body. `id` is the same in every attempt, `timestamp_s` (since 1970) is of this one."""
    if "." in id or not id:
        raise Internal(f"a message id cannot be empty or have a dot: {id!r}")
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{_digest(key, id, timestamp_s, body)}" for key in keys),
    }


def verify(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, *, now_s: int) -> bool:
    """Tell whether one of the keys signed a body less than TOLERANCE_S ago. `headers`: names in lower case."""
    id, sent, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (sent.isascii() and sent.isdigit() and len(sent) < 15) or abs(now_s - int(sent)) > TOLERANCE_S:
        return False
    expected = [f"v1,{_digest(key, id, int(sent), body)}".encode() for key in keys]
    given = [signature.encode() for signature in signatures.split()]
    return any(hmac.compare_digest(one, other) for one in expected for other in given)


_FORM = "write whsec_ and 24 to 64 bytes as base64"


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        raise Refused("a signing secret is not base64", hint=_FORM) from None
    if not SECRET_BYTES <= len(key) <= 64:
        raise Refused(f"a signing secret has {len(key)} bytes", hint=_FORM)
    return key


def _digest(key: bytes, id: str, timestamp_s: int, body: bytes) -> str:
    signed = b".".join((id.encode(), str(timestamp_s).encode(), body))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()

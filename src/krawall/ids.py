"""Sortable ids with a type prefix: `ses_01jd3x8k2v7q9m4tz0abcde`. Time first, so a listing is in order of creation."""

from __future__ import annotations

import secrets

from krawall.clock import wall_ns

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case


def new_id(prefix: str) -> str:
    """Return a new id: 10 characters of milliseconds since 1970, then 12 random ones (60 bits)."""
    value = wall_ns() // 1_000_000 << 60 | secrets.randbits(60)
    return prefix + "_" + "".join(_ALPHABET[value >> shift & 31] for shift in range(105, -1, -5))

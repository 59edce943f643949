"""What is fixed when a job is added: which ids it may have, and the pauses between its tries. Pure."""

from __future__ import annotations

import re

from krawall.errors import Internal

_ID = re.compile(r"(?!\d+\Z|0:)[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,199}")
_LONGEST_PAUSE_MS = 3_600_000
# bullmq keeps a job under PREFIX:QUEUE:ID, beside keys of its own and those of the job, PREFIX:QUEUE:ID:lock and others.
_TAKEN = frozenset(
    {"active", "wait", "waiting-children", "paused", "completed", "failed", "delayed", "repeat", "stalled", "limiter"}
    | {"prioritized", "id", "stalled-check", "meta", "pc", "events", "marker", "de", "dn", "metrics", "lock", "logs"}
    | {"dependencies", "processed", "unsuccessful"}
)


def check_id(id: str) -> str:
    """Return `id` if a job may have it.

    Raises:
        Internal: it may not: other characters, digits alone, or a word that the queue uses itself.
    """
    if not _ID.fullmatch(id) or not _TAKEN.isdisjoint(id.split(":")):
        raise Internal(
            f"{id!r} cannot be the id of a job: it takes letters, digits and _ . : / @ -, and not digits alone"
        )
    return id


def pause_ms(first_ms: float, failed: int, chance: float) -> int:
    """Return how long to wait after the try number `failed` failed, ms: doubled for each one, an hour at most.

    Args:
        first_ms: the longest pause after the first try.
        failed: how many tries there were, from 1.
        chance: 0 to 1, where between half of the longest pause and all of it; drawn anew for each job, so that jobs that
            failed together do not come back together.
    """
    longest = min(first_ms * 2.0 ** min(failed - 1, 64), _LONGEST_PAUSE_MS)
    return round(longest * (0.5 + chance / 2))

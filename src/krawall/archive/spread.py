"""How response times lie over a session: counts by time and by bucket of a log axis. Blocks: for a thread."""

from __future__ import annotations

from pathlib import Path

from krawall.archive.duck import answering
from krawall.archive.readers import readers
from krawall.model.base import NS_PER_S, Record

COLUMNS = 60
FILE = "spread.json"
"""Where it is kept beside the tables of a session, from compaction on."""
PER_DECADE = 20
"""Buckets from 1 ms to 10 ms, and so on."""


class Spread(Record, frozen=True):
    """Bucket b holds response times from 10^(b / per_decade) ms to 10^((b + 1) / per_decade) ms; column c those of turns
    that were sent in the seconds from c * column_s on.

    `cells`: column, bucket, turns; in order, without zeros.
    """

    column_s: float
    per_decade: int
    cells: list[tuple[int, int, int]]


def spread(folder: Path, *, until_ns: int | None = None) -> Spread:
    """Return how the session in `folder` lies; of one without a log nothing.

    Raises:
        Unavailable: its files cannot be read.
    """
    reader = readers.get(folder)
    with answering(folder), reader.cursor(until_ns) as cursor:
        found = cursor.execute("SELECT max(at_ns) FROM messages").fetchone()
        last = found[0] if found and found[0] else 0
        seconds = max(1, -(-(last // NS_PER_S + 1) // COLUMNS))
        asked = {"width": seconds * NS_PER_S, "fine": PER_DECADE}
        cells = cursor.execute(
            """
            SELECT at_ns // $width AS place, floor(log10(latency_ns / 1e6) * $fine)::INTEGER AS bucket, count(*)
            FROM messages WHERE latency_ns > 0 AND error IS NULL GROUP BY ALL ORDER BY ALL
            """,
            asked,
        ).fetchall()
        return Spread(float(seconds), PER_DECADE, [(int(a), int(b), int(n)) for a, b, n in cells])

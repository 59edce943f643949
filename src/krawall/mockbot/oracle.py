"""What the bot really did: counters, distributions of its own send times, and one record per request.

All times are monotonic ns, the same clock for every process of a machine, so a client's times compare directly.
"""

from __future__ import annotations

from collections import deque

import msgspec

_KEPT = 100_000  # records; older ones are dropped

_encode = msgspec.json.Encoder().encode


class Record(msgspec.Struct):
    """One chat request. `sent_ns` holds the send time of every token of a stream; 0 means that nothing was sent.

    `session` is the X-Krawall-Session header, `said` the first 120 characters of the newest user message of a request that was
    understood, so that a client's log can be held against this one. `thoughts` says how many of the tokens were thoughts; they
    come first. `end` says how it ended: done, truncated, disconnected, failed (all by our will) or aborted (the client went away).
    """

    id: str
    received_ns: int
    status: int = 0
    first_ns: int = 0
    last_ns: int = 0
    tokens: int = 0
    thoughts: int = 0
    end: str = ""
    session: str = ""
    said: str = ""
    sent_ns: list[int] = []


class Oracle:
    """Counts from one reset to the next. A reply in flight at a reset keeps reporting to the old one."""

    def __init__(self) -> None:
        self.requests = 0
        self.streams = 0
        self.tokens_in = 0
        self.tokens_out = 0
        self.in_flight = 0
        self.in_flight_max = 0
        self.connections = 0
        self.t_first = 0
        self.t_last = 0
        self._by_status: dict[int, int] = {}
        self._ends: dict[str, int] = {}
        self._ttft: dict[int, int] = {}
        self._gap: dict[int, int] = {}
        self._latency: dict[int, int] = {}
        self._late: dict[int, int] = {}
        self._log: deque[Record] = deque(maxlen=_KEPT)

    def arrived(self, turn: str, received_ns: int, session: str = "") -> Record:
        """Count a chat request and open its record; without the client's id it is named by its number."""
        self.requests += 1
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        self.t_first = self.t_first or received_ns
        return Record(turn or str(self.requests), received_ns, session=session)

    def whole(self, record: Record, now_ns: int, due_ns: int, tokens: int) -> None:
        """Note that a whole reply was sent."""
        record.first_ns = record.last_ns = now_ns
        record.tokens = tokens
        self.tokens_out += tokens
        _add(self._latency, now_ns - record.received_ns)
        _add(self._late, now_ns - due_ns)

    def token(self, record: Record, now_ns: int, due_ns: int, keep: bool) -> None:
        """Note that one token of a stream was sent."""
        if record.tokens:
            _add(self._gap, now_ns - record.last_ns)
        else:
            record.first_ns = now_ns
            _add(self._ttft, now_ns - record.received_ns)
        _add(self._late, now_ns - due_ns)
        record.last_ns = now_ns
        record.tokens += 1
        self.tokens_out += 1
        if keep:
            record.sent_ns.append(now_ns)

    def ended(self, record: Record, end: str, keep: bool) -> None:
        """Close a record; `keep` puts it into the log."""
        record.end = end
        self.in_flight -= 1
        self.t_last = max(self.t_last, record.last_ns or record.received_ns)
        self._by_status[record.status] = self._by_status.get(record.status, 0) + 1
        self._ends[end] = self._ends.get(end, 0) + 1
        if keep:
            self._log.append(record)

    def stats(self) -> dict[str, object]:
        """Return the counters. Statuses and ends count finished requests; a status of 0 had no reply. Quantiles in us."""
        return {
            "requests": self.requests,
            "by_status": {str(status): count for status, count in sorted(self._by_status.items())},
            "ends": dict(self._ends),
            "streams": self.streams,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "connections": self.connections,
            "in_flight": self.in_flight,
            "in_flight_max": self.in_flight_max,
            "t_first": self.t_first,
            "t_last": self.t_last,
            "ttft_us": _quantiles(self._ttft),
            "gap_us": _quantiles(self._gap),
            "latency_us": _quantiles(self._latency),
            "late_us": _quantiles(self._late),
        }

    def lines(self) -> bytes:
        """Return the log as JSONL, in order of ending."""
        return b"".join(_encode(record) + b"\n" for record in self._log)


def _add(histogram: dict[int, int], span_ns: int) -> None:
    span_us = span_ns // 1000
    histogram[span_us] = histogram.get(span_us, 0) + 1


def _quantiles(histogram: dict[int, int]) -> dict[str, int]:
    """Return exact quantiles, us: the smallest value with at least that share at or below it."""
    total = sum(histogram.values())
    if not total:
        return {}
    values = sorted(histogram)
    found: dict[str, int] = {}
    seen, wanted = 0, [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)]
    for value in values:
        seen += histogram[value]
        while wanted and seen >= wanted[0][1] * total:
            found[wanted.pop(0)[0]] = value
    return found

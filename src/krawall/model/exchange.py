"""The truth: one prompt and its reply, with times, tokens, cost and fault. All readings of a session come from these records."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from krawall.model.base import Record


class FaultKind(StrEnum):
    """What went wrong with an attempt."""

    connect = "connect"
    tls = "tls"
    timeout = "timeout"
    rate_limited = "rate_limited"
    rejected = "rejected"  # 4xx other than 429
    server = "server"  # 5xx
    protocol = "protocol"  # bytes that are not what the protocol or the mapping promises
    truncated = "truncated"  # the reply ended before its end
    expectation = "expectation"  # a hard check failed
    cancelled = "cancelled"  # we stopped it


class Fault(Record, frozen=True, omit_defaults=True):
    """Why an attempt failed. `injected`: by our own fault injection, so not the target's."""

    kind: FaultKind
    detail: str
    status: int | None = None
    retry_after_ns: int | None = None
    injected: bool = False


class Usage(Record, frozen=True, omit_defaults=True):
    """Tokens of one attempt. `tokens_in` includes `cached`, `tokens_out` includes `reasoning`. Cost in 1e-12 USD."""

    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    estimated: bool = False
    cost_pico: int = 0


class Message(Record, frozen=True):
    """One message of a conversation's history."""

    role: str
    content: str


class Prompt(Record, frozen=True):
    """What goes out: the window of history with the new user message last, and what the wire needs to know about it.

    `extra` holds headers for this request alone (names lower case).
    """

    messages: list[Message]
    text: str
    system: str | None = None
    conversation_id: str | None = None
    extra: dict[str, str] = {}


class Reply(Record, frozen=True):
    """What came back. `json` is the decoded body of a reply that is one JSON document, else None."""

    text: str
    status: int | None = None
    usage: Usage | None = None
    finish: str | None = None
    conversation_id: str | None = None
    json: object = None


class Check(Record, frozen=True):
    """The result of one `expect` on a reply."""

    name: str
    ok: bool
    detail: str = ""


class Exchange(Record, frozen=True, omit_defaults=True, tag_field="k", tag="x"):
    """One attempt at one turn. All times are ns since the session began; 0 means it did not happen.

    `planned_ns` is when we meant to send, `start_ns` when the engine got to it, `sent_ns` when the bytes left.
    `event_ns`: first event of any kind, `token_ns`: first token, `seen_ns`: first token a person can read; `last_ns`:
    last token; `done_ns`: the exchange is over. `gaps_us`: gaps between content events, in order, microseconds.
    `connect_ns`: DNS + TCP + TLS when this attempt dialled, else 0. `byte_ns`: first response byte.
    """

    conversation: int
    user: int
    turn: int  # position of the exchange in its conversation, 1-based
    attempt: int  # 1-based
    phase: str
    step: str
    planned_ns: int
    start_ns: int
    sent_ns: int
    done_ns: int
    byte_ns: int = 0
    event_ns: int = 0
    token_ns: int = 0
    seen_ns: int = 0
    last_ns: int = 0
    connect_ns: int = 0
    events: int = 0  # content events
    gaps_us: list[int] = []
    usage: Usage | None = None
    status: int | None = None
    fault: Fault | None = None
    final: bool = True  # no further attempt at this turn follows
    injected: str | None = None  # the kind of fault that we put in
    checks: list[Check] = []
    repetition: float = -1.0  # 0..1 against the last replies of the conversation; -1: not measured
    said: str = ""
    heard: str = ""


class Told(Record, frozen=True, omit_defaults=True, tag_field="k", tag="c"):
    """One conversation, once it is over. `outcome`: completed, ended, failed, capped, abandoned.

    `start_ns` is later by the pauses of the session since then, so that what is between it and `done_ns` was played.
    """

    conversation: int
    user: int
    phase: str
    planned_ns: int
    start_ns: int
    done_ns: int
    outcome: str
    turns: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_pico: int = 0
    reason: str = ""
    checks_ok: int = 0
    checks_bad: int = 0
    slow: bool = False  # a limit on latency was missed: not part of goodput


class Dropped(Record, frozen=True, omit_defaults=True, tag_field="k", tag="d"):
    """An arrival that found no free user."""

    conversation: int
    phase: str
    planned_ns: int


class Checked(Record, frozen=True, omit_defaults=True, tag_field="k", tag="e"):
    """What an `expect` step found in the reply of turn `turn`."""

    conversation: int
    turn: int
    phase: str
    step: str
    checks: list[Check]


Line = Exchange | Told | Dropped | Checked
"""One line of a session's log."""


class TargetFault(Exception):
    """Raised by a channel when the target fails; becomes the `Fault` of an exchange and never leaves the conversation.

    `usage` and `text` carry what arrived before it failed, so that money spent on a broken reply is counted.
    """

    def __init__(
        self,
        kind: FaultKind,
        detail: str,
        *,
        status: int | None = None,
        retry_after_ns: int | None = None,
        usage: Usage | None = None,
        text: str = "",
    ) -> None:
        super().__init__(detail)
        self.fault = Fault(kind, detail, status, retry_after_ns)
        self.usage = usage
        self.text = text


def json_bytes(value: object) -> bytes:
    """Return `value` as compact JSON; records and plain data."""
    return msgspec.json.encode(value)

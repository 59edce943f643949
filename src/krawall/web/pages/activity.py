"""What happened, as sentences: events for people, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import htpy as h

from krawall.model import event as told
from krawall.model.event import Event, kind_of
from krawall.web import ui
from krawall.web.ui.icons import Icon

SENTENCES: dict[str, tuple[Icon, str]] = {
    "session.queued": ("clock", "{name} was queued by {actor}"),
    "session.started": ("play", "{session} began"),
    "session.paused": ("pause", "{actor} paused {session}"),
    "session.resumed": ("play", "{actor} resumed {session}"),
    "session.adjusted": ("sliders-horizontal", "{actor} changed the load of {session}"),
    "session.stopping": ("square", "{session} is being stopped: {reason}"),
    "session.completed": ("circle-check", "{session} completed: {verdict}"),
    "session.aborted": ("triangle-alert", "{session} was aborted: {reason}"),
    "session.cancelled": ("square", "{session} was cancelled: {reason}"),
    "session.failed": ("circle-x", "{session} failed: {reason}"),
    "session.imported": ("upload", "{actor} imported {name}"),
    "session.deleted": ("trash-2", "{actor} deleted the session {name}"),
    "shard.lost": ("triangle-alert", "Shard {shard} of {session} was lost with {worker}"),
    "shard.replaced": ("refresh-cw", "Shard {shard} of {session} goes on at {worker}"),
    "threshold.breached": ("triangle-alert", "A threshold of {session} did not hold: {text}"),
    "budget.reached": ("octagon-x", "{session} ran into a cap: {cap}"),
    "worker.lost": ("server", "The worker {worker} on {host} was lost"),
    "document.changed": ("pencil", "{actor} {deed} the {kind} {name}"),
    "credential.changed": ("key-round", "{actor} {deed} the credential {name}"),
    "account.changed": ("user", "Account {name}: {deed}"),
    "webhook.test": ("webhook", "{actor} tested a webhook"),
    "target.tested": ("plug", "{actor} tested {name}: {result}"),
}
"""Type of event -> its symbol and sentence."""


def activity(events: Sequence[Event], names: Mapping[str, str], now_ns: int, most: int = 8) -> h.Node:
    """Return the newest events. `names`: of sessions by id."""
    if not events:
        return ui.empty("What happens in this installation stands here.", symbol="history")
    return h.ul(".feed")[[_line(each, names, now_ns) for each in events[:most]]]


def _line(event: Event, names: Mapping[str, str], now_ns: int) -> h.Element:
    symbol, words = SENTENCES.get(kind_of(event.body), ("info", kind_of(event.body).replace(".", " ")))
    text = sentence(event, words, names)
    inside: h.Node = h.a(".text", href=f"/sessions/{event.session}")[text] if event.session in names else text
    return h.li[ui.icon(symbol), h.span(".words")[inside], ui.when(event.at_ns, now_ns)]


def sentence(event: Event, words: str, names: Mapping[str, str]) -> str:
    """Return a sentence with the facts of its event filled in. A session that is not there any more has no name."""
    facts = {name: str(getattr(event.body, name)) for name in event.body.__struct_fields__}
    if isinstance(event.body, told.TargetTested):
        facts["result"] = "it answers" if event.body.ok else facts["fault"].replace("_", " ")
    actor = (
        ("Somebody here" if words.startswith("{actor}") else "somebody here") if event.actor == "local" else event.actor
    )
    session = names.get(event.session or "", "A session" if words.startswith("{session}") else "a session")
    return words.format_map({**facts, "actor": actor, "session": session})

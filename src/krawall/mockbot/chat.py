"""One chat request: from its bytes and the fate it meets to the script of its reply."""

from __future__ import annotations

import math
from functools import partial
from hmac import compare_digest
from urllib.parse import parse_qs

import msgspec

from krawall.mockbot.behaviour import Rules
from krawall.mockbot.delivery import Delivery, Script
from krawall.mockbot.dialect import BadRequest, Call, Dialect, Reply
from krawall.mockbot.fate import Fate
from krawall.mockbot.replies import Stream, Whole, play_accepted, play_stream, play_whole
from krawall.mockbot.state import State

_MESSAGES = {429: "rate limit reached, try again later"}


class Request(msgspec.Struct):
    """A complete HTTP request. `headers` has lower-case names; `keep_alive` is what the client allows."""

    method: str
    path: str
    query: str
    version: str
    headers: dict[bytes, bytes]
    body: bytes
    keep_alive: bool
    received_ns: int

    def header(self, name: bytes) -> bytes:
        """Return a header's value by its lower-case name, empty when it was not sent."""
        return self.headers.get(name, b"")


def authorized(api_key: str, request: Request, headers: tuple[bytes, ...] = ()) -> bool:
    """Tell whether the request carries the key, where one is needed: as a bearer, or alone in one of these headers.

    The header `?key` stands for a parameter of that name in the URL.
    """
    if not api_key:
        return True
    key = api_key.encode()
    found = [value.encode() for value in parse_qs(request.query).get("key", ())] if b"?key" in headers else []
    found += [request.header(name) for name in headers]
    bearer = compare_digest(request.header(b"authorization"), b"Bearer " + key)
    return bearer or any(compare_digest(each, key) for each in found)


def script(state: State, dialect: Dialect, request: Request, delivery: Delivery) -> Script:
    """Decide what happens to a request. Order: headers, key, body, rate limit, error mix, queue, reply."""
    received = request.received_ns
    try:
        rules = state.rules_for(request.header(b"x-mock-behaviour"))
    except ValueError as error:
        return _refused(dialect, delivery, received, 400, f"x-mock-behaviour: {error}")
    behaviour = rules.behaviour
    delivery.keep = behaviour.oracle
    delivery.gzip = behaviour.gzip and b"gzip" in request.header(b"accept-encoding")
    if not authorized(behaviour.api_key, request, dialect.KEYS):
        more = b"WWW-Authenticate: Bearer\r\n"
        return _refused(dialect, delivery, received, 401, "the API key is missing or wrong", more)
    try:
        for name in dialect.NEEDS:
            if not request.header(name):
                raise BadRequest(f"{name.decode()}: header is required")
        call = dialect.parse(request.body)
        if call.chained or call.channel:
            state.check(call)
    except BadRequest as error:
        return _refused(dialect, delivery, received, error.status, str(error))
    fate = state.fates.decide(rules, received)
    if fate.status != 200:
        due = state.fates.reply_due(rules, fate)
        message = _MESSAGES.get(fate.status, "the mock bot was told to fail")
        return _refused(dialect, delivery, due, fate.status, message, _retry_after(fate))
    return _answered(state, dialect, call, delivery, rules, fate)


def _answered(state: State, dialect: Dialect, call: Call, delivery: Delivery, rules: Rules, fate: Fate) -> Script:
    behaviour, number = rules.behaviour, delivery.oracle.requests
    call = state.recall(call)
    said = state.speaker.answer(call.ask, behaviour.persona, behaviour.seed, rules.tokens, rules.reasoning, fate.kind)
    state.remember(call, said)
    delivery.oracle.tokens_in += said.prompt_tokens
    if delivery.keep:
        delivery.record.said = next((each.text for each in reversed(call.ask.messages) if each.role == "user"), "")[
            :120
        ]
    reply = Reply(call, said, number, behaviour.usage)
    tokens = said.tokens
    if said.thoughts and (call.shows_thoughts or not call.stream):
        delivery.record.thoughts = len(said.thoughts)
    if call.deferred:
        ready = state.fates.reply_due(rules, fate)
        body = state.jobs.accept(reply, ready, fails=fate.cut == "error")
        cut_at = fate.cut_at if fate.cut == "disconnect" else None
        return play_whole(delivery, Whole(delivery.record.received_ns, 202, body, tokens, cut_at=cut_at))
    if not call.stream:
        cut_at = fate.cut_at if fate.cut == "disconnect" else None
        whole = Whole(state.fates.reply_due(rules, fate), 200, dialect.whole(reply), tokens, cut_at=cut_at)
        return play_whole(delivery, whole)
    delivery.oracle.streams += 1
    dues = state.fates.token_dues(rules, fate, tokens)
    at, seed = int(fate.cut_at * tokens), f"{behaviour.seed} {number}"
    stream = Stream(dialect.events(reply), dues, behaviour.split, seed, fate.cut, at, dialect.STREAM)
    listener = state.channels.listener(call.channel) if call.channel else None
    if listener is None:
        return play_stream(delivery, stream)
    begin = partial(listener.say, stream, delivery.oracle, delivery.record, keep=delivery.keep)
    return play_accepted(delivery, delivery.record.received_ns, dialect.whole(reply), begin)


def _refused(dialect: Dialect, delivery: Delivery, due_ns: int, status: int, message: str, more: bytes = b"") -> Script:
    return play_whole(delivery, Whole(due_ns, status, dialect.error(status, message), more=more))


def _retry_after(fate: Fate) -> bytes:
    """Whole seconds, rounded up, as RFC 9110 section 10.2.3 has it, and the exact time in ms."""
    if fate.retry_after_s is None:
        return b""
    return b"Retry-After: %d\r\nretry-after-ms: %d\r\n" % (
        math.ceil(fate.retry_after_s),
        round(fate.retry_after_s * 1000),
    )

"""What one server knows: its behaviour, the seeded fates under it, the conversations it holds, and its oracle."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from krawall.clock import monotonic_ns
from krawall.mockbot.behaviour import Behaviour, Rules, overridden, rules
from krawall.mockbot.bot import Answer, Speaker
from krawall.mockbot.channels import Channels
from krawall.mockbot.dialect import BadRequest, Call
from krawall.mockbot.fate import Fates
from krawall.mockbot.jobs import Jobs
from krawall.mockbot.oracle import Oracle
from krawall.mockbot.personas import Message

_CONVERSATIONS = 10_000  # held at most; the one unused for longest goes first
_MESSAGES = 200  # of a conversation held at most, the newest
_OVERRIDES = 1_000  # header values kept compiled


class State:
    """Shared by all connections of a server. `open` counts connections."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.open = 0
        self.speaker = Speaker()
        self.channels = Channels()
        self.behave(behaviour)
        self.reset()

    def behave(self, behaviour: Behaviour) -> None:
        """Set the behaviour. Its generators, queues, rate limit and freeze clock begin anew; counters go on."""
        self.behaviour = behaviour
        self._rules = rules(behaviour)
        self._overridden: dict[bytes, Rules] = {}
        self.fates = Fates(behaviour, monotonic_ns())

    def reset(self) -> None:
        """Begin as when started: no counts, no log, no conversations, no jobs; the behaviour stays and begins anew."""
        self.oracle = Oracle()
        self.jobs = Jobs()
        self._held: OrderedDict[str, list[Message]] = OrderedDict()
        self._named = 0
        self.fates = Fates(self.behaviour, monotonic_ns())

    def rules_for(self, override: bytes) -> Rules:
        """Return the rules for a request with this override header. Raises ValueError."""
        if not override:
            return self._rules
        known = self._overridden.get(override)
        if known is None:
            if len(self._overridden) >= _OVERRIDES:
                self._overridden.clear()
            known = self._overridden[override] = rules(overridden(self.behaviour, override.decode("latin-1")))
        return known

    def check(self, call: Call) -> None:
        """Raise BadRequest for a call that follows a reply which is not held, or is for a stream with no listener."""
        if call.chained and call.conversation and call.conversation not in self._held:
            raise BadRequest(f"Previous response with id '{call.conversation}' not found.")
        if call.channel and self.channels.listener(call.channel) is None:
            raise BadRequest(f"nobody listens on the stream {call.channel!r}", 409)

    def recall(self, call: Call) -> Call:
        """Put the held history before the message, and name the conversation, where the server holds it."""
        if call.conversation is None:
            return call
        name = call.conversation
        messages = [*self._held.get(name, ()), *call.ask.messages]
        if call.chained or not name:
            self._named += 1
            name = f"{'resp_' if call.chained else 'c'}{self._named}"
        if call.instructions:
            messages.insert(0, Message("system", call.instructions))
        ask = msgspec.structs.replace(call.ask, messages=messages)
        return msgspec.structs.replace(call, ask=ask, conversation=name)

    def remember(self, call: Call, answer: Answer) -> None:
        """Hold what was said, where the server holds the history."""
        if call.conversation is None or not call.store:
            return
        messages = call.ask.messages[1:] if call.instructions else call.ask.messages
        self._held[call.conversation] = [*messages, Message("assistant", answer.text)][-_MESSAGES:]
        self._held.move_to_end(call.conversation)
        if len(self._held) > _CONVERSATIONS:
            self._held.popitem(last=False)

    def stats(self) -> dict[str, object]:
        """Return the counters and the number of open connections."""
        return self.oracle.stats() | {"connections_open": self.open}

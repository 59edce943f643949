"""What a reply has said so far: the readings of its messages together, for connectors whose messages come one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

from krawall.model.connector import Mark
from krawall.model.exchange import FaultKind, Reply, TargetFault, Usage
from krawall.net.caller import Route, empty, hidden
from krawall.wire.reply import Found, merge_usage


@dataclass(slots=True)
class Said:
    """One reply in the making. `size`: bytes of its messages so far."""

    text: list[str] = field(default_factory=list)
    size: int = 0
    usage: Usage | None = None
    finish: str | None = None
    error: str | None = None
    conversation_id: str | None = None

    def grow(self, size: int, most: int) -> None:
        """Count the bytes of a message.

        Raises:
            TargetFault: they are more than `most` together.
        """
        self.size += size
        if self.size > most:
            raise TargetFault(FaultKind.protocol, f"the reply is larger than {most:,} bytes")

    def take(self, found: Found, at_ns: int, mark: Mark) -> None:
        """Add what a message says, and stamp it if it is content."""
        if found.text:
            self.text.append(found.text)
            mark.token(found.text, at_ns)
        elif found.reasoning or found.tool:
            mark.token(found.reasoning or "", at_ns, False)
        if found.finish or found.usage or found.error or found.conversation_id:
            self.keep(found)

    def keep(self, found: Found) -> None:
        """Add what a message says beside its text."""
        self.finish = found.finish or self.finish
        self.error = found.error or self.error
        self.conversation_id = found.conversation_id or self.conversation_id
        if found.usage:
            self.usage = merge_usage(self.usage, found.usage)

    def before(self, fault: TargetFault) -> TargetFault:
        """Return the fault with what had been said before it."""
        known = fault.fault
        if fault.usage is not None or not (self.usage or self.text):
            return fault
        return TargetFault(
            known.kind, known.detail, status=known.status, retry_after_ns=known.retry_after_ns,
            usage=self.usage, text="".join(self.text),
        )  # fmt: skip

    def reply(self, route: Route, mark: Mark, status: int | None = None) -> Reply:
        """Return the reply once it is over.

        Raises:
            TargetFault: the target said that it failed, or nothing.
        """
        text = "".join(self.text)
        if self.error:
            raise TargetFault(FaultKind.server, route.quote(self.error), status=status, usage=self.usage, text=text)
        if not mark.tokens() and not hidden(self.usage):
            raise TargetFault(FaultKind.protocol, route.quote(empty(self.finish)), status=status, usage=self.usage)
        return Reply(text, status, self.usage, self.finish, self.conversation_id)

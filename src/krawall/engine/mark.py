"""The stamps of one exchange. One Mark per user, reused; no allocation per token but the list of gaps."""

from __future__ import annotations

from collections.abc import Callable


class Stamps:
    """Implements `model.connector.Mark`. Times are ns on the engine's clock; 0: it did not happen."""

    __slots__ = (
        "byte_ns",
        "connect_ns",
        "event_ns",
        "events",
        "gaps_us",
        "held_ns",
        "holding_ns",
        "last_ns",
        "now",
        "seen_ns",
        "sent_ns",
        "text",
        "token_ns",
    )

    def __init__(self, clock: Callable[[], int]) -> None:
        self.now = clock
        self.reset()

    def reset(self) -> None:
        """Forget the last exchange."""
        self.sent_ns = self.byte_ns = self.event_ns = self.token_ns = self.seen_ns = self.last_ns = 0
        self.connect_ns = self.events = self.held_ns = self.holding_ns = 0
        self.gaps_us: list[int] = []
        self.text: list[str] = []

    def dialled(self, ns: int) -> None:
        """A connection was made."""
        self.connect_ns += ns

    def hold(self) -> None:
        """Something of ours holds the request back."""
        self.holding_ns = self.now()

    def release(self, counted: bool = True) -> None:
        """It goes on. `counted`: it had not been sent yet, and is late by that."""
        if counted:
            self.held_ns += self.now() - self.holding_ns
        self.holding_ns = 0

    def again(self, since_ns: int) -> None:
        """It is sent once more; what was is forgotten."""
        self.reset()
        self.held_ns = self.now() - since_ns

    def sent(self) -> None:
        """The request goes out now."""
        self.sent_ns = self.now()

    def byte(self, at_ns: int) -> None:
        """The first byte of the reply arrived."""
        self.byte_ns = at_ns

    def event(self, at_ns: int) -> None:
        """A protocol event arrived."""
        if not self.event_ns:
            self.event_ns = at_ns

    def token(self, text: str, at_ns: int, visible: bool = True) -> None:
        """A content event arrived."""
        if self.last_ns:
            self.gaps_us.append((at_ns - self.last_ns) // 1000)
        else:
            self.token_ns = at_ns
        self.last_ns = at_ns
        self.events += 1
        if visible:
            if not self.seen_ns:
                self.seen_ns = at_ns
            self.text.append(text)

    def tokens(self) -> int:
        """Return how many content events there were."""
        return self.events

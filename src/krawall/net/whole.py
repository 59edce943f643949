"""Collects a whole answer that nobody measures: a token server's, a sent message's acknowledgement."""

from __future__ import annotations


class Whole:
    """Implements `net.http1.Receiver`: keeps status, headers and body."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.parts: list[bytes] = []

    def on_byte(self, at_ns: int) -> None:
        """Nobody asks when it came."""

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Keep the head."""
        self.status, self.headers = status, headers

    def on_body(self, data: bytes, at_ns: int) -> bool:
        """Keep the bytes."""
        self.parts.append(data)
        return False

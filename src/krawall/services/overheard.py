"""What went over the wire in a connection test: the beginning of it, for people and for suggestions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from krawall.services.leaves import is_packet

SHOWN = 65_536  # letters of what was sent and received
KEPT = 1_000_000  # bytes of it that are looked at


class Overheard:
    """What went over the wire, as much of it as is looked at."""

    def __init__(self) -> None:
        self.pieces: dict[str, list[bytes]] = {"sent": [], "received": []}
        self.size = {"sent": 0, "received": 0}

    def hear(self, way: Literal["sent", "received"], data: bytes) -> None:
        """Keep a piece."""
        room = KEPT - self.size[way]
        if room > 0:
            self.pieces[way].append(bytes(data[:room]))
        self.size[way] += len(data)

    def text(self, way: str, redact: Callable[[str], str]) -> str:
        """Return the beginning as text."""
        return "\n".join(self.messages(way, redact))[:SHOWN]

    def messages(self, way: str, redact: Callable[[str], str]) -> list[str]:
        """Return the body, or each message of a connection. A secret may be cut in two by the pieces, so they are joined first."""
        pieces = self.pieces[way]
        if way == "sent" or _is_one_body(pieces):
            pieces = [b"".join(pieces)]
        return [redact(piece.decode("utf-8", "replace")) for piece in pieces]


def _is_one_body(pieces: list[bytes]) -> bool:
    """Tell whether pieces belong together: messages of a connection are documents of their own."""
    return not all((piece[:1] in b"{[" and piece[-1:] in b"}]") or is_packet(piece) for piece in pieces if piece)

"""The server's side of RFC 6455 as bytes: the handshake's answer, frames out, frames in. No extension is ever agreed."""

from __future__ import annotations

import base64
import hashlib

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3
_LARGEST = 32 * 1024 * 1024  # bytes of a message


class BrokenFrames(Exception):
    """What came is against the protocol; `code` is what the close frame is to say (section 7.4.1)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def accepted(key: bytes, protocol: bytes = b"") -> bytes:
    """Return the answer to a handshake with that key (section 4.2.2)."""
    accept = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
    chosen = b"Sec-WebSocket-Protocol: %s\r\n" % protocol if protocol else b""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n%s\r\n" % (accept, chosen)
    )


def frame(data: bytes, opcode: int = TEXT) -> bytes:
    """Return a whole message as one frame."""
    size = len(data)
    if size < 126:
        return b"%c%c%s" % (0x80 | opcode, size, data)
    if size < 65_536:
        return b"%c\x7e%s%s" % (0x80 | opcode, size.to_bytes(2), data)
    return b"%c\x7f%s%s" % (0x80 | opcode, size.to_bytes(8), data)


def goodbye(code: int, reason: str = "") -> bytes:
    """Return a close frame."""
    return frame(code.to_bytes(2) + reason.encode()[:120], CLOSE)


class Frames:
    """Takes bytes of one client, gives its messages and control frames."""

    def __init__(self) -> None:
        self._held = b""
        self._parts: list[bytes] = []
        self._opcode = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return what is complete: (opcode, payload), messages whole.

        Raises:
            BrokenFrames: it is against the protocol; nothing more can be read.
        """
        self._held += data
        found: list[tuple[int, bytes]] = []
        while (one := self._next()) is not None:
            opcode, payload, fin = one
            if opcode >= CLOSE:
                found.append((opcode, payload))
            elif whole := self._joined(opcode, payload, fin=fin):
                found.append(whole)
        return found

    def _joined(self, opcode: int, payload: bytes, *, fin: bool) -> tuple[int, bytes] | None:
        if bool(opcode) == bool(self._parts):
            raise BrokenFrames(1002, "frames of two messages are mixed")
        self._opcode = opcode or self._opcode
        self._parts.append(payload)
        if sum(map(len, self._parts)) > _LARGEST:
            raise BrokenFrames(1009, f"a message is larger than {_LARGEST} bytes")
        if not fin:
            return None
        whole = b"".join(self._parts)
        self._parts = []
        return self._opcode, whole

    def _next(self) -> tuple[int, bytes, bool] | None:
        """Take one frame from what is held; None while it is not complete."""
        held = self._held
        if len(held) < 2:
            return None
        first, second = held[0], held[1]
        opcode, size, at = first & 0x0F, second & 0x7F, 2
        if first & 0x70:
            raise BrokenFrames(1002, "reserved bits are set")
        if opcode not in (0, TEXT, BINARY, CLOSE, PING, PONG):
            raise BrokenFrames(1002, f"opcode {opcode} is not known")
        if not second & 0x80:
            raise BrokenFrames(1002, "a frame of a client is not masked")
        if opcode >= CLOSE and (size > 125 or not first & 0x80):
            raise BrokenFrames(1002, "a control frame is too long, or in parts")
        if size > 125:
            at = 4 if size == 126 else 10
            if len(held) < at:
                return None
            size = int.from_bytes(held[2:at])
        if size > _LARGEST:
            raise BrokenFrames(1009, f"a message is larger than {_LARGEST} bytes")
        end = at + 4 + size
        if len(held) < end:
            return None
        self._held = held[end:]
        return opcode, unmask(held[at : at + 4], held[at + 4 : end]), bool(first & 0x80)


def unmask(key: bytes, data: bytes) -> bytes:
    """Return data with the mask taken off, or put on (section 5.3)."""
    size = len(data)
    whole = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data) ^ int.from_bytes(whole)).to_bytes(size)

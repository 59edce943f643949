"""Frames of clients, however they are cut, are read as they were written."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.mockbot.frames import BINARY, CLOSE, PING, TEXT, BrokenFrames, Frames, accepted, frame, goodbye, unmask

MASKS = st.binary(min_size=4, max_size=4)


def masked(data: bytes, opcode: int, mask: bytes, *, fin: bool = True) -> bytes:
    """Return a frame as a client writes it, made from that of a server."""
    plain = frame(data, opcode)
    at = len(plain) - len(data)
    return bytes([fin << 7 | opcode, plain[1] | 0x80]) + plain[2:at] + mask + unmask(mask, data)


@given(st.binary(max_size=300), MASKS)
def test_a_mask_taken_off_twice_is_no_mask(data: bytes, mask: bytes) -> None:
    assert unmask(mask, unmask(mask, data)) == data
    assert unmask(mask, data) == bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


@given(st.data())
def test_messages_survive_any_cuts_and_fragments(data: st.DataObject) -> None:
    messages = data.draw(st.lists(st.tuples(st.sampled_from([TEXT, BINARY]), st.binary(max_size=200)), max_size=5))
    wire = b""
    for opcode, payload in messages:
        edges = sorted(data.draw(st.sets(st.integers(0, len(payload)), max_size=3)) | {0, len(payload)})
        parts = [payload[start:end] for start, end in itertools.pairwise(edges)] or [b""]
        for at, part in enumerate(parts):
            wire += masked(part, 0 if at else opcode, data.draw(MASKS), fin=at + 1 == len(parts))
            wire += masked(b"", PING, b"\0\0\0\0") if at + 1 < len(parts) else b""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=6)) | {0, len(wire)})
    frames = Frames()
    found = [each for start, end in itertools.pairwise(cuts) for each in frames.feed(wire[start:end])]
    assert [each for each in found if each[0] != PING] == messages


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_every_length_has_its_form(size: int) -> None:
    assert Frames().feed(masked(b"x" * size, TEXT, b"abcd")) == [(TEXT, b"x" * size)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x83\x80abcd", 1002),  # an opcode that is not known
        (b"\x81\x02hi", 1002),  # not masked
        (b"\xc1\x80abcd", 1002),  # a reserved bit
        (b"\x09\x80abcd", 1002),  # a ping in parts
        (b"\x80\x80abcd", 1002),  # goes on with what never began
        (masked(b"a", TEXT, b"abcd", fin=False) + masked(b"b", TEXT, b"abcd"), 1002),
        (b"\x81\xff" + (1 << 40).to_bytes(8) + b"abcd", 1009),
    ],
)
def test_what_breaks_the_protocol_is_named(data: bytes, code: int) -> None:
    with pytest.raises(BrokenFrames) as caught:
        Frames().feed(data)
    assert caught.value.code == code


def test_the_handshake_is_answered_as_in_the_example_of_the_standard() -> None:  # RFC 6455 section 1.3
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in accepted(b"dGhlIHNhbXBsZSBub25jZQ==")
    assert goodbye(1013, "later") == bytes([0x80 | CLOSE, 7]) + b"\x03\xf5later"

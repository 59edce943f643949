"""Signatures of webhooks, against vectors that other programs made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import Internal, Refused
from krawall.wire.signing import TOLERANCE_S, keys_of, rotated, secret_of, sign, verify

keys = st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=3)
ids = st.text(st.sampled_from("abcdef_0123456789"), min_size=1, max_size=30)
times = st.integers(0, 4_000_000_000)


@pytest.mark.parametrize(
    ("secret", "id", "timestamp_s", "body", "signature"),
    [
        # The example that the convention's own libraries are tested with; OpenSSL's HMAC gives the same.
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        # printf 'dlv_01.1763900000.' | openssl dgst -sha256 -mac HMAC -macopt hexkey:... -binary | base64
        (
            "whsec_a3Jhd2FsbCB3ZWJob29rIGtleSBudW1iZXIgdHdvISE=",
            "dlv_01",
            1763900000,
            b"",
            "v1,puZQe2ifBYPRMgE/7kEnblrX67zPHg48wAAAvyGaM98=",
        ),
    ],
)
def test_signatures_are_those_of_other_programs(
    secret: str, id: str, timestamp_s: int, body: bytes, signature: str
) -> None:
    headers = sign(keys_of(secret), id=id, timestamp_s=timestamp_s, body=body)
    assert headers == {"webhook-id": id, "webhook-timestamp": str(timestamp_s), "webhook-signature": signature}
    assert verify(keys_of(secret), headers, body, now_s=timestamp_s)


@given(keys, ids, times, st.binary(max_size=200), st.data())
def test_any_one_key_verifies_and_any_change_does_not(
    ring: list[bytes], id: str, now_s: int, body: bytes, data: st.DataObject
) -> None:
    headers = sign(ring, id=id, timestamp_s=now_s, body=body)
    one = data.draw(st.sampled_from(ring))
    assert verify([one], headers, body, now_s=now_s + TOLERANCE_S)
    assert not verify([one], headers, body + b".", now_s=now_s)
    assert not verify([one], headers | {"webhook-id": id + "a"}, body, now_s=now_s)
    assert not verify([one], headers | {"webhook-timestamp": str(now_s + 1)}, body, now_s=now_s)
    assert not verify([bytes(24)] if bytes(24) not in ring else [], headers, body, now_s=now_s)


@pytest.mark.parametrize("late_s", [TOLERANCE_S + 1, -TOLERANCE_S - 1])
def test_an_old_or_early_message_is_not_verified(late_s: int) -> None:
    headers = sign([bytes(24)], id="a", timestamp_s=1_000_000, body=b"")
    assert not verify([bytes(24)], headers, b"", now_s=1_000_000 + late_s)


@pytest.mark.parametrize(
    "headers",
    [{}, {"webhook-timestamp": "²"}, {"webhook-timestamp": "-5"}, {"webhook-timestamp": "9" * 400}],
)
def test_headers_that_are_missing_or_odd_are_not_verified(headers: dict[str, str]) -> None:
    whole = {"webhook-id": "a", "webhook-signature": "v1,"} | headers
    assert not verify([bytes(24)], whole, b"", now_s=0)


@given(st.binary(min_size=24, max_size=64), st.binary(min_size=24, max_size=64), st.binary(min_size=24, max_size=64))
def test_a_rotated_secret_overlaps_with_the_one_before(first: bytes, second: bytes, third: bytes) -> None:
    once = rotated(secret_of(first), second)
    assert keys_of(once) == [second, first]
    assert keys_of(rotated(once, third)) == [third, second]


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_****", "whsec_c2hvcnQ=", secret_of(bytes(65))])
def test_what_is_no_secret_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(Refused, match="signing secret") as refused:
        keys_of(secret)
    assert not secret or secret not in str(refused.value.message)


def test_an_id_with_a_dot_would_sign_something_else() -> None:
    with pytest.raises(Internal):
        sign([bytes(24)], id="a.1", timestamp_s=2, body=b"")

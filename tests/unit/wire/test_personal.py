"""What is about people is found in whatever stands around it; what only looks like it stays."""

from __future__ import annotations

import string
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.wire.personal import FINDERS, luhn, mod97

AROUND = st.sampled_from(["", "call ", "is: ", "(", '{"a":"', "me,\n", "… ", "at "])
AFTER = st.sampled_from(["", ".", ", please", ")", '"}', "!\n", " or so", ". Then", "?"])


def clean(text: str) -> str:
    for find in FINDERS.values():
        text = find(text)
    return text


@st.composite
def cards(draw: st.DrawFn) -> str:
    start = "4" + draw(st.text(string.digits, min_size=11, max_size=17))
    digits = next(start + last for last in string.digits if luhn(start + last))
    mark = draw(st.sampled_from(["", " ", "-"]))
    return mark.join(digits[at : at + 4] for at in range(0, len(digits), 4))


@st.composite
def accounts(draw: st.DrawFn) -> str:
    country = draw(st.sampled_from(["DE", "GB", "NO", "MT"]))
    rest = draw(st.text(string.digits + string.ascii_uppercase, min_size=11, max_size=27))
    whole = next(f"{country}{check:02}{rest}" for check in range(2, 99) if mod97(f"{country}{check:02}{rest}"))
    whole = draw(st.sampled_from([whole, whole.lower()]))
    return " ".join(whole[at : at + 4] for at in range(0, len(whole), 4)) if draw(st.booleans()) else whole


EMAILS = st.builds(
    lambda name, host, end: f"{name}@{host}.{end}",
    st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9.+_-]{0,30}", fullmatch=True),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True),
    st.sampled_from(["com", "co.uk", "test"]),
)


@given(AROUND, EMAILS, AFTER)
def test_no_email_address_is_left(before: str, email: str, after: str) -> None:
    assert FINDERS["email"](before + email + after) == f"{before}[email]{after}"


@given(AROUND, cards(), AFTER)
def test_no_card_number_is_left(before: str, card: str, after: str) -> None:
    assert FINDERS["card"](before + card + after) == f"{before}[card]{after}"


@given(AROUND, accounts(), st.sampled_from([".", ", please", ")", '"}', "!\n", ""]))
def test_no_account_number_is_left(before: str, account: str, after: str) -> None:
    assert FINDERS["iban"](before + account + after) == f"{before}[iban]{after}"


@given(AROUND, st.ip_addresses().map(str), AFTER)
def test_no_address_of_a_network_is_left(before: str, address: str, after: str) -> None:
    if address != "::":
        assert FINDERS["ip"](before + address + after) == f"{before}[ip]{after}"


@pytest.mark.parametrize(
    "phone", ["+49 40 123 456 78", "+494012345678", "040 1234567", "(040) 123-4567", "555-123-4567", "0049 40 1234567", "+1 (555) 123-4567"]
)  # fmt: skip
@pytest.mark.parametrize("after", ["", ".", ", thanks", ")", " or"])
def test_no_phone_number_is_left(phone: str, after: str) -> None:
    assert FINDERS["phone"](f"call {phone}{after}") == f"call [phone]{after}"


@pytest.mark.parametrize(
    "text",
    [
        "It is 2024-10-12 and 12.10.2024, 10:30:45.",
        "That makes 1 000 000 or 1.250.000 or 3.14159265358979 in 2024-2025.",
        "order 4711, order 12345678, ticket 1700000000000",
        "std::vector and a::b, version 1.2.3, 300.1.2.3",
        "at 5 @ each, @all, user@host",
        '{"created": 1700000000, "usage": {"total_tokens": 1234567}}',
    ],
)
def test_what_is_about_nobody_stays(text: str) -> None:
    assert clean(text) == text


def test_a_date_after_a_card_does_not_hide_it() -> None:
    assert FINDERS["card"]("4111 1111 1111 1111 12 27 123") == "[card] 12 27 123"


@given(st.text())
def test_twice_is_as_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once


def test_long_runs_take_no_longer_than_their_length() -> None:
    """Texts for which a pattern that tries every way would not end."""
    for letter in ("a", "1", "1 ", "1.", "1:", "a@", "DE89", "-1", "+1"):
        clean(letter * 10_000)


def test_luhn_is_what_the_standard_says() -> None:
    for digits in ("4111111111111111", "5555555555554444", "378282246310005", "6011111111111117"):
        assert luhn(digits)
        assert not luhn(digits[:-1] + str((int(digits[-1]) + 1) % 10))


def test_addresses_that_are_given_are_what_python_takes_for_one() -> None:
    assert FINDERS["ip"](f"{IPv4Address(1)} {IPv6Address(1)}") == "[ip] [ip]"

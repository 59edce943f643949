"""What is about people in a text: addresses, numbers of phones, cards and accounts. Each finder replaces what it finds by one word.

Patterns are bounded everywhere, so that the time for a text grows with its length alone, whatever a target sends. What has
check digits counts only where they are right: a timestamp is no card.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Literal

Named = Literal["email", "phone", "card", "iban", "ip"]
Finder = Callable[[str], str]

_EMAIL = re.compile(r"[\w.+%-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,40}(?!\w|\.\d)")
_DIGITS = re.compile(r"\d+")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the sum of the digits of twice a digit
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:(?:\+|00)\d{1,3}[ ./-]?)?(?:\(\d{1,5}\)|\d{2,5})(?:[ ./-]?\d{2,5}){1,5}(?!\w|[.,/-]\d)"
)
_NO_PHONE = re.compile(
    r"\d{4}-\d\d-\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}"  # dates
    r"|\d{1,3}(?:[ .]\d{3})+"  # thousands
    r"|\d{1,7}|\d+[.-]\d+|[1-9]\d+"  # numbers, ranges, numbers without a trunk or country code
)


def _email(text: str) -> str:
    return _EMAIL.sub("[email]", text) if "@" in text or "%40" in text else text


def _ip(text: str) -> str:
    if text.count(".") >= 3:
        text = _IPV4.sub(lambda found: "[ip]" if _is(IPv4Address, found[0]) else found[0], text)
    if text.count(":") >= 2:
        text = _IPV6.sub(lambda found: "[ip]" if _is_ipv6(found[0]) else found[0], text)
    return text


def _is(kind: type[IPv4Address | IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except AddressValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    return any(letter.isdigit() for letter in text) and _is(IPv6Address, text)


def _card(text: str) -> str:
    return _CARD.sub(lambda found: _cards_in(found[0]), text)


def _cards_in(run: str) -> str:
    """Replace the groups of a run of digits that are a card's number together: a date may follow it."""
    groups = [(part.start(), part.end()) for part in _DIGITS.finditer(run)]
    kept, done, first = "", 0, 0
    while first < len(groups):
        after = _card_from(run, groups[first:])
        if after:
            kept, done = f"{kept}{run[done : groups[first][0]]}[card]", groups[first + after - 1][1]
        first += after or 1
    return kept + run[done:]


def _card_from(run: str, groups: list[tuple[int, int]]) -> int:
    """Return how many of the first groups are a card's number, at most; 0: they are none."""
    digits, found = "", 0
    for count, (start, end) in enumerate(groups, 1):
        digits += run[start:end]
        if len(digits) > 19:
            break
        if len(digits) >= 13 and luhn(digits):
            found = count
    return found


def luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    return (sum(map(int, digits[-1::-2])) + sum(map(_DOUBLED.__getitem__, map(int, digits[-2::-2])))) % 10 == 0


def _iban(text: str) -> str:
    return _IBAN.sub(lambda found: _iban_in(found[0]), text)


def _iban_in(run: str) -> str:
    """Replace the longest beginning that is an account's number: words may follow it."""
    ends = [at + 1 for at, letter in enumerate(run) if letter not in " -"]
    for end in reversed(ends[14:]):
        if mod97(re.sub(r"[ -]", "", run[:end]).upper()):
            return f"[iban]{run[end:]}"
    return run


def mod97(iban: str) -> bool:
    """Tell whether the check digits of an IBAN are right (ISO 13616, ISO/IEC 7064 MOD 97-10). Upper case, no spaces."""
    return int("".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])) % 97 == 1


def _phone(text: str) -> str:
    return _PHONE.sub(lambda found: "[phone]" if _is_phone(found[0]) else found[0], text)


def _is_phone(text: str) -> bool:
    digits = sum(letter.isdigit() for letter in text)
    return 7 <= digits <= 15 and not _NO_PHONE.fullmatch(text)  # ITU-T E.164: at most 15


FINDERS: Mapping[Named, Finder] = {"email": _email, "iban": _iban, "ip": _ip, "card": _card, "phone": _phone}
"""By name, in the order in which they go over a text: what is more exact goes first."""

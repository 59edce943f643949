"""Who is granted which tier, which loads pass its ceilings, and which redirects stay on the granted site."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import Refused, Unreachable
from krawall.guard.hosts import AddressClass, Site, classify_address, parse_url
from krawall.guard.tiers import CEILINGS, Ceilings, Grant, Tier, check_load, decide, redirect_allowed

LOOPBACK, PRIVATE, PUBLIC = Tier.LOOPBACK, Tier.PRIVATE, Tier.PUBLIC_UNPROVEN
CONFIRM = "add --yes to confirm that you operate"

DECISIONS = [  # host, what it resolves to, confirmed, tier or words of the refusal
    ("127.0.0.1", ["127.0.0.1"], False, LOOPBACK, "address"),
    ("[::1]", ["::1"], False, LOOPBACK, "IPv6 address"),
    ("127.0.0.1", ["::ffff:127.0.0.1"], False, LOOPBACK, "resolver answers in mapped form"),
    ("127.0.0.1", ["127.0.0.2"], True, "was resolved to", "address that resolves to another"),
    ("127.0.0.1", ["127.0.0.1", "127.0.0.2"], True, "was resolved to", "address and another"),
    ("localhost", ["127.0.0.1", "::1"], False, LOOPBACK, "both families"),
    ("LOCALHOST.", ["127.0.0.1"], False, LOOPBACK, "canonical first"),
    ("bot.localhost", ["127.0.0.1"], False, LOOPBACK, "below localhost"),
    ("localhost", ["10.0.0.1"], True, "not this machine", "hosts file astray"),
    ("localhost", ["8.8.8.8"], True, "not this machine", "hosts file astray"),
    ("a.localhost", ["8.8.8.8"], True, "not this machine", "resolver asks the internet"),
    ("localhost", ["127.0.0.1", "8.8.8.8"], True, "different kinds", "one of two astray"),
    ("bot", ["127.0.0.1"], False, CONFIRM, "name of loopback is not localhost"),
    ("bot", ["127.0.0.1"], True, PRIVATE, "same, confirmed"),
    ("bot", ["10.0.0.1"], False, CONFIRM, "single label"),
    ("bot", ["10.0.0.1"], True, PRIVATE, "single label, confirmed"),
    ("bot", ["8.8.8.8"], True, PUBLIC, "search domain leads outside"),
    ("bot.internal", ["192.168.0.9"], False, CONFIRM, "private suffix"),
    ("bot.internal", ["192.168.0.9", "192.168.0.8"], True, PRIVATE, "two of one class"),
    ("bot.internal", ["8.8.8.8"], True, PUBLIC, "confirmation does not make it private"),
    ("bot.test", ["172.16.0.1"], True, PRIVATE, "private suffix"),
    ("bot.local", ["fd00::1"], True, PRIVATE, "private suffix, IPv6"),
    ("bot.local", ["fe80::1%eth0"], True, "link-local", "mDNS answers with a zone"),
    ("10.0.0.1", ["10.0.0.1"], False, "private address", "literal"),
    ("10.0.0.1", ["10.0.0.1"], True, PRIVATE, "literal, confirmed"),
    ("100.64.0.1", ["100.64.0.1"], False, CONFIRM, "carrier NAT"),
    ("bot.example", ["8.8.8.8"], False, PUBLIC, "plain"),
    ("bot.example", ["8.8.8.8", "2606:4700::1111"], False, PUBLIC, "both families"),
    ("bot.example", ["64:ff9b::808:808"], False, PUBLIC, "DNS64"),
    ("bot.example", ["10.0.0.1"], False, "DNS rebinding", "rebinding to private"),
    ("bot.example", ["10.0.0.1"], True, PRIVATE, "split-horizon, confirmed"),
    ("127.0.0.1.nip.io", ["127.0.0.1"], False, "DNS rebinding", "wildcard DNS"),
    ("localtest.me", ["127.0.0.1"], True, PRIVATE, "public name of loopback, confirmed"),
    ("localhost.evil.example", ["127.0.0.1"], False, "DNS rebinding", "localhost as prefix"),
    ("evillocalhost", ["127.0.0.1"], False, CONFIRM, "localhost without the dot"),
    ("bot.example", ["8.8.8.8", "127.0.0.1"], True, "different kinds", "rebinding by one of two"),
    ("bot.example", ["8.8.8.8", "::ffff:10.0.0.1"], True, "different kinds", "mapped private"),
    ("bot", ["10.0.0.1", "127.0.0.1"], True, "different kinds", "private and loopback"),
    ("bot.example", ["8.8.8.8", "169.254.169.254"], True, "metadata", "metadata as second"),
    ("metadata.google.internal", ["169.254.169.254"], True, "metadata", "private suffix"),
    ("bot.example", ["::ffff:169.254.169.254"], True, "metadata", "mapped"),
    ("bot.example", ["2002:7f00:1::"], True, "reserved", "6to4 loopback"),
    ("bot.example", ["64:ff9b::7f00:1"], True, "reserved", "NAT64 loopback"),
    ("0.0.0.0", ["0.0.0.0"], True, "unspecified", "any address"),
    ("bot.example", ["198.18.0.7"], True, "reserved", "tunnelling proxy"),
    ("bot.example", ["224.0.0.1"], True, "multicast", "multicast"),
    ("bot.example", ["evil"], True, "not an IP address", "resolver answers nonsense"),
]


@pytest.mark.parametrize(("host", "addresses", "confirmed", "expected", "what"), DECISIONS)
def test_name_and_addresses_decide(
    host: str, addresses: list[str], confirmed: bool, expected: Tier | str, what: str
) -> None:
    site = parse_url(f"http://{host}/")
    if isinstance(expected, Tier):
        grant = decide(site, addresses, confirmed=confirmed)
        assert (grant.tier, grant.ceilings, grant.host) == (expected, CEILINGS[expected], site.host), what
    else:
        with pytest.raises(Refused) as refusal:
            decide(site, addresses, confirmed=confirmed)
        assert expected in str(refusal.value), what


@pytest.mark.parametrize("host", ["bot", "bot.internal", "bot.test", "bot.local", "10.0.0.1"])
def test_private_names_are_not_accused_of_rebinding(host: str) -> None:
    with pytest.raises(Refused, match=CONFIRM) as refusal:
        decide(parse_url(f"http://{host}/"), ["10.0.0.1"], confirmed=False)
    assert "rebinding" not in refusal.value.message


def test_no_addresses_is_unreachable_and_not_refused() -> None:
    with pytest.raises(Unreachable, match=r"bot\.example does not resolve"):
        decide(parse_url("http://bot.example/"), [], confirmed=True)


def test_addresses_are_pinned_in_order_once_in_canonical_form() -> None:
    site = parse_url("http://bot.example/")
    addresses = ["2606:4700:0::1111", "8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111"]
    assert decide(site, addresses, confirmed=False).addresses == ("2606:4700::1111", "8.8.8.8")


names = st.sampled_from(
    ["localhost", "a.localhost", "bot", "bot.internal", "bot.test", "bot.local", "bot.example", "x.nip.io"]
)
some_addresses = st.lists(
    st.one_of(
        st.ip_addresses().map(str),
        st.sampled_from(
            ["127.0.0.1", "::1", "10.0.0.1", "8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "169.254.169.254"]
        ),
    ),
    min_size=1,
    max_size=3,
)


@given(names, some_addresses, st.booleans())
def test_a_grant_never_reaches_past_its_addresses(name: str, addresses: list[str], confirmed: bool) -> None:
    with suppress(Refused):
        grant = decide(parse_url(f"http://{name}/"), addresses, confirmed=confirmed)
        kinds = {classify_address(address) for address in addresses}
        assert kinds == {classify_address(address) for address in grant.addresses}
        assert len(kinds) == 1
        assert kinds <= {AddressClass.LOOPBACK, AddressClass.PRIVATE, AddressClass.PUBLIC}
        if grant.tier is LOOPBACK:
            assert kinds == {AddressClass.LOOPBACK}
            assert name.endswith("localhost")
        if grant.tier is PRIVATE:
            assert confirmed
        assert (grant.tier is PUBLIC) == (kinds == {AddressClass.PUBLIC})


@given(names, some_addresses)
def test_confirmation_changes_nothing_but_the_private_tier(name: str, addresses: list[str]) -> None:
    site = parse_url(f"http://{name}/")
    with suppress(Refused):
        grant = decide(site, addresses, confirmed=False)
        assert decide(site, addresses, confirmed=True) == grant


@given(st.ip_addresses())
def test_a_literal_is_judged_by_itself(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    with suppress(Refused):
        grant = decide(parse_url(f"http://{host}/"), [str(address)], confirmed=True)
        assert grant.addresses == (str(address),)
        assert (grant.tier is LOOPBACK) == address.is_loopback


def grant(tier: Tier) -> Grant:
    return Grant(tier, CEILINGS[tier], "bot", ("127.0.0.1",))


def test_the_ceilings_are_those_of_the_contract() -> None:
    expected = {
        LOOPBACK: Ceilings(),
        PRIVATE: Ceilings(users=200, starts_per_s=50.0),
        PUBLIC: Ceilings(users=1, starts_per_s=1.0, conversations=5, requests_per_s=1.0, cost_usd=1.0, concurrent=1),
    }
    assert expected == CEILINGS


@given(st.floats(min_value=0), st.floats(min_value=0) | st.none(), st.integers(0) | st.none(), st.floats(0) | st.none())
def test_loopback_has_no_ceilings(users: float, starts: float | None, total: int | None, cost: float | None) -> None:
    assert check_load(grant(LOOPBACK), users=users, starts_per_s=starts, conversations=total, cost_usd=cost) == []


def test_private_is_limited_in_users_and_starts_only() -> None:
    fits = check_load(grant(PRIVATE), users=200, starts_per_s=50, conversations=None, cost_usd=None)
    over = check_load(grant(PRIVATE), users=200.5, starts_per_s=50.5, conversations=10**9, cost_usd=1e9)
    assert fits == []
    assert over == [
        "200.5 users for bot (private): at most 200",
        "50.5 starts per second for bot (private): at most 50",
    ]


def test_public_fits_up_to_its_ceilings_and_names_each_one_passed() -> None:
    assert check_load(grant(PUBLIC), users=1, starts_per_s=1, conversations=5, cost_usd=1) == []
    assert check_load(grant(PUBLIC), users=1, starts_per_s=None, conversations=1, cost_usd=0) == []
    over = check_load(grant(PUBLIC), users=2, starts_per_s=1.5, conversations=6, cost_usd=1.01)
    assert over == [
        "2 users for bot (public, unproven): at most 1",
        "1.5 starts per second for bot (public, unproven): at most 1",
        "6 conversations for bot (public, unproven): set at most 5",
        "a cost of up to 1.01 USD for bot (public, unproven): set at most 1 USD",
    ]


def test_no_cap_and_no_number_pass_any_ceiling() -> None:
    nan = float("nan")
    assert len(check_load(grant(PUBLIC), users=1, starts_per_s=None, conversations=None, cost_usd=None)) == 2
    assert len(check_load(grant(PUBLIC), users=nan, starts_per_s=nan, conversations=5, cost_usd=nan)) == 3


REDIRECTS = [  # Location seen at http://bot:8000/a/b?c, where it leads to
    ("/x", "http://bot:8000/x"),
    ("x", "http://bot:8000/a/x"),
    ("../x", "http://bot:8000/x"),
    ("?d=1:2", "http://bot:8000/a/b?d=1:2"),
    ("", "http://bot:8000/a/b?c"),
    ("#top", "http://bot:8000/a/b?c"),
    ("//bot:8000/x", "http://bot:8000/x"),
    ("http://bot:8000", "http://bot:8000/"),
    ("HTTP://BOT.:8000/x", "http://bot:8000/x"),
    ("https://bot:8000/x", "https://bot:8000/x"),
    ("http://bot/x", None),
    ("http://bot:8001/x", None),
    ("https://bot/x", None),
    ("http://evil.example:8000/x", None),
    ("http://bot.evil.example:8000/x", None),
    ("//evil.example:8000/x", None),
    ("///evil.example/x", None),
    ("////evil.example/x", None),
    ("/\\evil.example/x", None),
    ("\\\\evil.example/x", None),
    ("/\t/evil.example/x", None),
    ("\t//evil.example/x", None),
    (" //evil.example/x", None),
    ("http:evil.example", None),
    ("http:/evil.example", None),
    ("http:///evil.example", None),
    ("http://bot:8000@evil.example/", None),
    ("http://evil.example#@bot:8000/", None),
    ("ws://bot:8000/x", None),
    ("file:///etc/passwd", None),
    ("javascript:alert(1)", None),
    ("//[::1", None),
    ("/x\r\nX-Evil: 1", None),
]


@pytest.mark.parametrize(("location", "expected"), REDIRECTS)
def test_redirects_stay_on_host_and_port(location: str, expected: str | None) -> None:
    new = redirect_allowed(parse_url("http://bot:8000/a/b?c"), location)
    assert (None if new is None else new.origin + new.path) == expected


def test_redirects_never_lose_encryption() -> None:
    site = parse_url("https://bot:8443/")
    assert redirect_allowed(site, "http://bot:8443/x") is None
    assert redirect_allowed(site, "https://bot:8443/x") == Site("https", "bot", 8443, "/x", literal=False)
    secure = parse_url("wss://bot/", ("wss",))
    assert redirect_allowed(secure, "ws://bot:443/x") is None
    assert redirect_allowed(secure, "/x") == Site("wss", "bot", 443, "/x", literal=False)


@given(st.text(alphabet="/\\:.@#?%[]\t abhtp10", max_size=16) | st.text(max_size=12))
def test_no_location_leads_elsewhere(location: str) -> None:
    site = parse_url("http://bot:8000/a")
    new = redirect_allowed(site, location)
    assert new is None or (new.host, new.port) == ("bot", 8000)

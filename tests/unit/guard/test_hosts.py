"""Properties of canonical URLs and of address classes; the tricks themselves are the table in test_url_tricks.py."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from krawall.errors import Refused
from krawall.guard.hosts import AddressClass, canonical_address, classify_address, parse_url

v4 = st.ip_addresses(v=4)  # draws often from the special ranges
v6 = st.ip_addresses(v=6)
pieces = [
    "http",
    "https",
    ":",
    "//",
    "/",
    "@",
    "#",
    "?",
    "[",
    "]",
    "::1",
    "127.0.0.1",
    "localhost",
    ".",
    "%2e",
    "0x7f",
    "80",
]
pieces += ["ü", "ß", "１", "。", "а", "xn--", "a", "B", "-", "_", "\\", "\t", "例"]
urls = st.one_of(
    st.lists(st.sampled_from(pieces), max_size=9).map("".join),
    st.lists(st.sampled_from(pieces), max_size=6).map(lambda parts: "http://" + "".join(parts)),
    st.text(max_size=12).map(lambda text: f"http://{text}"),
    st.text(max_size=20).map(lambda text: f"https://bot.test:8443/{text}"),
)


@given(urls)
def test_a_url_is_refused_or_has_a_stable_canonical_ascii_form(url: str) -> None:
    with suppress(Refused):
        site = parse_url(url)
        canonical = site.origin + site.path
        assert parse_url(canonical) == site
        assert canonical.isascii()
        assert canonical.isprintable()
        assert " " not in canonical
        assert site.path.startswith("/")
        assert site.host == site.host.lower()


@given(urls)
def test_a_host_is_an_address_exactly_when_ipaddress_reads_one(url: str) -> None:
    with suppress(Refused):
        site = parse_url(url)
        try:
            ipaddress.ip_address(site.host)
        except ValueError:
            assert not site.literal
        else:
            assert site.literal


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3]), st.sampled_from(["{}", "{:#x}", "0{:o}"]))
def test_no_shorthand_of_an_ipv4_address_is_a_host(number: int, parts: int, form: str) -> None:
    high = [number >> 24 & 255, number >> 16 & 255][: parts - 1]
    last = number & (1 << 32 - 8 * len(high)) - 1
    with pytest.raises(Refused, match="odd spelling"):
        parse_url("http://" + ".".join(form.format(part) for part in (*high, last)) + "/")


@given(v4)
def test_a_plain_ipv4_host_stays_as_it_is(address: ipaddress.IPv4Address) -> None:
    site = parse_url(f"http://{address}:8000")
    assert (site.host, site.literal, site.authority) == (str(address), True, f"{address}:8000")


@given(v6, st.booleans())
def test_ipv6_spellings_become_one(address: ipaddress.IPv6Address, exploded: bool) -> None:
    spelling = address.exploded.upper() if exploded else address.compressed
    with suppress(Refused):  # those that hide an IPv4 address
        assert parse_url(f"http://[{spelling}]/").host == address.compressed


@given(v4)
def test_mapped_ipv6_has_the_class_of_its_ipv4(address: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address(0xFFFF << 32 | int(address))
    for spelling in (mapped.compressed, mapped.exploded, f"::ffff:{address}", f"::FFFF:{address}", f"{mapped}%1"):
        assert classify_address(spelling) is classify_address(str(address))
        assert canonical_address(spelling) == str(address)


@given(v4, st.integers(0, 2**80 - 1))
def test_other_embeddings_never_reach_further_than_their_ipv4(address: ipaddress.IPv4Address, rest: int) -> None:
    number = int(address)
    nat64 = classify_address(str(ipaddress.IPv6Address(0x64FF9B << 96 | number)))
    inner = classify_address(str(address))
    assert nat64 is (AddressClass.RESERVED if inner in (AddressClass.LOOPBACK, AddressClass.PRIVATE) else inner)
    six_to_four = 0x2002 << 112 | number << 80 | rest
    teredo = 0x20010000 << 96 | number << 64 | rest & 2**64 - 1
    translated = 0xFFFF << 48 | number
    compatible = max(number, 2)  # below are :: and ::1
    for embedding in (six_to_four, teredo, translated, compatible):
        assert classify_address(str(ipaddress.IPv6Address(embedding))) is AddressClass.RESERVED


@given(st.one_of(v4, v6))
def test_classes_agree_with_ipaddress(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    plain = getattr(address, "ipv4_mapped", None) or address
    assume(
        plain not in ipaddress.ip_network("64:ff9b::/96")
    )  # NAT64: ipaddress does not look at the IPv4 address inside
    kind = classify_address(str(address))
    assert (kind is AddressClass.LOOPBACK) == plain.is_loopback
    assert (kind is AddressClass.UNSPECIFIED) == plain.is_unspecified
    if plain.is_multicast:
        assert kind is AddressClass.MULTICAST
    if plain.is_link_local:
        assert kind in (AddressClass.LINK_LOCAL, AddressClass.METADATA)
    if plain.is_reserved or plain.is_private:
        assert kind is not AddressClass.PUBLIC
    if kind is AddressClass.PRIVATE:
        assert not plain.is_global


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**128 - 1))
def test_every_address_has_a_class(four: int, six: int) -> None:
    assert classify_address(str(ipaddress.IPv4Address(four))) in AddressClass
    assert classify_address(str(ipaddress.IPv6Address(six))) in AddressClass


@pytest.mark.parametrize(
    ("first", "last", "kind"),
    [
        ("10.0.0.0", "10.255.255.255", "private"),
        ("100.64.0.0", "100.127.255.255", "private"),
        ("127.0.0.0", "127.255.255.255", "loopback"),
        ("169.254.0.0", "169.254.255.255", "link_local"),
        ("172.16.0.0", "172.31.255.255", "private"),
        ("192.168.0.0", "192.168.255.255", "private"),
        ("192.0.2.0", "192.0.2.255", "reserved"),
        ("192.88.99.0", "192.88.99.255", "reserved"),
        ("198.18.0.0", "198.19.255.255", "reserved"),
        ("198.51.100.0", "198.51.100.255", "reserved"),
        ("203.0.113.0", "203.0.113.255", "reserved"),
        ("224.0.0.0", "239.255.255.255", "multicast"),
        ("240.0.0.0", "255.255.255.254", "reserved"),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link_local"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"),
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"),
    ],
)
def test_ranges_end_where_they_should(first: str, last: str, kind: str) -> None:
    low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
    assert classify_address(first) == classify_address(last) == kind
    assert classify_address(str(low - 1)) != kind
    assert classify_address(str(high + 1)) != kind or kind == "reserved"


@pytest.mark.parametrize(
    "address",
    [
        "169.254.170.2",
        "169.254.170.23",
        "169.254.42.42",
        "192.0.0.192",
        "fd20:ce::254",
        "fd00:42::42",
        "fd00:c1::a9fe:a9fe",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_metadata_services_are_known(address: str) -> None:
    assert classify_address(address) is AddressClass.METADATA


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0177.0.0.1", "[::1]", "1.2.3.4/8", "::1::", "127.0.0.1 "])
def test_what_is_no_address_has_no_class(text: str) -> None:
    with pytest.raises(Refused, match="not an IP address"):
        classify_address(text)

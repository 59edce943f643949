"""One canonical form of a URL's host, and the class of an IP address. Every spelling that two programs could read as two
different hosts is refused, never repaired. Names are not looked up here: `tiers.decide` judges what they resolve to."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

from krawall.errors import Refused
from krawall.guard.names import canonical_label

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
TARGET_SCHEMES = ("http", "https", "ws", "wss", "grpc", "grpcs")
SECURE = frozenset({"https", "wss", "grpcs"})

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?([^/?#]*)(.*)", re.DOTALL)
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_DOTTED_QUAD = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # what inet_aton reads as one part of an address
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PATH_SAFE = "%/?:@!$&'()*+,;=-._~[]"  # RFC 3986 section 3.3 and 3.4, plus brackets, which servers expect unescaped


class AddressClass(StrEnum):
    """What kind of network an address belongs to. Only loopback, private and public can ever be talked to."""

    LOOPBACK = "loopback"
    PRIVATE = "private"
    LINK_LOCAL = "link_local"
    METADATA = "metadata"
    MULTICAST = "multicast"
    UNSPECIFIED = "unspecified"
    RESERVED = "reserved"
    PUBLIC = "public"


# First match wins. Decisions that the registries (RFC 6890 and its IANA tables) leave open:
# - Cloud metadata services hand out credentials, so each known one is named, also where its range would be refused anyway
#   or would be public (168.63.129.16, Azure) or private (100.100.100.200, Alibaba; the unique-local IPv6 ones).
# - 100.64.0.0/10 (carrier NAT, overlay networks) is private: not reachable from the internet, yet not always the operator's own.
# - 198.18.0.0/15 (benchmarks) is reserved, because tunnelling proxies answer with it in place of any public host.
# - Documentation, protocol and former 6to4 relay ranges are reserved: no chatbot lives there.
_V4_CLASSES = tuple(
    (ipaddress.IPv4Network(network), kind)
    for network, kind in (
        ("169.254.169.254/32", AddressClass.METADATA),  # AWS, Azure, GCP, OpenStack and others
        ("169.254.170.2/32", AddressClass.METADATA),  # AWS ECS task credentials
        ("169.254.170.23/32", AddressClass.METADATA),  # AWS EKS pod identity
        ("169.254.42.42/32", AddressClass.METADATA),  # Scaleway
        ("168.63.129.16/32", AddressClass.METADATA),  # Azure host agent
        ("100.100.100.200/32", AddressClass.METADATA),  # Alibaba
        ("192.0.0.192/32", AddressClass.METADATA),  # Oracle
        ("0.0.0.0/32", AddressClass.UNSPECIFIED),
        ("0.0.0.0/8", AddressClass.RESERVED),
        ("10.0.0.0/8", AddressClass.PRIVATE),
        ("100.64.0.0/10", AddressClass.PRIVATE),
        ("127.0.0.0/8", AddressClass.LOOPBACK),
        ("169.254.0.0/16", AddressClass.LINK_LOCAL),
        ("172.16.0.0/12", AddressClass.PRIVATE),
        ("192.0.0.0/24", AddressClass.RESERVED),
        ("192.0.2.0/24", AddressClass.RESERVED),
        ("192.88.99.0/24", AddressClass.RESERVED),
        ("192.168.0.0/16", AddressClass.PRIVATE),
        ("198.18.0.0/15", AddressClass.RESERVED),
        ("198.51.100.0/24", AddressClass.RESERVED),
        ("203.0.113.0/24", AddressClass.RESERVED),
        ("224.0.0.0/4", AddressClass.MULTICAST),
        ("240.0.0.0/4", AddressClass.RESERVED),
        ("0.0.0.0/0", AddressClass.PUBLIC),
    )
)
_V6_CLASSES = tuple(
    (ipaddress.IPv6Network(network), kind)
    for network, kind in (
        ("::/128", AddressClass.UNSPECIFIED),
        ("::1/128", AddressClass.LOOPBACK),
        ("fd00:ec2::254/128", AddressClass.METADATA),  # AWS
        ("fd20:ce::254/128", AddressClass.METADATA),  # GCP
        ("fd00:c1::a9fe:a9fe/128", AddressClass.METADATA),  # Oracle
        ("fd00:42::42/128", AddressClass.METADATA),  # Scaleway
        ("fc00::/7", AddressClass.PRIVATE),
        ("fe80::/10", AddressClass.LINK_LOCAL),
        ("ff00::/8", AddressClass.MULTICAST),
        ("2001::/23", AddressClass.RESERVED),  # protocol assignments: Teredo, benchmarks, ORCHID
        ("2001:db8::/32", AddressClass.RESERVED),
        ("2002::/16", AddressClass.RESERVED),  # 6to4, withdrawn by RFC 7526
        ("3fff::/20", AddressClass.RESERVED),
        ("2000::/3", AddressClass.PUBLIC),
        ("::/0", AddressClass.RESERVED),  # also IPv4-compatible, local NAT64 (64:ff9b:1::/48) and site-local forms
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_EMBEDDING = {
    ipaddress.IPv6Network("::ffff:0:0/96"): "IPv4-mapped",
    ipaddress.IPv6Network("::ffff:0:0:0/96"): "IPv4-translated",
    ipaddress.IPv6Network("::/96"): "IPv4-compatible",
    _NAT64: "NAT64",
    ipaddress.IPv6Network("64:ff9b:1::/48"): "local NAT64",
    ipaddress.IPv6Network("2002::/16"): "6to4",
    ipaddress.IPv6Network("2001::/32"): "Teredo",
}


@dataclass(frozen=True, slots=True)
class Site:
    """A URL taken apart, in canonical form. `host` is lower case, IDNA A-labels, without trailing dot or brackets; `path` is
    path and query as sent on the wire, at least "/"; `literal` says that the host is an IP address."""

    scheme: str
    host: str
    port: int
    path: str
    literal: bool

    @property
    def authority(self) -> str:
        """Host and, unless it is the scheme's default, port: the value of the Host header (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def secure(self) -> bool:
        """Whether it is spoken over TLS."""
        return self.scheme in SECURE

    @property
    def origin(self) -> str:
        """Scheme and authority, without a trailing slash."""
        return f"{self.scheme}://{self.authority}"


def parse_url(url: str, schemes: Sequence[str] = ("http", "https")) -> Site:
    """Take `url` apart and return its canonical form; a fragment after the path is dropped.

    Messages never repeat user-info, port, path or query: a password with a '/' in it can end up in any of them.

    Raises:
        Refused: the URL is incomplete, or spelled so that its host could be mistaken. The hint says what to write.
    """
    check_characters(url)
    way_out = f"write it as {schemes[0]}://HOST[:PORT]/PATH"
    if (match := _URL.fullmatch(url)) is None:
        raise Refused("the URL has no scheme", hint=way_out)
    scheme, slashes, authority, tail = match[1].lower(), match[2], match[3], match[4]
    if scheme not in schemes:
        raise Refused(f"the scheme {scheme!r} is not one of {', '.join(schemes)}", hint=way_out)
    if not slashes:
        raise Refused(f"'//' is missing after '{scheme}:'", hint=way_out)
    if "@" in authority:
        raise Refused(
            "the URL has user-info ('@' before the host)", hint="put the user and password into the target's auth"
        )
    if tail.startswith("#") or (tail.startswith("?") and "@" in tail):
        raise Refused(f"{tail[0]!r} directly after the host hides what follows", hint="put a '/' after the host")
    host, port = _host_and_port(authority, scheme)
    canonical, literal = _host(host)
    path = tail.partition("#")[0]
    path = _BARE_PERCENT.sub("%25", path if path.startswith("/") else f"/{path}")
    return Site(scheme, canonical, port, quote(path, safe=_PATH_SAFE), literal)


def classify_address(ip: str) -> AddressClass:
    """Return the class of an IPv4 or IPv6 address; a zone id is ignored.

    IPv4-mapped IPv6 has the class of its IPv4 address, because the operating system connects to that one. A NAT64 address
    (RFC 6052, what DNS64 networks answer for every IPv4 host) has it too, except that a gateway must not lead to loopback
    or private addresses: those are reserved. Other embeddings (IPv4-compatible, 6to4, Teredo) are reserved.

    Raises:
        Refused: `ip` is not an IP address.
    """
    address = _address(ip)
    if isinstance(address, IPv4Address):
        return next(kind for network, kind in _V4_CLASSES if address in network)
    if address in _NAT64:
        kind = classify_address(str(IPv4Address(int(address) & 0xFFFF_FFFF)))
        return AddressClass.RESERVED if kind in (AddressClass.LOOPBACK, AddressClass.PRIVATE) else kind
    return next(kind for network, kind in _V6_CLASSES if address in network)


def canonical_address(ip: str) -> str:
    """Return the one spelling of an address: IPv4-mapped unwrapped, IPv6 as in RFC 5952, no zone. Raises Refused."""
    return str(_address(ip))


def check_characters(url: str) -> None:
    """Raise Refused for characters that programs drop, split at or read as '/': controls, spaces, backslashes."""
    for position, char in enumerate(url, start=1):
        if unicodedata.category(char) in ("Cc", "Cs", "Zs", "Zl", "Zp"):
            raise Refused(
                f"the URL has a control character or space (U+{ord(char):04X}) at position {position}",
                hint="remove it, or percent-encode it in the path",
            )
        if char == "\\":
            raise Refused(f"the URL has a backslash at position {position}", hint="use '/', or %5C in the path")


def _address(ip: str) -> IPv4Address | IPv6Address:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError as error:
        raise Refused(f"{ip!r} is not an IP address") from error
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def _host_and_port(authority: str, scheme: str) -> tuple[str, int]:
    """Split what stands between '//' and the path. An IPv6 host keeps its brackets."""
    host, bracket, after = authority.rpartition("]")
    name, colon, digits = after.partition(":")
    host = host + bracket + name
    if ":" in digits:
        raise Refused("the host and port have more than one ':'", hint="put an IPv6 address in brackets, like [::1]")
    if not host:
        raise Refused("the URL has no host", hint="name the host after '//'")
    if not colon:
        if scheme not in DEFAULT_PORTS:
            raise Refused(f"{scheme} has no default port", hint=f"write {host}:PORT")
        return host, DEFAULT_PORTS[scheme]
    if not _PORT.fullmatch(digits) or int(digits) > 65535:
        raise Refused("the port is not a number from 1 to 65535", hint="write plain digits, or leave out ':' too")
    return host, int(digits)


def _host(host: str) -> tuple[str, bool]:
    """Return the canonical host, and whether it is an IP address."""
    if "%" in host:
        raise Refused(
            f"the host {host!r} has a percent sign (an escape or a zone id)", hint="write the host in plain letters"
        )
    if "[" in host or "]" in host:
        return _ipv6(host), True
    labels = [canonical_label(label, host) for label in host.removesuffix(".").split(".")]
    name = ".".join(labels)
    if _NUMBER.fullmatch(labels[-1]):
        if not _DOTTED_QUAD.fullmatch(host):
            raise Refused(
                f"{host!r} is an odd spelling of an IPv4 address, or a name ending in a number",
                hint="write the address as four plain decimal numbers, like 127.0.0.1",
            )
        return name, True
    if len(name) > 253:
        raise Refused(f"the host name has {len(name)} characters; DNS allows 253")
    return name, False


def _ipv6(host: str) -> str:
    try:
        if not (host.startswith("[") and host.endswith("]")):
            raise ValueError(host)
        address = IPv6Address(host[1:-1])
    except ValueError as error:
        raise Refused(f"{host!r} is not an IPv6 address in brackets", hint="write it like [::1]") from error
    if int(address) > 1:  # "::" and "::1" are no IPv4-compatible addresses
        for network, form in _EMBEDDING.items():
            if address in network:
                raise Refused(f"{host} hides an IPv4 address ({form} IPv6)", hint="write the IPv4 address itself")
    return str(address)

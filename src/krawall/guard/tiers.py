"""From a site and what its name resolves to, decide the tier: how hard we may press, and whether we may at all.
Also says which redirects stay on a granted site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin

from krawall.errors import Refused, Unreachable
from krawall.guard.hosts import AddressClass, Site, canonical_address, check_characters, classify_address, parse_url

_PRIVATE_SUFFIXES = (".internal", ".test", ".local")
_SECURE_TWIN = {"http": "https", "ws": "wss"}


class Tier(StrEnum):
    """Whose target it is, as far as we know."""

    LOOPBACK = "loopback"
    PRIVATE = "private"
    PUBLIC_UNPROVEN = "public_unproven"


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The most a session may ask for; None means what the machine can do. `users` are virtual users at one moment,
    `starts_per_s` conversations started per second, `conversations` their total, `concurrent` those open at one moment."""

    users: int | None = None
    starts_per_s: float | None = None
    conversations: int | None = None
    requests_per_s: float | None = None
    cost_usd: float | None = None
    concurrent: int | None = None


CEILINGS = {
    Tier.LOOPBACK: Ceilings(),
    Tier.PRIVATE: Ceilings(users=200, starts_per_s=50.0),
    # One conversation at a time and one request per second leave room for one user and one start per second.
    Tier.PUBLIC_UNPROVEN: Ceilings(
        users=1, starts_per_s=1.0, conversations=5, requests_per_s=1.0, cost_usd=1.0, concurrent=1
    ),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to talk to one host at these addresses and no others, for one session. Addresses are in canonical form, in the
    order they were resolved, without doubles."""

    tier: Tier
    ceilings: Ceilings
    host: str
    addresses: tuple[str, ...]


def decide(site: Site, addresses: Sequence[str], *, confirmed: bool) -> Grant:
    """Grant the strictest tier that the name and every one of its `addresses` allow.

    `confirmed` is the operator's word that the host is theirs; only the private tier asks for it. A name other than
    localhost that resolves to loopback is private, not loopback: whoever answers for the name could change it.

    Raises:
        Unreachable: there are no addresses.
        Refused: addresses of several classes or of one we never talk to, a name at odds with them, or no confirmation.
    """
    if not addresses:
        raise Unreachable(f"{site.host} does not resolve to any address", hint="check the host's spelling and your DNS")
    pinned = tuple(dict.fromkeys(canonical_address(address) for address in addresses))
    kind = _one_class(site, pinned)
    if site.literal and pinned != (site.host,):
        raise Refused(f"{site.host} is an address, yet was resolved to {', '.join(pinned)}")
    localhost = site.host == "localhost" or site.host.endswith(".localhost")
    if localhost and kind is not AddressClass.LOOPBACK:
        raise Refused(
            f"{site.host} resolves to {', '.join(pinned)}, which is not this machine",
            hint="repair the hosts file, or use 127.0.0.1",
        )
    tier = _tier(kind, trusted=site.literal or localhost)
    if tier is Tier.PRIVATE and not confirmed:
        raise Refused(_why_private(site, kind, pinned), hint=f"add --yes to confirm that you operate {site.host}")
    return Grant(tier, CEILINGS[tier], site.host, pinned)


def check_load(
    grant: Grant, *, users: float, starts_per_s: float | None, conversations: int | None, cost_usd: float | None
) -> list[str]:
    """Name each ceiling of `grant` that a load passes; an empty list means that it fits.

    `users` and `starts_per_s` are the peaks over all stages; `starts_per_s` is None for a closed load, which only the users
    limit. `conversations` and `cost_usd` are the session's caps, None meaning no cap, which passes any ceiling.
    """
    limits = grant.ceilings
    where = f"for {grant.host} ({grant.tier.value.replace('_', ', ')})"
    over = []
    if limits.users is not None and not users <= limits.users:
        over.append(f"{users:g} users {where}: at most {limits.users}")
    if limits.starts_per_s is not None and starts_per_s is not None and not starts_per_s <= limits.starts_per_s:
        over.append(f"{starts_per_s:g} starts per second {where}: at most {limits.starts_per_s:g}")
    if limits.conversations is not None and (conversations is None or conversations > limits.conversations):
        asked = "no limit of conversations" if conversations is None else f"{conversations} conversations"
        over.append(f"{asked} {where}: set at most {limits.conversations}")
    if limits.cost_usd is not None and (cost_usd is None or not cost_usd <= limits.cost_usd):
        asked = "no limit of cost" if cost_usd is None else f"a cost of up to {cost_usd:g} USD"
        over.append(f"{asked} {where}: set at most {limits.cost_usd:g} USD")
    return over


def redirect_allowed(site: Site, location: str) -> Site | None:
    """Resolve a Location header (RFC 9110 section 10.2.2) against `site`; None unless it stays on host, port and security."""
    schemes = (site.scheme, _SECURE_TWIN.get(site.scheme, site.scheme))
    try:
        check_characters(location)
        if location.startswith("//"):
            target = f"{site.scheme}:{location}"
        elif ":" in location.partition("/")[0].partition("?")[0].partition("#")[0]:
            target = location  # absolute; urljoin would read "http:evil" as a relative path
        else:
            target = urljoin(site.origin + site.path, location)
        new = parse_url(target, schemes)
    except Refused:
        return None
    return new if (new.host, new.port) == (site.host, site.port) else None


def _one_class(site: Site, pinned: tuple[str, ...]) -> AddressClass:
    """Return the class that all addresses share, if it is one that we talk to."""
    kinds = {address: classify_address(address) for address in pinned}
    for address, kind in kinds.items():
        if kind not in (AddressClass.LOOPBACK, AddressClass.PRIVATE, AddressClass.PUBLIC):
            raise Refused(
                f"{site.host} is at {address}; {kind.value.replace('_', '-')} addresses are never load tested",
                hint="name the host's own address"
                if kind is not AddressClass.UNSPECIFIED
                else "use 127.0.0.1 or [::1]",
            )
    if len(set(kinds.values())) > 1:
        found = ", ".join(f"{address} ({kind.value})" for address, kind in kinds.items())
        raise Refused(f"{site.host} resolves to addresses of different kinds: {found}", hint="name one address instead")
    return kinds[pinned[0]]


def _tier(kind: AddressClass, *, trusted: bool) -> Tier:
    if kind is AddressClass.PUBLIC:
        return Tier.PUBLIC_UNPROVEN
    return Tier.LOOPBACK if kind is AddressClass.LOOPBACK and trusted else Tier.PRIVATE


def _why_private(site: Site, kind: AddressClass, pinned: tuple[str, ...]) -> str:
    found = f"{site.host} resolves to {', '.join(pinned)} ({kind.value})"
    if site.literal:
        return f"{site.host} is a private address"
    if "." not in site.host or site.host.endswith(_PRIVATE_SUFFIXES):
        return found
    return f"{found}, although the name is a public one (DNS rebinding, or a split-horizon DNS)"

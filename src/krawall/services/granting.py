"""What the guard rails grant a plan: the target's tier and ceilings, and the addresses that its session may use."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from krawall.errors import Refused, Unreachable
from krawall.guard.hosts import TARGET_SCHEMES, Site, parse_url
from krawall.guard.tiers import Grant, check_load, decide
from krawall.model.auth import REFERENCE
from krawall.model.base import PICO_PER_USD
from krawall.model.load import Closed, Open
from krawall.model.plan import Granted
from krawall.model.scenario import Scenario
from krawall.model.target import Target
from krawall.plugins.hooking import urls_of


def granted(target: Target, load: Closed | Open, scenario: Scenario, confirmed: bool) -> Granted:
    """Return what a session may do. `confirmed`: an operator said that a private host is theirs.

    Raises:
        Refused: a host or the load is not allowed.
        Unreachable: a host does not resolve.
    """
    grant = ask_guard(target, load, scenario, confirmed)
    return Granted(
        tier=grant.tier.value,
        host=grant.host,
        addresses=list(grant.addresses),
        requests_per_s=grant.ceilings.requests_per_s,
        concurrent=grant.ceilings.concurrent,
        beside=_beside(target, grant.host, confirmed),
    )


def _beside(target: Target, host: str, confirmed: bool) -> dict[str, list[str]]:
    """Return the hosts that hooks ask beside the target's own, with their addresses; each has to pass the guard rails too."""
    found: dict[str, list[str]] = {}
    for url in urls_of(target):
        site = parse_url(REFERENCE.sub("x", url))
        if site.host != host and site.host not in found:
            addresses = [site.host] if site.literal else resolve_host(site)
            found[site.host] = list(decide(site, addresses, confirmed=confirmed).addresses)
    return found


def ask_guard(target: Target, load: Closed | Open, scenario: Scenario, confirmed: bool) -> Grant:
    """Return what the guard rails grant.

    Raises:
        Refused: the host or the load is not allowed.
        Unreachable: the host does not resolve.
    """
    if target.connector == "echo":
        site = parse_url("http://127.0.0.1/")
        addresses: Sequence[str] = [site.host]
    else:
        site = parse_url(REFERENCE.sub("x", target.url), TARGET_SCHEMES)
        addresses = [site.host] if site.literal else resolve_host(site)
    grant = decide(site, addresses, confirmed=confirmed)
    conversations = load.conversations
    users = load.peak_users if isinstance(load, Closed) else load.max_users
    over = check_load(
        grant,
        users=users,
        starts_per_s=load.peak_rate if isinstance(load, Open) else None,
        conversations=conversations if conversations is not None else None,
        cost_usd=scenario.budget.cost / PICO_PER_USD,
    )
    if over:
        raise Refused(
            "this is more than the guard rails allow:\n  " + "\n  ".join(over),
            hint="lower the load, or test a target of your own",
        )
    return grant


def resolve_host(site: Site) -> Sequence[str]:
    """Return the addresses of a name, as the system resolves it.

    Raises:
        Unreachable: it does not resolve.
    """
    try:
        found = socket.getaddrinfo(site.host, site.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(
            f"{site.host} does not resolve: {error.strerror or error}", hint="check the host's spelling and your DNS"
        ) from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))

"""Steering a session while it plays: pauses, and changes of users or rate. Decided here, obeyed by the shards.

A change is an epoch. Conversations of a closed load that are promised in all (`conversations: N`) are what makes it delicate:

epoch        users may begin               because
just begun   none of its numbers           shards that have not heard of it still begin numbers of the epoch before
heard by all N less what was begun before  each shard says how many conversations it had begun when it heard
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from krawall.errors import Conflict, DocumentError, Place, Refused
from krawall.guard.tiers import CEILINGS, Grant, Tier, check_load
from krawall.load.adjusting import arrived, next_base
from krawall.model.base import NS_PER_S, PICO_PER_USD
from krawall.model.load import Closed, Open
from krawall.model.plan import Plan
from krawall.model.progress import Adjusted, Progress

LEAD_NS = NS_PER_S // 2  # between a change of arrivals and its moment, so that every shard has heard of it


class Steering:
    """One per session, owned by the conductor. `given`: arrivals of the epochs before the newest one, if they are promised."""

    def __init__(self, plan: Plan, adjusted: Adjusted | None, given: int) -> None:
        self._plan = plan
        self.adjusted = adjusted
        self.given = given

    @property
    def epoch(self) -> int:
        """The newest change; 0: none."""
        return self.adjusted.epoch if self.adjusted else 0

    def adjust(self, users: int | None, rate: float | None, epoch: int, now_ns: int | None, highest: int) -> None:
        """Begin an epoch.

        Args:
            users: how many from then on (closed model).
            rate: arrivals per second from then on (open model).
            epoch: its number, above the newest one.
            now_ns: time of the timeline; None: the session has not begun.
            highest: the largest conversation number that any shard has begun.

        Raises:
            Conflict: the plan's load is of the other model, or cannot be changed any more.
            DocumentError: the number makes no sense.
            Refused: it is more than the guard rails allow.
        """
        load = self._plan.load
        self._allow(load, users, rate)
        at_ns = self._moment(load, now_ns)
        until = load.conversations
        more = False
        if until is not None and isinstance(load, Closed) and now_ns is not None:
            until, more = 0, True
        elif until is not None and isinstance(load, Open):
            self.given += arrived(load, self.adjusted, self._plan.seed, at_ns)
            until = max(0, until - self.given)
        earlier = self.adjusted
        base = next_base(epoch, earlier.base if earlier else 0, highest)
        if earlier is not None and (now_ns is None or now_ns >= earlier.at_ns):
            earlier = None  # it holds already, or never did
        elif earlier is not None and earlier.at_ns == at_ns:
            earlier = earlier.earlier
        self.adjusted = Adjusted(epoch, base, at_ns, users, rate, until, more, earlier)

    def promise(self, reports: Mapping[int, Progress], past: Collection[Progress], count: int) -> bool:
        """Give out what is left of the promised conversations, once all shards have heard of the change; True when that is now."""
        adjusted, promised = self.adjusted, self._plan.load.conversations
        if adjusted is None or not adjusted.more or promised is None:
            return False
        heard = [report for report in reports.values() if report.epoch == adjusted.epoch or report.state == "done"]
        if len(heard) < count:
            return False
        begun = sum(one.before if one.epoch == adjusted.epoch else one.settled.conversations for one in [*heard, *past])
        self.adjusted = msgspec.structs.replace(adjusted, until=max(0, promised - begun), more=False)
        return True

    def _allow(self, load: Closed | Open, users: int | None, rate: float | None) -> None:
        if (users is None) == (rate is None):
            raise Conflict("a change is one of users or of rate")
        if isinstance(load, Closed) != (users is not None):
            has, other = ("users", "no rate") if isinstance(load, Closed) else ("a rate", "no users")
            raise Conflict(f"the load of this session has {has} and {other} to change")
        if (users is not None and users < 1) or (rate is not None and not 0 < rate < 1e9):
            what = "users" if users is not None else "rate"
            raise DocumentError("load", [Place(what, "must be above 0; to hold everything back, pause the session")])
        if self._plan.scenario.data is not None and self._plan.scenario.data.pick == "once each":
            raise Conflict("the load of a session whose data rows are used once each cannot be changed while it plays")
        if over := too_much(self._plan, users, rate):
            raise Refused(
                "this is more than the guard rails allow:\n  " + "\n  ".join(over),
                hint="ask for less, or stop the session",
            )

    def _moment(self, load: Closed | Open, now_ns: int | None) -> int:
        at_ns = 0
        if now_ns is not None:
            at_ns = max(0, now_ns) + (LEAD_NS if isinstance(load, Open) else 0)
        if self.adjusted is not None:
            at_ns = max(at_ns, self.adjusted.at_ns)
        if load.length_ns is not None and at_ns >= load.length_ns:
            raise Conflict("the timeline of this session is over; no conversation begins any more")
        return at_ns


def too_much(plan: Plan, users: int | None, rate: float | None) -> list[str]:
    """Return each ceiling of the guard rails that a load of so many users, or of such a rate, would pass."""
    granted, load = plan.granted, plan.load
    tier = Tier(granted.tier)
    most = load.max_users if isinstance(load, Open) else 0
    over = check_load(
        Grant(tier, CEILINGS[tier], granted.host, tuple(granted.addresses)),
        users=users if users is not None else most,
        starts_per_s=rate,
        conversations=load.conversations,
        cost_usd=plan.scenario.budget.cost / PICO_PER_USD,
    )
    if users is not None and granted.concurrent is not None and users > granted.concurrent and not over:
        over.append(f"{users} users for {granted.host}: at most {granted.concurrent} at once were granted")
    return over

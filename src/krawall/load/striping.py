"""How a session is cut into shards: by index modulo count, with no dispatcher. Every sum of the parts is the whole."""

from __future__ import annotations

import math
from itertools import count as count_from

from msgspec.structs import astuple

from krawall.model.budget import Spend
from krawall.model.load import Closed, Load

USERS_PER_SHARD = 500
RATE_PER_SHARD = 2000.0  # arrivals per second


def shard_count(load: Load, processes: int | None, cores: int) -> int:
    """Return how many shards play `load`, at least 1.

    Args:
        load: what to play.
        processes: what a person asked for; wins over the default, but a shard without a user is never made.
        cores: how many the machine has; bounds the default.
    """
    if isinstance(load, Closed):
        users, wanted = load.peak_users, math.ceil(load.peak_users / USERS_PER_SHARD)
    else:
        users, wanted = load.max_users, math.ceil(load.peak_rate / RATE_PER_SHARD)
    if processes is not None:
        return max(1, min(processes, users))
    conversations = users if load.conversations is None else load.conversations
    return max(1, min(wanted, cores, users, conversations))


def share(total: int, index: int, count: int) -> int:
    """Return how many of 0..total-1 are `index` modulo `count`: the parts are whole and add up to `total`."""
    return total // count + (index < total % count)


def users_of(index: int, count: int, peak: int) -> range:
    """Return the users that shard `index` of `count` plays."""
    return range(index, peak, count)


def conversations_of_user(user: int, peak: int, total: int | None) -> range | count_from[int]:
    """Return the conversations of `user`: its n-th is `n * peak + user`, up to `total` if there is one.

    Over all users these are 0..total-1, each once, so what is said does not depend on how many users or shards say it.
    """
    return count_from(user, peak) if total is None else range(user, total, peak)


def split_spend(total: Spend, index: int, count: int) -> Spend:
    """Return the part of `total` for shard `index` of `count`."""
    return Spend(*(share(part, index, count) for part in astuple(total)))

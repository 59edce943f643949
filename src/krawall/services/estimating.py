"""What a session will take, before it starts: conversations, messages, tokens, money, time. Estimates, and what they assume."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import structs

from krawall.load.pacing import ClosedPacing, OpenPacing
from krawall.load.spend import cost_pico, rates_of
from krawall.model.base import NS_PER_S, PICO_PER_USD, Record
from krawall.model.budget import Budget
from krawall.model.exchange import Usage
from krawall.model.load import Closed, Open
from krawall.model.plan import Plan
from krawall.model.step import count_messages
from krawall.model.target import Target
from krawall.services.rehearsal import Rehearsed

REPLY_TOKENS = 200
"""How long a reply is taken to be, tokens; or as long as the target's longest, if that is shorter."""
REPLY_S = 2.0
"""How long a reply is taken to last, seconds."""
_PARTS = 200  # of a timeline, to find its mean number of users


class Estimate(Record, frozen=True):
    """What is to be expected. None: it cannot be known before. `most_messages` and `most_cost_usd`: never more than this.

    Money is in USD, None when the target has no prices; `cost_cap_usd` is the budget's. `tier`: what the guard rails say of
    the target, None when they were not asked or refuse it: then `refused` says why. Tokens, money and time assume that a
    reply has `reply_tokens` tokens and lasts `reply_s` seconds.
    """

    conversations: int | None
    messages: int | None
    most_messages: int | None
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    most_cost_usd: float | None
    cost_cap_usd: float
    duration_s: float | None
    reply_tokens: int
    reply_s: float = REPLY_S
    tier: str | None = None
    refused: str = ""


class Share(Record, frozen=True):
    """What one conversation takes on average: messages, tokens of its prompts, seconds of its delays."""

    messages: float
    tokens_in: float
    think_s: float


def estimate(
    plan: Plan, target: Target | None, rehearsed: Sequence[Rehearsed], *, tier: str | None = None, refused: str = ""
) -> Estimate:
    """Return what a plan will take, judged by some of its conversations. `target`: the one to be talked to, with its preset."""
    budget = plan.scenario.budget
    longest = target.max_output_tokens if target else REPLY_TOKENS
    reply = min(REPLY_TOKENS, longest)
    share = share_of(rehearsed, reply)
    low, high = count_messages(plan.scenario.steps)
    each = max(1.0, min(max(low, share.messages), high))
    number = _conversations(plan, each * REPLY_S + share.think_s)
    found = Estimate(
        number, None, None, None, None, None, None, budget.cost / PICO_PER_USD, None, reply, tier=tier, refused=refused
    )
    if number is None:
        return found
    messages = min(budget.requests, round(number * each))
    most = budget.requests if math.isinf(high) else min(budget.requests, math.ceil(number * high))
    dearest = share_of(rehearsed, longest)
    sent = _scaled(share, messages)
    return structs.replace(
        found,
        messages=messages,
        most_messages=None if math.isinf(high) else most,
        tokens_in=sent,
        tokens_out=messages * reply,
        cost_usd=_usd(target, Usage(sent, messages * reply), budget),
        most_cost_usd=_usd(target, Usage(_scaled(dearest, most), most * longest), budget),
        duration_s=_duration_s(plan, number, each * REPLY_S + share.think_s),
    )


def _scaled(share: Share, messages: int) -> int:
    return round(share.tokens_in * messages / share.messages) if share.messages else 0


def share_of(rehearsed: Sequence[Rehearsed], reply: int) -> Share:
    """Return the mean of conversations whose replies have `reply` tokens; those that were cut short count as they are."""
    count = max(1, len(rehearsed))
    prompts = [prompt for conversation in rehearsed for prompt in conversation.prompts]
    return Share(
        messages=len(prompts) / count,
        tokens_in=sum(prompt.tokens + prompt.replies * reply for prompt in prompts) / count,
        think_s=sum(conversation.think_s for conversation in rehearsed) / count,
    )


def _conversations(plan: Plan, conversation_s: float) -> int | None:
    """Return how many conversations to expect; of a closed load that only time ends, as many as fit."""
    load, budget = plan.load, plan.scenario.budget
    number: float | None
    if isinstance(load, Open):
        number = OpenPacing(load, plan.seed).expected()  # the sequence of a Poisson process is not drawn for this
    else:
        number = load.conversations
        if load.length_ns is not None:
            length_s = min(load.length_ns, budget.duration) / NS_PER_S
            fit = max(load.peak_users, math.ceil(_mean_users(load) * length_s / (conversation_s + _pause_s(load))))
            number = fit if number is None else min(number, fit)
    if plan.scenario.data and plan.scenario.data.pick == "once each":
        number = len(plan.rows) if number is None else min(number, len(plan.rows))
    return None if number is None else min(math.ceil(number), budget.conversations)


def _pause_s(load: Closed) -> float:
    spread = load.pause
    return (spread.a + spread.b) / 2 / NS_PER_S if spread.shape == "uniform" else spread.a / NS_PER_S


def _mean_users(load: Closed) -> float:
    pacing, length = ClosedPacing(load), load.length_ns or 0
    return sum(pacing.users_at(length * (2 * part + 1) // (2 * _PARTS)) for part in range(_PARTS)) / _PARTS


def _duration_s(plan: Plan, conversations: int, conversation_s: float) -> float:
    load, cap_s = plan.load, plan.scenario.budget.duration / NS_PER_S
    length_s = load.length_ns / NS_PER_S if load.length_ns is not None else math.inf
    if isinstance(load, Open):
        found = min(length_s, conversations / load.peak_rate) + conversation_s
    else:
        rounds = math.ceil(conversations / load.peak_users)
        found = min(length_s, rounds * (conversation_s + _pause_s(load)))
    return round(min(cap_s, found), 1)


def _usd(target: Target | None, usage: Usage, budget: Budget) -> float | None:
    """Return what a usage costs, never above the cap; None without prices."""
    if target is None or target.prices is None:
        return None
    return min(budget.cost, cost_pico(usage, rates_of(target.prices))) / PICO_PER_USD

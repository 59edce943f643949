"""Estimates: by hand for small plans, and what must hold for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.model.target import Target
from krawall.plugins.assemble import scenario_from
from krawall.plugins.preset import resolve
from krawall.services.estimating import REPLY_S, REPLY_TOKENS, estimate, share_of
from krawall.services.planning import Overrides, make_plan
from krawall.services.rehearsal import Prompted, Rehearsed, rehearse

TARGET = resolve(
    Target.model_validate({"connector": "echo", "prices": {"input": 1.0, "output": 10.0}, "max output tokens": 1000})
)


def plan_of(load: dict[str, Any], steps: list[Any] | None = None, **more: Any):
    data = {"name": "a", "steps": steps or ["hi", "hi"], "target": {"connector": "echo"}, "load": load, **more}
    return make_plan(scenario_from(data, "test"), Path(), Overrides(), "test")


def of(plan: Any, target: Target | None = TARGET):
    return estimate(plan, target, rehearse(plan, 2))


def test_a_small_plan_by_hand():
    found = of(plan_of({"users": 2, "conversations": 10}))
    assert (found.conversations, found.messages, found.most_messages) == (10, 20, 20)
    assert found.tokens_in == 10 * (1 + 1 + REPLY_TOKENS + 1)  # hi; hi, the reply, hi
    assert found.tokens_out == 20 * REPLY_TOKENS
    assert found.cost_usd == pytest.approx((found.tokens_in * 1.0 + found.tokens_out * 10.0) / 1e6)
    assert found.most_cost_usd == pytest.approx((10 * (3 + 1000) * 1.0 + 20 * 1000 * 10.0) / 1e6)
    assert found.duration_s == 5 * 2 * REPLY_S


def test_what_only_time_ends_is_as_many_as_fit():
    found = of(plan_of({"users": 3, "duration": "1m"}))
    assert found.conversations == 3 * 60 / (2 * REPLY_S)
    assert found.duration_s == 60
    ramp = of(plan_of({"users": [{"over": "1m", "to": 6}]}))
    assert ramp.conversations == found.conversations  # three users on average


def test_delays_count_as_time_and_not_as_messages():
    found = of(plan_of({"users": 1, "conversations": 3}, ["hi", {"delay": "10s"}, "hi"]))
    assert (found.messages, found.duration_s) == (6, 3 * (10 + 2 * REPLY_S))


def test_open_loads_are_counted_by_their_rate_without_drawing_them():
    found = of(plan_of({"rate": "500/s", "duration": "10h", "arrivals": "poisson"}, budget={"conversations": "100M"}))
    assert found.conversations == 500 * 36_000
    by_count = of(plan_of({"rate": "2/s", "conversations": 20}))
    assert (by_count.conversations, by_count.duration_s) == (20, 10 + 2 * REPLY_S)


def test_rows_used_once_each_are_an_end():
    data = {"rows": [{"a": 1}, {"a": 2}], "pick": "once each"}
    assert of(plan_of({"users": 1, "duration": "1h"}, ["{{ data.a }}"], data=data)).conversations == 2


def test_caps_are_never_passed():
    budget = {"cost": "0.001 USD", "conversations": 7, "requests": 9, "duration": "5s"}
    found = of(plan_of({"users": 1, "conversations": 1000}, budget=budget))
    assert (found.conversations, found.messages, found.most_messages, found.duration_s) == (7, 9, 9, 5)
    assert found.cost_usd == found.most_cost_usd == found.cost_cap_usd == 0.001


def test_without_prices_nobody_knows_the_cost():
    found = of(plan_of({"users": 1, "conversations": 1}), None)
    assert (found.cost_usd, found.most_cost_usd, found.cost_cap_usd) == (None, None, 5.0)


def test_loops_without_a_bound_are_judged_by_the_rehearsal():
    steps = [{"loop": None, "while": "turn < 3", "steps": ["hi"]}]
    found = of(plan_of({"users": 1, "conversations": 10}, steps))
    assert (found.messages, found.most_messages) == (30, 10_000)


@given(
    st.lists(st.lists(st.builds(Prompted, st.integers(0, 50), st.integers(0, 9)), max_size=5), max_size=4),
    st.integers(0, 5000),
)
def test_longer_replies_never_cost_less(conversations, reply):
    rehearsed = [Rehearsed(number, [], prompts, 0.0) for number, prompts in enumerate(conversations)]
    one, other = share_of(rehearsed, reply), share_of(rehearsed, reply + 1)
    assert one.messages == other.messages
    assert one.tokens_in <= other.tokens_in

"""The contracts that packages implement: what of them decides a plan's hash, and what a score is."""

from __future__ import annotations

from krawall.model.plan import Plan
from krawall.model.scorer import Context, Score
from krawall.testing.playing import plan_of

SCENARIO = "name: a\ntarget: {connector: echo}\nsteps: [hello]\n"


def test_sinks_only_listen_so_they_do_not_change_the_hash_of_a_plan():
    plan = plan_of(SCENARIO)
    heard = Plan.model_validate(
        {
            **plan.model_dump(mode="json"),
            "scenario": {**plan.scenario.model_dump(mode="json"), "sinks": ["tally-file"]},
            "plugins": {**plan.plugins, "sinks.tally-file": "krawall-parlour 1.0.0"},
        }
    )
    assert heard.digest() == plan.digest()
    assert heard.to_json() != plan.to_json()


def test_a_scorer_without_an_opinion_gives_no_number():
    assert Score(None).why == ""
    assert list(Context().before) == []

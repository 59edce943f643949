"""A rehearsal says what a session will say, in no time, whatever the scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from krawall.engine.virtual import clock, run_virtual
from krawall.plugins import registry
from krawall.plugins.assemble import read_scenario
from krawall.services import rehearsal
from krawall.services.catalogue import template
from krawall.services.planning import Overrides, make_plan
from krawall.services.rehearsal import rehearse
from krawall.testing.playing import play

ECHO = "target: {connector: echo}\nload: {users: 1, conversations: 3}\n"


def plan_of(text: str):
    return make_plan(read_scenario(text + ECHO, "test"), Path(), Overrides(), "test")


def texts(conversation):
    return [(message.role, message.text) for message in conversation.messages]


def test_what_is_said_is_what_a_session_with_an_echo_says():
    plan = plan_of(
        "name: a\nvars: {who: {any of: [Ann, Ben, Cleo]}}\nsteps:\n"
        "- I am {{ who }}, number {{ rng.int(1, 100) }}\n- delay: 1s..9s\n- You said {{ reply }}\n"
    )
    played = run_virtual(play(plan, clock))
    said = {number: [x.said for x in played.exchanges if x.conversation == number] for number in range(3)}
    rehearsed = rehearse(plan, 3)
    assert {each.number: [text for _, text in texts(each)] for each in rehearsed} == said
    assert all(1 <= each.think_s <= 9 and not each.ended for each in rehearsed)
    assert rehearse(plan, 3) == rehearsed


def test_the_system_message_is_said_once_as_it_is_filled():
    (first,) = rehearse(plan_of("name: a\nsystem: You are {{ mood }}.\nvars: {mood: kind}\nsteps: [hello, bye]\n"), 1)
    assert texts(first) == [("system", "You are kind."), ("user", "hello"), ("user", "bye")]
    assert [message.step for message in first.messages] == ["", "steps.0", "steps.1"]


def test_prompts_hold_what_the_window_leaves():
    (first,) = rehearse(plan_of("name: a\nwindow: last 2 turns\nsteps: [a, b, c, d]\n"), 1)
    assert [prompt.replies for prompt in first.prompts] == [0, 1, 1, 1]
    assert [prompt.tokens for prompt in first.prompts] == [1, 2, 2, 2]


def test_checks_that_an_echo_fails_and_faults_of_our_own_end_nothing():
    plan = plan_of(
        "name: a\ninject: [{kind: status, share: 1.0}]\nsteps:\n- message: hello\n  expect: [{contains: world, hard: true}]\n"
        "- expect: [{contains: world, hard: true}]\n- bye\n"
    )
    (first,) = rehearse(plan, 1)
    assert [text for _, text in texts(first)] == ["hello", "bye"]
    assert plan.scenario.steps[0].expect[0].hard, "the plan itself must stay as it is"  # type: ignore[attr-defined]


def test_the_environment_is_not_shown(monkeypatch):
    monkeypatch.setenv("KRAWALL_TEST_SECRET", "hunter2")
    text = "name: a\nenv: [KRAWALL_TEST_SECRET]\nsteps: ['{{ env.KRAWALL_TEST_SECRET }}']\n"
    (first,) = rehearse(plan_of(text), 1)
    assert texts(first) == [("user", "${KRAWALL_TEST_SECRET}")]


def test_a_conversation_without_end_is_cut():
    (first,) = rehearse(plan_of("name: a\nsteps: [{loop: 100000, steps: [again]}]\n"), 1, most_messages=20)
    assert (len(first.messages), first.ended) == (20, "the rehearsal ends after 20 messages")


@pytest.mark.parametrize(
    "steps",
    [
        "[{loop: 100000, steps: [{loop: 100000, steps: [{set: {x: {value: '1'}}}]}]}]",
        "[{loop: 100000, steps: [{delay: 10h}]}]",
    ],
    ids=["busy", "waiting"],
)
def test_a_rehearsal_takes_no_longer_than_it_may(steps, monkeypatch):
    monkeypatch.setattr(rehearsal, "MOST_REAL_S", 0.1)
    for each in rehearse(plan_of(f"name: a\nsteps: {steps}\n"), 1):
        assert each.ended == "the rehearsal took too long"


@pytest.mark.parametrize("name", registry.names("templates"))
def test_every_template_can_be_rehearsed(name):
    plan = make_plan(template(name), Path(), Overrides(preset="mock", url="http://127.0.0.1:8010/"), name)
    rehearsed = rehearse(plan, 2)
    assert [each.number for each in rehearsed] == [0, 1]
    assert all(each.messages and not each.ended for each in rehearsed)

"""What the command line lays over a file, and what a plan is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import DocumentError, Refused
from krawall.model.load import Closed, Open
from krawall.model.plan import Plan
from krawall.plugins.assemble import read_plan, read_scenario, write_scenario
from krawall.services.planning import Overrides, make_plan, preview

URL = "http://127.0.0.1:8010/v1/chat/completions"


def plan(text: str = "", **overrides: object) -> Plan:
    scenario = read_scenario(f"name: t\nsteps: [hello, {{loop: 3, steps: [again]}}]\n{text}", "t")
    return make_plan(scenario, Path(), Overrides(**{"url": URL, **overrides}), "t")  # type: ignore[arg-type]


def test_without_a_load_one_conversation_is_played() -> None:
    load = plan().load
    assert isinstance(load, Closed)
    assert (load.users, load.conversations) == (1, 1)


def test_a_duration_replaces_the_number_of_conversations() -> None:
    load = plan("load: {users: 3, conversations: 9}", duration="30s").load
    assert isinstance(load, Closed)
    assert (load.users, load.conversations, load.duration) == (3, None, 30_000_000_000)


def test_a_number_of_conversations_replaces_the_duration() -> None:
    load = plan("load: {users: 3, duration: 1m}", conversations=5).load
    assert (load.conversations, load.duration) == (5, None)


def test_users_replace_stages_and_a_rate_makes_it_open() -> None:
    stages = "load: {users: [{over: 10s, to: 5}, {over: 1m, to: 5}]}"
    assert plan(stages, users=9, duration="5s").load.model_dump()["users"] == 9
    load = plan(stages, rate="300/m", duration="5s").load
    assert isinstance(load, Open)
    assert load.rate == 5.0


def test_users_and_rate_together_are_refused() -> None:
    with pytest.raises(DocumentError, match="--rate"):
        plan(users=2, rate="1/s")


def test_streaming_changes_connector_and_mapping() -> None:
    whole, stream = plan(stream=False).target, plan(stream=True).target
    assert (whole.connector, stream.connector) == ("http", "sse")
    assert "choices[0].message.content" in whole.reply.text
    assert "choices[0].delta.content" in stream.reply.text


def test_another_preset_keeps_who_we_are_and_drops_the_old_wire() -> None:
    text = "target: {preset: mock, auth: {bearer: '${KEY}'}, reply: {text: old.path}}"
    target = plan(text, preset="custom-http").target
    assert target.auth is not None
    assert target.reply.text != "old.path"


def test_the_hash_is_of_what_is_played_and_survives_the_plans_json() -> None:
    one, same, other = plan(seed=1), plan(seed=1), plan(seed=2)
    assert one.digest() == same.digest() != other.digest()
    assert read_plan(one.to_json()).digest() == one.digest()


@given(users=st.integers(1, 500), conversations=st.integers(1, 10_000), seed=st.integers(0, 2**62))
def test_any_plan_survives_its_json(users: int, conversations: int, seed: int) -> None:
    made = plan(users=users, conversations=conversations, seed=seed)
    assert read_plan(made.to_json()) == made


def test_a_plan_written_as_a_scenario_plays_the_same() -> None:
    made = plan("vars: {city: {any of: [a, b]}}\nload: {users: 3, conversations: 9}")
    text = write_scenario(made.scenario.model_copy(update={"target": made.target, "load": made.load}))
    again = make_plan(read_scenario(text, "t"), Path(), Overrides(), "t")
    assert again.digest() == made.digest()


def test_the_preview_counts_messages() -> None:
    assert preview(plan("load: {users: 2, conversations: 5}")).messages == 20
    assert preview(plan(duration="10s")).messages is None


@pytest.mark.parametrize(
    "text",
    [
        "target: {headers: {authorization: abc}}",
        "target: {url: 'http://127.0.0.1/?api_key=abc'}",
        "target: {auth: {bearer: abc}}",
    ],
)
def test_a_secret_in_a_file_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(DocumentError, match=r"\$\{"):
        plan(text)


def test_a_public_host_gets_its_ceilings_and_a_private_one_needs_a_word() -> None:
    with pytest.raises(Refused, match="--yes"):
        plan(url="http://10.1.2.3/chat")
    assert plan(url="http://10.1.2.3/chat", confirmed=True).granted.tier == "private"
    with pytest.raises(Refused, match="at most 200"):
        plan(url="http://10.1.2.3/chat", confirmed=True, users=300, conversations=300)
    with pytest.raises(Refused, match="at most 5"):
        plan("budget: {cost: 1 USD}", url="http://93.184.216.34/chat", conversations=6)
    granted = plan("budget: {cost: 1 USD}", url="http://93.184.216.34/chat", conversations=5).granted
    assert (granted.tier, granted.requests_per_s) == ("public_unproven", 1.0)

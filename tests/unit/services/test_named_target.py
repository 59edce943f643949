"""A scenario may name a target that a server keeps; without a server the name is a clear error."""

from pathlib import Path

import pytest

from krawall.errors import DocumentError, NotFound
from krawall.model.target import SavedTarget, Target
from krawall.plugins.assemble import read_scenario, write_scenario
from krawall.services.planning import Overrides, make_plan

NAMED = "name: a\ntarget: my-bot\nsteps: [hello]\nload: {users: 1, conversations: 1}\n"


def test_a_named_target_survives_yaml_and_back():
    scenario = read_scenario(NAMED, "a.yaml")
    assert scenario.target == "my-bot"
    assert read_scenario(write_scenario(scenario), "b.yaml") == scenario


def test_without_a_server_the_name_says_the_way_out():
    with pytest.raises(NotFound, match=r"'my-bot'.*\n.*--preset"):
        make_plan(read_scenario(NAMED, "a.yaml"), Path(), Overrides(), "a.yaml")


def test_a_url_of_the_command_line_takes_the_place_of_a_name():
    plan = make_plan(read_scenario(NAMED, "a.yaml"), Path(), Overrides(preset="mock", url="http://127.0.0.1:9/"), "a")
    assert plan.target.url == "http://127.0.0.1:9/"


def test_a_kept_target_is_looked_up():
    kept = SavedTarget(connector="echo", description="ours", confirmed="127.0.0.1")
    plan = make_plan(
        read_scenario(NAMED, "a.yaml"), Path(), Overrides(), "a", lambda name: {"my-bot": kept}[name].bare()
    )
    assert isinstance(plan.target, Target)
    assert plan.target.connector == "echo"


def test_errors_inside_an_inline_target_keep_their_place_and_hint():
    with pytest.raises(DocumentError, match=r"target\.ulr \(line 3\).*did you mean 'url'"):
        read_scenario("name: a\ntarget:\n  ulr: http://127.0.0.1/\nsteps: [hello]\n", "a.yaml")

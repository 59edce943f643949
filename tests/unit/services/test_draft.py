"""A draft is a tree whatever is done to it, loses nothing, and every operation leaves the old draft as it was."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from krawall.errors import KrawallError, NotFound, Refused
from krawall.plugins import registry
from krawall.plugins.assemble import scenario_from, step_classes
from krawall.services.draft import ROOT, Draft
from krawall.wire.yaml import read

NESTED = {
    "name": "nested",
    "vars": {"city": {"any of": ["Lyon", "Kyoto"]}},
    "steps": [
        "Hello",
        {"loop": 2, "steps": [{"if": "turn > 1", "then": [{"message": "a"}], "else": [{"delay": "1s"}]}]},
        {"choose": [{"weight": 3, "steps": [{"message": "b"}]}, {"steps": [{"end": "bye"}]}]},
    ],
}


def outline(draft: Draft) -> list[str]:
    return [f"{'  ' * depth}{node.id} {node.kind} {lane.id}" for node, lane, _, depth in draft.walk()]


@pytest.mark.parametrize("name", registry.names("templates"))
def test_a_template_becomes_a_draft_and_back_without_loss(name):
    body = read(registry.data_text("templates", name), name).data
    assert scenario_from(Draft.of(body).body(), name) == scenario_from(body, name)


def test_lanes_have_the_names_of_their_fields():
    assert outline(Draft.of(NESTED)) == [
        "s1 message root",
        "s2 loop root",
        "  s3 conditional s2/steps",
        "    s4 message s3/then",
        "    s5 delay s3/else",
        "s6 choose root",
        "  s7 message s6/branches/0/steps",
        "  s8 end s6/branches/1/steps",
    ]


def test_a_place_of_an_error_leads_to_its_step():
    draft = Draft.of(NESTED)
    assert draft.path("s5") == "steps.1.steps.0.else.0"
    assert draft.at("steps.1.loop.steps.0.conditional.else.0.delay.seconds") == ("s5", "seconds")
    assert draft.at("steps.2.choose.branches.1.steps.0.because") == ("s8", "because")
    assert draft.at("steps.1.loop.0.else.0") == ("s5", "")
    assert draft.at("steps.2.1.0.because") == ("s8", "because")
    assert draft.at("steps.0.text") == ("s1", "text")
    assert draft.at("load.users") == ("", "load.users")
    assert [node.id for node in draft.parents("s5")] == ["s2", "s3"]


def test_a_step_moves_to_where_it_was_dropped():
    draft = Draft.of({"name": "x", "steps": ["a", "b", {"loop": 2, "steps": ["c"]}]})
    assert draft.move("s1", ROOT, 2).body()["steps"][:2] == [{"message": "b"}, {"message": "a"}]
    inside = draft.move("s1", "s3/steps", 1).body()["steps"]
    assert inside == [{"message": "b"}, {"loop": 2, "steps": [{"message": "c"}, {"message": "a"}]}]


def test_a_step_cannot_go_into_itself():
    draft = Draft.of(NESTED)
    with pytest.raises(Refused):
        draft.move("s2", "s3/then", 0)


def test_in_and_out_are_each_others_way_back():
    draft = Draft.of({"name": "x", "steps": [{"loop": 2, "steps": ["a"]}, "b"]})
    assert draft.nudge("s3", "in").nudge("s3", "out").body() == draft.body()


def test_a_branch_can_be_added_weighed_and_taken_away():
    draft = Draft.of(NESTED).add_lane("s6")
    draft = draft.set_lane("s6/branches/2/steps", "weight", 5)
    assert draft.body()["steps"][2]["choose"][2] == {"weight": 5, "steps": []}
    smaller = draft.remove_lane("s6/branches/0/steps")
    assert [node.id for node, _, _, _ in smaller.walk()][-1] == "s8"
    assert smaller.path("s8") == "steps.2.branches.0.steps.0"
    with pytest.raises(Refused):
        smaller.remove_lane("s6/branches/0/steps").remove_lane("s6/branches/0/steps")
    with pytest.raises(Refused):
        draft.remove_lane("s3/then")


def test_what_is_gone_is_named():
    with pytest.raises(NotFound, match="s99"):
        Draft.of(NESTED).remove("s99")
    with pytest.raises(NotFound, match=r"mesage.*message"):
        Draft.of(NESTED).add("mesage")


@pytest.mark.parametrize("kind", sorted(step_classes()))
def test_a_new_step_is_valid_once_there_are_steps_in_its_lanes(kind):
    draft, id = Draft.of({"name": "x", "steps": ["a"]}).add(kind)
    for lane in draft.node(id).lanes:
        draft, _ = draft.add("message", lane.id)
    assert scenario_from(draft.body(), "x").steps[1].kind == kind


class Editing(RuleBasedStateMachine):
    """Random edits of a nested scenario."""

    def __init__(self) -> None:
        super().__init__()
        self.draft = Draft.of(NESTED)
        self.seen = [(self.draft, self.draft.body())]

    def _do(self, change) -> None:
        try:
            self.draft = change(self.draft)
        except KrawallError:
            return
        self.seen.append((self.draft, self.draft.body()))

    def _id(self, number: int) -> str:
        ids = [node.id for node, _, _, _ in self.draft.walk()]
        return ids[number % len(ids)] if ids else "s0"

    def _lane(self, number: int) -> str:
        lanes = [ROOT, *(lane.id for node, _, _, _ in self.draft.walk() for lane in node.lanes)]
        return lanes[number % len(lanes)]

    @rule(kind=st.sampled_from(sorted(step_classes())), lane=st.integers(0, 50), index=st.integers(0, 9))
    def add(self, kind, lane, index):
        self._do(lambda draft: draft.add(kind, self._lane(lane), index)[0])

    @rule(id=st.integers(0, 50), lane=st.integers(0, 50), index=st.integers(0, 9))
    def move(self, id, lane, index):
        before = sorted(node.id for node, _, _, _ in self.draft.walk())
        self._do(lambda draft: draft.move(self._id(id), self._lane(lane), index))
        assert sorted(node.id for node, _, _, _ in self.draft.walk()) == before

    @rule(id=st.integers(0, 50), way=st.sampled_from(["up", "down", "in", "out"]))
    def nudge(self, id, way):
        before = sorted(node.id for node, _, _, _ in self.draft.walk())
        self._do(lambda draft: draft.nudge(self._id(id), way))
        assert sorted(node.id for node, _, _, _ in self.draft.walk()) == before

    @rule(id=st.integers(0, 50))
    def remove(self, id):
        self._do(lambda draft: draft.remove(self._id(id)))

    @rule(id=st.integers(0, 50))
    def duplicate(self, id):
        self._do(lambda draft: draft.duplicate(self._id(id))[0])

    @rule(id=st.integers(0, 50))
    def branch(self, id):
        self._do(lambda draft: draft.add_lane(self._id(id)))

    @rule(lane=st.integers(0, 50))
    def unbranch(self, lane):
        self._do(lambda draft: draft.remove_lane(self._lane(lane)))

    @invariant()
    def ids_are_unique_and_paths_lead_back(self):
        ids = [node.id for node, _, _, _ in self.draft.walk()]
        assert len(ids) == len(set(ids))
        assert all(self.draft.at(self.draft.path(id))[0] == id for id in ids)

    @invariant()
    def the_document_says_the_same(self):
        again = Draft.of(self.draft.body())
        assert [node.kind for node, _, _, _ in again.walk()] == [node.kind for node, _, _, _ in self.draft.walk()]
        assert again.body() == self.draft.body()

    @invariant()
    def old_drafts_are_as_they_were(self):
        assert all(draft.body() == body for draft, body in self.seen[-5:])


Editing.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
test_any_sequence_of_edits = Editing.TestCase

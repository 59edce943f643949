"""What the builder's forms and keys make of a draft, what it says of that, and the canvas that shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import NotFound, Place, Refused
from krawall.plugins.assemble import step_classes
from krawall.services.draft import Draft
from krawall.services.drafts import Editing, Problem
from krawall.services.scenarios import Validation
from krawall.web.frame import Frame
from krawall.web.pages.builder_canvas import flow
from krawall.web.pages.builder_deeds import DEEDS, label_of, number_of, perform
from krawall.web.pages.builder_kinds import about, kinds, line_of, symbol_of, title_of, where
from krawall.web.pages.builder_text import column_of
from krawall.web.pages.builder_view import View, action, place

BODY = {
    "name": "Nested",
    "steps": [
        {"message": "Hello", "expect": [{"length": "> 0"}]},
        {"loop": 3, "steps": [{"if": "turn > 1", "then": [{"message": "<b>bold</b>"}], "else": []}]},
        {"choose": [{"weight": 3, "steps": [{"delay": "1s"}]}, {"weight": 1, "steps": []}]},
    ],
}
DRAFT = Draft.of(BODY)


def view_of(draft: Draft, *problems: Problem, selected: str = "s1", may_edit: bool = True) -> View:
    editing = Editing("dft_1", "", draft, 1, "Add loop", True, False)
    return View(Frame("/"), "dft_1", editing, problems, Validation([], []), selected, may_edit=may_edit)


def test_addresses_leave_defaults_out():
    view = view_of(DRAFT)
    assert action(view, "undo") == "/scenarios/dft_1/draft/undo"
    assert place(view) == "/scenarios/dft_1?step=s1"
    assert place(view, tab="yaml", step="") == "/scenarios/dft_1?tab=yaml"
    assert place(replace(view, tab="yaml"), tab="flow", step="") == "/scenarios/dft_1"


@pytest.mark.parametrize(
    ("deed", "form", "said", "selected"),
    [
        ("add", {"kind": "delay"}, "Delay added: position 4 of 4", "s7"),
        ("add", {"kind": "message", "after": "s1"}, "Message added: position 2 of 4", "s7"),
        ("add", {"kind": "end", "lane": "s3/else", "index": "0"}, "End added: Otherwise, position 1 of 1", "s7"),
        ("move", {"step": "s1", "lane": "s2/steps", "index": "1"}, "Message moved to Repeat, position 2 of 2", "s1"),
        ("move", {"step": "s1", "lane": "s5/branches/1/steps", "index": "0"}, "Message moved to Branch 2, position 1 of 1", "s1"),
        ("nudge", {"step": "s1", "way": "up"}, "Message stays: position 1 of 3", "s1"),
        ("nudge", {"step": "s3", "way": "out"}, "Conditional moved to position 3 of 4", "s3"),
        ("duplicate", {"step": "s2"}, "Loop duplicated: position 3 of 4", "s7"),
        ("remove", {"step": "s1"}, "Message deleted", "s2"),
        ("remove", {"step": "s5"}, "Choice deleted", "s2"),
        ("remove", {"step": "s4"}, "Message deleted", "s3"),
        ("lane-add", {"step": "s5"}, "Branch 3 added", "s5"),
        ("lane-remove", {"lane": "s5/branches/1/steps"}, "Branch 2 deleted", "s5"),
        ("lane-set", {"lane": "s5/branches/0/steps", "field": "weight", "value": "2.5"}, "Branch 1 set", "s5"),
    ],
)  # fmt: skip
def test_deeds_say_what_they_did_and_select_what_it_is_about(deed, form, said, selected):
    done = perform(DRAFT, deed, form)
    assert (done.said, done.selected) == (said, selected)


def test_what_cannot_be_done_is_refused():
    with pytest.raises(Refused):
        perform(DRAFT, "move", {"step": "s2", "lane": "s3/then", "index": "0"})
    for deed, form in (
        ("fly", {}),
        ("move", {"step": "s99"}),
        ("add", {"kind": "nothing"}),
        ("nudge", {"step": "s1", "way": "away"}),
    ):
        with pytest.raises(NotFound):
            perform(DRAFT, deed, form)


STEPS = st.sampled_from(["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "gone", ""])
LANES = st.sampled_from(
    ["root", "s2/steps", "s3/then", "s3/else", "s5/branches/0/steps", "s5/branches/1/steps", "s7/steps"]
)
FORMS = st.fixed_dictionaries(
    {},
    optional={
        "step": STEPS, "after": STEPS, "lane": LANES, "kind": st.sampled_from(list(step_classes())), "index": st.sampled_from(["", "0", "1", "9", "-1", "x"]),
        "way": st.sampled_from(["up", "down", "in", "out", ""]), "value": st.text(max_size=4), "field": st.just("weight"),
    },
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(sorted(set(DEEDS) - {"set", "head"})), FORMS), max_size=12))
def test_any_deeds_leave_a_draft_that_can_be_shown_and_a_step_that_is_there(deeds):
    draft = DRAFT
    for deed, form in deeds:
        label_of(deed, form, draft)
        try:
            done = perform(draft, deed, form)
        except (NotFound, Refused):
            continue
        draft = done.draft
        ids = [node.id for node, _, _, _ in draft.walk()]
        assert len(set(ids)) == len(ids)
        assert done.selected in {*ids, ""}
    for node, _, _, _ in draft.walk():
        assert where(draft, node.id)
        assert number_of(draft, node.id)
    assert Draft.of(draft.body()).body() == draft.body()


def test_every_kind_has_a_name_a_symbol_and_a_sentence():
    assert set(kinds()) == set(step_classes())
    assert len({title_of(kind) for kind in kinds()}) == len(kinds())
    for kind in kinds():
        assert symbol_of(kind)
        assert about(kind).endswith(".")
        assert "`" not in about(kind)


@given(st.sampled_from(list(step_classes())), st.dictionaries(st.sampled_from(["text", "time", "times", "while", "over", "condition", "checks", "values", "because", "most"]), st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2), max_leaves=5)))  # fmt: skip
def test_a_step_can_be_told_in_a_line_whatever_is_in_it(kind, fields):
    node = replace(Draft.of({"steps": [{"message": "x"}]}).root.steps[0], kind=kind, fields=fields)
    assert "\n" not in line_of(node)


def test_the_canvas_nests_marks_what_is_wrong_and_escapes():
    html = str(flow(view_of(DRAFT, Problem("s4", "text", "is empty"), selected="s4")))
    assert html.index('id="step-s2"') < html.index('id="lane-s2-steps"') < html.index('id="step-s3"')
    assert 'id="step-s4" data-step="s4" data-state="wrong"' in html
    assert 'id="step-s3" data-step="s3" data-state="around"' in html
    assert 'id="step-s1" data-step="s1"><' in html
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert "<b>bold" not in html
    assert html.count('aria-current="true"') == 1
    assert "weight 3, 75 %" in html


def test_readers_see_no_way_to_change_anything():
    html = str(flow(view_of(DRAFT, may_edit=False)))
    assert 'draggable="true"' not in html
    assert "hx-post" not in html
    assert "Add branch" not in html


@pytest.mark.parametrize(
    ("place_", "column"),
    [
        (Place("", "column 7: mapping values are not allowed here", 2), 7),
        (Place("steps.0.message", "is missing", 2), 5),
        (Place("steps.0", "unknown step", 2), 5),
        (Place("load.users", "not a number", 9), 1),
    ],
)
def test_columns_of_errors(place_, column):
    assert column_of(place_, ["steps:", "  - message: hi"]) == column

"""Rules about messages: which hold, which are written wrong, and which of many things that end a reply they are."""

from __future__ import annotations

import pytest

from krawall.wire.rules import Rule, Silence, Where, rules_of


@pytest.mark.parametrize(
    ("rule", "message", "holds"),
    [
        (Where(path="type"), {"type": "anything"}, True),
        (Where(path="type"), {"kind": "anything"}, False),
        (Where(path="type", equals="done"), {"type": "done"}, True),
        (Where(path="type", equals="done"), {"type": "delta"}, False),
        (Where(path="parts[*].last", equals=True), {"parts": [{"last": False}, {"last": True}]}, True),
        (Where(path="parts[*].last", equals=True), {"parts": []}, False),
        (Where(path="type"), ["no", "object"], False),
    ],
)
def test_a_rule_holds_where_its_path_leads_to_what_it_wants(rule: Where, message: object, holds: bool):
    assert rule.rule().holds(message) is holds


def test_rules_are_found_alone_in_lists_and_beside_other_ends():
    where, silence = Where(path="type", equals="done"), Silence.model_validate({"silence": "1s"})
    assert rules_of(where) == (where.rule(),)
    assert rules_of([silence, where, where]) == (where.rule(), where.rule())
    assert rules_of(silence) == rules_of("a word") == rules_of(None) == ()


def test_a_rule_is_read_from_a_document():
    assert Where.model_validate({"path": "type", "equals": "done"}).rule() == Rule(
        Where(path="type").rule().path, "done"
    )


def test_a_path_that_is_none_is_told():
    with pytest.raises(ValueError, match=r"\["):
        Where(path="a[").rule()

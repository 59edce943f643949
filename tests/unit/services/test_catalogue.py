"""The catalogue of templates: what it says of each, and how many messages it promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from krawall.errors import NotFound
from krawall.model.step import count_messages
from krawall.plugins import registry
from krawall.services.catalogue import template, templates

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "templates.md"


def test_every_template_is_listed_with_what_a_reader_needs() -> None:
    infos = templates()
    assert [info.name for info in infos] == registry.names("templates")
    for info in infos:
        assert info.title
        assert info.description
        assert info.reading.count("ood") >= 1
        assert " bad " in info.reading
        assert info.category == template(info.name).category.value
    assert len({info.title for info in infos}) == len(infos)


def test_the_number_of_messages_is_whole_exactly_when_it_is_always_the_same() -> None:
    for info in templates():
        expected, most = count_messages(template(info.name).steps)
        assert info.most is not None
        assert info.most == most
        assert info.messages == expected
        assert isinstance(info.messages, int) == (expected == most)


def test_known_counts() -> None:
    counts = {info.name: (info.messages, info.most) for info in templates()}
    assert counts["rapid-fire"] == (13, 13)
    assert counts["basic-stress"] == (7, 7)
    assert counts["branching"][1] == 6


def test_the_guide_lists_every_template_as_the_catalogue_does() -> None:
    rows = [
        [cell.strip(" `") for cell in line.split("|")[1:4]]
        for line in GUIDE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    assert {name: category for name, category, _ in rows} == {info.name: info.category for info in templates()}
    counts = {info.name: str(info.messages) for info in templates() if isinstance(info.messages, int)}
    assert {name: count for name, _, count in rows if name in counts} == counts


def test_an_unknown_template_is_not_found() -> None:
    with pytest.raises(NotFound, match="did you mean 'branching'"):
        template("branchin")

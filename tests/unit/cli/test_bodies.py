"""Files become bodies for a server: rows instead of data files, lines for what the server finds wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from krawall.cli.bodies import is_file, read_body
from krawall.errors import DocumentError, NotFound, Place

SCENARIO = """name: Parcels
data: {file: rows.csv, pick: random}
steps:
  - message: "Where is {{ data.number }}?"
"""


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_the_rows_of_a_data_file_stand_in_the_body(tmp_path: Path) -> None:
    write(tmp_path, "rows.csv", "number,name\n7,Ann\n8,Bo\n")
    body = read_body("scenarios", write(tmp_path, "s.yaml", SCENARIO))
    assert body.data["data"] == {
        "pick": "random",
        "rows": [{"number": "7", "name": "Ann"}, {"number": "8", "name": "Bo"}],
    }
    assert body.data["steps"] == [{"message": "Where is {{ data.number }}?"}]
    assert body.name is None


def test_a_scenario_is_checked_before_it_is_sent_with_every_line(tmp_path: Path) -> None:
    file = write(tmp_path, "s.yaml", "name: x\nsteps:\n  - mesage: hi\nload: {users: two}\n")
    with pytest.raises(DocumentError) as raised:
        read_body("scenarios", file)
    assert {place.line for place in raised.value.places} == {3, 4}


def test_a_missing_data_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"rows\.csv"):
        read_body("scenarios", write(tmp_path, "s.yaml", SCENARIO))


def test_a_target_without_a_name_is_called_after_its_file(tmp_path: Path) -> None:
    file = write(tmp_path, "shop.yaml", "preset: mock\n")
    assert read_body("targets", file).name == "shop"
    assert read_body("targets", file, "other").name == "other"
    named = write(tmp_path, "named.yaml", "name: Shop\npreset: mock\n")
    assert read_body("targets", named).name is None, "the server takes the one inside"


def test_what_a_server_finds_wrong_gets_the_lines_of_the_file(tmp_path: Path) -> None:
    body = read_body("targets", write(tmp_path, "t.yaml", "preset: mock\nreply:\n  text: a\n  usage: {input: b}\n"))
    told = DocumentError("document", [Place("reply.usage.input", "no"), Place("", "whole"), Place("preset", "no", 9)])
    assert [place.line for place in body.with_lines(told).places] == [4, 1, 9]


def test_what_is_no_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        read_body("targets", write(tmp_path, "list.yaml", "- a\n"))
    with pytest.raises(NotFound, match=r"nowhere\.yaml"):
        read_body("targets", tmp_path / "nowhere.yaml")


def test_a_word_with_the_ending_of_a_file_means_a_file(tmp_path: Path) -> None:
    assert is_file("nowhere.yaml")
    assert is_file(str(write(tmp_path, "odd", "name: x\n")))
    assert not is_file("Parcels")
    assert not is_file("template:rapid-fire")

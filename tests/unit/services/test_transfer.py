"""Files are cut into documents where YAML begins a new one, with the lines they had; zips are bounded."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.errors import DocumentError, TooLarge
from krawall.services import transfer
from krawall.services.transfer import Given, split, unpack
from krawall.wire.yaml import read, write

PLAIN = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
DATA = st.dictionaries(
    PLAIN,
    st.recursive(PLAIN | st.integers(-9, 9), lambda inner: st.lists(inner, max_size=3), max_leaves=5),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40)
@given(st.lists(DATA, min_size=1, max_size=4))
def test_documents_come_apart_as_they_were_put_together(documents):
    text = "---\n".join(write(data) for data in documents)
    pieces = split(Given("all.yaml", text))
    assert [read(piece.text, piece.file).data for piece in pieces] == documents
    assert len({piece.file for piece in pieces}) == len(documents)


def test_errors_name_the_lines_of_the_whole_file():
    pieces = split(Given("all.yaml", "# mine\n---\nname: a\n--- # b\nname: b\nname: c\n"))
    assert [piece.file for piece in pieces] == ["all.yaml#1", "all.yaml#2"]
    with pytest.raises(DocumentError) as raised:
        read(pieces[1].text, pieces[1].file)
    assert raised.value.places[0].line == 6


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("---\n", 1),
        ("---\na: 1\n---\n---\nb: 1\n...\n", 2),
        ("a: |\n  ---\n  b\n", 1),
        ("a: ---\n", 1),
        ("a: 1\n---x: 1\n", 1),
        ("\ufeff# only words\n---\na: 1\n", 1),
        ("%YAML 1.2\n---\na: 1\n", 1),
    ],
)
def test_markers_are_what_yaml_takes_for_one(text, count):
    assert len(split(Given("f", text))) == count


def packed(*files: tuple[str, bytes]) -> io.BytesIO:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files:
            made.writestr(name, data)
    held.seek(0)
    return held


def test_a_zip_gives_its_yaml_and_json_files():
    found = unpack(packed(("a/b.yaml", b"x: 1"), ("c.json", b"{}"), ("d.png", b"\xff"), ("e.YML", b"")), "z")
    assert [(each.file, each.text) for each in found] == [("a/b.yaml", "x: 1"), ("c.json", "{}"), ("e.YML", "")]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"nonsense", b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_no_zip_is_an_error_of_the_file(data):
    with pytest.raises(DocumentError, match=r"^z"):
        unpack(io.BytesIO(data), "z")


def test_a_zip_cannot_unpack_to_more_than_it_may(monkeypatch):
    bomb = packed(("a.yaml", b"0" * 3_000_000))
    assert len(bomb.getvalue()) < 10_000
    with pytest.raises(TooLarge):
        unpack(bomb, "z")
    monkeypatch.setattr(transfer, "MOST_UNPACKED", 10)
    with pytest.raises(TooLarge):
        unpack(packed(("a.yaml", b"0" * 9), ("b.yaml", b"0" * 9)), "z")
    monkeypatch.setattr(transfer, "MOST_FILES", 1)
    with pytest.raises(TooLarge):
        unpack(packed(("a.yaml", b""), ("b.yaml", b"")), "z")


def test_files_of_a_zip_are_text():
    with pytest.raises(DocumentError, match="UTF-8"):
        unpack(packed(("a.yaml", b"\xff")), "z")

"""Exports of every form of a log, in every format, hold the same rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from krawall.archive import query
from krawall.errors import DocumentError
from krawall.model.exchange import Check, Exchange, Line, Told, Usage
from krawall.testing.segments import shown_messages, write_segment

Form = Callable[[Path], Path]

MANY = 9000  # more than a batch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = ["=1+1", "+49 30", "-", "@user", "\ttab", 'plain, with "quotes"\nand lines', "nul \0", "", "ünïcode 🙂"]
    lines: list[Line] = [
        Exchange(
            conversation=number, user=0, turn=1, attempt=1, phase="measure", step="steps.0", planned_ns=1, start_ns=1,
            sent_ns=number, done_ns=number + 5, usage=Usage(1, 2, cost_pico=number), said=texts[number % len(texts)],
            heard=f"heard {number}", checks=[Check("=name", True)] if number == 3 else [],
        )
        for number in range(MANY)
    ]  # fmt: skip
    lines += [Told(number, 0, "measure", 0, 1, number, "completed", reason="=cmd()") for number in range(MANY)]
    write_segment(tmp_path, "0-1-0", lines)
    return tmp_path


def whole(folder: Path, kind: str, format: str) -> bytes:
    return b"".join(query.export(folder, kind, format))  # type: ignore[arg-type]


def test_json_and_jsonl_hold_all_messages_in_order(folder: Path, form: Form) -> None:
    expected = shown_messages(folder)
    form(folder)

    assert [json.loads(line) for line in whole(folder, "messages", "jsonl").splitlines()] == expected
    assert json.loads(whole(folder, "messages", "json")) == expected


def test_csv_holds_all_messages_and_no_formulas(folder: Path, form: Form) -> None:
    expected = shown_messages(folder)
    form(folder)

    rows = list(csv.DictReader(io.StringIO(whole(folder, "messages", "csv").decode(), newline="")))

    assert [row["said"].removeprefix("'") for row in rows] == [message["said"] for message in expected]
    assert list(rows[0]) == list(expected[0])
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row.values())
    found = [row["checks"] for row in rows if row["checks"]]
    assert found == ['[{"detail":"","name":"=name","ok":true}]'] or json.loads(found[0])[0]["name"] == "=name"


def test_parquet_holds_all_messages_in_order(
    folder: Path, form: Form, tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected = shown_messages(folder)
    form(folder)
    path = tmp_path_factory.mktemp("export") / "messages.parquet"
    path.write_bytes(whole(folder, "messages", "parquet"))

    with duckdb.connect() as connection:
        names = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
        found = connection.execute(f"SELECT n, said, heard, cost_usd FROM '{path}'").fetchall()

    assert sorted(names) == sorted(expected[0])
    assert found == [(row["n"], row["said"], row["heard"], row["cost_usd"]) for row in expected]


@pytest.mark.parametrize("format", ["csv", "json", "jsonl", "parquet"])
def test_conversations_can_be_exported(folder: Path, form: Form, format: str) -> None:
    form(folder)
    data = whole(folder, "conversations", format)

    if format == "csv":
        assert {row["reason"] for row in csv.DictReader(io.StringIO(data.decode()))} == {"'=cmd()"}
    elif format == "json":
        assert [row["conversation"] for row in json.loads(data)][:20] == list(range(20))
    elif format == "jsonl":
        assert json.loads(data.splitlines()[0])["outcome"] == "completed"
    else:
        assert data[:4] == b"PAR1"


@pytest.mark.parametrize(("format", "data"), [("json", b"[]\n"), ("jsonl", b"")])
def test_nothing_is_exported_as_nothing(tmp_path: Path, form: Form, format: str, data: bytes) -> None:
    assert whole(form(tmp_path), "messages", format) == data


def test_a_csv_of_nothing_has_its_names_and_a_parquet_file_its_columns(tmp_path: Path, form: Form) -> None:
    form(tmp_path)

    assert whole(tmp_path, "messages", "csv").startswith(b"n,conversation,")
    assert whole(tmp_path, "messages", "csv").count(b"\n") == 1
    assert whole(tmp_path, "messages", "parquet")[:4] == b"PAR1"


def test_an_unknown_kind_or_format_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="is none of"):
        query.export(tmp_path, "secrets", "csv")  # type: ignore[arg-type]
    with pytest.raises(DocumentError, match="is none of"):
        query.export(tmp_path, "messages", "xlsx")  # type: ignore[arg-type]


def test_an_export_that_nobody_reads_to_its_end_is_let_go(folder: Path, form: Form) -> None:
    pieces = query.export(form(folder), "messages", "jsonl")
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]

    assert len(query.messages(folder).items) == 200

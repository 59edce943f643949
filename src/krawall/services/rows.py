"""The data rows of a scenario: CSV or JSONL beside its file, or rows in the document itself."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import msgspec

from krawall.errors import DocumentError, Place
from krawall.model.scenario import Scenario

MOST_ROWS = 1_000_000


def read_rows(scenario: Scenario, folder: Path | None) -> list[dict[str, Any]]:
    """Return the data rows of a scenario: CSV with a header line, or JSONL.

    Raises:
        DocumentError: the file is missing, empty or not what its name says.
    """
    data = scenario.data
    if data is None:
        return []
    if data.rows is not None:
        return data.rows
    if folder is None:
        raise DocumentError(scenario.name, [Place("data.file", "names a file of the server; write `rows` instead")])
    path = folder / str(data.file)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(scenario.name, [Place("data.file", f"cannot read {str(path)!r}: {error}")]) from None
    rows = _jsonl(text, path) if path.suffix in (".jsonl", ".ndjson") else _csv(text, path)
    if not rows:
        raise DocumentError(scenario.name, [Place("data.file", f"{str(path)!r} has no rows")])
    return rows[:MOST_ROWS]


def _csv(text: str, path: Path) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text))
    rows = []
    for row in reader:
        if None in row or None in row.values():
            raise DocumentError(
                str(path),
                [
                    Place(
                        "",
                        f"a row does not have the {len(reader.fieldnames or ())} columns of the header",
                        reader.line_num,
                    )
                ],
            )
        rows.append(dict(row))
    return rows


def _jsonl(text: str, path: Path) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows.append(msgspec.json.decode(line, type=dict[str, Any]))
            except msgspec.MsgspecError as error:
                raise DocumentError(str(path), [Place("", f"not a JSON object: {error}", number)]) from None
    return rows

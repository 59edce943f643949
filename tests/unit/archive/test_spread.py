from __future__ import annotations

from pathlib import Path

from krawall.archive.spread import COLUMNS, spread
from krawall.testing.logs import some_lines
from krawall.testing.segments import write_segment


def test_every_reply_is_in_one_cell(tmp_path: Path) -> None:
    write_segment(tmp_path, "0-1-1", some_lines(100))  # 200 messages of 100 ms in 993 s; the last one fails

    found = spread(tmp_path)

    assert sum(turns for _, _, turns in found.cells) == 199
    assert {bucket for _, bucket, _ in found.cells} == {2 * found.per_decade}
    assert max(column for column, _, _ in found.cells) < COLUMNS
    assert found.column_s == 17
    assert found.cells == sorted(found.cells)


def test_a_session_without_a_log_has_nothing(tmp_path: Path) -> None:
    found = spread(tmp_path)

    assert (found.cells, found.column_s) == ([], 1.0)

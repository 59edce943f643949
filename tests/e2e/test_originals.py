"""Exported scenarios of the original product are imported and played, to their last message."""

from __future__ import annotations

from pathlib import Path

import pytest

from krawall.testing.commands import krawall, log_lines

ORIGINALS = Path(__file__).parent / "originals"


@pytest.mark.parametrize(
    ("name", "conversations", "messages"),
    [("parcel-helpdesk.yaml", 2, 2 * (1 + 1 + 3)), ("quick-sums-flat.yaml", 3, 6)],
)
def test_an_export_is_imported_and_played(
    name: str, conversations: int, messages: int, bot: str, tmp_path: Path
) -> None:
    imported = krawall("import", ORIGINALS / name, "--out", "ours.yaml", cwd=tmp_path)
    assert imported.code == 0, imported.err
    assert "changed:" in imported.err
    ran = krawall(
        "run",
        "ours.yaml",
        "--preset",
        "openai-chat",
        "--url",
        f"{bot}/v1/chat/completions",
        "--out",
        "out",
        "--json",
        cwd=tmp_path,
    )
    assert ran.json["conversations"]["completed"] == conversations, ran.err
    assert ran.json["turns"] == conversations * messages
    said = {line["said"] for line in log_lines(tmp_path / "out") if line["k"] == "x"}
    assert not any("{{" in text for text in said)

"""A session from Python: the same words, typed results, a scenario built from the model classes."""

from __future__ import annotations

from pathlib import Path

import krawall
from krawall.plugins.assemble import assemble
from krawall.plugins.registry import load


def test_play_returns_typed_data_and_leaves_a_directory(bot: str, tmp_path: Path) -> None:
    result = krawall.play(
        "template:branching",
        preset="mock",
        url=f"{bot}/v1/chat/completions",
        users=2,
        conversations=3,
        out=tmp_path / "session",
    )
    assert result.conversations.completed + result.conversations.ended == 3
    assert result.metrics["latency"].unit == "ms"
    assert (tmp_path / "session" / "report.html").is_file()


def test_a_scenario_can_be_built_from_classes(tmp_path: Path) -> None:
    assemble()
    from krawall.model.scenario import Scenario
    from krawall.model.target import Target

    message, loop = load("steps", "message"), load("steps", "loop")
    built = Scenario(
        name="Built",
        target=Target(connector="echo"),
        steps=[loop(times=3, steps=[message(text="Hello {{ loop.index }}")])],
    )
    result = krawall.play(built, users=2, conversations=4, out=tmp_path / "session")
    assert (result.turns, result.conversations.completed) == (12, 4)

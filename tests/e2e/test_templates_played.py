"""Every template that comes with Krawall is played to its last message, and every message that it means to send is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from krawall.model.step import count_messages
from krawall.plugins import registry
from krawall.plugins.assemble import assemble
from krawall.services.catalogue import template
from krawall.testing.commands import krawall, log_lines

assemble()


@pytest.mark.parametrize("name", registry.names("templates"))
def test_a_template_sends_every_message_it_intends(name: str, bot: str, tmp_path: Path) -> None:
    out = tmp_path / "session"
    ran = krawall(
        "run", f"template:{name}", "--preset", "openai-chat", "--url", f"{bot}/v1/chat/completions",
        "--users", "2", "--conversations", "4", "--out", out, "--json", cwd=tmp_path,
    )  # fmt: skip
    result = ran.json
    assert result["conversations"]["completed"] + result["conversations"]["ended"] == 4, ran.err
    assert result["errors"] == {}
    low, high = count_messages(template(name).steps)
    sent = [line for line in log_lines(out) if line["k"] == "x"]
    by_conversation = {number: sum(line["conversation"] == number for line in sent) for number in range(4)}
    if low == high:
        assert by_conversation == dict.fromkeys(range(4), int(low))
    else:
        assert all(1 <= count <= high for count in by_conversation.values())
    assert result["turns"] == len(sent)
    told = [line for line in log_lines(out) if line["k"] == "c"]
    assert {line["conversation"]: line["turns"] for line in told} == by_conversation


def test_there_are_at_least_twelve_templates_in_seven_categories() -> None:
    categories = {template(name).category for name in registry.names("templates")}
    assert len(registry.names("templates")) >= 12
    assert len(categories) >= 7

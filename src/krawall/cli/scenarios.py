"""`krawall scenarios`."""

from __future__ import annotations

from typing import Any

from krawall.cli.bodies import is_file, read_body
from krawall.cli.client import Client, Where
from krawall.cli.documents import Documents
from krawall.cli.listing import print_facts, say
from krawall.cli.output import print_json

_kept = Documents("scenarios")
list_, show, create, update, edit = _kept.list, _kept.show, _kept.create, _kept.update, _kept.edit
duplicate, archive, restore, delete = _kept.duplicate, _kept.archive, _kept.restore, _kept.delete
history, diff = _kept.history, _kept.diff


def preview(
    scenario: str, /, *, target: str | None = None, conversations: int = 1, json: bool = False, where: Where = Where()
) -> None:
    """Show what a session would say and cost. Nothing is sent to the chatbot.

    Parameters
    ----------
    scenario
        A file, or the name or id of a scenario on the server, or `template:NAME`.
    target
        Name or id of a target.
    conversations
        How many conversations to rehearse, 1 to 5.
    json
        Print one JSON object.
    """
    from pathlib import Path

    given: Any = read_body("scenarios", Path(scenario)).data if is_file(scenario) else scenario
    with Client(where) as client:
        request = {"scenario": given, "conversations": conversations, **({"target": target} if target else {})}
        found = client.post("/scenarios/preview", request)
    if json:
        return print_json(found)
    for conversation in found["conversations"]:
        say(f"conversation {conversation['number']}")
        for message in conversation["messages"]:
            say(f"  {message['role']:>9}  {message['text']}")
    print_facts([(name.replace("_", " "), value) for name, value in (found.get("estimate") or {}).items()])
    return None

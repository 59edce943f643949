"""`krawall templates`."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from krawall.cli.output import print_json
from krawall.plugins.registry import data_text
from krawall.services.catalogue import templates as all_templates


def templates(name: str | None = None, /, *, json: bool = False) -> None:
    """List the scenarios that come with Krawall, or print one as YAML.

    Parameters
    ----------
    name
        Print this template's YAML instead of the list.
    json
        Print the list as JSON: name, title, category, description, reading, messages, most.
    """
    if name is not None:
        print(data_text("templates", name), end="")  # noqa: T201
        return
    found = all_templates()
    if json:
        print_json(found)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("name", "category", "messages", "what it does"):
        table.add_column(heading, justify="right" if heading == "messages" else "left", overflow="fold")
    for entry in found:
        table.add_row(entry.name, str(entry.category), str(entry.messages), entry.description)
    console = Console()
    console.print(table)
    console.print("\nkrawall run template:NAME --preset openai-chat --url URL", style="dim")

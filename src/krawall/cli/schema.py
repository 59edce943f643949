"""`krawall schema`."""

from __future__ import annotations

from krawall.cli.output import print_json
from krawall.plugins.assemble import schema as scenario_schema


def schema() -> None:
    """Print the JSON Schema of scenario files, for editors and checkers."""
    print_json(scenario_schema())

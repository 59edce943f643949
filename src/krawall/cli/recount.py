"""`krawall recount`."""

from __future__ import annotations

from pathlib import Path

from krawall.cli.output import print_json, print_result
from krawall.services.reading import recount as count_again


def recount(directory: Path, /, *, json: bool = False) -> int:
    """Compute a session's result again, from its log alone; also for sessions that were cut off.

    Parameters
    ----------
    directory
        The session's directory.
    json
        Print the same object as `run --json`.
    """
    summary = count_again(directory)
    if json:
        print_json(summary)
    else:
        print_result(summary, "")
    return summary.exit_code

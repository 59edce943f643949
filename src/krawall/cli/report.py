"""`krawall report`."""

from __future__ import annotations

from pathlib import Path

from krawall.services.reading import write_report


def report(directory: Path, /, *, out: Path | None = None) -> None:
    """Write the report of a session: one self-contained HTML file that needs no network.

    Parameters
    ----------
    directory
        The session's directory.
    out
        Where to; default DIRECTORY/report.html.
    """
    print(write_report(directory, out))  # noqa: T201

"""`krawall import`."""

from __future__ import annotations

import sys
from pathlib import Path

from krawall.cli.files import write_new
from krawall.cli.output import print_json
from krawall.errors import NotFound
from krawall.plugins.assemble import write_scenario
from krawall.services.imports import import_original


def import_file(file: Path, /, *, out: Path | None = None, force: bool = False, json: bool = False) -> None:
    """Turn a scenario file of the original product into one of ours, and say what changed.

    Parameters
    ----------
    file
        The original's YAML, flat or nested.
    out
        Where to write ours; without it, it goes to standard output.
    force
        Replace a file that is there already.
    json
        Print one JSON object: the YAML and the list of changes.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read {str(file)!r}: {error}") from None
    imported = import_original(text, str(file))
    written = write_scenario(imported.scenario)
    if out is not None:
        write_new(out, written, force)
    if json:
        print_json({"yaml": written, "changes": imported.changes, "out": str(out) if out else None})
        return
    for change in imported.changes:
        print(f"changed: {change}", file=sys.stderr)  # noqa: T201
    print(f"wrote {out}" if out else written, end="\n" if out else "")  # noqa: T201

"""`krawall validate`."""

from __future__ import annotations

import sys

from krawall.cli.output import print_error, print_json
from krawall.errors import DocumentError, KrawallError
from krawall.services.planning import load_scenario, validate_scenario


def validate(*files: str, json: bool = False) -> int:
    """Check scenario files: every error, with its place and line. Nothing is sent.

    Parameters
    ----------
    files
        Scenario files, or `template:NAME`.
    json
        Print one JSON object: a list of files, each with its errors.
    """
    found: list[dict[str, object]] = []
    for name in files:
        try:
            scenario, folder = load_scenario(name)
            validate_scenario(scenario, folder, name)
        except KrawallError as error:
            places = error.places if isinstance(error, DocumentError) else []
            errors = [{"path": place.path, "line": place.line, "message": place.message} for place in places]
            found.append(
                {
                    "file": name,
                    "valid": False,
                    "errors": errors or [{"path": "", "line": None, "message": error.message}],
                }
            )
            if not json:
                print_error(error)
        else:
            found.append({"file": name, "valid": True, "errors": []})
            if not json:
                print(f"{name}: valid", file=sys.stdout)  # noqa: T201
    if json:
        print_json({"files": found})
    return 0 if all(entry["valid"] for entry in found) else 2

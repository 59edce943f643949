"""Files of this machine as documents for a server: data files become rows, mistakes keep their lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from krawall.errors import DocumentError, NotFound, Place
from krawall.plugins.assemble import scenario_from
from krawall.services.planning import validate_scenario
from krawall.services.rows import read_rows
from krawall.wire.yaml import Source, read

SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Body:
    """A document as it goes to a server: its data, the name that takes the place of the one in it, and where it was read."""

    data: dict[str, Any]
    name: str | None
    source: Source

    def with_lines(self, error: DocumentError) -> DocumentError:
        """Return a server's error with the lines of this file: what was sent has none."""
        places = [
            Place(place.path, place.message, place.line or self.source.line_of(_way(place.path)))
            for place in error.places
        ]
        return DocumentError(self.source.name, places, hint=error.hint)


def read_body(kind: str, file: Path, name: str | None = None) -> Body:
    """Return a file as the body of a document of a kind: `targets`, `scenarios` or `webhooks`.

    A scenario is checked here already. `name` wins over the one in the file; a target without any is called after its file.

    Raises:
        NotFound: there is no such file.
        DocumentError: it is not a document.
    """
    source = read_source(file)
    data = source.data
    if not isinstance(data, dict):
        raise DocumentError(str(file), [Place("", "a document is a mapping", 1)])
    if kind == "scenarios":
        return Body(inlined(source, file.parent), name, source)
    return Body(data, name or (None if "name" in data else file.stem), source)


def read_source(file: Path) -> Source:
    """Return a YAML or JSON file as data with lines.

    Raises:
        NotFound: it cannot be read.
        DocumentError: it is no YAML.
    """
    try:
        return read(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read {str(file)!r}: {getattr(error, 'strerror', None) or error}") from None


def inlined(source: Source, folder: Path) -> dict[str, Any]:
    """Return a scenario's data with the rows of its data file in it, as the file writes it otherwise.

    Raises:
        DocumentError: it is no scenario, or its data file cannot be read; every place is named.
    """
    data = source.data
    if isinstance(data, dict):
        data = {key: value for key, value in data.items() if (key, value) != ("kind", "scenario")}
    scenario = scenario_from(data, source.name, source)
    validate_scenario(scenario, folder, source.name)
    assert isinstance(data, dict)
    if scenario.data is not None and scenario.data.file is not None:
        kept = {key: value for key, value in data["data"].items() if key != "file"}
        data["data"] = {**kept, "rows": read_rows(scenario, folder)}
    return data


def is_file(text: str) -> bool:
    """Tell whether a word means a file of this machine rather than a document of the server."""
    return text.lower().endswith(SUFFIXES) or Path(text).is_file()


def _way(path: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in path.split(".") if part]

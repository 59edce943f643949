"""Where an installation has its parts: the options that `serve`, `worker`, `doctor` and other commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

GROUP = "Place"

Data = Annotated[Path | None, Parameter(group=GROUP)]
Url = Annotated[str | None, Parameter(group=GROUP)]

Home = Annotated[
    Path | None,
    Parameter("--data", group=GROUP, help="Directory of the database, if it is a file; default ~/.krawall."),
]
DatabaseUrl = Annotated[
    str | None,
    Parameter(
        "--database", group=GROUP, help="postgresql://... or sqlite:///FILE; default a file in the data directory."
    ),
]
"""The two of commands that work on the database alone."""

"""Where an installation has its parts: the options that `serve`, `worker`, `doctor` and other commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

GROUP = "Place"

Data = Annotated[Path | None, Parameter(group=GROUP)]
Url = Annotated[str | None, Parameter(group=GROUP)]

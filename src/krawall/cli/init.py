"""`krawall init`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from krawall.cli.files import write_new


def init(file: Path = Path("scenario.yaml"), /, *, force: bool = False) -> None:
    """Write a commented scenario file to start from.

    Parameters
    ----------
    file
        Where to.
    force
        Replace a file that is there already.
    """
    text = resources.files("krawall.cli").joinpath("starter.yaml").read_text(encoding="utf-8")
    write_new(file, text, force)
    print(f"wrote {file}\nnext: krawall mock &   then   krawall run {file}")  # noqa: T201

"""`krawall init`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from krawall.errors import Unavailable


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
    try:
        with open(file, "w" if force else "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise Unavailable(f"{file} is there already", hint="--force replaces it") from None
    except OSError as error:
        raise Unavailable(f"cannot write {file}: {error.strerror}") from None
    print(f"wrote {file}\nnext: krawall mock &   then   krawall run {file}")  # noqa: T201

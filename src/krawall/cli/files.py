"""Files that commands write for a person: never over one that is there, unless told to."""

from __future__ import annotations

from pathlib import Path

from krawall.errors import Unavailable


def write_new(path: Path, text: str, force: bool) -> None:
    """Write a file.

    Raises:
        Unavailable: it is there already and `force` is not given, or it cannot be written.
    """
    try:
        with open(path, "w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Unavailable(f"{path} is there already", hint="--force replaces it") from None
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None

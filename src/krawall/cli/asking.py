"""Questions to a person: before something is gone, and for what must not be an argument."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

from cyclopts import Parameter

from krawall.errors import DocumentError, Place

Yes = Annotated[bool, Parameter(alias="-y", negative="")]


def sure(question: str, yes: bool) -> bool:
    """Ask a person before something is gone. Who gives `--yes`, or is no terminal, has thought about it."""
    if yes or not sys.stdin.isatty():
        return True
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def read_secret(what: str, *, twice: bool = False) -> str:
    """Return a secret from a prompt that does not show it, or the first line of standard input.

    Raises:
        DocumentError: nothing was given, or the second time something else.
    """
    if sys.stdin.isatty():
        value = getpass.getpass(f"{what}: ")
        if twice and getpass.getpass(f"{what}, again: ") != value:
            raise DocumentError(what, [Place("", "was something else the second time")])
    else:
        value = sys.stdin.readline().rstrip("\r\n")
    if not value:
        raise DocumentError(what, [Place("", "is empty")])
    return value

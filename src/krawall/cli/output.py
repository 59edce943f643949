"""What commands print: results on standard output, errors on standard error. Light to import: `krawall --help` waits for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from krawall.cli.terminal import fit

if TYPE_CHECKING:
    from rich.console import Console

    from krawall.errors import KrawallError
    from krawall.model.summary import Summary


def print_result(summary: Summary, command: str = "") -> None:
    """Print the result of a session on standard output. `command`: the file that was played, or `demo`."""
    from rich.console import Console

    print_summary(summary, Console(file=sys.stdout, highlight=False), command)


def print_summary(summary: Summary, console: Console, command: str = "") -> None:
    """Print the result of a session: verdict and why, thresholds, metrics, counts, how to repeat it. Fits 80 columns."""
    from krawall.cli.result import Fitted, result

    console.print(Fitted(result(summary, command, console.encoding)), highlight=False, emoji=False, markup=False)


def print_end(session: dict[str, Any]) -> None:
    """Print the result of a finished session of a server, as the API shows it, like that of a session of our own."""
    import msgspec
    from rich.console import Console

    from krawall.cli.result import SERVER
    from krawall.model.summary import Summary

    if session["summary"] is None:
        print(f"{session['id']}: {session['outcome']}: {session['reason']}")  # noqa: T201
        return
    summary = msgspec.convert(session["summary"], Summary)
    print_summary(summary, Console(file=sys.stdout, highlight=False), SERVER)


def print_json(value: object) -> None:
    """Print one JSON object on one line of standard output; nothing else goes there."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_error(error: KrawallError) -> None:
    """Print an error on standard error: what is wrong, each place, the way out."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stderr, highlight=False)
    text = Text.assemble(("error: ", "bold red"), fit(error.message, console.encoding))
    if error.hint:
        text.append("\nhint: ", "bold")
        text.append(fit(error.hint, console.encoding))
    console.print(text, soft_wrap=True, emoji=False)

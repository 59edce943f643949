"""Lists and facts on standard output: tables that fit a terminal, whole lines for pipes, a way on when there is nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from krawall.cli.output import print_json
from krawall.cli.terminal import fit

PIPE_WIDTH = 400
"""Columns of a line that no terminal cuts: ids and names stay whole for `grep` and `cut`."""

NARROW = 100

_STYLES = {
    "passed": "green",
    "running": "cyan",
    "starting": "cyan",
    "stopping": "yellow",
    "failed": "red",
    "invalid": "yellow",
    "undecided": "yellow",
    "lost": "red",
    "problem": "red",
    "warning": "yellow",
    "ok": "green",
}


def print_list(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = (), empty: str
) -> None:
    """Print rows under headings; `empty` says what to do when there are none. Columns after a `+` need a wide terminal."""
    console = _console()
    lines = [list(row) for row in rows]
    if not lines:
        console.print(fit(empty, console.encoding), markup=False, highlight=False, soft_wrap=True)
        return
    numbers = set(right)
    wide = console.width >= NARROW
    shown = [index for index, name in enumerate(columns) if wide or not name.startswith("+")]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for index in shown:
        name = columns[index].removeprefix("+")
        table.add_column(
            name, justify="right" if name in numbers else "left", no_wrap=True, overflow="ellipsis", min_width=len(name)
        )
    for row in lines:
        table.add_row(*(_cell(row[index], console.encoding) for index in shown))
    _print(console, table)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values, a line each; values that are empty are left out."""
    console = _console()
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value not in (None, ""):
            table.add_row(Text(name, "dim"), _cell(value, console.encoding))
    _print(console, table)


def say(text: str) -> None:
    """Print a sentence on standard output."""
    console = _console()
    console.print(fit(text, console.encoding), markup=False, highlight=False, soft_wrap=True, emoji=False)


def told(json: bool, value: object, words: str) -> None:
    """Print what became of a command: as one JSON object, or in words."""
    if json:
        print_json(value)
    else:
        say(words)


def when(text: str | None) -> str:
    """Return an ISO 8601 time of the API as `2026-11-23 06:15:00Z`, or nothing."""
    return f"{text[:10]} {text[11:19]}Z" if text else ""


def _console() -> Console:
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)


def _print(console: Console, table: Table) -> None:
    with console.capture() as drawn:
        console.print(table, highlight=False)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in drawn.get().splitlines())
    sys.stdout.flush()


def _cell(value: object, encoding: str) -> Text:
    text = "" if value is None else ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return Text(fit(text, encoding).replace("\n", " "), _STYLES.get(text, ""))

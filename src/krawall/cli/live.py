"""What a command shows while a session runs. All of it goes to standard error, so that standard output holds results only."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from krawall.cli.result import Fitted, conversations
from krawall.cli.terminal import fit
from krawall.conduct import words
from krawall.model.summary import Numbers, Picture

EVERY_S = 5.0
"""Seconds of the session between two plain lines."""


class View(Protocol):
    """Shows pictures of a running session. Lives for one session, inside `with`."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(self, picture: Picture) -> None:
        """Show the newest picture."""
        ...

    def note(self, text: str) -> None:
        """Say something that rarely happens."""
        ...


def view_for(stream: TextIO, *, json: bool, quiet: bool) -> View:
    """Return the view that fits a stream: live on a terminal, else lines; nothing with `quiet`, or `json` into a pipe."""
    if quiet:
        return SilentView()
    console = Console(file=stream, highlight=False)
    if stream.isatty() and not console.is_dumb_terminal:
        return LiveView(console)
    return SilentView() if json else PlainView(stream)


class SilentView:
    """Shows nothing; errors are printed by the command."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        return None

    def update(self, picture: Picture) -> None:
        """Ignore the picture."""

    def note(self, text: str) -> None:
        """Ignore it."""


class PlainView:
    """Writes one line at the start and one each five seconds of the session, for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next_s: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        return None

    def update(self, picture: Picture) -> None:
        """Write a line when it is time for one."""
        if self._next_s is None:
            length = f", {words.lasting(picture.length_s)}" if picture.length_s else ""
            self._line(f"{picture.name} on {picture.target}{length}, at most {words.money(picture.cost_cap_usd)}")
            self._next_s = EVERY_S
        if picture.elapsed_s >= self._next_s:
            self._line(plain(picture))
            self._next_s = (picture.elapsed_s // EVERY_S + 1) * EVERY_S

    def note(self, text: str) -> None:
        """Write a line at once."""
        self._line(text)

    def _line(self, text: str) -> None:
        self._stream.write(fit(text, self._stream.encoding or "utf-8").replace("\n", " ") + "\n")
        self._stream.flush()


class LiveView:
    """Draws the newest picture in place and takes it away at the end. Gives the terminal back on any way out."""

    def __init__(self, console: Console) -> None:
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, vertical_overflow="crop"
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def update(self, picture: Picture) -> None:
        """Draw the picture over the last one."""
        self._live.update(Screen(picture), refresh=True)

    def note(self, text: str) -> None:
        """Write a line above the picture; it stays."""
        console = self._live.console
        console.print(Text(fit(text, console.encoding).replace("\n", " "), "dim"))


def plain(picture: Picture) -> str:
    """Return a picture as one line: `12s  38 users  1,204 turns  98.2/s  ttft p95 132 ms  ...  $0.0123`."""
    parts = [
        f"{picture.elapsed_s:.0f}s",
        words.many(picture.users, "user"),
        words.many(picture.turns, "turn"),
        f"{words.rate(picture.turns_per_s)}/s",
        *(f"{name} p95 {_figure(picture.metrics.get(name), 'p95')}" for name in ("ttft", "latency")),
        f"errors {errors(picture.errors)}",
        words.money(picture.cost_usd),
    ]
    return "  ".join([*parts, f"warning: {picture.warning}"] if picture.warning else parts)


def errors(kinds: dict[str, int]) -> str:
    """Return `3 (timeout 2, server 1)`, or `0`."""
    total = sum(kinds.values())
    return f"{words.count(total)} ({words.counts(kinds)})" if total else "0"


class Screen:
    """One picture as a terminal shows it: 14 lines, as wide as the terminal up to 100 columns."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        drawing = Fitted(self._drawing(console.encoding))
        yield from console.render(drawing, options.update(width=min(options.max_width, 100)))

    def _drawing(self, encoding: str) -> RenderableType:
        picture = self._picture
        lines: list[RenderableType] = [
            _apart(Text(fit(picture.name, encoding), "bold"), Text(_where(picture), "cyan")),
            Text(fit(picture.target, encoding), "dim", no_wrap=True, overflow="ellipsis"),
            _progress(picture),
            Text(),
            _numbers(picture),
            Text(),
            _times(picture),
        ]
        if picture.warning:
            mark = "⚠" if encoding.lower().startswith("utf") else "!"
            lines += [Text(), Text(f"{mark} {fit(picture.warning, encoding)}", "bold yellow")]
        return Group(*lines)


def _where(picture: Picture) -> str:
    return f"{picture.state}, {picture.phase}" if picture.phase else picture.state


def _apart(left: Text, right: Text) -> Table:
    table = Table.grid(expand=True)
    left.no_wrap, left.overflow = True, "ellipsis"
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    table.add_row(left, right)
    return table


def _progress(picture: Picture) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    told = words.lasting(picture.elapsed_s)
    if picture.left_s is not None:
        told += f", {words.lasting(picture.left_s)} left"
    if picture.progress is None:
        table.add_row("", Text(told))
    else:
        share = min(1.0, max(0.0, picture.progress))
        bar = ProgressBar(total=1.0, completed=share, complete_style="cyan", finished_style="cyan")
        table.add_row(bar, Text(f"{share:4.0%}  {told}"))
    return table


def _numbers(picture: Picture) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=13)
    table.add_column(overflow="ellipsis", no_wrap=True)
    tokens, cap = picture.tokens, picture.cost_cap_usd
    spent = f"{words.money(picture.cost_usd)} of {words.money(cap)} ({words.share(picture.cost_usd, cap)})"
    wrong = sum(picture.errors.values())
    rows = [
        ("users", f"{words.count(picture.users)}, {words.count(picture.in_flight)} waiting for a reply", ""),
        ("conversations", conversations(picture.conversations), ""),
        ("turns", f"{words.count(picture.turns)}, {words.rate(picture.turns_per_s)}/s", ""),
        ("errors", errors(picture.errors), "red" if wrong else ""),
        ("tokens", f"{words.count(tokens.input)} in, {words.count(tokens.output)} out", ""),
        ("spent", spent, "yellow" if cap and picture.cost_usd > 0.8 * cap else ""),
    ]
    for name, told, style in rows:
        table.add_row(Text(name, "dim"), Text(told, style))
    return table


def _times(picture: Picture) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=13)
    for _ in range(6):
        table.add_column(justify="right", no_wrap=True, min_width=8)
    table.add_row(*(Text(head, "dim") for head in ("", "p50", "p95", "p99", "lately p50", "p95", "p99")))
    for name in ("ttft", "latency"):
        found = (picture.metrics.get(name), picture.recent.get(name))
        cells = [_figure(numbers, quantile) for numbers in found for quantile in ("p50", "p95", "p99")]
        table.add_row(
            Text(name, "bold"), *(Text(cell, "dim" if cell in ("-", words.TOO_FEW) else "") for cell in cells)
        )
    return table


def _figure(numbers: Numbers | None, name: str) -> str:
    return words.quantile(numbers, name) if numbers and numbers.count else "-"

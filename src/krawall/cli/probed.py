"""A connection test on a terminal: a line as each step ends, then what came of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from krawall.cli.listing import print_facts, say
from krawall.cli.result import sign
from krawall.cli.terminal import fit
from krawall.conduct import words

_VERDICTS = {"ok": "passed", "failed": "failed", "skipped": "none"}
_STYLES = {"ok": "green", "failed": "bold red", "skipped": "dim"}
_NEXT = {"resolve": "connecting", "connect": "shaking hands", "tls": "sending", "send": "waiting for the first token"}
_LONGEST = 2_000  # letters of a reply


class Probed:
    """Takes the messages of a test and shows them. Lives for one command, inside `with`; `quiet`: only keeps them."""

    def __init__(self, *, quiet: bool) -> None:
        self.steps: list[dict[str, Any]] = []
        self.outcome: dict[str, Any] = {}
        self._console = Console(file=sys.stdout, highlight=False, quiet=quiet)
        live = self._console.is_terminal and not self._console.is_dumb_terminal and not quiet
        self._status: Status | None = self._console.status("looking the host up") if live else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def take(self, name: str, data: dict[str, Any]) -> None:
        """Take one message: a `step`, or the `outcome`."""
        if name == "outcome":
            self.outcome = data
        elif name == "step":
            self.steps.append(data)
            self._show(data)

    def _show(self, step: dict[str, Any]) -> None:
        encoding, state = self._console.encoding, step["state"]
        took = words.time(step["ms"]) if state != "skipped" else ""
        line = Text.assemble(
            (sign(_VERDICTS.get(state, "none"), encoding), _STYLES.get(state, "")),
            (f" {step['name']:<12}", "" if state != "skipped" else "dim"),
            (f"{took:>9}  ", "dim"),
            (_line(step["detail"], encoding), "dim" if state == "skipped" else ""),
        )
        self._console.print(line, soft_wrap=True)
        if step["hint"]:
            self._console.print(Text(f"{'':26}{_line(step['hint'], encoding)}", "yellow"), soft_wrap=True)
        if self._status is not None:
            self._status.update(_NEXT.get(step["name"], "waiting for the end of the reply"))

    def result(self, *, raw: bool) -> None:
        """Print what came of it; `raw`: with what went over the wire."""
        outcome = self.outcome
        say("")
        print_facts(_facts(outcome))
        if found := _suggested(outcome):
            say("\nwhere the parts of the reply seem to stand:")
            print_facts(found)
        if raw or (not outcome.get("ok") and outcome.get("raw_received")):
            say(f"\nreceived:\n{outcome.get('raw_received', '')[: None if raw else _LONGEST]}")
        if raw:
            say(f"\nsent:\n{outcome.get('raw_sent', '')}")


def _line(text: str, encoding: str) -> str:
    return " ".join(fit(text, encoding).split())


def _facts(outcome: dict[str, Any]) -> Iterable[tuple[str, object]]:
    yield "reply", outcome.get("text", "")[:_LONGEST]
    usage = outcome.get("usage")
    if usage:
        yield "tokens", f"{usage.get('tokens_in', 0)} in, {usage.get('tokens_out', 0)} out"
    if outcome.get("cost_usd") is not None:
        yield "cost", words.money(outcome["cost_usd"])
    for name, key in (("first token", "ttft_ms"), ("whole reply", "latency_ms")):
        if outcome.get(key) is not None:
            yield name, words.time(outcome[key])
    yield "finish", outcome.get("finish")
    yield "conversation", outcome.get("conversation_id")
    if fault := outcome.get("fault"):
        yield "fault", fault["kind"]


def _suggested(outcome: dict[str, Any]) -> list[tuple[str, object]]:
    """Return the likeliest path of each part, when the mapping did not find the answer or the usage."""
    if outcome.get("ok") and outcome.get("usage"):
        return []
    best: dict[str, str] = {}
    for each in outcome.get("suggestions", ()):
        best.setdefault(each["part"], f"{each['path']}    {_line(each['sample'], 'utf-8')[:60]}")
    return [(f"reply.{part}".replace("_", " "), told) for part, told in best.items()]

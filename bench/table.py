"""What a bench prints and keeps: one row a figure, with the bar it has to hold."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from machine import DISTURBED


@dataclass(frozen=True)
class Row:
    """One figure. `held` is None where there is no bar."""

    part: str
    what: str
    value: float | None
    unit: str
    bar: str = ""
    held: bool | None = None
    note: str = ""


@dataclass
class Table:
    """The rows so far, printed as they come; raw numbers for those who want to look closer."""

    rows: list[Row] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """Print the head."""
        print(f"{'':7} {'':52} {'':>13}  {'bar':<11} held", flush=True)

    def add(
        self, part: str, what: str, value: float | None, unit: str = "", *,
        least: float | None = None, most: float | None = None, note: str = "",
    ) -> None:  # fmt: skip
        """Add a figure and the bar it has to hold: at least, or at most in absolute value."""
        bar = f">= {least:g} {unit}" if least is not None else f"<= {most:g} {unit}" if most is not None else ""
        held = None
        if value is not None and bar:
            held = value >= least if least is not None else abs(value) <= (most or 0)
        row = Row(part, what, value if value is None else round(value, 4), unit, bar.strip(), held, note)
        self.rows.append(row)
        figure = "-" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
        answer = {None: "", True: "yes", False: "NO"}[held]
        print(f"{part:7} {what:52} {figure + ' ' + unit:>13}  {row.bar:<11} {answer:4} {note}".rstrip(), flush=True)

    def attempt(self, part: str, measure: Callable[[], None]) -> None:
        """Measure; what cannot be measured is a row that says why, and the bench goes on."""
        try:
            measure()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            self._fail(part, str(error))

    def _fail(self, part: str, why: str) -> None:
        """A part could not be measured: that is a bar missed."""
        self.rows.append(Row(part, "could not be measured", None, "", "", False, why))
        print(f"{part:7} could not be measured: {why}", flush=True)

    def finish(self, path: Path, seconds: float) -> bool:
        """Write the results, say what to think of them, tell whether every bar held."""
        missed = [row for row in self.rows if row.held is False]
        disturbed = sum(share > DISTURBED for share in self.others)
        result = {
            "rows": [asdict(row) for row in self.rows],
            "others_cores": self.others,
            "disturbed_runs": disturbed,
            "seconds": round(seconds),
            "raw": self.raw,
        }
        path.write_text(json.dumps(result, indent=1), encoding="utf-8")
        print(
            f"\n{len(missed)} of {sum(row.held is not None for row in self.rows)} bars missed; {seconds:.0f} s; {path}"
        )
        if disturbed:
            print(
                f"the machine was disturbed: in {disturbed} of {len(self.others)} runs other processes used more than "
                f"{DISTURBED:.0%} of a core (most: {max(self.others):.0%}). Ratios hold better than figures; repeat it when all is quiet."
            )
        return not missed

"""Thresholds in a form: what is measured, how, and the limit, each in a field of its own; any other text stays a text. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from krawall.metrics.catalog import COUNTABLE, METRICS, Kind
from krawall.web.pages.builder_shapes import MISSING, Form, Texts

_RULE = re.compile(r"([\w.]+)\(([\w.\-]+)\) (<=|>=|==|<|>) ([^,\n\r]*?)(?:, ([^\n\r]+))?")
OPERATORS = ("<", "<=", ">", ">=", "==")
FUNCTIONS = {
    Kind.distribution: ("p50", "p75", "p90", "p95", "p99", "p99.9", "avg", "min", "max", "sum", "count"),
    Kind.share: ("rate",),
    Kind.counter: ("count",),
    Kind.pace: ("value",),
}
"""What can be asked of a metric of a kind."""
EXAMPLES = {"ms": "800ms", "tokens": "500", "USD": "0.02 USD", "1": "1%", "1/s": "5/s"}
"""A limit for a metric of a unit."""


@dataclass(frozen=True)
class Limit:
    """One threshold: `p95(ttft) < 800ms, abort after 30s`."""

    def show(self, value: Any, name: str) -> Texts | None:
        """Return its parts, or the text as a whole when it is written in another way."""
        if not isinstance(value, str) or "\n" in value:
            return None
        if (found := _RULE.fullmatch(value)) and found[2] in METRICS and found[1] in functions(found[2]):
            parts = dict(zip(("function", "metric", "operator", "limit", "more"), found.groups(""), strict=True))
            return {f"{name}.was": found[2], **{f"{name}.{part}": text for part, text in parts.items()}}
        return {f"{name}.text": value}

    def read(self, form: Form, name: str) -> Any:
        """Return the text. A metric that was changed is asked what can be asked of it, with a limit in its unit."""
        if f"{name}.metric" not in form:
            return form.get(f"{name}.text", MISSING)
        function, metric, operator, limit, more = (
            form.get(f"{name}.{part}", "") for part in ("function", "metric", "operator", "limit", "more")
        )
        if metric != form.get(f"{name}.was") and metric in METRICS:
            function = function if function in functions(metric) else preferred(metric)
            was = METRICS.get(form.get(f"{name}.was", ""))
            limit = (
                limit
                if was and was.unit == METRICS[metric].unit and was.kind is METRICS[metric].kind
                else example(metric)
            )
        return f"{function}({metric}) {operator} {limit}" + (f", {more}" if more else "")


def functions(metric: str) -> tuple[str, ...]:
    """Return what can be asked of a metric."""
    known = FUNCTIONS[METRICS[metric].kind]
    return (*known, "count") if metric in COUNTABLE and "count" not in known else known


def preferred(metric: str) -> str:
    """Return what is mostly asked of a metric."""
    known = functions(metric)
    return "p95" if "p95" in known else known[0]


def example(metric: str) -> str:
    """Return a limit in a metric's unit."""
    found = METRICS[metric]
    return (
        EXAMPLES.get("1" if found.kind is Kind.share else found.unit, "1") if found.kind is not Kind.counter else "100"
    )


LIMITS = tuple(METRICS)
"""Every metric, in the order of the reference."""

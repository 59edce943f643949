"""What the settings of a scenario ask for: everything that it says besides its steps. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from krawall.model.exchange import FaultKind
from krawall.model.scenario import Category
from krawall.web.pages.builder_limits import Limit
from krawall.web.pages.builder_rows import Drawn, Pairs, Rows
from krawall.web.pages.builder_shapes import Choice, Line, OneOf, Part, Record, Way


def _line(label: str, example: str = "", help: str = "") -> Line:
    """Return a field for a duration, an amount or a count: what people write with a unit."""
    return Line(label, "plain", help=help, example=example)


def _words(*pairs: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return pairs


_ACTIONS = _words(
    ("retry", "Try again"), ("skip", "Skip the turn"), ("end", "End the conversation"), ("abort", "Stop the session")
)
_THENS = _ACTIONS[1:]
_CLOSED = ("users", "user-stages")
_OPEN = ("rate", "rate-stages")
_STAGE = Record((Part("over", _line("Over", "30s")), Part("to", _line("To", "50"))))
_RATE_STAGE = Record((Part("over", _line("Over", "30s")), Part("to", _line("To", "5/s"))))

LOAD = Record(
    (
        Part("conversations", _line("Conversations in all", "without a limit"), ("users", "rate", *_CLOSED[1:], *_OPEN[1:])),
        Part("duration", _line("Duration", "2m", "How long new conversations start."), ("users", "rate")),
        Part("pause", _line("Pause between conversations", "0s", "2s, 1s..4s, exp(2s): what a user waits."), _CLOSED),
        Part("arrivals", Choice("Arrivals", (("constant", "Evenly spaced"), ("poisson", "By chance, as people come")), "Evenly spaced (default)"), _OPEN),
        Part("max users", _line("Users at once at most", "1000"), _OPEN),
        Part("overrun", Choice("Without a free user", (("drop", "Drop and count the arrival"), ("queue", "Let it wait")), "Drop and count it (default)"), _OPEN),
        Part("warm-up", _line("Warm-up", "0s", "The first part, which no threshold reads."), (*_CLOSED, *_OPEN)),
        Part("cool-down", _line("Cool-down", "0s", "The last part, which no threshold reads."), (*_CLOSED, *_OPEN)),
    ),
    OneOf(
        "How much",
        (
            Way("users", "Users, each with one conversation after another", "users", Line("Users", "whole", keep=True), 10),
            Way("user-stages", "Users in stages", "users", Rows("Stages of users", _STAGE, "stage", {"over": "30s", "to": 10}), [{"over": "30s", "to": 10}]),
            Way("rate", "Arrivals at a rate", "rate", Line("Arrivals", "plain", example="5/s", keep=True, help="5/s or 300/m."), "5/s"),
            Way("rate-stages", "Arrivals in stages", "rate", Rows("Stages of arrivals", _RATE_STAGE, "stage", {"over": "30s", "to": "5/s"}), [{"over": "30s", "to": "5/s"}]),
        ),
        empty="One conversation",
    ),
)  # fmt: skip

DATA = Record(
    (
        Part("pick", Choice("Rows go to conversations", (("in order", "In order, from the start again"), ("random", "At random, from the seed"), ("once each", "Once each, then the session ends")), "In order (default)"), ("rows", "file")),
    ),
    OneOf(
        "Rows",
        (
            Way("rows", "Written here", "rows", Line("Rows as CSV, the first line names the columns", "table", area=5, code=True, keep=True), [{"name": "Ada"}]),
            Way("file", "A file beside the scenario", "file", Line("File", keep=True, code=True, help="CSV or JSONL; a server reads no files, there rows are written here."), "rows.csv"),
        ),
        empty="No data",
    ),
)  # fmt: skip

RULE = Record(
    (
        Part("status", Line("Status codes", "words", example="429, 503")),
        Part("kind", Line("Or kinds of faults", "words", example="timeout, server", help=", ".join(FaultKind))),
        Part("do", Choice("Then", _ACTIONS)),
        Part("max", Line("Tries", "whole", example="3")),
        Part("wait", _line("First wait", "500ms")),
        Part("factor", Line("Each wait is longer by", "number", example="2")),
        Part("cap", _line("Longest wait", "30s")),
        Part("jitter", Line("Share by chance", "number", example="0.5")),
        Part("then", Choice("When tries are used up", _THENS, "Skip the turn (default)")),
    )
)
BREAKER = Record(
    (
        Part("faults", Line("Opens after faults", "whole", example="50")),
        Part("window", Line("Of the last turns", "whole", example="100")),
        Part("rest", _line("Rests for", "5s")),
    ),
    label="Circuit breaker",
)
ON_ERROR = Record(
    (
        Part("default", Choice("Without a rule", _ACTIONS, "By the kind of fault (default)")),
        Part(
            "rules",
            Rows("Rules", RULE, "rule", {"status": [429, 503], "do": "retry"}, help="The first that matches wins."),
        ),
        Part("breaker", BREAKER),
    )
)
_INJECTED = ("delay", "drop", "truncate", "disconnect", "malformed", "status", "slow")
INJECTION = Record(
    (
        Part("kind", Choice("Fault", tuple((each, each.capitalize()) for each in _INJECTED))),
        Part("share", Line("Share of attempts", "number", example="0.05", help="0 to 1.")),
        Part("by", _line("By", "", "Of delay and slow: how long.")),
        Part("after", Line("After tokens", "whole", example="3")),
        Part("status", Line("Status", "whole", example="503")),
    )
)
TIMEOUTS = Record(
    (
        Part("connect", _line("Connect", "5s")),
        Part("first token", _line("First token", "30s")),
        Part("between tokens", _line("Between tokens", "15s")),
        Part("turn", _line("Turn", "2m")),
        Part("conversation", _line("Conversation", "none")),
        Part("session", _line("Session", "none")),
    )
)
BUDGET = Record(
    (
        Part("cost", _line("Cost", "5 USD")),
        Part("tokens", _line("Tokens", "10M")),
        Part("requests", _line("Requests", "5M")),
        Part("conversations", _line("Conversations", "1M")),
        Part("duration", _line("Duration", "1h")),
    )
)

_PARTS: Mapping[str, Part] = {
    part.key: part
    for part in (
        Part("krawall", Line("Version of the format", "whole")),
        Part("name", Line("Name", keep=True)),
        Part("description", Line("Description", area=2)),
        Part("category", Choice("Category", tuple((each.value, each.value.capitalize()) for each in Category), "Other (default)")),
        Part("reading", Line("How to read the result", area=2, help="One sentence on what a good and a bad result looks like.")),
        Part("target", Line("Target", example="named at the start", help="The name of a target that is kept here.", known="targets")),
        Part("system", Line("System prompt", area=3, names="text")),
        Part("window", Line("History that is sent", example="all", help="all, last 6 turns or 2000 tokens.")),
        Part("language", Choice("Language of texts", (("jinja", "Jinja"), ("handlebars", "Handlebars, of original files")), "Jinja (default)")),
        Part("seed", Line("Seed", "whole", example="1", help="The same seed sends the same texts.")),
        Part("vars", Pairs("Variables", Drawn(), "variable", "name", "", help="Texts use them as {{ name }}.")),
        Part("env", Line("Environment variables", "words", help="Names that texts may read as env.NAME.")),
        Part("data", DATA),
        Part("load", LOAD),
        Part("budget", BUDGET),
        Part("thresholds", Rows("Thresholds", Limit(), "threshold", "p95(ttft) < 800ms", help="What must hold for the session to pass.")),
        Part("on_error", ON_ERROR),
        Part("timeouts", TIMEOUTS),
        Part("inject", Rows("Faults of our own", INJECTION, "fault", {"kind": "delay", "share": 0.1, "by": "1s"}, help="Seeded, marked in the log, never counted as the target's.")),
        Part("sinks", Rows("Sinks", Line("Sink", "yaml", area=2, code=True, keep=True), "sink", "", help="Who takes the lines of the log besides the log.")),
    )
}  # fmt: skip
SECTIONS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("about", "What it is", "", ("name", "category", "description", "reading")),
    ("talk", "Whom it talks to", "", ("target", "window", "language", "seed", "system")),
    ("values", "Variables and data", "", ("vars", "data", "env")),
    ("load", "Load", "How many conversations, and when they start.", ("load",)),
    ("thresholds", "Thresholds", "", ("thresholds",)),
    ("budget", "Budget", "Caps of one session; none is ever passed.", ("budget",)),
    ("timeouts", "Timeouts", "How long to wait, at most.", ("timeouts",)),
    ("errors", "Error policy", "What happens when a message fails.", ("on_error",)),
    ("inject", "Faults of our own", "", ("inject",)),
    ("sinks", "Sinks", "", ("sinks",)),
)
"""Sections of the settings: id, title, what it is about, the keys of the scenario in it."""
HEAD = Record(tuple(_PARTS.values()))

"""What a connection test found: each step with its time, the raw answer, what was read from it."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h

from krawall.conduct.words import money, time
from krawall.services.probing import Outcome, Step
from krawall.web import ui
from krawall.web.ui.icons import Icon


def result(steps: Sequence[Step], outcome: Outcome, problem: str = "") -> h.Element:
    """Return what a connection test found: its steps, the answer, what was read from it."""
    if problem:
        return h.div(".stack")[ui.notice(problem[:1].upper() + problem[1:], "bad", title="The test could not begin")]
    fault = outcome.fault
    verdict = (
        ui.notice(outcome.text or "It sent no text that could be read.", "ok", title="It answers")
        if outcome.ok
        else ui.notice(fault.detail if fault else "No answer.", "bad", title="It does not answer as the target says")
    )
    return h.div(".stack")[
        verdict,
        h.ol(".steps")[[_step(each) for each in steps]],
        ui.facts(*_outcome_facts(outcome)),
        outcome.raw_received and h.details(".more")[h.summary[ui.icon("chevron-right"), "Raw answer"], h.div(".form")[ui.code(outcome.raw_received, label="Raw answer")]],
        outcome.raw_sent and h.details(".more")[h.summary[ui.icon("chevron-right"), "What was sent"], h.div(".form")[ui.code(outcome.raw_sent, label="What was sent")]],
        bool(outcome.suggestions) and ui.card("Where things seem to stand", ui.facts(*_suggested(outcome)), level=3),
    ]  # fmt: skip


def _suggested(outcome: Outcome) -> list[tuple[str, h.Node]]:
    return [
        (
            each.part.replace("usage.", "tokens ").replace("_", " ").capitalize(),
            [h.code[each.path], " ", h.span(".muted")[each.sample[:80]]],
        )
        for each in outcome.suggestions
    ]


def _step(step: Step) -> h.Element:
    symbols: dict[str, Icon] = {"ok": "circle-check", "failed": "circle-x", "skipped": "ellipsis"}
    words = {"ok": "", "failed": "failed", "skipped": "skipped"}[step.state]
    return h.li(class_=step.state)[
        ui.icon(symbols[step.state]),
        h.span(".words")[
            step.name.capitalize(),
            words and h.span(".muted")[f" {words}"],
            step.detail and h.small(".muted")[step.detail],
            step.hint and h.small[step.hint],
        ],
        h.span(".num")[time(step.ms) if step.state != "skipped" else ""],
    ]


def _outcome_facts(outcome: Outcome) -> list[tuple[str, h.Node]]:
    usage = outcome.usage
    found: list[tuple[str, h.Node]] = []
    if outcome.ttft_ms is not None:
        found.append(("First token", time(outcome.ttft_ms)))
    if outcome.latency_ms is not None:
        found.append(("Whole reply", time(outcome.latency_ms)))
    if usage is not None:
        found.append(
            (
                "Tokens",
                f"{usage.tokens_in:,} in, {usage.tokens_out:,} out" + (" (estimated)" if usage.estimated else ""),
            )
        )
    if outcome.cost_usd is not None:
        found.append(("Cost", money(outcome.cost_usd)))
    return found

"""A connection test as it happens and as it was: each step with its time, the raw answer, what was read from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import htpy as h

from krawall.conduct.words import money, time
from krawall.services.mapping import Read
from krawall.services.probing import Outcome, Step, StepName
from krawall.services.tested import HeldTest
from krawall.web import ui
from krawall.web.pages.target_answer import PARTS, answer_tree, marks_of
from krawall.web.ui.actions import Attributes, Kind
from krawall.web.ui.icons import Icon

_SYMBOLS: dict[str, Icon] = {"ok": "circle-check", "failed": "circle-x", "skipped": "ellipsis", "waiting": "ellipsis"}


def try_button(label: str = "Test connection", *, primary: bool = True, more: Attributes | None = None) -> h.Renderable:
    """Return the button that begins a test. `more`: its form and where it is sent, where that is not what is around it."""
    kind: Kind = "primary" if primary else "plain"
    return ui.button(label, kind=kind, symbol="plug", submit=True, more={"data-streams": "", **(more or {})})


def told(content: h.Node = None) -> h.Element:
    """Return the place where a test is told."""
    return h.div(".stack", id="told")[content]


# as it happens -------------------------------------------------------------------------------------------


def beginning(names: Sequence[StepName]) -> h.Element:
    """Return the steps of a test that begins now."""
    return told(h.ol(".steps")[[_to_come(name, under_way=at == 0) for at, name in enumerate(names)]])


def after(step: Step, names: Sequence[StepName]) -> Iterable[h.Element]:
    """Return a step that is over, and the one that is under way then."""
    yield _step(step)
    at = names.index(step.name) + 1
    if step.state == "ok" and at < len(names):
        yield _to_come(names[at], under_way=True)


def _to_come(name: StepName, *, under_way: bool) -> h.Element:
    mark = h.span(".dot", aria_hidden="true") if under_way else ui.icon(_SYMBOLS["waiting"])
    return h.li(id=_id(name), class_="running" if under_way else "waiting", data_moving=under_way)[
        h.span(".mark")[mark], h.span(".words")[_word(name)], h.span(".num.muted")["now" if under_way else ""]
    ]


# as it was -----------------------------------------------------------------------------------------------


def result(held: HeldTest, reads: Sequence[Read] = (), *, way_out: h.Node = None, answered: bool = True) -> h.Element:
    """Return what a test found.

    `reads`: what the mapping says of its answer; `way_out`: what can be done where it failed; `answered`: show the answer too.
    """
    outcome = held.outcome
    if held.problem:
        words = [held.problem[:1].upper() + held.problem[1:], held.hint and h.div[in_page(held.hint)]]
        return told([ui.notice(words, "bad", title="The test could not begin"), way_out])
    return told([
        _verdict(outcome),
        h.ol(".steps")[[_step(each) for each in held.steps]],
        way_out,
        (found := _facts(outcome)) and ui.facts(*found),
        _suggested(outcome) if answered else None,
        _answer(outcome, reads) if answered else None,
        fold("What was sent", ui.code(outcome.raw_sent, label="What was sent")) if outcome.raw_sent else None,
    ])  # fmt: skip


def in_page(hint: str) -> str:
    """Return a hint in words of the page: on a command line a host is confirmed by an option."""
    return hint.replace("add --yes to confirm", "confirm")


def _verdict(outcome: Outcome) -> h.Element:
    if outcome.ok:
        return ui.notice(outcome.text or "It sent no text that could be read.", "ok", title="It answers")
    detail = outcome.fault.detail if outcome.fault else ""
    return ui.notice(
        detail[:1].upper() + detail[1:] or "No answer.", "bad", title="It does not answer as the target says"
    )


def fold(title: str, content: h.Node, *, opened: bool = False) -> h.Element:
    """Return what is shown when somebody asks for it."""
    return h.details(".more", open=opened)[h.summary[ui.icon("chevron-right"), title], h.div(".form")[content]]


def _answer(outcome: Outcome, reads: Sequence[Read]) -> h.Node:
    if not outcome.raw_received:
        return None
    tree = answer_tree(outcome.raw_received, marks_of(reads))
    return [
        tree and fold("The answer, part by part", tree, opened=True),
        fold("Raw answer", ui.code(outcome.raw_received, label="Raw answer"), opened=tree is None),
    ]


def _suggested(outcome: Outcome) -> h.Node:
    best = {each.part: each for each in reversed(outcome.suggestions)}
    if not best or (outcome.ok and outcome.usage is not None):
        return None
    pairs: list[tuple[str, h.Node]] = [
        (words, [h.code[best[part].path], " ", h.span(".muted")[best[part].sample[:80]]])
        for part, words in PARTS.items()
        if part in best
    ]
    return h.div[h.h3["Where things seem to stand"], ui.facts(*pairs)]


def _id(name: StepName) -> str:
    return "step-" + name.replace(" ", "-")


def _word(name: StepName) -> str:
    return "TLS" if name == "tls" else name.capitalize()


def _step(step: Step) -> h.Element:
    words = {"ok": "", "failed": "failed", "skipped": "skipped"}[step.state]
    detail = step.detail[:1].upper() + step.detail[1:]
    return h.li(id=_id(step.name), class_=step.state)[
        h.span(".mark")[ui.icon(_SYMBOLS[step.state])],
        h.span(".words")[
            _word(step.name),
            words and h.span(".muted")[f" {words}"],
            detail and h.small(".muted")[detail],
            step.hint and h.small[in_page(step.hint)],
        ],
        h.span(".num")[time(step.ms) if step.state != "skipped" else ""],
    ]


def _facts(outcome: Outcome) -> list[tuple[str, h.Node]]:
    usage = outcome.usage
    found: list[tuple[str, h.Node]] = []
    if outcome.ttft_ms is not None:
        found.append(("First token", time(outcome.ttft_ms)))
    if outcome.latency_ms is not None:
        found.append(("Whole reply", time(outcome.latency_ms)))
    if usage is not None:
        estimated = " (estimated)" if usage.estimated else ""
        found.append(("Tokens", f"{usage.tokens_in:,} in, {usage.tokens_out:,} out{estimated}"))
    if outcome.cost_usd is not None:
        found.append(("Cost", money(outcome.cost_usd)))
    if outcome.conversation_id:
        found.append(("Conversation id", h.code[outcome.conversation_id]))
    return found

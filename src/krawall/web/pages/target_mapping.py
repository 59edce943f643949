"""What a form of a target would send, and what it reads: fields of the mapping, and beside them both as they stand now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import htpy as h

from krawall.plugins.preset import Preset, lay_over
from krawall.services.mapping import Look, Read, Sent
from krawall.services.suggesting import Suggestion
from krawall.services.tested import HeldTest
from krawall.web import ui
from krawall.web.pages.target_answer import PARTS, answer_tree, marks_of
from krawall.web.pages.target_form import READS
from krawall.web.pages.target_test import fold

FORM = "target-form"
PICK = "pick"
PICK_FOR = "pick-for"
_OFTEN = ("reply.text", "reply.conversation id", "reply.error", "reply.usage.input", "reply.usage.output")
_ABOUT = {
    "$messages": "the whole conversation",
    "$message": "the new message",
    "$system": "the system prompt",
    "$conversation_id": "the id that the server gave",
    "$stream": "whether a stream is wanted",
}


# the fields ----------------------------------------------------------------------------------------------


def mapping_card(values: Mapping[str, str], errors: Mapping[str, str], preset: Preset | None) -> h.Element:
    """Return the fields of the request and of the paths that lead to the parts of a reply."""
    seldom = [name for name in READS if name not in _OFTEN]
    listed: list[h.Node] = [
        [", " * bool(at), h.code[word], f" {about}"] for at, (word, about) in enumerate(_ABOUT.items())
    ]
    opened = any(values.get(name) or name in errors for name in seldom)
    return h.div(id="mapping")[
        ui.card(
            "Request and reply",
            h.div(".form")[
                _area("Body", "body", values, errors, 6, ["YAML or JSON. Texts that stand for values: ", listed, "."]),
                _area("Laid over the body", "request", values, errors, 2, "Such as max_tokens: 400; null removes a key."),
                h.div(".pair")[[_path(name, values, errors, preset) for name in _OFTEN]],
                fold("More parts of a reply", h.div(".pair")[[_path(name, values, errors, preset) for name in seldom]], opened=opened),
            ],
        )
    ]  # fmt: skip


def _area(
    label: str, name: str, values: Mapping[str, str], errors: Mapping[str, str], rows: int, help: h.Node
) -> h.Element:
    return ui.field(
        label, name, values.get(name, ""), kind="area", code=True, rows=rows, help=help, error=errors.get(name, "")
    )


def _path(name: str, values: Mapping[str, str], errors: Mapping[str, str], preset: Preset | None) -> h.Element:
    known = _known(name, preset, values.get("stream") == "yes")
    text = values.get(name, "")
    return ui.field(
        PARTS[READS[name]], name, text, kind="area" if "\n" in text else "text", code=True, rows=2,
        help=["Left empty: ", h.code[known]] if known else None, error=errors.get(name, ""), more={"data-part": name},
    )  # fmt: skip


def _known(name: str, preset: Preset | None, streams: bool) -> str:
    """Return where the preset knows a part to stand."""
    at: Any = lay_over(preset.target, preset.streaming if streams else {}) if preset else {}
    for key in name.split("."):
        at = at.get(key) if isinstance(at, dict) else None
    paths = [at] if isinstance(at, str) else at if isinstance(at, list) else []
    return ", ".join(map(str, paths))


# beside them ---------------------------------------------------------------------------------------------


def preview(look: Look, held: HeldTest | None, picked: str = "reply.text") -> h.Element:
    """Return what would be sent and what is read. It asks for itself again while the form is filled in."""
    again = {
        "hx-post": "/targets/preview", "hx-trigger": f"input from:#{FORM} delay:120ms, change from:#{FORM} delay:120ms", "hx-include": _INCLUDED,
        "hx-target": "this", "hx-swap": "outerMorph", "hx-sync": "this:replace",
    }  # fmt: skip
    sent = ui.card("What would be sent", h.div(".stack")[_problems(look.problems), _sent(look.sent)])
    read = ui.card("What is read", h.div(".stack")[_reads(look.reads, held), _answer(look.reads, held, picked)])
    answered = bool(held and held.outcome.raw_received)
    return h.div({"class": "stack", "id": "preview", **again})[
        [read, sent] if answered else [sent, read if look.reads else None]
    ]


def answer_field(held: str) -> h.Element:
    """Return the field that says which answer a form works with."""
    return h.span(id="answer", hidden=True)[h.input(type="hidden", name="from", value=held, form=FORM)]


_INCLUDED = f"#{FORM} [name]:not([name=secret]), #answer input, #f-{PICK_FOR}"
"""Everything but the secret, which nobody needs for looking."""


def _problems(problems: Sequence[str]) -> h.Node:
    return ui.notice(h.ul[[h.li[each] for each in problems]], "info", title="Not complete yet") if problems else None


def _sent(sent: Sent | None) -> h.Node:
    if sent is None:
        return None
    head = "\n".join([*[sent.line] * bool(sent.line), *(f"{name}: {value}" for name, value in sent.headers.items())])
    return [
        h.p(".muted")[sent.how[:1].upper() + sent.how[1:], ". Credentials stay references here."],
        head and ui.code(head, label="Head", copy=False),
        ui.code(sent.body, label="Body"),
    ]


def _reads(reads: Sequence[Read], held: HeldTest | None) -> h.Node:
    shown = [each for each in reads if each.state != "unmapped"]
    if held is None or not held.outcome.raw_received:
        none = "Test the connection: its answer is read here, and you point at what stands where."
        return [h.p(".muted")[none], [h.p(".error")[each.value] for each in shown if each.state == "wrong"]]
    return ui.facts(*[(PARTS[each.part], _read(each)) for each in shown])


def _read(read: Read) -> h.Node:
    if read.state == "found":
        return h.span(".read")[read.value or h.span(".muted")["an empty text"]]
    if read.state == "wrong":
        return ui.badge("No path", "bad", "circle-alert"), " ", read.value
    return h.span(".muted")["nothing at ", h.code[read.path]]


def _answer(reads: Sequence[Read], held: HeldTest | None, picked: str) -> h.Node:
    raw = held.outcome.raw_received if held else ""
    if not raw or held is None:
        return None
    press = {"form": FORM, "formaction": "/targets/mapping", "hx-post": "/targets/mapping", "hx-target": "#mapping"}
    press |= {"hx-select": "#mapping", "hx-select-oob": "#preview:outerMorph", "hx-swap": "outerMorph"}
    tree = answer_tree(raw, marks_of(reads), press)
    if tree is None:
        return fold("Raw answer", ui.code(raw, label="Raw answer"), opened=True)
    options = [(name, PARTS[part]) for name, part in READS.items()]
    return [
        ui.select(
            "A value that you press becomes", PICK_FOR, options, picked, required=True, more={"form": FORM},
            help="Or go to a field on the left first. Arrow keys walk the values, Enter takes one.",
        ),
        tree,
        _best(held.outcome.suggestions, press),
        fold("Raw answer", ui.code(raw, label="Raw answer")),
    ]  # fmt: skip


def _best(suggestions: Sequence[Suggestion], press: Mapping[str, str]) -> h.Node:
    """Return the button that takes over every path that is suggested."""
    if not any(each.part in READS.values() for each in suggestions):
        return None
    button = {"type": "submit", "class": "btn small", "name": "suggest", "value": "all", **press}
    return h.div[h.button(button)[ui.icon("check"), h.span["Take every path that seems right"]]]


def suggested(suggestions: Sequence[Suggestion]) -> dict[str, str]:
    """Return the likeliest path of each part that has a field."""
    names = {part: name for name, part in READS.items()}
    best = {each.part: each.path for each in reversed(suggestions)}
    return {names[part]: path for part, path in best.items() if part in names}

"""A scenario before it runs: its conversations as they will be said, and one that is really played against the mock bot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import htpy as h

from krawall.app import App
from krawall.conduct.words import sentence
from krawall.errors import DocumentError, KrawallError, NotFound, Place
from krawall.model.kept import DocumentKind, Kept
from krawall.services.scenarios import MOST_REHEARSED, Preview
from krawall.services.starting import StartSession
from krawall.services.trying import MOST_MESSAGES, MOST_S, Persona, Tried
from krawall.web import ui
from krawall.web.pages.builder_view import FLOW, View, place
from krawall.web.pages.scenario_talk import Way, numbers, played, rehearsed, takes

PERSONAS: dict[Persona, str] = {
    "default": "Gives short answers", "shop": "Is a shop", "support": "Is support, asks back first", "code": "Writes code, more each time",
    "repetitive": "Repeats one sentence", "rate-limited": "Limits requests", "flaky": "Fails now and then",
    "echo": "Says what it hears",
}  # fmt: skip
"""How the mock bot answers, in words."""
_MOST_TARGETS = 100
_MOST_SEED = 2**63


@dataclass(frozen=True)
class Shown:
    """What the preview shows: what was asked of it (`seed` as it was typed), and what came of it.

    `target` "": the scenario's own, or none. `problem`: why there are no conversations; `wrong`: what is wrong with the seed.
    `trying` is a conversation that was just played, `failed` why it could not be.
    """

    seed: str = ""
    number: int = 1
    target: str = ""
    persona: Persona = "default"
    targets: Sequence[Kept] = ()
    preview: Preview | None = None
    problem: str = ""
    wrong: str = ""
    trying: Tried | None = None
    failed: str = ""


async def shown(app: App, body: Mapping[str, Any], query: Mapping[str, str]) -> Shown:
    """Return the preview of a scenario's body as `query` (seed, n, target, persona) wants it. Nothing is sent."""
    number, persona = query.get("n", "1"), query.get("persona", "")
    targets = (await app.documents.list(DocumentKind.target, limit=_MOST_TARGETS)).items
    asked = Shown(
        seed=query.get("seed", "").strip()[:20],
        number=min(int(number), MOST_REHEARSED) if number in map(str, range(1, 10)) else 1,
        target=query.get("target", "").strip()[:300],
        persona=persona if persona in PERSONAS else "default",
        targets=targets,
    )
    try:
        wanted = StartSession(scenario=dict(body), target=asked.target or None, seed=seed_of(asked.seed))
        return replace(asked, preview=await app.scenarios.preview(wanted, asked.number))
    except DocumentError as error:
        words = in_words(error)
        return replace(asked, wrong=words) if error.source == "seed" else replace(asked, problem=words)
    except KrawallError as error:
        return replace(asked, problem=in_words(error))


async def tried(app: App, body: Mapping[str, Any], asked: Shown) -> Shown:
    """Return the same with a conversation of the scenario that is played now."""
    try:
        found = await app.trying.play(dict(body), seed=seed_of(asked.seed), persona=asked.persona)
    except KrawallError as error:
        return replace(asked, failed=in_words(error))
    return replace(asked, trying=found)


def seed_of(typed: str) -> int | None:
    """Return the seed that was typed; None: the scenario's own. Raises DocumentError."""
    if not typed:
        return None
    if typed.isascii() and typed.isdecimal() and int(typed) < _MOST_SEED:
        return int(typed)
    raise DocumentError("seed", [Place("", "a seed is a whole number such as 7")])


def in_words(error: KrawallError) -> str:
    """Return why something cannot be had, for a person."""
    if isinstance(error, DocumentError):
        first = error.places[0]
        more = f" (and {len(error.places) - 1} more)" if len(error.places) > 1 else ""
        return sentence(f"{first.path}: {first.message}" if first.path else first.message) + more
    return sentence(error.message) + (f" ({error.hint})" if error.hint else "")


# what it looks like ----------------------------------------------------------------------------------------------------


def preview_tab(view: View, shown: Shown) -> h.Element:
    """Return the tab: one that can be played now, and below it what will be said."""
    return h.div(".stack", id="preview")[_try_card(view, shown), _said(view, shown)]


def try_result(view: View, shown: Shown) -> h.Element:
    """Return what came of playing one; it takes the place of `#tried`."""
    content: h.Node = None
    if shown.failed:
        content = ui.notice(shown.failed, "bad", title="It could not be played")
    elif shown.trying is not None:
        found = shown.trying
        end = f"It did not come to its own end: {found.ended}." if found.ended else "It came to its end."
        content = [
            ui.notice(f"{end} Seed {found.seed}.", "warn" if found.ended else "ok"),
            numbers(found.replay),
            played(found.replay, way_of(view)),
        ]
    return h.div(".stack", id="tried", aria_live="polite")[content]


def _try_card(view: View, shown: Shown) -> h.Element:
    about = (
        "The real engine plays the first conversation over the network of this machine; the scenario's own target is left "
        f"alone and nothing is kept. At most {MOST_MESSAGES} messages and {MOST_S:.0f} s."
    )
    form = ui.form(
        f"/scenarios/{view.key}/try",
        h.div(".filters")[
            ui.select("The mock bot", "persona", list(PERSONAS.items()), shown.persona, required=True),
            h.input(type="hidden", name="seed", value=shown.seed),
            ui.button("Play one against the mock bot", kind="primary", symbol="play", submit=True),
        ],
        more={"hx-target": "#tried", "hx-swap": "outerMorph", "hx-select": "#tried"},
    )
    may = view.may_edit and not view.validation.errors
    why = "Correct what is wrong with the scenario, then it can be played." if view.validation.errors else ""
    return ui.card(
        "Play one now",
        h.div(".stack")[
            h.p(".muted")[about],
            form if may else h.p[why or "Playing needs the right to run sessions."],
            try_result(view, shown),
        ],
    )


def _said(view: View, shown: Shown) -> h.Element:
    return h.section(".stack", aria_labelledby="said-title")[
        h.h2(id="said-title")["What will be said"],
        _wanted(view, shown),
        _conversations(view, shown),
    ]


def _wanted(view: View, shown: Shown) -> h.Element:
    own = view.editing.draft.head.get("target")
    nobody = f"The scenario's own: {own}" if isinstance(own, str) else "The scenario's own" if own else "None"
    targets = [("", nobody), *((each.id, each.name) for each in shown.targets)]
    counts = [(str(number), str(number)) for number in range(1, MOST_REHEARSED + 1)]
    return h.form(".filters", method="get", action=f"/scenarios/{view.key}", data_filters=True, aria_label="What to preview")[
        h.input(type="hidden", name="tab", value="preview"),
        ui.select("Target", "target", targets, shown.target, required=True),
        ui.select("Conversations", "n", counts, str(shown.number), required=True),
        ui.field("Seed", "seed", shown.seed, kind="number", error=shown.wrong, example=str(view.editing.draft.head.get("seed", 1))),
        ui.button("Show", submit=True),
    ]  # fmt: skip


def _conversations(view: View, shown: Shown) -> h.Node:
    if shown.preview is None:
        return shown.problem and ui.notice(shown.problem, "bad", title="There is nothing to preview yet")
    refused = shown.preview.estimate.refused
    return h.div(".split")[
        h.div(".stack")[[rehearsed(each, way_of(view)) for each in shown.preview.conversations]],
        h.div(".stack")[
            refused and ui.notice(sentence(refused), "warn", title="A session would not start"),
            ui.card("What a session takes", takes(shown.preview.estimate), level=3),
            h.p(".help")[
                "Nothing was sent. Where a reply decides what is said next, an echo stood in for it. "
                "The same seed says the same, whoever plays it."
            ],
        ],
    ]


def way_of(view: View) -> Way:
    """Return how a place in the scenario becomes the address of its step in the builder."""

    def way(path: str) -> str:
        try:
            id, _ = view.editing.draft.at(path)
        except NotFound:
            return ""
        return place(view, tab=FLOW, step=id) if id else ""

    return way

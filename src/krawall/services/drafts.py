"""Editing scenarios step by step: every edit is kept at once, can be undone, and becomes a revision when it is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from krawall.clock import wall_ns
from krawall.errors import Conflict, DocumentError, NotFound, Place
from krawall.model.base import NS_PER_S
from krawall.model.kept import DocumentKind, Kept
from krawall.services.documents import Documents
from krawall.services.draft import Draft
from krawall.services.estimating import Estimate
from krawall.services.scenarios import Scenarios
from krawall.store.drafts import DraftState
from krawall.store.store import Store
from krawall.wire.yaml import write

_TRIES = 3
PAUSE_S = 2.0
"""Edits of one label that follow within this are undone at once."""
PREFIX = "dft_"
"""How ids of drafts begin."""
NEW: dict[str, Any] = {"name": "New scenario", "steps": [{"message": "Hello"}]}


@dataclass(frozen=True)
class Editing:
    """A draft in somebody's hands. `document`: the scenario's id, "" of a new one. `etag`: the revision that it began from.

    `id` is "" where nobody has begun a draft: then it is the scenario as it is kept.
    """

    id: str
    document: str
    draft: Draft
    position: int
    label: str
    can_undo: bool
    can_redo: bool
    etag: str = ""

    @property
    def name(self) -> str:
        """What the scenario is called."""
        return str(self.draft.head.get("name", ""))


@dataclass(frozen=True)
class Problem:
    """Something that is wrong: at a step (its id, and the field in it), or elsewhere (`step` is "", `field` the place)."""

    step: str
    field: str
    message: str


class Drafts:
    """Drafts of scenarios. Everybody has their own; nobody sees another's. `pause_s`: typing that rests so long is another edit."""

    def __init__(self, store: Store, documents: Documents, scenarios: Scenarios, *, pause_s: float = PAUSE_S) -> None:
        self._pause_ns = round(pause_s * NS_PER_S)
        self._store = store
        self._documents = documents
        self._scenarios = scenarios

    async def open(self, document: str | None, actor: str, *, template: str = "") -> Editing:
        """Return the draft that somebody has of a scenario, or a new one: of the scenario, of a template, or of nothing.

        Raises:
            NotFound: there is no such scenario or template.
        """
        if document:
            kept = await self._store.documents.get(DocumentKind.scenario, document)
            if (found := await self._store.drafts.of(kept.id, actor)) is not None:
                return _editing(found)
            return await self._begin(kept.id, kept.etag, actor, {"name": kept.name, **kept.body})
        body = self._scenarios.template(template).body if template else NEW
        return await self._begin("", "", actor, body)

    async def look(self, key: str, actor: str) -> Editing:
        """Return somebody's draft of a scenario, or the scenario as it is kept where there is none. Nothing is written.

        `key`: a scenario's id, or the id of one's own draft of a scenario that is not kept yet. Raises NotFound.
        """
        if key.startswith(PREFIX):
            return await self.get(key, actor)
        kept = await self._store.documents.get(DocumentKind.scenario, key)
        if (found := await self._store.drafts.of(kept.id, actor)) is not None:
            return _editing(found)
        return Editing("", kept.id, Draft.of({"name": kept.name, **kept.body}), 0, "", False, False, kept.etag)

    async def own(self, key: str, actor: str) -> Editing:
        """Return somebody's draft of what `look` shows; begins it where there is none. Raises NotFound."""
        return await (self.get(key, actor) if key.startswith(PREFIX) else self.open(key, actor))

    async def _begin(self, document: str, etag: str, actor: str, body: dict[str, Any]) -> Editing:
        return _editing(await self._store.drafts.begin(document, etag, actor, _packed(Draft.of(body))))

    async def get(self, id: str, actor: str) -> Editing:
        """Return a draft of one's own. Raises NotFound."""
        return _editing(await self._own(id, actor))

    async def _own(self, id: str, actor: str) -> DraftState:
        state = await self._store.drafts.get(id)
        if state.actor != actor:
            raise NotFound(f"there is no draft {id!r}")
        return state

    async def edit(
        self, id: str, actor: str, label: str, change: Callable[[Draft], Draft], *, typed: bool = False
    ) -> Editing:
        """Keep what `change` makes of the draft. Edits that come at once are made one after the other.

        `typed`: it is one of many small ones; those of one label that follow each other closely are undone at once.

        Raises:
            NotFound, Refused: the change cannot be made; nothing is kept.
        """
        for _ in range(_TRIES):
            state = await self._own(id, actor)
            draft = _unpacked(state.body)
            changed = change(draft)
            if changed == draft:
                return _editing(state)
            try:
                if typed and _goes_on(state, label, self._pause_ns):
                    return _editing(await self._store.drafts.amend(state, _packed(changed)))
                return _editing(await self._store.drafts.push(id, state.position, label, _packed(changed)))
            except Conflict:
                continue
        raise Conflict("the draft changes faster than it can be kept", hint="close it in other windows")

    async def step(self, id: str, actor: str, by: int) -> Editing:
        """Undo (-1) or redo (+1). Raises NotFound, Conflict."""
        await self._own(id, actor)
        return _editing(await self._store.drafts.step(id, by))

    async def write(self, id: str, actor: str, text: str) -> Editing:
        """Take in the whole scenario as YAML.

        Raises:
            DocumentError: it cannot be read as one, with the lines; the draft stays as it was.
        """
        made = await self._documents.check(DocumentKind.scenario, text, label="scenario")
        body = {"name": made.name, **made.body}
        return await self.edit(id, actor, "Edit YAML", lambda draft: _kept_ids(draft, body))

    async def problems(self, draft: Draft) -> list[Problem]:
        """Return everything that is wrong with a draft, at its steps."""
        return placed(draft, await self.wrong(draft))

    async def wrong(self, draft: Draft) -> list[Place]:
        """Return everything that is wrong with a draft, by its place in the document."""
        try:
            await self._documents.check(DocumentKind.scenario, draft.body(), label="scenario")
        except DocumentError as error:
            return error.places
        return []

    async def estimate(self, draft: Draft) -> Estimate | None:
        """Return what a session of the draft will take; None while something is wrong with it."""
        return (await self._scenarios.validate(draft.body())).estimate

    async def save(self, id: str, actor: str, note: str = "", *, name: str = "", over: bool = False) -> Kept:
        """Make a draft a revision of its scenario, or a new scenario. The draft is closed with it.

        `name`: make it a new scenario of this name, whatever it began from. `over`: make it the newest revision even if
        somebody else saved one meanwhile; theirs stays among the revisions.

        Raises:
            DocumentError: every place that is wrong; the draft stays.
            Stale: somebody else saved another revision meanwhile; the draft stays.
            Conflict: a new scenario's name is taken; the draft stays.
        """
        state = await self._own(id, actor)
        body = _unpacked(state.body).body()
        if name:
            body = {**body, "name": name}
        if state.document and not name:
            etag = None if over else state.etag
            kept = await self._documents.revise(
                DocumentKind.scenario, state.document, body, actor, etag=etag, note=note, label="scenario"
            )
        else:
            kept = await self._documents.create(DocumentKind.scenario, body, actor, note, label="scenario")
        await self._store.drafts.drop(id)
        return kept

    async def discard(self, id: str, actor: str) -> None:
        """Throw a draft away. Raises NotFound."""
        await self._own(id, actor)
        await self._store.drafts.drop(id)


def to_text(draft: Draft) -> str:
    """Return a draft as YAML."""
    return write(draft.body())


def placed(draft: Draft, places: Sequence[Place]) -> list[Problem]:
    """Return places of errors at the steps of a draft."""
    return [Problem(*draft.at(place.path), place.message) for place in places]


def _editing(state: DraftState) -> Editing:
    return Editing(
        state.id,
        state.document,
        _unpacked(state.body),
        state.position,
        state.label,
        state.position > state.bottom,
        state.position < state.top,
        state.etag,
    )


def _goes_on(state: DraftState, label: str, pause_ns: int) -> bool:
    """Whether an edit goes on with the one before it: the same label, nothing to redo, no pause between."""
    fresh = wall_ns() - state.updated_ns < pause_ns
    return fresh and state.label == label and state.bottom < state.position == state.top


def _packed(draft: Draft) -> bytes:
    return msgspec.json.encode(draft)


def _unpacked(body: bytes) -> Draft:
    return msgspec.json.decode(body, type=Draft)


def _kept_ids(old: Draft, body: dict[str, Any]) -> Draft:
    """Return the draft of a body; it is the old one, ids and all, where it says the same."""
    new = Draft.of(body)
    return old if new.body() == old.body() else new

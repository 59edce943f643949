"""Drafts: documents that people are editing. Each edit is a row, so that undo is a number that goes down, across restarts."""

from __future__ import annotations

import zlib
from typing import Any

from sqlalchemy import delete, insert, select, update

from krawall.clock import wall_ns
from krawall.errors import Conflict, NotFound
from krawall.ids import new_id
from krawall.model.base import Record
from krawall.store.database import Database, Transaction
from krawall.store.tables import draft_states, drafts

MOST_STATES = 200
"""Edits that can be undone; older ones are forgotten."""


class DraftState(Record, frozen=True):
    """A draft as it is now. `document`: whose draft it is, "" of a new one; `etag`: the revision that it began from.

    `position` is the number of the state, `top` that of the newest that redo reaches, `bottom` that of the oldest.
    """

    id: str
    document: str
    etag: str
    actor: str
    position: int
    bottom: int
    top: int
    label: str
    body: bytes
    updated_ns: int


class Drafts:
    """Drafts of all people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, document: str, etag: str, actor: str, body: bytes) -> DraftState:
        """Begin a draft with its first state."""
        id, now = new_id("dft"), wall_ns()
        async with self._database.begin(ordered=False) as tx:
            await tx.run(
                insert(drafts).values(
                    id=id, document=document, etag=etag, actor=actor, position=0, top=0, updated_ns=now
                )
            )
            await _keep(tx, id, 0, "", body)
            return await _get(tx, id)

    async def get(self, id: str) -> DraftState:
        """Return a draft. Raises NotFound."""
        async with self._database.read() as tx:
            return await _get(tx, id)

    async def of(self, document: str, actor: str) -> DraftState | None:
        """Return the newest draft that somebody has of a document, if any. `document` "": of a new one."""
        query = (
            select(drafts.c.id)
            .where(drafts.c.document == document, drafts.c.actor == actor)
            .order_by(drafts.c.updated_ns.desc())
            .limit(1)
        )
        async with self._database.read() as tx:
            found = await tx.all(query)
            return await _get(tx, found[0].id) if found else None

    async def push(self, id: str, position: int, label: str, body: bytes) -> DraftState:
        """Keep what became of the state at `position`; what could be redone from there is forgotten.

        Raises:
            NotFound: there is no such draft.
            Conflict: the draft has moved on meanwhile.
        """
        async with self._database.begin(ordered=False) as tx:
            await self._advance(tx, id, position, position + 1, position + 1)
            await tx.run(delete(draft_states).where(draft_states.c.draft == id, draft_states.c.position > position))
            await tx.run(
                delete(draft_states).where(
                    draft_states.c.draft == id, draft_states.c.position <= position + 1 - MOST_STATES
                )
            )
            await _keep(tx, id, position + 1, label, body)
            return await _get(tx, id)

    async def amend(self, state: DraftState, body: bytes) -> DraftState:
        """Keep `body` in the place of a draft's newest state, so that what belongs together is undone at once.

        Raises:
            NotFound: there is no such draft.
            Conflict: the draft has changed meanwhile.
        """
        async with self._database.begin(ordered=False) as tx:
            same = (
                drafts.c.id == state.id,
                drafts.c.position == state.position,
                drafts.c.updated_ns == state.updated_ns,
            )
            if not await tx.changed(
                update(drafts).where(*same).values(updated_ns=max(wall_ns(), state.updated_ns + 1))
            ):
                await _get(tx, state.id)
                raise Conflict("the draft has changed meanwhile", hint="load the page anew")
            where = (draft_states.c.draft == state.id, draft_states.c.position == state.position)
            await tx.run(update(draft_states).where(*where).values(body=zlib.compress(body, 1)))
            return await _get(tx, state.id)

    async def step(self, id: str, by: int) -> DraftState:
        """Go back (-1) or forth (+1) by one state; at the end the draft stays as it is. Raises NotFound, Conflict."""
        async with self._database.begin(ordered=False) as tx:
            now = await _get(tx, id)
            goal = min(max(now.bottom, now.position + by), now.top)
            await self._advance(tx, id, now.position, goal, now.top)
            return await _get(tx, id)

    async def rebase(self, id: str, document: str, etag: str) -> None:
        """Note that what the draft says now is a revision of a document. Raises NotFound."""
        async with self._database.begin(ordered=False) as tx:
            if not await tx.changed(update(drafts).where(drafts.c.id == id).values(document=document, etag=etag)):
                raise _gone(id)

    async def drop(self, id: str) -> None:
        """Forget a draft; one that is gone stays so."""
        async with self._database.begin(ordered=False) as tx:
            await tx.run(delete(drafts).where(drafts.c.id == id))

    async def _advance(self, tx: Transaction, id: str, position: int, goal: int, top: int) -> None:
        moved = await tx.changed(
            update(drafts)
            .where(drafts.c.id == id, drafts.c.position == position)
            .values(position=goal, top=top, updated_ns=wall_ns())
        )
        if not moved:
            await _get(tx, id)
            raise Conflict("the draft has changed meanwhile", hint="load the page anew")


async def _keep(tx: Transaction, id: str, position: int, label: str, body: bytes) -> None:
    await tx.run(insert(draft_states).values(draft=id, position=position, label=label, body=zlib.compress(body, 1)))


async def _get(tx: Transaction, id: str) -> DraftState:
    columns: list[Any] = [*drafts.c, draft_states.c.label, draft_states.c.body]
    found = await tx.all(
        select(*columns)
        .join(draft_states, (draft_states.c.draft == drafts.c.id) & (draft_states.c.position == drafts.c.position))
        .where(drafts.c.id == id)
    )
    if not found:
        raise _gone(id)
    row = found[0]
    lowest = await tx.all(
        select(draft_states.c.position).where(draft_states.c.draft == id).order_by(draft_states.c.position).limit(1)
    )
    return DraftState(
        row.id, row.document, row.etag, row.actor, row.position, lowest[0].position, row.top, row.label,
        zlib.decompress(bytes(row.body)), row.updated_ns,
    )  # fmt: skip


def _gone(id: str) -> NotFound:
    return NotFound(f"there is no draft {id!r}", hint="it was saved or thrown away; open the scenario again")

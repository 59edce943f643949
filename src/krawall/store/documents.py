"""Authored documents: targets, scenarios, schedules, webhooks, batches. They behave alike, so they share this."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from sqlalchemy import Row, Select, and_, delete, insert, or_, select, tuple_, update

from krawall.clock import wall_ns
from krawall.errors import Conflict, NotFound, Stale
from krawall.ids import new_id
from krawall.model.event import DocumentChanged
from krawall.model.kept import DocumentKind, Kept
from krawall.store.database import Database, Transaction
from krawall.store.events import Events
from krawall.store.paging import Page, decode_cursor, page_of
from krawall.store.plain import folded, from_text, to_text
from krawall.store.tables import documents, revisions

PREFIXES = {
    DocumentKind.target: "tgt",
    DocumentKind.scenario: "scn",
    DocumentKind.schedule: "sch",
    DocumentKind.webhook: "whk",
    DocumentKind.batch: "bat",
}


class Documents:
    """Documents by kind and name, with every revision. Each change appends an event in its transaction."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database = database
        self._events = events

    async def create(
        self,
        kind: DocumentKind,
        name: str,
        body: dict[str, Any],
        actor: str,
        note: str = "",
        tx: Transaction | None = None,
    ) -> Kept:
        """Keep a new document as revision 1.

        Raises:
            Conflict: another of this kind has the name; archived ones keep theirs.
        """
        async with self._database.within(tx) as own:
            await _free(own, kind, name)
            now, id = wall_ns(), new_id(PREFIXES[kind])
            kept = Kept(id, kind, name, 1, etag_of(1, name, body), body, now, now, actor, note)
            row = {"id": id, "kind": kind.value, "name": name, "folded": folded(name), "revision": 1}
            await own.run(insert(documents).values(**row, archived=False, created_ns=now))
            await _keep(own, kept)
            await self._tell(own, kept, actor, "created")
            return kept

    async def get(
        self, kind: DocumentKind, id_or_name: str, revision: int | None = None, tx: Transaction | None = None
    ) -> Kept:
        """Return a document by id or name: its newest revision, or the one asked for.

        Raises:
            NotFound: there is no such document, or no such revision of it.
        """
        async with self._database.seen_by(tx) as own:
            return _kept(await _find(own, kind, id_or_name, revision))

    async def list(
        self,
        kind: DocumentKind,
        *,
        archived: bool | None = False,
        search: str = "",
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Kept]:
        """Return documents by name. `archived`: only such, or only others; None: both."""
        query = _newest().where(documents.c.kind == kind.value)
        if archived is not None:
            query = query.where(documents.c.archived.is_(archived))
        if search:
            query = query.where(documents.c.folded.contains(folded(search), autoescape=True))
        if cursor is not None:
            name, id = decode_cursor(cursor, str, str)
            query = query.where(tuple_(documents.c.folded, documents.c.id) > tuple_(name, id))
        query = query.order_by(documents.c.folded, documents.c.id).limit(limit + 1)
        async with self._database.read() as tx:
            return page_of(await tx.all(query), limit, _kept, lambda row: (row.folded, row.id))

    async def revise(
        self,
        kind: DocumentKind,
        id: str,
        body: dict[str, Any],
        actor: str,
        *,
        etag: str | None,
        note: str = "",
        name: str | None = None,
        tx: Transaction | None = None,
    ) -> Kept:
        """Keep a new revision, or nothing new when name and body are those of the newest. `etag` None: whatever is there.

        Raises:
            NotFound: there is no such document.
            Stale: `etag` is not that of the newest revision.
            Conflict: another document has the new name.
        """
        async with self._database.within(tx) as own:
            old = _kept(await _find(own, kind, id, None, lock=True))
            _check(old, etag)
            name = name if name is not None else old.name
            if name == old.name and canonical(body) == canonical(old.body):
                return old
            if name != old.name:
                await _free(own, kind, name)
            number, now = old.revision + 1, wall_ns()
            new = Kept(
                old.id, kind, name, number, etag_of(number, name, body), body, old.created_ns, now, actor, note, old.archived
            )  # fmt: skip
            changes = {"name": name, "folded": folded(name), "revision": number}
            await own.run(update(documents).where(documents.c.id == old.id).values(changes))
            await _keep(own, new)
            await self._tell(own, new, actor, "renamed" if canonical(body) == canonical(old.body) else "revised")
            return new

    async def revisions(self, kind: DocumentKind, id: str, cursor: str | None = None, limit: int = 50) -> Page[Kept]:
        """Return the revisions of a document, newest first.

        Raises:
            NotFound: there is no such document.
        """
        async with self._database.read() as tx:
            document = await _find(tx, kind, id, None)
            query = _every().where(documents.c.id == document.id)
            if cursor is not None:
                query = query.where(revisions.c.revision < decode_cursor(cursor, int)[0])
            query = query.order_by(revisions.c.revision.desc()).limit(limit + 1)
            return page_of(await tx.all(query), limit, _kept, lambda row: (row.revision,))

    async def archive(
        self, kind: DocumentKind, id: str, actor: str, archived: bool = True, tx: Transaction | None = None
    ) -> Kept:
        """Put a document away, or back. It keeps its name.

        Raises:
            NotFound: there is no such document.
        """
        async with self._database.within(tx) as own:
            old = _kept(await _find(own, kind, id, None, lock=True))
            if old.archived == archived:
                return old
            await own.run(update(documents).where(documents.c.id == old.id).values(archived=archived))
            new = msgspec.structs.replace(old, archived=archived)
            await self._tell(own, new, actor, "archived" if archived else "restored")
            return new

    async def delete(
        self, kind: DocumentKind, id: str, actor: str, *, etag: str | None = None, tx: Transaction | None = None
    ) -> None:
        """Delete a document with all revisions; its name is free again. Sessions keep their plans.

        Raises:
            NotFound: there is no such document.
            Stale: `etag` is not that of the newest revision.
        """
        async with self._database.within(tx) as own:
            old = _kept(await _find(own, kind, id, None, lock=True))
            _check(old, etag)
            await own.run(delete(documents).where(documents.c.id == old.id))
            await self._tell(own, old, actor, "deleted")

    async def _tell(self, tx: Transaction, kept: Kept, actor: str, deed: str) -> None:
        body = DocumentChanged(kept.kind.value, kept.id, kept.name, kept.revision, deed)
        await self._events.append(body, actor, tx=tx)


def canonical(body: dict[str, Any]) -> bytes:
    """Return a body as bytes that do not depend on the order of its keys."""
    return msgspec.json.encode(body, order="sorted")


def etag_of(revision: int, name: str, body: dict[str, Any]) -> str:
    """Return the entity tag of a revision: its number and a hash of its name and body."""
    text = msgspec.json.encode([name, body], order="sorted")
    return f'"{revision}-{hashlib.sha256(text).hexdigest()[:12]}"'


def _every() -> Select[Any]:
    return select(
        documents.c.id, documents.c.kind, documents.c.folded, documents.c.archived, documents.c.created_ns,
        revisions.c.revision, revisions.c.name, revisions.c.etag, revisions.c.body, revisions.c.note,
        revisions.c.actor, revisions.c.updated_ns,
    ).join(revisions, revisions.c.document == documents.c.id)  # fmt: skip


def _newest() -> Select[Any]:
    return _every().where(revisions.c.revision == documents.c.revision)


async def _find(
    tx: Transaction, kind: DocumentKind, id_or_name: str, revision: int | None, *, lock: bool = False
) -> Row[Any]:
    is_it = or_(documents.c.id == id_or_name, documents.c.name == id_or_name)
    query = _newest() if revision is None else _every().where(revisions.c.revision == revision)
    query = query.where(and_(documents.c.kind == kind.value, is_it)).order_by(documents.c.id != id_or_name)
    row = await tx.first(query.with_for_update(of=documents) if lock else query)
    if row is None:
        which = f"revision {revision} of {kind.value} {id_or_name!r}" if revision else f"{kind.value} {id_or_name!r}"
        raise NotFound(f"there is no {which}")
    return row


async def _free(tx: Transaction, kind: DocumentKind, name: str) -> None:
    taken = await tx.first(
        select(documents.c.id, documents.c.archived).where(documents.c.kind == kind.value, documents.c.name == name)
    )
    if taken is not None:
        where = " that is archived" if taken.archived else ""
        raise Conflict(
            f"there is a {kind.value} {name!r} already{where}", hint="choose another name, or revise that one"
        )


async def _keep(tx: Transaction, kept: Kept) -> None:
    await tx.run(
        insert(revisions).values(
            document=kept.id, revision=kept.revision, name=kept.name, etag=kept.etag, body=to_text(kept.body),
            note=kept.note, actor=kept.actor, updated_ns=kept.updated_ns,
        )
    )  # fmt: skip


def _check(old: Kept, etag: str | None) -> None:
    if etag is not None and etag != old.etag:
        raise Stale(
            f"{old.kind.value} {old.name!r} is at revision {old.revision} by {old.actor}, not at the one you changed",
            hint="look at what changed, and make your change again",
        )


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        row.id, DocumentKind(row.kind), row.name, row.revision, row.etag, from_text(row.body, dict[str, Any]),
        row.created_ns, row.updated_ns, row.actor, row.note, row.archived,
    )  # fmt: skip

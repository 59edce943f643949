"""Authored documents on a server: created, revised, compared, duplicated, put away, confirmed; as data and as YAML."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence
from typing import Any

from krawall.errors import Conflict, DocumentError, NotFound, Place
from krawall.model.kept import DocumentKind, Kept
from krawall.model.target import SavedTarget
from krawall.plugins.preset import resolve
from krawall.services.authored import Authored, House, prepare, read_authored, site_of
from krawall.store.paging import Page
from krawall.store.store import Store
from krawall.wire.yaml import write

Given = dict[str, Any] | str
"""A document as it is given: plain data, or YAML or JSON text."""


class Documents:
    """Targets, scenarios and webhooks, checked before they are kept. One per process.

    A body is kept as it was written. The name of a scenario or webhook stands in its body, that of a target beside it.
    """

    def __init__(self, store: Store, allow_env: Sequence[str] = (), private_webhooks: bool | None = None) -> None:
        self._store = store
        self.house = House(tuple(allow_env), private_webhooks)
        prepare()

    async def check(
        self,
        kind: DocumentKind,
        given: Given,
        *,
        name: str | None = None,
        otherwise: str | None = None,
        label: str = "document",
    ) -> Authored:
        """Return the document that is given, if it is right. Nothing is kept. See `read_authored` for the names.

        Raises:
            DocumentError: every place that is wrong.
        """
        # YAML and templates of a large document take long; the loop serves others meanwhile.
        return await asyncio.to_thread(
            read_authored, kind, given, self.house, name=name, otherwise=otherwise, label=label
        )

    async def create(
        self,
        kind: DocumentKind,
        body: Given,
        actor: str,
        note: str = "",
        *,
        name: str | None = None,
        label: str = "document",
    ) -> Kept:
        """Keep a new document. `name`: instead of the one inside.

        Raises:
            DocumentError: every place that is wrong.
            Conflict: another document of this kind has the name.
        """
        made = await self.check(kind, body, name=name, label=label)
        _not_confirmed(made, "", label)
        return await self._store.documents.create(kind, made.name, made.body, actor, note)

    async def revise(
        self,
        kind: DocumentKind,
        id: str,
        body: Given,
        actor: str,
        *,
        etag: str | None,
        note: str = "",
        name: str | None = None,
        label: str = "document",
    ) -> Kept:
        """Keep a new revision; `etag` is of the one that it was made from, None takes the newest whatever it is.

        A target that is still at the confirmed host stays confirmed.

        Raises:
            DocumentError, NotFound, Stale, Conflict: nothing is kept.
        """
        old = await self._store.documents.get(kind, id)
        made = await self.check(kind, body, name=name, otherwise=old.name, label=label)
        kept_body = made.body
        if kind is DocumentKind.target:
            confirmed = str(old.body.get("confirmed", ""))
            _not_confirmed(made, confirmed, label)
            kept_body = _with_confirmed(made, confirmed)
        return await self._store.documents.revise(
            kind, old.id, kept_body, actor, etag=etag, note=note, name=None if made.name == old.name else made.name
        )

    async def get(self, kind: DocumentKind, id_or_name: str, revision: int | None = None) -> Kept:
        """Return a document. Raises NotFound."""
        return await self._store.documents.get(kind, id_or_name, revision)

    async def list(
        self,
        kind: DocumentKind,
        *,
        archived: bool | None = False,
        search: str = "",
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Kept]:
        """Return documents by name. `archived` None: all."""
        return await self._store.documents.list(kind, archived=archived, search=search, cursor=cursor, limit=limit)

    async def revisions(self, kind: DocumentKind, id: str, cursor: str | None = None, limit: int = 50) -> Page[Kept]:
        """Return the revisions of a document, newest first. Raises NotFound."""
        return await self._store.documents.revisions(kind, id, cursor, limit)

    async def diff(self, kind: DocumentKind, id: str, a: int | None = None, b: int | None = None) -> str:
        """Return what changed from revision `a` to `b` as a unified diff of their YAML; left out: the last change.

        Raises:
            NotFound: there is no such document or revision.
        """
        new = await self._store.documents.get(kind, id, b)
        before = max(1, new.revision - 1) if a is None else a
        old = await self._store.documents.get(kind, id, before)
        return await asyncio.to_thread(_diff, old, new)

    async def duplicate(self, kind: DocumentKind, id: str, name: str, actor: str) -> Kept:
        """Keep a copy under another name. Nobody has confirmed the copy's host.

        Raises:
            NotFound, DocumentError, Conflict: nothing is kept.
        """
        old = await self._store.documents.get(kind, id)
        body = {key: value for key, value in old.body.items() if key != "confirmed"}
        return await self.create(kind, body, actor, f"a copy of {old.name}, revision {old.revision}", name=name)

    async def archive(self, kind: DocumentKind, id: str, actor: str, archived: bool = True) -> Kept:
        """Put a document away, or back. Raises NotFound."""
        return await self._store.documents.archive(kind, id, actor, archived)

    async def delete(self, kind: DocumentKind, id: str, actor: str, *, etag: str | None = None) -> None:
        """Delete a document with all revisions. Raises NotFound, Stale."""
        await self._store.documents.delete(kind, id, actor, etag=etag)

    async def confirm(self, id: str, actor: str) -> Kept:
        """Note an operator's word that the host of a target is theirs; a revision with another host loses it.

        Raises:
            NotFound: there is no such target.
            Conflict: it has no host that could be confirmed.
        """
        old = await self._store.documents.get(DocumentKind.target, id)
        site = site_of(resolve(SavedTarget.model_validate(old.body).bare()))
        if site is None:
            raise Conflict(
                f"target {old.name!r} has no host to confirm", hint="it has no network, or its host is a reference"
            )
        body = {**old.body, "confirmed": site.host}
        note = f"confirmed {site.host}"
        return await self._store.documents.revise(DocumentKind.target, old.id, body, actor, etag=old.etag, note=note)

    async def find(self, kind: DocumentKind, id_or_name: str) -> Kept | None:
        """Return a document; None when there is no such."""
        try:
            return await self._store.documents.get(kind, id_or_name)
        except NotFound:
            return None


def to_yaml(kept: Kept) -> str:
    """Return a document as YAML that can be taken in again, here or elsewhere. A confirmation is not part of it."""
    if kept.kind is DocumentKind.scenario:
        return write({"name": kept.name, **kept.body} if "name" not in kept.body else kept.body)
    body = {key: value for key, value in kept.body.items() if key not in ("confirmed", "name")}
    return write({"kind": kept.kind.value, "name": kept.name, **body})


def _not_confirmed(made: Authored, confirmed: str, label: str) -> None:
    """Refuse a confirmation that the server did not write itself."""
    if made.kind is DocumentKind.target and made.body.get("confirmed", "") not in ("", confirmed):
        raise DocumentError(label, [Place("confirmed", "is set by confirming the target, not by writing it")])


def _with_confirmed(made: Authored, confirmed: str) -> dict[str, Any]:
    body = {key: value for key, value in made.body.items() if key != "confirmed"}
    if confirmed and made.site is not None and made.site.host == confirmed:
        body["confirmed"] = confirmed
    return body


def _diff(old: Kept, new: Kept) -> str:
    lines = difflib.unified_diff(
        to_yaml(old).splitlines(keepends=True),
        to_yaml(new).splitlines(keepends=True),
        f"{old.name} revision {old.revision}",
        f"{new.name} revision {new.revision}",
    )
    return "".join(lines)

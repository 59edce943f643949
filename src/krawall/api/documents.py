"""Targets, scenarios and webhooks behave alike, so their routes are made by one function: kept, revised, compared, put away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field, create_model

from krawall.api.auth import Reader, Runner
from krawall.api.bodies import YAML, Body, Match, described, json_or_yaml, precondition, wants_yaml
from krawall.api.records import View
from krawall.api.shapes import Cursor, Limit, Page, Time, Words, app_of, page
from krawall.clock import iso
from krawall.model.kept import DocumentKind, Kept
from krawall.services.documents import Documents, to_yaml

PREFIX = "/api/v1"
DocumentId = Annotated[str, Path(alias="id", min_length=1, max_length=300, description="id or name")]
Revision = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
Note = Annotated[str, Query(max_length=2_000, description="why, for those who read the revisions; of YAML bodies")]


class KeptDocument(View):
    """A document as it is kept: its newest revision, or the one that was asked for."""

    id: str
    kind: DocumentKind
    name: str
    revision: int
    etag: str = Field(description="names this revision; a change carries it in If-Match")
    body: dict[str, Any] = Field(description="as it was written")
    note: str
    actor: str
    archived: bool
    created_at: Time
    updated_at: Time


class NewDocument(Body):
    """A document to keep. `name` takes the place of the one in the body."""

    name: str | None = Field(None, min_length=1, max_length=200)
    note: str = Field("", max_length=2_000)
    body: dict[str, Any]


class CopyName(Body):
    """What a copy is called."""

    name: str = Field(min_length=1, max_length=200)


class Difference(View):
    """What changed from one revision to another, as a unified diff of their YAML; empty: nothing."""

    diff: str


@dataclass(frozen=True)
class Shapes:
    """The models of one kind, named for it so that the description can say what its bodies look like."""

    kept: type[KeptDocument]
    new: type[NewDocument]


def _shapes(kind: DocumentKind) -> Shapes:
    title = kind.value.capitalize()
    kept = create_model(f"Kept{title}", __base__=KeptDocument, __doc__=f"A {kind.value} as it is kept.")
    new = create_model(f"New{title}", __base__=NewDocument, __doc__=NewDocument.__doc__)
    return Shapes(kept, new)


SHAPES = {kind: _shapes(kind) for kind in (DocumentKind.target, DocumentKind.scenario, DocumentKind.webhook)}
BODIES: list[type[BaseModel]] = [shapes.new for shapes in SHAPES.values()]


def service(request: Request) -> Documents:
    """Return the service behind these routes."""
    return app_of(request).documents


def shown(kept: Kept) -> KeptDocument:
    """Return a document as answers show it."""
    return SHAPES[kept.kind].kept(
        id=kept.id,
        kind=kept.kind,
        name=kept.name,
        revision=kept.revision,
        etag=kept.etag,
        body=kept.body,
        note=kept.note,
        actor=kept.actor,
        archived=kept.archived,
        created_at=iso(kept.created_ns),
        updated_at=iso(kept.updated_ns),
    )


def documents_router(kind: DocumentKind) -> APIRouter:
    """Return the routes of one kind of documents."""
    router = APIRouter(prefix=f"{PREFIX}/{kind.value}s", tags=[f"{kind.value}s"])
    _add_reading(router, kind, SHAPES[kind])
    _add_writing(router, kind, SHAPES[kind])
    _add_life(router, kind, SHAPES[kind])
    if kind is DocumentKind.target:
        _add_confirming(router)
    return router


def _add_reading(router: APIRouter, kind: DocumentKind, shapes: Shapes) -> None:
    word = kind.value

    @router.get("", name=f"list_{word}s", summary=f"List {word}s", response_model=Page[shapes.kept])  # type: ignore[name-defined]
    async def list_(
        request: Request,
        caller: Reader,
        archived: Annotated[bool, Query(description="those that were put away instead")] = False,
        search: Words = "",
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Any:
        found = await service(request).list(kind, archived=archived, search=search, cursor=cursor, limit=limit)
        return page(found.items, found.next, shown)

    @router.get(
        "/{id}", name=f"get_{word}", summary=f"Show a {word}", response_model=shapes.kept, responses=_yaml_too(word)
    )
    async def get(
        request: Request, response: Response, caller: Reader, id: DocumentId, revision: Revision = None
    ) -> Any:
        return answer(request, response, await service(request).get(kind, id, revision))

    @router.get(
        "/{id}/revisions",
        name=f"list_{word}_revisions",
        summary=f"List the revisions of a {word}",
        response_model=Page[shapes.kept],  # type: ignore[name-defined]
    )
    async def revisions(
        request: Request, caller: Reader, id: DocumentId, cursor: Cursor = None, limit: Limit = 50
    ) -> Any:
        found = await service(request).revisions(kind, id, cursor, limit)
        return page(found.items, found.next, shown)

    @router.get(
        "/{id}/diff", name=f"diff_{word}", summary=f"Compare two revisions of a {word}", response_model=Difference
    )
    async def diff(
        request: Request,
        caller: Reader,
        id: DocumentId,
        a: Annotated[
            int | None, Query(alias="from", ge=1, le=2**31 - 1, description="left out: the one before")
        ] = None,
        b: Annotated[int | None, Query(alias="to", ge=1, le=2**31 - 1, description="left out: the newest")] = None,
    ) -> Any:
        return Difference(diff=await service(request).diff(kind, id, a, b))


def _add_writing(router: APIRouter, kind: DocumentKind, shapes: Shapes) -> None:
    word = kind.value

    @router.post(
        "",
        name=f"create_{word}",
        summary=f"Keep a new {word}",
        status_code=201,
        response_model=shapes.kept,
        responses={201: {"headers": _HEADERS | _LOCATION, "links": links(word)}},
        openapi_extra=described(shapes.new, {"type": "object"}),
    )
    async def create(request: Request, response: Response, caller: Runner, note: Note = "") -> Any:
        given = await json_or_yaml(request, NewDocument)
        if isinstance(given, str):
            kept = await service(request).create(kind, given, caller.name, note)
        else:
            kept = await service(request).create(kind, given.body, caller.name, given.note, name=given.name)
        return created(request, response, kept)

    @router.put(
        "/{id}",
        name=f"revise_{word}",
        summary=f"Keep a new revision of a {word}",
        description="A body that says the same as the newest revision makes no new one.",
        response_model=shapes.kept,
        responses={200: {"headers": _HEADERS}},
        openapi_extra=described(shapes.new, {"type": "object"}),
    )
    async def revise(
        request: Request, response: Response, caller: Runner, id: DocumentId, match: Match = None, note: Note = ""
    ) -> Any:
        etag = await chosen(request, kind, id, precondition(match))
        given = await json_or_yaml(request, NewDocument)
        if isinstance(given, str):
            kept = await service(request).revise(kind, id, given, caller.name, etag=etag, note=note)
        else:
            kept = await service(request).revise(
                kind, id, given.body, caller.name, etag=etag, note=given.note, name=given.name
            )
        return answer(request, response, kept)

    @router.delete(
        "/{id}",
        name=f"delete_{word}",
        summary=f"Delete a {word} with all revisions",
        description="With If-Match only when nobody revised it meanwhile. Sessions keep what they were started with.",
        status_code=204,
    )
    async def delete(request: Request, caller: Runner, id: DocumentId, match: Match = None) -> None:
        etag = await chosen(request, kind, id, precondition(match)) if match else None
        await service(request).delete(kind, id, caller.name, etag=etag)


def _add_life(router: APIRouter, kind: DocumentKind, shapes: Shapes) -> None:
    word = kind.value

    @router.post(
        "/{id}/duplicate",
        name=f"duplicate_{word}",
        summary=f"Keep a copy of a {word}",
        status_code=201,
        response_model=shapes.kept,
        responses={201: {"headers": _HEADERS | _LOCATION, "links": links(word)}},
    )
    async def duplicate(request: Request, response: Response, caller: Runner, id: DocumentId, body: CopyName) -> Any:
        return created(request, response, await service(request).duplicate(kind, id, body.name, caller.name))

    @router.post(
        "/{id}/archive",
        name=f"archive_{word}",
        summary=f"Put a {word} away",
        description="It keeps its name and revisions, and is left out of the list.",
        response_model=shapes.kept,
        responses={200: {"headers": _HEADERS}},
    )
    async def archive(request: Request, response: Response, caller: Runner, id: DocumentId) -> Any:
        return answer(request, response, await service(request).archive(kind, id, caller.name))

    @router.post(
        "/{id}/restore",
        name=f"restore_{word}",
        summary=f"Put a {word} back into the list",
        response_model=shapes.kept,
        responses={200: {"headers": _HEADERS}},
    )
    async def restore(request: Request, response: Response, caller: Runner, id: DocumentId) -> Any:
        return answer(request, response, await service(request).archive(kind, id, caller.name, False))


def _add_confirming(router: APIRouter) -> None:
    kind = DocumentKind.target

    @router.post(
        "/{id}/confirm",
        name="confirm_target",
        summary="Say that you operate a target on a private address",
        description="Sessions against private addresses need this once. A revision with another host loses it.",
        response_model=SHAPES[kind].kept,
        responses={200: {"headers": _HEADERS}},
    )
    async def confirm(request: Request, response: Response, caller: Runner, id: DocumentId) -> Any:
        return answer(request, response, await service(request).confirm(id, caller.name))


def answer(request: Request, response: Response, kept: Kept) -> Any:
    """Return a document with its ETag, as YAML when the caller likes that best."""
    if wants_yaml(request):
        return Response(to_yaml(kept), media_type=YAML, headers={"ETag": kept.etag})
    response.headers["ETag"] = kept.etag
    return shown(kept)


def created(request: Request, response: Response, kept: Kept) -> KeptDocument:
    """Return a new document with its ETag and where it is."""
    response.headers["ETag"] = kept.etag
    response.headers["Location"] = f"{PREFIX}/{kept.kind.value}s/{kept.id}"
    return shown(kept)


async def chosen(request: Request, kind: DocumentKind, id: str, etags: list[str] | None) -> str | None:
    """Return the one of several ETags that is the newest revision's, else the first; None when any will do."""
    if etags is None or len(etags) == 1:
        return etags[0] if etags else None
    newest = (await service(request).get(kind, id)).etag
    return newest if newest in etags else etags[0]


_HEADERS = {"ETag": {"description": "names the revision", "schema": {"type": "string"}}}
_LOCATION = {"Location": {"description": "where it is", "schema": {"type": "string"}}}


def _yaml_too(word: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {
            "headers": _HEADERS,
            "content": {YAML: {"schema": {"type": "string", "description": f"the {word} as it can be taken in again"}}},
        }
    }


def links(word: str) -> dict[str, Any]:
    """Return what can be done next with a document that was made: for people, and for tools that walk the API."""
    deeds = ("get", "revise", "delete", "diff", "archive", "restore", "duplicate")
    more = {"target": ["confirm_target"], "webhook": ["test_webhook", "renew_webhook_secret", "list_deliveries"]}
    id = {"id": "$response.body#/id"}
    whole = {deed.capitalize(): {"operationId": f"{deed}_{word}", "parameters": id} for deed in deeds}
    whole |= {operation: {"operationId": operation, "parameters": id} for operation in more.get(word, ())}
    whole["Revise"] = {
        "operationId": f"revise_{word}",
        "parameters": {**id, "If-Match": "$response.body#/etag"},
    }
    whole["Revisions"] = {"operationId": f"list_{word}_revisions", "parameters": id}
    return whole

"""Documents in and out as YAML, many at a time."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from typing import IO, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from krawall.api.auth import Reader, Runner
from krawall.api.bodies import YAML, YAML_TYPES, media_type
from krawall.api.documents import service
from krawall.api.errors import WrongPlace
from krawall.api.records import View
from krawall.errors import DocumentError, Place
from krawall.model.kept import DocumentKind
from krawall.services.authored import KINDS
from krawall.services.keepable import shown
from krawall.services.transfer import MOST_FILES, Given, Imported, give_out, take_in, text_of, unpack

ZIP = "application/zip"
CHUNK = 65_536
MOST_IDS = 50  # of an export: a URL has little room
_FORM = {
    "type": "object",
    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
    "required": ["files"],
}

router = APIRouter(prefix="/api/v1", tags=["transfer"])


class ImportedView(View):
    """What became of one document."""

    file: str = Field(description="the file, and the number of the document in it when it holds several")
    deed: Literal["created", "revised", "unchanged", "failed"]
    kind: DocumentKind | None
    name: str
    id: str | None
    errors: list[WrongPlace] = Field(description="why it failed: every place that is wrong")
    changes: list[str] = Field(description="of a file of the original: what is different now")


class ImportedAll(View):
    """What became of every document, in order."""

    results: list[ImportedView]


@router.post(
    "/import",
    name="import_documents",
    summary="Keep the documents of YAML files",
    description="Each document succeeds or fails by itself. Files of one document or several, a zip of such files, and "
    "scenario files of the original are read. A target says `kind: target` and its `name`, or has its file's name.",
    response_model=ImportedAll,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": _FORM},
                YAML: {"schema": {}},
                ZIP: {"schema": {"type": "string", "format": "binary"}},
            },
        }
    },
)
async def import_documents(
    request: Request,
    caller: Runner,
    replace: Annotated[bool, Query(description="revise documents whose names are taken")] = False,
) -> Any:
    """Take in what was sent, document by document."""
    results = await take_in(service(request), await _files(request), caller.name, replace=replace)
    return ImportedAll(results=[_shown(each) for each in results])


@router.get(
    "/export",
    name="export_documents",
    summary="Fetch documents as a zip of YAML files",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "a zip that can be taken in again",
            "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
        },
        404: {},
    },
)
async def export_documents(
    request: Request,
    caller: Reader,
    kind: Annotated[Literal["target", "scenario", "webhook"] | None, Query(description="left out: all kinds")] = None,
    ids: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Query(max_length=MOST_IDS, description="ids or names; left out: all"),
    ] = [],  # noqa: B006  FastAPI copies it
) -> Any:
    """Return a zip with a folder for each kind; documents that were put away are in it too."""
    held = await give_out(service(request), [DocumentKind(kind)] if kind else KINDS, ids)
    return StreamingResponse(
        _chunks(held),
        media_type=ZIP,
        headers={"Content-Disposition": 'attachment; filename="krawall-documents.zip"'},
        background=BackgroundTask(held.close),
    )


async def _files(request: Request) -> list[Given]:
    """Return the files of a request.

    Raises:
        HTTPException, DocumentError, TooLarge: there are none that can be read.
    """
    kind = media_type(request)
    if kind in YAML_TYPES:
        return [Given("body", text_of(await request.body(), "body"))]
    if kind == ZIP:
        return await asyncio.to_thread(unpack, io.BytesIO(await request.body()), "body")
    if kind != "multipart/form-data":
        raise HTTPException(415, f"send multipart/form-data with files, {YAML} or {ZIP}")
    given: list[Given] = []
    async with request.form(max_files=MOST_FILES, max_fields=MOST_FILES) as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                raise DocumentError("import", [Place(shown(name), "is a field of the form, not a file")])
            if (value.filename or "").lower().endswith(".zip"):
                given += await asyncio.to_thread(unpack, value.file, value.filename or name)
            else:
                given.append(Given(value.filename or name, text_of(await value.read(), value.filename or name)))
    if not given:
        raise DocumentError("import", [Place("files", "there is no file in the form")])
    return given


def _chunks(held: IO[bytes]) -> Iterator[bytes]:
    while chunk := held.read(CHUNK):
        yield chunk


def _shown(each: Imported) -> ImportedView:
    return ImportedView(
        file=each.file,
        deed=each.deed,
        kind=each.kind,
        name=each.name,
        id=each.id,
        errors=[WrongPlace(path=place.path, message=place.message, line=place.line) for place in each.places],
        changes=each.changes,
    )

"""Forms of targets as requests bring them: what they say as a target, what is wrong with it, what it would send and read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from krawall.api.shapes import app_of
from krawall.errors import Conflict, DocumentError, Forbidden, KrawallError, NotFound, Place
from krawall.model.account import Caller, Scope
from krawall.model.kept import DocumentKind, Kept
from krawall.services.mapping import Look, Read, look
from krawall.services.tested import HeldTest
from krawall.services.trials import MESSAGE
from krawall.web.frame import CSRF_FIELD
from krawall.web.pages.target_edit import Draft
from krawall.web.pages.target_form import READS, TO, YAMLS, body_of, field_of, values_of
from krawall.web.pages.target_mapping import PICK, PICK_FOR
from krawall.web.presets import implied_address, preset_of

_NOT_FIELDS = (CSRF_FIELD, PICK, PICK_FOR, "suggest", "from", TO)


async def values_in(request: Request) -> dict[str, str]:
    """Return the fields of a form, without what its buttons and its frame send along."""
    given = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    return {name: value for name, value in given.items() if name not in _NOT_FIELDS}


async def pressed(request: Request, name: str) -> str:
    """Return what a button or a hidden field of a form says."""
    value = (await request.form()).get(name, "")
    return value if isinstance(value, str) else ""


async def held_by(request: Request) -> HeldTest | None:
    """Return the test whose answer a form works with; None when it is not held any more."""
    return app_of(request).targets.held.get(await pressed(request, "from"))


def body_in(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the target of a form. A kept target says where it is; where nobody did, its preset and fields do.

    Raises:
        DocumentError: its YAML cannot be read.
    """
    body = body_of(values)
    implied = "" if body.get("url") else implied_address(body)
    return {**body, "url": implied} if implied else body


def values_from(kept: Kept) -> dict[str, str]:
    """Return the form of a kept target. An address that its preset implies is not said twice."""
    values = {**values_of(kept.body), "name": kept.name, "etag": kept.etag}
    if values.get("url") == implied_address(kept.body):
        values.pop("url")
    return values


def draft_of(
    values: dict[str, str],
    kept: Kept | None = None,
    held: HeldTest | None = None,
    error: KrawallError | None = None,
    picked: str = "",
) -> Draft:
    """Return a form with what it comes to, and with what is wrong where `error` says so."""
    errors, problems = told(error, values) if error else ({}, [])
    field = picked if picked in READS else "reply.text"
    return Draft(
        values, preset_of(values.get("preset", "")), kept, errors, problems, look_at(values, held), held, field
    )


def look_at(values: Mapping[str, str], held: HeldTest | None) -> Look:
    """Return what a form would send and read."""
    try:
        body = body_in(values)
    except DocumentError as error:
        return Look(None, [], [_line(place) for place in error.places])
    return look(body, held.outcome.raw_received if held else "", MESSAGE)


def reads_of(body: dict[str, Any], held: HeldTest | None) -> list[Read]:
    """Return what a target's mapping says of the answer of a test."""
    return look(body, held.outcome.raw_received).reads if held else []


async def kept_of(request: Request, values: Mapping[str, str]) -> Kept | None:
    """Return the target that a form revises; None: it makes a new one, or the target is gone."""
    id = values.get("kept", "")
    try:
        return await app_of(request).documents.get(DocumentKind.target, id) if id else None
    except NotFound:
        return None


async def credentials(request: Request) -> list[str]:
    """Return the names of credentials."""
    return [each.name for each in await app_of(request).credentials.list()]


async def seal(request: Request, caller: Caller, values: dict[str, str]) -> None:
    """Seal a secret that was typed in. It is never shown again, not even in the form that it came with.

    Raises:
        Forbidden: the caller may not set credentials. DocumentError: its name cannot be one.
    """
    secret, name = values.pop("secret", ""), values.get("credential", "").strip()
    if not secret:
        return
    if Scope.admin not in caller.scopes:
        raise Forbidden("only an admin sets credentials", hint="choose one that is there")
    await app_of(request).credentials.put(name, secret, caller.name, "set with a target")


def told(error: KrawallError, values: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the errors of fields, and those that belong to none."""
    if isinstance(error, Conflict) and "name" in error.message and error.code == "conflict":
        return {"name": error.message[:1].upper() + error.message[1:]}, []
    if not isinstance(error, DocumentError):
        return {}, [f"{error.message[:1].upper()}{error.message[1:]}" + (f" ({error.hint})" if error.hint else "")]
    fields: dict[str, str] = {}
    rest: list[str] = []
    for place in error.places:
        path = "credential" if error.source == "credential" else field_of(place.path)
        line = f"Line {place.line}: " if place.line and path in ("rest", *YAMLS) else ""
        if path and path not in fields and (path in values or path in ("name", "url", "credential")):
            fields[path] = line + place.message[:1].upper() + place.message[1:]
        else:
            rest.append(f"{place.path}: {place.message}" if place.path else place.message)
    return fields, rest


def said(error: KrawallError) -> str:
    """Return an error in one sentence, the places of a document too."""
    return "; ".join(_line(place) for place in error.places) if isinstance(error, DocumentError) else error.message


def _line(place: Place) -> str:
    where = place.path.removeprefix("target.")
    line = f", line {place.line}" if place.line else ""
    return f"{where}{line}: {place.message}" if where else place.message

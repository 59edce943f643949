"""Credentials: values go in and never come back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import Field

from krawall.api.auth import Admin, Reader
from krawall.api.bodies import Body
from krawall.api.records import View
from krawall.api.shapes import Time, app_of
from krawall.clock import iso
from krawall.model.kept import CredentialFacts

router = APIRouter(prefix="/api/v1/credentials", tags=["credentials"])

Name = Annotated[
    str,
    Path(
        min_length=1,
        max_length=100,
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        description="the NAME of `${NAME}` in documents",
    ),
]


class CredentialView(View):
    """A credential without its value. `used_at`: when a worker last opened it."""

    name: str
    key_id: str = Field(description="the key that seals it")
    note: str
    created_at: Time
    updated_at: Time
    used_at: Time | None


class AllCredentials(View):
    """Every credential, by name."""

    items: list[CredentialView]


class Secret(Body):
    """A value to seal, in place of the one before."""

    value: str = Field(min_length=1, max_length=65_536, json_schema_extra={"format": "password", "writeOnly": True})
    note: str = Field("", max_length=2_000)


class Rotated(View):
    """How many credentials were sealed anew."""

    resealed: int


@router.get("", name="list_credentials", summary="List credentials", response_model=AllCredentials)
async def list_credentials(request: Request, caller: Reader) -> Any:
    """Return what is known of every credential; never a value."""
    return AllCredentials(items=[_shown(each) for each in await app_of(request).credentials.list()])


@router.put("/{name}", name="put_credential", summary="Set a credential", status_code=204)
async def put_credential(request: Request, caller: Admin, name: Name, body: Secret) -> None:
    """Seal a value. It is opened only in the process that sends it, and is never shown again."""
    await app_of(request).credentials.put(name, body.value, caller.name, body.note)


@router.delete("/{name}", name="delete_credential", summary="Delete a credential", status_code=204)
async def delete_credential(request: Request, caller: Admin, name: Name) -> None:
    """Delete a credential; sessions that need it will not start."""
    await app_of(request).credentials.delete(name, caller.name)


@router.post(
    "/rotate", name="rotate_credentials", summary="Seal every credential with a new key", response_model=Rotated
)
async def rotate_credentials(request: Request, caller: Admin) -> Any:
    """Make a new key and seal everything with it; with keys from the settings: seal everything with the first of them."""
    return Rotated(resealed=await app_of(request).credentials.rotate(caller.name))


def _shown(facts: CredentialFacts) -> CredentialView:
    return CredentialView(
        name=facts.name,
        key_id=facts.key_id,
        note=facts.note,
        created_at=iso(facts.created_ns),
        updated_at=iso(facts.updated_ns),
        used_at=None if facts.used_ns is None else iso(facts.used_ns),
    )

"""What an installation has to offer: kinds of steps and connectors, presets."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec
from fastapi import APIRouter
from pydantic import Field

from krawall.api.auth import Reader
from krawall.api.records import View
from krawall.services.catalogue import plugins

router = APIRouter(prefix="/api/v1", tags=["plugins"])


class PluginView(View):
    """One kind of a family."""

    family: Literal["steps", "connectors", "hooks", "presets"]
    kind: str = Field(description="the word in documents")
    about: str
    source: str = Field(description="`built-in`, or the package that brings it")
    version: str
    error: str = Field(description="why it does not load; empty when it does")


class Plugins(View):
    """Every kind, by family and name."""

    items: list[PluginView]


@router.get("/plugins", name="list_plugins", summary="List what documents can use", response_model=Plugins)
async def list_plugins(caller: Reader) -> Plugins:
    """Return steps, connectors and presets, where each comes from, and what does not load."""
    found = await asyncio.to_thread(plugins)
    return Plugins(items=[PluginView.model_validate(msgspec.structs.asdict(each)) for each in found])

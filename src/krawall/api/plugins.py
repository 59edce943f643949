"""What an installation has to offer: kinds of steps, connectors, hooks, scorers, sinks; presets."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path
from pydantic import Field

from krawall.api.auth import Reader
from krawall.api.records import View
from krawall.services.plugins import Kinds, explain, plugins

router = APIRouter(prefix="/api/v1", tags=["plugins"])


class PluginView(View):
    """One kind of a family."""

    family: Kinds
    kind: str = Field(description="the word in documents")
    about: str
    source: str = Field(description="`built-in`, or the package that brings it")
    version: str
    error: str = Field(description="why it does not load; empty when it does")


class Plugins(View):
    """Every kind, by family and name."""

    items: list[PluginView]


class PluginDetail(PluginView):
    """One kind with all that its users and their editors need."""

    text: str = Field(description="its description in full")
    where: str = Field(description="module and class, or file")
    settings: dict[str, Any] = Field(
        description="JSON Schema of its settings; of presets, the fields that they ask for"
    )
    example: str = Field(
        description="YAML that uses it, `...` for what it cannot do without; empty where no document can"
    )


@router.get("/plugins", name="list_plugins", summary="List what documents can use", response_model=Plugins)
async def list_plugins(caller: Reader) -> Plugins:
    """Return every kind, where each comes from, and what does not load."""
    found = await asyncio.to_thread(plugins)
    return Plugins(items=[PluginView.model_validate(msgspec.structs.asdict(each)) for each in found])


@router.get("/plugins/{family}/{kind}", name="get_plugin", summary="Explain a kind", response_model=PluginDetail)
async def get_plugin(
    caller: Reader, family: Kinds, kind: Annotated[str, Path(min_length=1, max_length=100)]
) -> PluginDetail:
    """Return what a kind does, and the settings that it takes."""
    found = await asyncio.to_thread(explain, kind, family)
    info = msgspec.structs.asdict(found.info)
    more = {"text": found.text, "where": found.where, "settings": found.settings, "example": found.example}
    return PluginDetail.model_validate({**info, **more})

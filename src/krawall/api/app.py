"""The API as one ASGI application: routers, the layers around them, errors, the description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from krawall.api import (
    accounts,
    credentials,
    errors,
    events,
    messages,
    plugins,
    scenarios,
    sessions,
    stream,
    system,
    targets,
    telemetry,
    transfer,
    webhooks,
)
from krawall.api.auth import Access
from krawall.api.documents import SHAPES, documents_router
from krawall.api.edge import Edge
from krawall.api.headers import SafeHeaders
from krawall.api.limits import BodyLimit, RateLimit
from krawall.api.openapi import describe
from krawall.api.packing import Packing
from krawall.services.tracing import Tracing
from krawall.settings import Settings
from krawall.version import __version__

if TYPE_CHECKING:
    from krawall.app import App

BURST = 10  # a caller may send so many times its rate at once


def make_api(app: App, tracing: Tracing | None = None) -> FastAPI:
    """Return the API over an open app. It opens and closes nothing itself. `tracing`: spans of requests go there."""
    api = FastAPI(
        title="Krawall",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,  # FastAPI's own pages load from other hosts
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    api.state.krawall = app
    told = telemetry.Telemetry(tracing)
    found = [*routers(), telemetry.router(told, lambda: telemetry.read(app.store, app.jobs))]
    for router in found:
        api.include_router(router)
    api.state.routes = [route for router in found for route in router.routes if isinstance(route, APIRoute)]
    errors.install(api)
    _surround(api, app.settings, told)
    _describe_once(api)
    return api


def routers() -> list[APIRouter]:
    """Return the routers in the order in which their paths are tried."""
    return [
        scenarios.router,
        webhooks.router,
        targets.router,
        *(documents_router(kind) for kind in SHAPES),
        transfer.router,
        *(module.router for module in (sessions, messages, stream, events, credentials, plugins, accounts, system)),
    ]


def _surround(api: FastAPI, settings: Settings, told: telemetry.Telemetry) -> None:
    """Put the layers around the routes, the innermost first: what is added last sees a request first."""
    per_s = settings.requests_per_s
    api.add_middleware(Edge)
    api.add_middleware(Packing)
    api.add_middleware(RateLimit, per_s=per_s, burst=max(1, round(per_s * BURST)))
    api.add_middleware(Access, host=settings.host, public_url=settings.public_url)
    api.add_middleware(BodyLimit, most=settings.most_body, longer={"/api/v1/sessions/import": settings.most_import})
    api.add_middleware(errors.Boundary)
    api.add_middleware(telemetry.Watched, telemetry=told)
    api.add_middleware(SafeHeaders, https=settings.public_url.startswith("https://"))


def _describe_once(api: FastAPI) -> None:
    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = describe(api)
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents

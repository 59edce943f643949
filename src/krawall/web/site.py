"""Puts the pages over the API: their files, their routes, what stands around them. `cli` calls it; the API knows nothing of it."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute

from krawall.errors import NotFound
from krawall.web import pages
from krawall.web.assets import PREFIX, assets, served
from krawall.web.dressing import Dressing

FOR_EVER = "public, max-age=31536000, immutable"

files = APIRouter()


@files.get(PREFIX + "{name}", name="web_file")
async def file(request: Request, name: str) -> Response:
    """Serve one file. Its name changes with its content, so browsers keep it for ever."""
    found = served().get(PREFIX + name)
    if found is None:
        raise NotFound(f"there is no file {name}")
    packed = bool(found.packed) and "gzip" in request.headers.get("accept-encoding", "")
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(found.packed if packed else found.body, headers=headers, media_type=found.media)


def mount(api: FastAPI) -> FastAPI:
    """Add the pages to an API that `make_api` made, before its first request, and return it.

    Raises:
        Unavailable: the set-up has not brought in what the pages load.
    """
    assets()
    for router in (files, *pages.ROUTERS):
        api.include_router(router, include_in_schema=False)
        api.state.routes += [route for route in router.routes if isinstance(route, APIRoute)]
    api.add_middleware(Dressing)
    return api

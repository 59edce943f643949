"""One module per area: its routes, and the functions that turn domain objects into elements."""

from fastapi import APIRouter

from krawall.web.pages import finding, gallery

ROUTERS: tuple[APIRouter, ...] = (finding.router, gallery.router)

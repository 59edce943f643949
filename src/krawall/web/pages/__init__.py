"""One module per area: its routes, and the functions that turn domain objects into elements."""

from fastapi import APIRouter

from krawall.web.pages import (
    builder,
    conversation,
    conversation_request,
    dashboard,
    finding,
    gallery,
    scenario_import,
    scenarios,
    session,
    session_start,
    sessions,
    signin,
    target_bench,
    target_trying,
    targets,
)

ROUTERS: tuple[APIRouter, ...] = tuple(
    module.router
    for module in (
        dashboard,
        target_bench,
        target_trying,
        targets,
        scenario_import,
        scenarios,
        builder,
        sessions,
        session_start,
        session,
        conversation,
        conversation_request,
        finding,
        signin,
        gallery,
    )
)

"""An answer that is told piece by piece: each piece is an element that takes the place of the one with its id (`target.js`).

Without a script the same is one POST: everything is waited for, and the page after it shows what was told.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import htpy as h
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Send

from krawall.web.answers import HTML, policy
from krawall.web.frame import with_csrf

END = "\x1e"
"""Ends a piece; HTML never holds it."""


class Pieces(StreamingResponse):
    """Elements as they come. Nothing holds them back; their source ends when the reader goes away."""

    def __init__(self, request: Request, source: AsyncGenerator[h.Element, None]) -> None:
        headers = {"Content-Security-Policy": policy(), "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        self._source = source
        super().__init__(_written(request, source), headers=headers, media_type=HTML)

    async def stream_response(self, send: Send) -> None:
        """Send everything, and close the source whatever happens."""
        async with aclosing(self._source):
            await super().stream_response(send)


async def _written(request: Request, source: AsyncGenerator[h.Element, None]) -> AsyncGenerator[bytes, None]:
    async for each in source:
        text = str(with_csrf(request, each)).replace(END, "")
        yield (text + END).encode("utf-8", "replace")


def goes(to: str) -> h.Element:
    """Return the piece that leads a browser on."""
    return h.div(id="told", data_go=to)

"""Large bodies: streamed to a file that lasts as long as the request, never held in memory."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import HTTPException, Request

from krawall.api.bodies import media_type
from krawall.errors import TooLarge, Unavailable

TAR_TYPES = ("application/x-tar", "application/gzip")
_ALSO = ("application/tar", "application/x-gzip", "application/x-gtar", "application/x-tgz", "application/octet-stream")
_AT_ONCE = 1 << 20  # bytes to a write


@asynccontextmanager
async def received(request: Request, home: Path, most: int) -> AsyncIterator[Path]:
    """Give the file that holds a request's body, a tar archive. `home`: where there is room for it. `most`: bytes.

    Raises:
        HTTPException: the body says that it is something else.
        TooLarge: it has more bytes.
        Unavailable: the disk is full or cannot be written.
    """
    if (kind := media_type(request)) not in (*TAR_TYPES, *_ALSO):
        raise HTTPException(415, f"a body of {kind or 'no type'} is not read here; send {' or '.join(TAR_TYPES)}")
    try:
        folder = tempfile.TemporaryDirectory(dir=home, prefix="import-")
    except OSError as error:
        raise Unavailable(f"cannot write in {home}: {error.strerror}") from None
    with folder as name:
        path = Path(name) / "session.tar"
        await _save(request, path, most)
        yield path


async def _save(request: Request, path: Path, most: int) -> None:
    held, seen = bytearray(), 0
    try:
        file = await asyncio.to_thread(open, path, "wb")
        with file:
            async for chunk in request.stream():
                seen += len(chunk)
                if seen > most:
                    raise TooLarge(
                        f"the archive has more than {most:,} bytes", hint="KRAWALL_MOST_IMPORT raises the limit"
                    )
                held += chunk
                if len(held) >= _AT_ONCE:
                    await asyncio.to_thread(file.write, bytes(held))
                    held.clear()
            await asyncio.to_thread(file.write, bytes(held))
    except OSError as error:
        raise Unavailable(f"the archive cannot be kept: {error.strerror}") from None

"""Clients of a Valkey or Redis server: how long they wait, what an error of theirs becomes, what of a URL may be shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from krawall.errors import DocumentError, Place, Unavailable

PREFIX = "krawall:"
"""Every key and every channel of ours begins with it, so that a server may be shared."""

GONE = (RedisError, OSError, asyncio.TimeoutError)
"""What a client raises when the server cannot be reached, does not answer in time or answers with an error."""

ANSWER_S = 5.0
"""How long a server may take to connect or to reply, seconds."""


def open_client(url: str, *, text: bool = False, retries: int = 3) -> Redis:
    """Return a client for `redis://`, `rediss://` or `unix://`; nothing is connected yet.

    Its replies may take as long as they like: bound the wait with `asyncio.timeout` or `answering`. The library's own timeout
    for sending rests on `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that comes at the wrong moment.

    Args:
        text: replies as str instead of bytes.
        retries: how often a command is sent again over a new connection when the old one broke (within half a second).

    Raises:
        DocumentError: it is not such a URL.
    """
    try:
        return Redis.from_url(
            url,
            decode_responses=text,
            socket_timeout=None,
            socket_connect_timeout=ANSWER_S,
            retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), retries),
        )
    except ValueError as error:
        raise DocumentError(
            "settings", [Place("redis", str(error))], hint="write redis://HOST:PORT/0, rediss://... or unix:///PATH"
        ) from None


@asynccontextmanager
async def answering(url: str) -> AsyncIterator[None]:
    """Turn what a client raises inside the block into `Unavailable`, and bound the block to ANSWER_S.

    Raises:
        Unavailable: the server is away, too slow or refused the command.
    """
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except GONE as error:
        what = str(error) or "no answer in time"
        raise Unavailable(
            f"the queue's server {shown(url)} does not do as asked: {what}", hint="is Valkey or Redis running there?"
        ) from error


def shown(url: str) -> str:
    """Return `url` without its password."""
    return re.sub(r"(//[^/@]*:)[^@]*@", r"\1***@", url)

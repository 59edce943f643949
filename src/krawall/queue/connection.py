"""Clients of a Valkey or Redis server: how long they wait, what an error of theirs becomes, what of a URL may be shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from krawall.errors import DocumentError, Place, Unavailable

PREFIX = "krawall:"
"""Every key and every channel of ours begins with it, so that a server may be shared."""

GONE = (RedisError, OSError, asyncio.TimeoutError)
"""What a client raises when the server cannot be reached, does not answer in time or answers with an error."""

_WAIT_S = 5.0


def open_client(url: str, *, text: bool = False, wait_s: float = _WAIT_S, retries: int = 3) -> Redis:
    """Return a client for `redis://`, `rediss://` or `unix://`; nothing is connected yet.

    Args:
        text: replies as str instead of bytes.
        wait_s: how long a connect or a reply may take, seconds.
        retries: how often a command is sent again over a new connection when the old one broke (within half a second).

    Raises:
        DocumentError: it is not such a URL.
    """
    try:
        return Redis.from_url(
            url,
            decode_responses=text,
            socket_timeout=wait_s,
            socket_connect_timeout=min(wait_s, _WAIT_S),
            retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), retries),
        )
    except ValueError as error:
        raise DocumentError(
            "settings", [Place("redis", str(error))], hint="write redis://HOST:PORT/0, rediss://... or unix:///PATH"
        ) from None


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Turn what a client raises inside the block into `Unavailable`.

    Raises:
        Unavailable: the server is away, too slow or refused the command.
    """
    try:
        yield
    except GONE as error:
        what = str(error) or "no answer in time"
        raise Unavailable(
            f"the queue's server {shown(url)} does not do as asked: {what}", hint="is Valkey or Redis running there?"
        ) from error


def shown(url: str) -> str:
    """Return `url` without its password."""
    return re.sub(r"(//[^/@]*:)[^@]*@", r"\1***@", url)

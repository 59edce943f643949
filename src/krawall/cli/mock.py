"""`krawall mock`."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from krawall.errors import DocumentError, Place, Unavailable
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import Server, main


def mock(
    *,
    port: int = 8010,
    persona: str | None = None,
    first_token: str | None = None,
    gap: str | None = None,
    latency: str | None = None,
    tokens: str | None = None,
    seed: int | None = None,
    behaviour: Path | None = None,
    grpc_port: int | None = None,
) -> None:
    """Serve the mock bot on loopback until Ctrl-C: OpenAI dialect at /v1/chat/completions, a simple bot at /chat.

    Parameters
    ----------
    port
        Port on 127.0.0.1; 0 takes a free one.
    persona
        default, shop, support, code, repetitive, rate-limited, flaky, echo.
    first_token
        Time to the first token of a stream: 50ms, 20ms..80ms, normal(50ms, 10ms), exp(50ms), lognormal(50ms, 0.5).
    gap
        Time between tokens, written likewise.
    latency
        Time to a reply that is no stream.
    tokens
        Length of replies.
    seed
        Seed of everything that is drawn.
    behaviour
        A JSON file with all of these and the rest: capacity, errors, limits, faults (docs/guide/mock.md).
    grpc_port
        The same bot over gRPC on this port too, with reflection; 0 takes a free one (docs/guide/grpc.md).
    """
    given = {
        "persona": persona,
        "first_token": first_token,
        "gap": gap,
        "latency": latency,
        "tokens": tokens,
        "seed": seed,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    try:
        base = msgspec.json.decode(behaviour.read_bytes()) if behaviour else {}
        made = msgspec.convert({**base, **settings}, Behaviour)
    except (OSError, ValueError) as error:
        raise DocumentError(str(behaviour or "mock"), [Place("", str(error))]) from None
    try:
        main(port, made, ready=_ready, grpc_port=grpc_port)
    except OSError as error:
        ports = f"port {port}" if grpc_port is None else f"port {port} or {grpc_port}"
        raise Unavailable(f"{ports} cannot be used: {error.strerror}", hint="0 takes a free one") from None


def _ready(server: Server) -> None:
    print(f"mock bot on {server.url}  (chat: {server.url}/v1/chat/completions, stats: {server.url}/stats)", flush=True)  # noqa: T201
    if server.grpc_url:
        print(f"the same over gRPC: {server.grpc_url}  (service krawall.mock.v1.Chat, with reflection)", flush=True)  # noqa: T201
    print("Ctrl-C ends it", file=sys.stderr, flush=True)  # noqa: T201

"""`krawall doctor`: is everything there that a server or worker needs, and how to mend what is not. Starts and makes nothing."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx2

from krawall.archive.archive import Archive
from krawall.clock import monotonic_ns, wall_ns
from krawall.errors import KrawallError
from krawall.queue.bus import Bus
from krawall.queue.connection import shown
from krawall.queue.valkey import facts, find_server
from krawall.services import machine
from krawall.services.machine import Check
from krawall.store.database import Database
from krawall.store.migrate import pending
from krawall.vault import RING, Vault

LIMIT_S = 8.0
SKEW_MS = 250.0
_SQLITE = "sqlite"


@dataclass(frozen=True)
class Installation:
    """Where an installation has its parts; empty `redis`: a server of our own in the data directory `home`."""

    home: Path
    host: str
    port: int
    database: str
    redis: str
    archive: str
    key: str | None


async def examine(place: Installation) -> list[Check]:
    """Return one check for each thing, in an order in which to mend them."""
    local = [
        machine.python(),
        machine.packages(),
        machine.directory(place.home),
        machine.disk(place.home),
        machine.open_files(),
    ]
    asked: list[tuple[str, Callable[[Installation], Awaitable[Check]]]] = [
        ("keys", _keys),
        ("port", _port),
        ("database", _database),
        ("queue", _queue),
        ("clock", _clock),
        ("archive", _archive),
    ]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_bounded(name, look(place))) for name, look in asked]
    return [*local, *(task.result() for task in tasks), machine.browser()]


def skew(offset_ns: int) -> Check:
    """Judge how far the queue's clock is from ours, ns."""
    ms = offset_ns / 1e6
    told = f"{abs(ms):.0f} ms {'behind' if ms > 0 else 'ahead of'} the queue's"
    if abs(ms) <= SKEW_MS:
        return Check("clock", "ok", told)
    return Check("clock", "warning", told, "let both machines take their time from NTP")


async def _bounded(name: str, look: Awaitable[Check]) -> Check:
    try:
        async with asyncio.timeout(LIMIT_S):
            return await look
    except TimeoutError:
        return Check(name, "problem", f"no answer within {LIMIT_S:g} s", "is a firewall between?")
    except KrawallError as error:
        return Check(name, "problem", error.message, error.hint or "")


async def _keys(place: Installation) -> Check:
    if place.key is None and not (place.home / RING).exists():
        return Check("keys", "ok", f"{place.home / RING} will be made on first use")
    await asyncio.to_thread(Vault.open, place.home, place.key)
    return Check("keys", "ok", "from KRAWALL_KEY" if place.key else f"{place.home / RING}, readable for you alone")


async def _port(place: Installation) -> Check:
    why = await asyncio.to_thread(machine.can_bind, place.host, place.port)
    at = f"{place.host}:{place.port}"
    if not why:
        return Check("port", "ok", f"{at} is free")
    if await _is_ours(place):
        return Check("port", "ok", f"a Krawall server answers at {at}")
    return Check("port", "problem", f"{at}: {why.lower()}", "give another --port or KRAWALL_PORT; 0 takes a free one")


async def _is_ours(place: Installation) -> bool:
    host = "127.0.0.1" if place.host in ("0.0.0.0", "::") else place.host
    bracketed = f"[{host}]" if ":" in host else host
    try:
        async with httpx2.AsyncClient(timeout=2.0, trust_env=False) as client:
            answer = await client.get(f"http://{bracketed}:{place.port}/api/health/live")
    except httpx2.HTTPError:
        return False
    return answer.status_code == 200


async def _database(place: Installation) -> Check:
    path = Path(place.database.partition(":///")[2])
    if place.database.startswith(_SQLITE) and _absent(path):
        return Check("database", "ok", f"{path} will be made on first use")
    database = await Database.open(place.database)
    try:
        missing = await pending(database)
    finally:
        await database.close()
    if missing:
        detail = f"{database.shown} answers, its tables are {len(missing)} steps behind"
        return Check("database", "warning", detail, "krawall migrate (krawall serve does it by itself)")
    return Check("database", "ok", f"{database.shown} answers, its tables are up to date")


async def _queue(place: Installation) -> Check:
    url = _url_of(place)
    if not url:
        program = await asyncio.to_thread(find_server)
        return Check("queue", "ok", f"{await asyncio.to_thread(_version_of, program)}, not running now ({program})")
    found = await facts(url)
    told = f"{found.version} at {shown(url)}, {found.clients} clients, {found.memory / 1e6:.0f} MB"
    if found.problems:
        return Check("queue", "problem", f"{told}; {'; '.join(found.problems)}", _mend_queue())
    return Check("queue", "ok", told)


async def _clock(place: Installation) -> Check:
    url = _url_of(place)
    if not place.redis or not url:
        return Check("clock", "ok", "queue and database are on this machine")
    bus = await Bus.connect(url)
    try:
        return skew(await bus.clock() + monotonic_ns() - wall_ns())
    finally:
        await bus.close()


async def _archive(place: Installation) -> Check:
    if place.archive.startswith("file://"):
        folder = Path(place.archive.removeprefix("file://"))
        if _absent(folder):
            return Check("archive", "ok", f"{folder} will be made on first use")
    await Archive.open(place.archive, place.home / "cache").ping()
    return Check("archive", "ok", f"{place.archive} can be written")


def _absent(path: Path) -> bool:
    return not path.exists()


def _url_of(place: Installation) -> str:
    """Return where the queue's server is; nothing when it would be one of our own that does not run."""
    if place.redis:
        return place.redis
    socket = place.home / "valkey.sock"
    return f"unix://{quote(str(socket))}" if socket.exists() else ""


def _mend_queue() -> str:
    return "valkey-cli CONFIG SET appendonly yes, CONFIG SET maxmemory-policy noeviction, then CONFIG REWRITE"


def _version_of(program: str) -> str:
    try:
        ran = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "a server that does not start"
    words = ran.stdout.split()
    version = next((word.removeprefix("v=") for word in words if word.startswith("v=")), "of unknown version")
    return f"{Path(program).name} {version}"

"""Takes the directory of a session that was played elsewhere into a server: unpacked with care, counted from its own log."""

from __future__ import annotations

import asyncio
import re
import shutil
import tarfile
import tempfile
from datetime import datetime
from pathlib import Path

import msgspec

from krawall.archive.archive import Archive
from krawall.clock import wall_ns
from krawall.errors import Conflict, DocumentError, KrawallError, NotFound, Place, TooLarge
from krawall.model.base import NS_PER_S, PICO_PER_USD
from krawall.model.session import Outcome, Session, State, Verdict
from krawall.model.summary import Summary
from krawall.services.aside import aside
from krawall.services.directory import Manifest, SessionDirectory
from krawall.store.store import Store

MOST_UNPACKED = 20_000_000_000  # bytes
_WANTED = re.compile(r"(?:plan\.json|manifest\.json|engine\.log|log/\d+-\d+-\d+\.jsonl(?:\.zst)?|log/\d+-\d+\.sent)")
_ID = re.compile(r"ses_[0-9a-z]{10,40}")


async def take_in(store: Store, archive: Archive, tar: Path, actor: str) -> Session:
    """Take in the tar (or tar.gz) of a session's directory and return the session; only its plan and log are believed.

    Raises:
        DocumentError: it is not one.
        Conflict: the session is here already.
        TooLarge: it unpacks to more than 20 GB.
    """
    with tempfile.TemporaryDirectory(prefix="krawall-") as made:
        folder = Path(made) / "session"
        await asyncio.to_thread(unpack, tar, folder)
        manifest, plan = await asyncio.to_thread(_read, folder)
        await _absent(store, manifest.session)
        place = archive.place(manifest.session)
        if (place / "manifest.json").exists():
            shutil.rmtree(place)  # an earlier try that got no row
        await asyncio.to_thread(shutil.copytree, folder, place, dirs_exist_ok=True)
    summary = msgspec.json.decode(await aside("recount", place), type=Summary)
    await aside("report", place)
    await archive.push(manifest.session)
    session = _session(manifest, summary, actor)
    async with store.begin() as tx:
        kept = await store.sessions.take_in(session, plan, summary=msgspec.json.encode(summary), tx=tx)
        for point in manifest.points:
            await store.ticks.add(session.id, int(point.at_s), msgspec.json.encode(point), tx=tx)
    return kept


async def _absent(store: Store, session: str) -> None:
    try:
        await store.sessions.get(session)
    except NotFound:
        return
    raise Conflict(f"session {session} is here already")


def unpack(tar: Path, folder: Path) -> None:
    """Unpack what a session's directory may hold, and nothing else; one leading directory is taken off.

    Raises:
        DocumentError: it is no tar, or holds no session.
        TooLarge: it is more than MOST_UNPACKED.
    """
    total = 0
    try:
        with tarfile.open(tar, "r:*") as archive:
            for member in archive:
                name = _name(member.name)
                if not member.isreg() or name is None:
                    continue
                total += member.size
                if total > MOST_UNPACKED:
                    raise TooLarge(f"the session unpacks to more than {MOST_UNPACKED:,} bytes")
                source = archive.extractfile(member)
                assert source is not None
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                with open(folder / name, "wb") as file:
                    shutil.copyfileobj(source, file)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise _not_one(f"cannot be unpacked: {error}") from None
    if not (folder / "manifest.json").is_file() or not (folder / "plan.json").is_file():
        raise _not_one("holds no manifest.json and plan.json")


def _name(path: str) -> str | None:
    parts = path.removeprefix("./").split("/")
    for skip in (0, 1):
        if _WANTED.fullmatch(name := "/".join(parts[skip:])):
            return name
    return None


def _read(folder: Path) -> tuple[Manifest, bytes]:
    directory = SessionDirectory(folder)
    try:
        manifest, plan = directory.manifest(), directory.plan()
    except (msgspec.MsgspecError, ValueError, KrawallError) as error:
        raise _not_one(f"cannot be read: {error}") from None
    if not _ID.fullmatch(manifest.session):
        raise _not_one("names a session in a way that is not an id of ours")
    if plan.digest() != manifest.plan_hash:
        raise _not_one("holds another plan than the one that was played")
    return manifest, plan.to_json()


def _not_one(why: str) -> DocumentError:
    return DocumentError("session", [Place("", f"the upload {why}")], hint="pack a directory that `krawall run` wrote")


def _session(manifest: Manifest, summary: Summary, actor: str) -> Session:
    latency = summary.metrics.get("latency")
    started_ns = _ns(manifest.started_at)
    return Session(
        id=manifest.session,
        name=manifest.name,
        scenario=manifest.name,
        target=manifest.target,
        plan_hash=manifest.plan_hash,
        seed=manifest.seed,
        shards=manifest.shards,
        state=State.finished,
        created_ns=started_ns,
        actor=actor,
        outcome=Outcome(summary.outcome),
        verdict=Verdict(summary.verdict),
        exit_code=summary.exit_code,
        reason=summary.reason,
        reason_kind=manifest.reason_kind,
        started_ns=started_ns,
        finished_ns=started_ns + round(summary.duration_s * NS_PER_S),
        conversations=summary.conversations.started,
        turns=summary.turns,
        errors=sum(summary.errors.values()),
        cost_pico=round(summary.cost_usd * PICO_PER_USD),
        p95_ms=latency.p95 if latency is not None and latency.count else None,
    )


def _ns(text: str) -> int:
    try:
        return round(datetime.fromisoformat(text).timestamp() * NS_PER_S)
    except ValueError:
        return wall_ns()

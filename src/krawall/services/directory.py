"""The directory of a session: plan, manifest, ticks, log. Written from the first moment, readable after any end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from krawall.archive.segments import BROKEN, open_segment, segments
from krawall.engine.sent import read_cell
from krawall.errors import NotFound, Unavailable
from krawall.metrics.tally import Tally
from krawall.model.exchange import Exchange, Line
from krawall.model.plan import Plan
from krawall.model.summary import Gap, Generator, Judged, Pause, Point
from krawall.plugins.assemble import read_plan
from krawall.wire.log import Header, LogReader


class Manifest(msgspec.Struct, forbid_unknown_fields=False):
    """What is known of a session besides its lines. `state` other than finished: the session was cut off, or still runs."""

    krawall: str
    session: str
    plan_hash: str
    seed: int
    name: str
    target: str
    started_at: str
    shards: int
    state: str = "starting"
    outcome: str = "failed"
    reason: str = "the session was cut off before its end"
    reason_kind: str = "internal"
    planned: int | None = None
    generator: Generator = msgspec.field(default_factory=Generator)
    windows: dict[str, Judged] = {}
    points: list[Point] = []
    lost: dict[str, int] = {}
    gaps: list[Gap] = []
    pauses: list[Pause] = []


class SessionDirectory:
    """One session's files. Owned by whoever plays or reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, plan: Plan, manifest: Manifest) -> SessionDirectory:
        """Make the directory with plan and manifest.

        Raises:
            Unavailable: it cannot be written, or holds a session already.
        """
        directory = cls(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            if (path / "manifest.json").exists():
                raise Unavailable(f"{path} already holds a session", hint="choose another --out")
            directory.log.mkdir(exist_ok=True)
            directory.write("plan.json", plan.to_json())
            directory.save(manifest)
        except OSError as error:
            raise Unavailable(f"cannot write {path}: {error.strerror}") from None
        return directory

    @classmethod
    def existing(cls, path: Path) -> SessionDirectory:
        """Return the directory of a session that was played.

        Raises:
            NotFound: there is none.
        """
        if not (path / "manifest.json").is_file():
            raise NotFound(f"{str(path)!r} is not the directory of a session: it has no manifest.json")
        return cls(path)

    @property
    def log(self) -> Path:
        """Where the JSONL segments are."""
        return self.path / "log"

    def engine_log(self) -> BinaryIO:
        """Open the file that takes what engine processes print."""
        return open(self.path / "engine.log", "ab")

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all."""
        temporary = self.path / f".{name}.new"
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / name)

    def save(self, manifest: Manifest) -> None:
        """Write the manifest."""
        self.write("manifest.json", msgspec.json.format(msgspec.json.encode(manifest), indent=1))

    def manifest(self) -> Manifest:
        """Return the manifest."""
        return msgspec.json.decode((self.path / "manifest.json").read_bytes(), type=Manifest)

    def plan(self) -> Plan:
        """Return the plan."""
        return read_plan((self.path / "plan.json").read_bytes())

    def segments(self, shard: int | None = None, attempt: int | None = None) -> list[Path]:
        """Return the log's segments in order, of one shard and attempt if asked; plain or compressed, each once."""
        return [
            path
            for key, path in segments(self.log).items()
            if shard in (None, key.shard) and attempt in (None, key.attempt)
        ]

    def lost_in_flight(self, shard: int | None = None, attempt: int | None = None) -> int:
        """Return how many attempts were begun and never reached the log, because their process died; of all if not asked.

        They were in flight, or answered in its last moments.
        """
        lost = 0
        for path in self.log.glob("*-*.sent"):
            of_shard, _, of_attempt = path.stem.partition("-")
            if shard in (None, int(of_shard)) and attempt in (None, int(of_attempt)):
                written = sum(map(_attempts, self.segments(int(of_shard), int(of_attempt))))
                lost += max(0, read_cell(path) - written)
        return lost

    def lines(self, paths: list[Path]) -> Lines:
        """Return a reader over the lines of segments."""
        return Lines(paths)


class Lines:
    """Iterates over the lines of segments; `torn` counts what could not be read, as far as it was read."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self.torn = 0

    def __iter__(self) -> Any:
        for path in self._paths:
            with open_segment(path) as file:
                reader = LogReader(file)
                try:
                    for line in reader:
                        if not isinstance(line, Header):
                            yield line
                except BROKEN:  # the rest of a damaged segment is lost, what stands before it is not
                    self.torn += 1
                self.torn += reader.torn


def count(lines: Lines) -> Tally:
    """Return the tally of lines: the same road that they took when they were live."""
    tally = Tally()
    line: Line
    for line in lines:
        tally.add(line)
    return tally


def _attempts(segment: Path) -> int:
    """Return how many lines of a segment are attempts at the target: not those that our own pace held back."""
    found = 0
    try:
        with open_segment(segment) as file:
            for line in file:
                if line.startswith(b'{"k":"x"') and b'"injected":"pace"' not in line:
                    found += line.endswith(b"\n") or _whole(line)
    except BROKEN:
        pass  # what stands behind the damage is lost
    return found


def _whole(line: bytes) -> bool:
    return any(isinstance(record, Exchange) for record in LogReader([line]))

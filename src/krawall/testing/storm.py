"""Sessions under a storm of `kill -9`, and what must be true afterwards. Used by a short test and by the long run of the bench.

The mock bot's oracle is the witness: every message carries the number of its conversation, turn and session, so each answer
that the bot gave is looked for in the session's log.
"""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from krawall.model.exchange import Exchange
from krawall.services.directory import SessionDirectory
from krawall.testing.installation import Installation

WORKERS = ("worker-1", "worker-2", "worker-3")


def scenario(bot: str, number: int, *, users: int, seconds: int) -> dict[str, Any]:
    """Return a scenario whose every message says which conversation and turn it is."""
    return {
        "name": f"storm {number}",
        "target": {"preset": "mock", "url": f"{bot}/v1/chat/completions", "stream": number % 2 == 0},
        "steps": [
            {
                "loop": 3,
                "steps": [{"message": f"s{number} c{{{{ conversation }}}} t{{{{ turn }}}}"}, {"delay": "200ms"}],
            }
        ],
        "load": {"users": users, "duration": f"{seconds}s"},
        "thresholds": ["rate(errors) < 90%"],
        "seed": number + 1,
    }


@dataclass
class Told:
    """What the storm saw; `problems` is empty when nothing was lost."""

    kills: Counter[str] = field(default_factory=Counter)
    sessions: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    logged: int = 0
    lost_in_flight: int = 0
    lost_counted: int = 0
    events: int = 0
    deliveries: int = 0
    replaced: int = 0
    problems: list[str] = field(default_factory=list)


class Listener:
    """Receives webhooks: event id -> how often."""

    def __init__(self) -> None:
        self.got: Counter[int] = Counter()
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                listener.got[int(body["id"])] += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Listen while the block lasts."""
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()


class Storm:
    """Kills parts of an installation, one after the other, and starts them again. `blows`: name -> kill and restart."""

    def __init__(self, installation: Installation, seed: int, blows: dict[str, Callable[[], None]]) -> None:
        self.installation = installation
        self.told = Told()
        self._dice = Random(seed)
        self._blows = {
            "server": self._server,
            "worker": self._worker,
            "engine": self._engine,
            **blows,
        }

    def strike(self, kind: str = "") -> None:
        """Kill something, or something of that kind."""
        kind = kind or self._dice.choice(sorted(self._blows))
        self._blows[kind]()
        self.told.kills[kind] += 1

    def _server(self) -> None:
        self.installation.kill("server")
        self.installation.start("server")

    def _worker(self) -> None:
        name = self._dice.choice(WORKERS)
        self.installation.kill(name)
        self.installation.start(name)

    def _engine(self) -> None:
        engines = engines_of([self.installation.processes[name].pid for name in WORKERS])
        if engines:
            subprocess.run(["kill", "-9", str(self._dice.choice(engines))], check=False)


def engines_of(workers: list[int]) -> list[int]:
    """Return the engine processes of workers."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) in workers and b"krawall.engine.process" in command:
            found.append(int(status.parent.name))
    return found


def delivered(installation: Installation, sessions: list[str], hooks: Listener) -> bool:
    """Tell whether every event of every session has reached the webhook."""
    wanted = {
        event["id"]
        for session in sessions
        for event in events_of(installation, session)
        if event["type"].startswith("session.")
    }
    return wanted <= set(hooks.got)


def judge(storm: Storm, sessions: list[str], bot: str, archive: Path, hooks: Listener) -> Told:
    """Return what the storm saw, with everything that is not as it must be."""
    installation, told = storm.installation, storm.told
    records = [json.loads(line) for line in installation.client.get(f"{bot}/oracle").text.splitlines()]
    for id in sessions:
        session = installation.get(f"/sessions/{id}")
        told.sessions += 1
        told.outcomes[" ".join(str(session[part]) for part in ("outcome", "verdict", "reason") if session[part])] += 1
        if session["state"] != "finished" or session["outcome"] is None or session["summary"] is None:
            told.problems.append(f"{id} has no defined end: {session['state']}, {session['outcome']}")
            continue
        report = installation.client.get(f"{installation.url}/api/v1/sessions/{id}/report")
        if report.status_code != 200 or b"</html>" not in report.content:
            told.problems.append(f"{id} has no report: {report.status_code}")
        _judge_log(told, id, session, [each for each in records if each["session"] == id], archive)
        _judge_events(told, id, installation, hooks)
    return told


def _judge_log(told: Told, id: str, session: Any, records: list[Any], archive: Path) -> None:
    directory = SessionDirectory(archive / "sessions" / id)
    lines = [line for line in directory.lines(directory.segments()) if isinstance(line, Exchange)]
    sent = [(line.conversation, line.turn, line.attempt, line.user, line.start_ns) for line in lines]
    twice = [key for key, count in Counter(sent).items() if count > 1]
    if twice:
        told.problems.append(f"{id} has {len(twice)} attempts twice in its log, such as {twice[0]}")
    arrived = Counter(each["said"] for each in records)
    answered = Counter(each["said"] for each in records if each["status"] == 200 and each["end"] == "done")
    in_log = Counter(line.said for line in lines)
    with_status = Counter(line.said for line in lines if line.status == 200)
    invented = sum((with_status - arrived).values())
    missing = sum((answered - in_log).values())
    lost = session["summary"]["lost"].get("attempts in flight", 0)
    told.answered += sum(answered.values())
    told.logged += len(lines)
    told.lost_in_flight += missing
    told.lost_counted += lost
    if invented:
        told.problems.append(f"{id} has {invented} answers in its log that the bot never gave")
    if missing > lost:
        told.problems.append(
            f"{id}: {missing} answers are not in its log, and only {lost} are counted as lost in flight"
        )
    if session["summary"]["attempts"] != len(lines):
        told.problems.append(f"{id}: the summary says {session['summary']['attempts']} attempts, its log {len(lines)}")


def events_of(installation: Installation, session: str) -> list[Any]:
    """Return all events of a session in order."""
    found: list[Any] = []
    while page := installation.get(f"/sessions/{session}/events?limit=200&after={found[-1]['number'] if found else 0}")[
        "items"
    ]:
        found += page
    return found


def _judge_events(told: Told, id: str, installation: Installation, hooks: Listener) -> None:
    events = events_of(installation, id)
    numbers = sorted(event["number"] for event in events)
    told.events += len(events)
    told.replaced += sum(event["type"] == "shard.replaced" for event in events)
    if numbers != list(range(1, len(numbers) + 1)):
        told.problems.append(f"{id}: its events are numbered {numbers}")
    wanted = [event["id"] for event in events if event["type"].startswith("session.")]
    missing = [number for number in wanted if number not in hooks.got]
    told.deliveries += len(wanted) - len(missing)
    if missing:
        told.problems.append(f"{id}: events {missing} were never delivered")

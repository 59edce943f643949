"""A whole installation as processes on loopback: server, workers, mock bot. For tests that kill them."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2

from krawall.clock import monotonic_ns
from krawall.testing.warm import warm

PATIENCE_S = 60.0


def free_port() -> int:
    """Return a port of loopback that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Installation:
    """Starts processes in `home` and knows them by name; whoever made it stops it (`with`).

    `database` and `redis` are URLs; empty: the ones that the server makes by itself.
    """

    def __init__(self, home: Path, database: str = "", redis: str = "", **environment: str) -> None:
        self.home = home
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, list[str]] = {}
        self._environment = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "KRAWALL_DATA": str(home)}
        self._environment |= {"KRAWALL_DATABASE": database, "KRAWALL_REDIS": redis, **environment}
        self.url = ""
        self.client = httpx2.Client(timeout=20.0)

    def __enter__(self) -> Installation:
        self.home.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `krawall ARGUMENTS`, its output in `home/NAME.out`; the same name starts the same again."""
        command = self._commands.setdefault(name, list(arguments))
        with open(self.home / f"{name}.out", "ab") as out:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "krawall", *command],
                cwd=self.home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        return self.processes[name]

    def run(self, *arguments: str) -> str:
        """Run `krawall ARGUMENTS` to its end and return what it printed."""
        code, out, err = warm().call(arguments, str(self.home), self._environment, "", 120)
        if code:
            raise subprocess.CalledProcessError(code, arguments, out, err)
        return out

    def serve(self, port: int, *arguments: str) -> None:
        """Start the server on `port` and wait until it is ready."""
        self.url = f"http://127.0.0.1:{port}"
        self.start("server", "serve", "--port", str(port), *arguments)
        self.until(self.ready)

    def bot(self, port: int, *arguments: str) -> str:
        """Start the mock bot and return its address."""
        url = f"http://127.0.0.1:{port}"
        self.start("bot", "mock", "--port", str(port), *arguments)
        self.until(lambda: self._answers(f"{url}/stats"))
        return url

    def behave(self, bot: str, **behaviour: object) -> None:
        """Tell a running mock bot how to behave."""
        self.client.put(f"{bot}/behaviour", json=behaviour).raise_for_status()

    def kill(self, name: str) -> None:
        """Kill a process (SIGKILL) and wait until it is gone."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def freeze(self, name: str) -> None:
        """Stop a process (SIGSTOP), but not in the middle of a change of the database, which would hold everybody up.

        Raises:
            TimeoutError: it was in the middle of one whenever it was stopped.
        """
        self.until(lambda: self._frozen(self.processes[name]))

    def _frozen(self, process: subprocess.Popen[bytes]) -> bool:
        process.send_signal(signal.SIGSTOP)
        with closing(sqlite3.connect(self.home / "krawall.db", timeout=0.2, isolation_level=None)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                return False
        return True

    def ready(self) -> bool:
        """Tell whether the server says that it is ready."""
        return self._answers(f"{self.url}/api/health/ready")

    def _answers(self, url: str) -> bool:
        try:
            return self.client.get(url).status_code == 200
        except httpx2.HTTPError:
            return False

    def get(self, path: str) -> Any:
        """Return the JSON of a GET below /api/v1, asked again while the server is away."""
        return self._call("GET", path, None, {})

    def post(self, path: str, body: object, key: str = "") -> Any:
        """Return the JSON of a POST below /api/v1, asked again while the server is away: give a `key` when that matters."""
        return self._call("POST", path, body, {"Idempotency-Key": key} if key else {})

    def _call(self, method: str, path: str, body: object, headers: dict[str, str]) -> Any:
        ends = monotonic_ns() + PATIENCE_S * 1e9
        while True:
            try:
                answer = self.client.request(method, f"{self.url}/api/v1{path}", json=body, headers=headers)
                if answer.status_code < 500:
                    answer.raise_for_status()
                    return answer.json() if answer.content else None
            except httpx2.TransportError as error:
                if monotonic_ns() > ends:
                    raise TimeoutError(f"{method} {path}: {error}") from None
            if monotonic_ns() > ends:
                raise TimeoutError(f"{method} {path}")
            time.sleep(0.1)

    def until(self, holds: Any, seconds: float = PATIENCE_S) -> None:
        """Wait until `holds()` is true.

        Raises:
            TimeoutError: it was not within `seconds`; says what the processes printed last.
        """
        ends = monotonic_ns() + seconds * 1e9
        while not holds():
            if monotonic_ns() > ends:
                raise TimeoutError(self.said())
            time.sleep(0.05)

    def finished(self, session: str, seconds: float = 120.0) -> Any:
        """Wait for the end of a session and return it."""
        found: dict[str, Any] = {}

        def over() -> bool:
            found.update(self.get(f"/sessions/{session}"))
            return bool(found["state"] == "finished")

        self.until(over, seconds)
        return found

    def said(self, most: int = 3000) -> str:
        """Return the last words of every process."""
        files = sorted(self.home.glob("*.out"))
        return "\n".join(f"--- {file.name}\n{file.read_bytes()[-most:].decode('utf-8', 'replace')}" for file in files)


def furnish(made: Installation) -> str:
    """Give an installation that serves a mock bot, the target `Support bot` and the scenario `Late parcel`; return the bot's address.

    A twentieth of the bot's answers are errors. The scenario lasts ten minutes, so it ends when somebody ends it.
    """
    bot = made.bot(free_port())
    made.behave(bot, first_token="20ms", gap="2ms", tokens="10", errors={"500": 0.05})
    body = {"preset": "mock", "url": f"{bot}/v1/chat/completions", "stream": True}
    made.post("/targets", {"name": "Support bot", "body": body})
    scenario = {
        "name": "Late parcel",
        "steps": [{"message": "My parcel is late."}, {"message": "Where is it now?"}],
        "load": {"users": 2, "duration": "10m"},
        "thresholds": ["p95(latency) < 5s"],
        "budget": {"cost": "$2"},
    }
    made.post("/scenarios", {"name": "Late parcel", "body": scenario})
    return bot

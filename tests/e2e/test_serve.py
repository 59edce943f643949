"""`krawall serve`: ready, over in order, refusals that say the way out, and a worker that outlives a kill of its server."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from krawall.cli.locks import WORKER, Holder, holder_of
from krawall.testing.commands import krawall
from krawall.testing.installation import Installation

STEPS = [{"message": "What is {{ turn }} plus 4?"}, {"message": "Thank you."}]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path / "data") as made:
        yield made


def serve(home: Installation, name: str = "server", *arguments: str) -> str:
    """Start a server on a free port and return its address once it says that it is ready."""
    home.start(name, "serve", "--port", "0", *arguments)
    out = home.home / f"{name}.out"
    before = len(re.findall(rb"serves on (\S+)", out.read_bytes()))
    home.until(lambda: len(re.findall(rb"serves on (\S+)", out.read_bytes())) > before)
    home.url = re.findall(rb"serves on (\S+)", out.read_bytes())[-1].decode()
    return home.url


def worker_of(home: Installation, besides: int = 0) -> Holder:
    """Wait for the server's worker, another one than that of process `besides`, and return who it is."""
    found: list[Holder] = []

    def there() -> bool:
        holder = holder_of(home.home / WORKER)
        if holder is not None and holder.pid not in (0, besides):
            found.append(holder)
        return bool(found)

    home.until(there)
    return found[0]


def ready_workers(home: Installation) -> list[dict[str, object]]:
    return [one for one in home.get("/workers")["items"] if one["alive"] and one["state"] == "ready"]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def start_session(home: Installation, bot: str, **load: object) -> str:
    target = {"preset": "mock", "url": f"{bot}/v1/chat/completions"}
    scenario = {"name": "Sums", "target": target, "steps": STEPS, "load": load}
    return str(home.post("/sessions", {"scenario": scenario})["id"])


def test_a_server_is_ready_with_a_worker_and_leaves_nothing_behind(home: Installation) -> None:
    url = serve(home)
    assert httpx2.get(f"{url}/api/health/live").status_code == 200
    home.until(lambda: ready_workers(home) != [])
    worker = worker_of(home)
    assert worker.orphan is False
    home.processes["server"].send_signal(signal.SIGINT)
    assert home.processes["server"].wait(60) == 0, home.said()
    assert holder_of(home.home / WORKER) is None
    assert is_gone(worker.pid)
    assert holder_of(home.home / "valkey" / "lock") is None, "the Valkey server of the data directory has ended too"
    assert "Traceback" not in home.said()


def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = krawall("serve", "--port", port, "--data", tmp_path / "data", cwd=tmp_path)
        looked = krawall("doctor", "--port", port, "--data", tmp_path / "data", "--json", cwd=tmp_path)
    assert ran.code == 70
    assert f"127.0.0.1:{port}" in ran.err
    assert "--port 0" in ran.err
    assert looked.code == 2
    assert {check["name"]: check["state"] for check in looked.json["checks"]}["port"] == "problem"


def test_others_are_let_in_only_when_there_is_an_account(home: Installation, tmp_path: Path) -> None:
    place = ("--data", home.home)
    ran = krawall("serve", "--host", "0.0.0.0", "--port", "0", "--no-worker", *place, cwd=tmp_path)
    assert ran.code == 2, ran.err
    assert f"krawall users create NAME --role admin --data {home.home}" in ran.err.replace("\n", " ")
    made = subprocess.run(
        [sys.executable, "-m", "krawall", "users", "create", "ann", "--role", "admin", *map(str, place)],
        input="correct horse battery staple\n", text=True, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    token = krawall("tokens", "create", "ci", *place, cwd=tmp_path).out.strip()
    url = serve(home, "server", "--host", "0.0.0.0", "--no-worker").replace("0.0.0.0", "127.0.0.1")
    refused = krawall("sessions", "list", "--server", url, cwd=tmp_path)
    assert refused.code == 2
    assert "KRAWALL_TOKEN" in refused.err or "log in" in refused.err
    assert krawall("sessions", "list", "--server", url, "--json", cwd=tmp_path, KRAWALL_TOKEN=token).json == []
    (tmp_path / "token").write_text(token)
    allowed = krawall("targets", "list", "--server", url, "--token-file", tmp_path / "token", "--json", cwd=tmp_path)
    assert allowed.json == []
    assert token not in home.said()


def test_a_worker_that_dies_is_replaced(home: Installation) -> None:
    serve(home)
    first = worker_of(home)
    home.until(lambda: ready_workers(home) != [])
    os.kill(first.pid, signal.SIGKILL)
    second = worker_of(home, besides=first.pid)
    assert second.pid != first.pid
    home.until(lambda: any(one["pid"] == second.pid for one in ready_workers(home)))
    assert "SIGKILL" in home.said()


def test_a_queue_that_dies_comes_back(home: Installation, bots) -> None:
    serve(home)
    home.until(lambda: ready_workers(home) != [])
    first = int((home.home / "valkey" / "pid").read_text())
    os.kill(first, signal.SIGKILL)
    session = start_session(home, bots(latency="2ms", tokens="5"), users=1, conversations=2)
    assert home.finished(session)["summary"]["conversations"]["completed"] == 2
    assert int((home.home / "valkey" / "pid").read_text()) != first


def test_the_worker_of_a_killed_server_goes_on_and_is_adopted(home: Installation, bots) -> None:
    bot = bots(latency="310ms", tokens="5")
    serve(home)
    worker = worker_of(home)
    session = start_session(home, bot, users=2, conversations=16)
    home.until(lambda: home.get(f"/sessions/{session}")["turns"] > 0)
    # Slowly from here on, so that it lasts until the next server is there, however slow the machine.
    home.behave(bot, latency="8s", tokens="5")
    home.kill("server")
    home.until(lambda: (holder_of(home.home / WORKER) or Holder()).orphan)
    serve(home, "second")
    assert worker_of(home).pid == worker.pid, "it goes on under another server"
    home.behave(bot, latency="310ms", tokens="5")
    done = home.finished(session)
    assert (done["outcome"], done["summary"]["conversations"]["completed"]) == ("completed", 16)
    fresh = worker_of(home, besides=worker.pid)
    assert fresh.pid != worker.pid, "it leaves when it is idle, and its place is taken"
    assert f"process {worker.pid}" in home.said()
    again = start_session(home, bot, users=1, conversations=1)
    assert home.finished(again)["outcome"] == "completed"


def test_two_servers_share_a_worker_and_only_its_own_ends_it(home: Installation) -> None:
    serve(home)
    worker = worker_of(home)
    serve(home, "second")
    home.processes["second"].terminate()
    assert home.processes["second"].wait(60) == 0
    assert holder_of(home.home / WORKER) == worker
    assert holder_of(home.home / "valkey" / "lock") is not None, "the first one still needs it"


def test_open_streams_end_when_the_server_does(home: Installation, bots) -> None:
    url = serve(home)
    session = start_session(home, bots(latency="200ms", tokens="5"), users=1, duration="60s")
    began, ended = threading.Event(), threading.Event()

    def read() -> None:
        with httpx2.stream("GET", f"{url}/api/v1/sessions/{session}/stream", timeout=60) as answer:
            for _ in answer.iter_bytes():
                began.set()
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert began.wait(30)
    home.processes["server"].terminate()
    assert ended.wait(4), "before the grace of the web server is over"
    reader.join()
    assert home.processes["server"].wait(90) == 0, home.said()


def test_twice_is_at_once(home: Installation, bots) -> None:
    serve(home)
    worker = worker_of(home)
    session = start_session(home, bots(latency="20s", tokens="5"), users=1, conversations=1)
    home.until(lambda: (home.get(f"/sessions/{session}")["picture"] or {}).get("in_flight", 0) > 0)
    home.processes["server"].send_signal(signal.SIGINT)
    out = home.home / "server.out"
    home.until(lambda: b"once more" in out.read_bytes())
    home.processes["server"].send_signal(signal.SIGINT)
    home.processes["server"].wait(15)
    home.until(lambda: is_gone(worker.pid))


def test_a_worker_alone_takes_jobs_and_leaves_in_order(home: Installation, bots) -> None:
    serve(home, "server", "--no-worker")
    assert holder_of(home.home / WORKER) is None
    home.start("worker", "worker", "--name", "far-away", "--engines", "1")
    home.until(lambda: [one["id"] for one in ready_workers(home)] == ["far-away"])
    session = start_session(home, bots(latency="2ms", tokens="5"), users=1, conversations=2)
    assert home.finished(session)["outcome"] == "completed"
    home.processes["worker"].terminate()
    assert home.processes["worker"].wait(60) == 0, home.said()
    home.until(lambda: ready_workers(home) == [])
    assert holder_of(home.home / "valkey" / "lock") is not None, "the server still needs it"

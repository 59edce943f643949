"""Many machines on one: workers in three network namespaces, server, PostgreSQL and Valkey in a fourth.

    sudo .venv/bin/python bench/hosts.py            cut one worker's link for 15 s in mid-session
    sudo .venv/bin/python bench/hosts.py --scale    one worker, then two, side by side

Needs root and iproute2. The namespaces are called kr-*, and are removed afterwards. Each worker has a mock bot on its own
loopback, so the target stays reachable: what is cut is the line to queue and database, as when a switch dies between racks.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from krawall.model.exchange import Exchange
from krawall.queue.valkey import find_server
from krawall.services.directory import SessionDirectory
from krawall.testing.databases import postgres_server
from krawall.testing.installation import Installation
from krawall.testing.storm import events_of

HUB, WORKERS = "kr-hub", ("kr-w1", "kr-w2", "kr-w3")
CONTROL = "10.77.0"
BOT = "http://127.0.0.1:8010"
USERS, SECONDS, CUT_AT_S, CUT_S = 30, 75, 20, 15
LATENCY = {"cut": "50ms", "scale": "0"}


def ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=not check)


def lay() -> None:
    """Make the namespaces, a bridge in the hub, and a line from each worker to it."""
    remove()
    ip("netns", "add", HUB)
    ip("-n", HUB, "link", "set", "lo", "up")
    ip("-n", HUB, "link", "add", "control", "type", "bridge")
    ip("-n", HUB, "addr", "add", f"{CONTROL}.1/24", "dev", "control")
    ip("-n", HUB, "link", "set", "control", "up")
    for number, name in enumerate(WORKERS, 2):
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", HUB, "link", "add", f"c{number}", "type", "veth", "peer", "name", "control", "netns", name)
        ip("-n", HUB, "link", "set", f"c{number}", "master", "control", "up")
        ip("-n", name, "addr", "add", f"{CONTROL}.{number}/24", "dev", "control")
        ip("-n", name, "link", "set", "control", "up")


def remove() -> None:
    for name in (HUB, *WORKERS):
        ip("netns", "del", name, check=False)


class Hosts(Installation):
    """An installation whose workers live in namespaces of their own."""

    def within(self, namespace: str, name: str, *command: str) -> None:
        """Start a command in a namespace."""
        environment = {**self._environment, "KRAWALL_DATA": str(self.home / namespace)}
        (self.home / namespace).mkdir(exist_ok=True)
        with open(self.home / f"{name}.out", "ab") as out:
            whole = ["ip", "netns", "exec", namespace, sys.executable, "-m", "krawall", *command]
            self.processes[name] = subprocess.Popen(whole, env=environment, stdout=out, stderr=out)

    def worker(self, namespace: str) -> None:
        """Start a mock bot and a worker of one engine."""
        self.within(namespace, f"bot-{namespace}", "mock", "--behaviour", str(self.home / "bot.json"))
        self.within(namespace, namespace, "worker", "--name", namespace, "--engines", "1")

    def oracle(self, namespace: str) -> list[dict[str, Any]]:
        """Return what the bot of a namespace saw."""
        ask = f"import urllib.request as u; print(u.urlopen('{BOT}/oracle').read().decode())"
        done = subprocess.run(
            ["ip", "netns", "exec", namespace, sys.executable, "-c", ask], capture_output=True, text=True, check=True
        )
        return [json.loads(line) for line in done.stdout.splitlines() if line]


def cut(hosts: Hosts) -> dict[str, Any]:
    """Play with three workers, cut the control line of the one that plays shard 1, and see what each did."""
    scenario = {
        "name": "hosts",
        "target": {"preset": "mock", "url": f"{BOT}/v1/chat/completions"},
        "steps": [{"loop": 5, "steps": [{"message": "c{{ conversation }} t{{ turn }}"}, {"delay": "100ms"}]}],
        "load": {"users": USERS, "duration": f"{SECONDS}s"},
    }
    id = hosts.post("/sessions", {"scenario": scenario, "shards": 3})["id"]
    hosts.until(lambda: hosts.get(f"/sessions/{id}")["state"] == "running")
    began = time.monotonic()
    time.sleep(CUT_AT_S)
    victim = {shard["number"]: shard["worker"] for shard in shards_of(hosts, id)}[1]
    ip("-n", victim, "link", "set", "control", "down")
    cut_at, cut_s = time.monotonic_ns(), time.monotonic() - began
    time.sleep(CUT_S)
    ip("-n", victim, "link", "set", "control", "up")
    done = hosts.finished(id, 240)
    seen = {name: hosts.oracle(name) for name in WORKERS}
    after = [record["received_ns"] for record in seen[victim] if record["received_ns"] > cut_at]
    blind = [at for at in after if at < cut_at + CUT_S * 1e9]
    directory = SessionDirectory(hosts.home / "archive" / "sessions" / id)
    logged = sum(isinstance(line, Exchange) for line in directory.lines(directory.segments()))
    return {
        "session": id, "outcome": done["outcome"], "verdict": done["verdict"], "cut at s": round(cut_s, 1), "victim": victim,
        "the victim sent its last message s after the cut": round((max(blind) - cut_at) / 1e9, 2) if blind else 0.0,
        "messages it sent in that time": len(blind), "segments": [path.name for path in directory.segments()],
        "gaps": done["summary"].get("gaps"), "lost": done["summary"]["lost"],
        "events": [event["type"] for event in events_of(hosts, id)],
        "answered by the bots": sum(record["status"] == 200 for records in seen.values() for record in records),
        "attempts in summary and log": [done["summary"]["attempts"], logged],
        "report names the gap": b"Gaps and pauses" in hosts.client.get(f"{hosts.url}/api/v1/sessions/{id}/report").content,
    }  # fmt: skip


def shards_of(hosts: Hosts, id: str) -> list[dict[str, Any]]:
    """Which worker plays what, from their heartbeats."""
    found = []
    for worker in hosts.get("/workers")["items"]:
        for what in worker["playing"]:
            if what.startswith(f"{id} shard "):
                found.append({"number": int(what.rpartition(" ")[2]), "worker": worker["id"]})
    return found


def scale(hosts: Hosts, workers: int) -> dict[str, Any]:
    """Throughput of a closed load without pauses, over `workers` workers of one engine each."""
    scenario = {
        "name": f"scale {workers}", "target": {"preset": "mock", "url": f"{BOT}/v1/chat/completions"},
        "steps": [{"loop": 10, "steps": [{"message": "hello {{ turn }}"}]}],
        "load": {"users": 64, "duration": "20s", "warm-up": "4s"}, "budget": {"cost": "50 USD", "tokens": "50M"},
    }  # fmt: skip
    id = hosts.post("/sessions", {"scenario": scenario, "shards": workers})["id"]
    done = hosts.finished(id, 180)
    rates, generator = done["summary"]["rates"], done["summary"]["generator"]
    return {
        "workers": workers,
        "turns per s": round(rates["turns_per_s"]),
        "engine cpu": generator["cpu"],
        "why": generator["why"],
    }


def inside(what: str) -> None:
    with tempfile.TemporaryDirectory(prefix="krawall-hosts-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        hba = home / "hba.conf"
        hba.write_text(f"local all all trust\nhost all all {CONTROL}.0/24 trust\nhost all all 127.0.0.1/32 trust\n")
        valkey = subprocess.Popen(
            [find_server(), "--bind", f"{CONTROL}.1", "--port", "6390", "--protected-mode", "no", "--appendonly", "yes",
             "--maxmemory-policy", "noeviction", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with (
                postgres_server(f"listen_addresses={CONTROL}.1", f"hba_file={hba}") as postgres,
                postgres.database() as url,
            ):
                database = f"postgresql://postgres@{CONTROL}.1/{url.rpartition('?')[0].rpartition('/')[2]}"
                with Hosts(
                    home / "krawall", database, f"redis://{CONTROL}.1:6390/0", KRAWALL_ARCHIVE=f"file://{home}/krawall/archive",
                    KRAWALL_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
                ) as hosts:  # fmt: skip
                    (hosts.home / "bot.json").write_text(
                        json.dumps({"oracle": what == "cut", "latency": LATENCY[what]})
                    )
                    hosts.run("migrate")
                    hosts.serve(8600, "--no-worker")
                    for name in WORKERS:
                        hosts.worker(name)
                    hosts.until(lambda: len(hosts.get("/workers")["items"]) == len(WORKERS))
                    if what == "cut":
                        print(json.dumps(cut(hosts), indent=1))
                    else:
                        for workers in (1, 2, 1, 2):
                            print(json.dumps(scale(hosts, workers)), flush=True)
        finally:
            valkey.terminate()
            valkey.wait()


def main() -> None:
    what = "scale" if "--scale" in sys.argv else "cut"
    if "--inside" in sys.argv:
        inside(what)
        return
    lay()
    try:
        subprocess.run(
            ["ip", "netns", "exec", HUB, sys.executable, __file__, "--inside", f"--{what}"], check=True, env=os.environ
        )
    finally:
        remove()


if __name__ == "__main__":
    main()

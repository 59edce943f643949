"""A short storm of kill -9 over a server, three workers, their engines and Valkey; `bench/storm.py` is the long one."""

from __future__ import annotations

import json
from pathlib import Path

from krawall.testing.installation import Installation, free_port
from krawall.testing.storm import WORKERS, Listener, Storm, delivered, judge, scenario
from krawall.testing.valkeys import ValkeyServer, valkey_server


def test_sessions_under_a_storm_of_kills_lose_nothing_that_is_not_counted(tmp_path: Path):
    with (
        valkey_server() as valkey,
        Listener().listening() as hooks,
        Installation(tmp_path, "", valkey.url, KRAWALL_PRIVATE_WEBHOOKS="true") as place,
    ):
        bot = place.bot(free_port())
        place.behave(bot, oracle=True, latency="60ms", first_token="20ms", gap="4ms")
        place.serve(free_port(), "--no-worker")
        for name in WORKERS:
            place.start(name, "worker", "--name", name, "--engines", "2")
        place.until(lambda: len(place.get("/workers")["items"]) == len(WORKERS))
        place.post("/webhooks", {"name": "storm", "body": {"name": "storm", "url": hooks.url, "events": ["session.*"]}})
        sessions = [
            place.post("/sessions", {"scenario": scenario(bot, number, users=4, seconds=20), "shards": 2})["id"]
            for number in range(2)
        ]
        storm = Storm(place, 1, {})
        for blow in ("engine", "server", "worker", "valkey", "engine"):
            turns = played(place, sessions)
            place.until(lambda before=turns: played(place, sessions) > before + 10 or over(place, sessions))
            strike(storm, blow, valkey)
        for id in sessions:
            place.finished(id, 180)
        place.until(lambda: delivered(place, sessions, hooks))
        told = judge(storm, sessions, bot, tmp_path / "archive", hooks)
        assert told.problems == [], json.dumps(vars(told), indent=1) + place.said()
        assert told.answered > 100
        assert told.replaced > 0


def strike(storm: Storm, blow: str, valkey: ValkeyServer) -> None:
    if blow == "valkey":
        valkey.kill()
        valkey.start()
    else:
        storm.strike(blow)


def played(place: Installation, sessions: list[str]) -> int:
    return sum(place.get(f"/sessions/{id}")["turns"] for id in sessions)


def over(place: Installation, sessions: list[str]) -> bool:
    return all(place.get(f"/sessions/{id}")["state"] == "finished" for id in sessions)


def test_a_worker_that_leaves_in_order_hands_over_and_loses_nothing(tmp_path: Path):
    with valkey_server() as valkey, Installation(tmp_path, "", valkey.url) as place:
        bot = place.bot(free_port())
        place.behave(bot, oracle=True, latency="30ms")
        place.serve(free_port(), "--no-worker")
        for name in ("one", "two"):
            place.start(name, "worker", "--name", name, "--engines", "2")
        place.until(lambda: len(place.get("/workers")["items"]) == 2)
        body = scenario(bot, 1, users=4, seconds=15)
        id = place.post("/sessions", {"scenario": body, "shards": 2})["id"]
        place.until(lambda: played(place, [id]) > 20)
        leaving = next(worker["id"] for worker in place.get("/workers")["items"] if worker["playing"])
        place.processes[leaving].terminate()
        done = place.finished(id)
        assert place.processes[leaving].wait(30) == 0
        assert done["outcome"] == "completed"
        assert done["summary"]["lost"].get("attempts in flight", 0) == 0
        answered = int(place.client.get(f"{bot}/stats").json()["by_status"]["200"])
        assert done["summary"]["attempts"] == answered

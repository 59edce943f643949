"""Nothing lost: a hundred kill -9s at random, over server, workers, engines, Valkey and PostgreSQL, while sessions play.

    .venv/bin/python bench/storm.py [--kills 100] [--seed 1] [--sqlite]

Takes about 12 minutes for 100. Ends with the counts, and exit code 1 when anything was lost.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

from krawall.testing.databases import postgres_server
from krawall.testing.installation import Installation
from krawall.testing.storm import WORKERS, Listener, Storm, delivered, judge, scenario
from krawall.testing.valkeys import valkey_server


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--kills", type=int, default=100)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--sqlite", action="store_true")
    given = arguments.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="krawall-storm-")))
        valkey = stack.enter_context(valkey_server())
        postgres = None if given.sqlite else stack.enter_context(postgres_server())
        database = "" if postgres is None else stack.enter_context(postgres.database())
        place = stack.enter_context(
            Installation(folder, database, valkey.url, KRAWALL_PRIVATE_WEBHOOKS="true", KRAWALL_LOG_FORMAT="text")
        )
        hooks = stack.enter_context(Listener().listening())
        bot = place.bot(8019)
        place.behave(bot, oracle=True, latency="60ms", first_token="20ms", gap="4ms")
        place.run("migrate")
        place.serve(8619, "--no-worker")
        for name in WORKERS:
            place.start(name, "worker", "--name", name, "--engines", "3")
        place.until(lambda: len(place.get("/workers")["items"]) == len(WORKERS))
        place.post("/webhooks", {"name": "storm", "body": {"name": "storm", "url": hooks.url, "events": ["session.*"]}})

        def restart_valkey() -> None:
            valkey.kill()
            valkey.start()

        blows = {"valkey": restart_valkey}
        if postgres is not None:

            def restart_postgres() -> None:
                postgres.kill()
                postgres.start()

            blows["postgres"] = restart_postgres
        storm = Storm(place, given.seed, blows)
        sessions = play(place, bot, storm, given.kills, Random(given.seed))
        for id in sessions:
            place.finished(id, 240)
        with contextlib.suppress(TimeoutError):
            place.until(lambda: delivered(place, sessions, hooks), 90)
        told = judge(storm, sessions, bot, folder / "archive", hooks)
        print(json.dumps({**vars(told), "kills in all": sum(told.kills.values())}, indent=1))
        if told.problems:
            (Path(tempfile.gettempdir()) / "krawall-storm.out").write_text(place.said(200_000))
        return 1 if told.problems else 0


def play(place: Installation, bot: str, storm: Storm, kills: int, dice: Random) -> list[str]:
    """Keep three sessions going, and strike every few seconds."""
    sessions: list[str] = []
    for blow in range(kills):
        going = [id for id in sessions[-6:] if place.get(f"/sessions/{id}")["state"] != "finished"]
        while len(going) < 3:
            number = len(sessions)
            body = scenario(bot, number, users=dice.randint(3, 9), seconds=dice.randint(15, 45))
            id = place.post("/sessions", {"scenario": body, "shards": dice.randint(1, 3)}, key=f"storm {number}")["id"]
            sessions.append(id)
            going.append(id)
        time.sleep(dice.uniform(2.0, 7.0))
        storm.strike()
        print(f"{blow + 1}: {dict(storm.told.kills)}, sessions {len(sessions)}", file=sys.stderr, flush=True)
    return sessions


if __name__ == "__main__":
    sys.exit(main())

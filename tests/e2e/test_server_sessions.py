"""A server, its worker and the mock bot as processes: a session from its request to its last byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from krawall.clock import monotonic_ns
from krawall.model.exchange import Exchange
from krawall.services.directory import SessionDirectory
from krawall.testing.commands import krawall
from krawall.testing.installation import Installation, free_port

CANARY = "canary-9f4e2b7a51c34d"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("home")) as installation:
        installation.bot_url = installation.bot(free_port())  # type: ignore[attr-defined]
        installation.serve(free_port(), "--engines", "3")
        installation.until(lambda: installation.get("/workers")["items"])
        yield installation


@pytest.fixture
def bot(place: Installation) -> str:
    url: str = place.bot_url  # type: ignore[attr-defined]
    place.client.post(f"{url}/reset")
    place.behave(url, oracle=True, latency="20ms", first_token="10ms", gap="2ms")
    return url


def scenario(bot: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "one",
        "target": {"preset": "mock", "url": f"{bot}/v1/chat/completions"},
        "vars": {"city": {"any of": ["Lyon", "Kyoto", "Hamburg"]}},
        "steps": [
            {"message": "I am in {{ city }}, {{ rng.text(8) }}"},
            {"message": "turn {{ turn }} of {{ conversation }}"},
        ],
        "load": {"users": 3, "conversations": 12},
        "thresholds": ["rate(errors) < 1%", "p95(latency) < 20s"],
        "seed": 11,
        **more,
    }


def texts(place: Installation, session: str) -> list[tuple[int, int, str]]:
    directory = SessionDirectory(place.home / "archive" / "sessions" / session)
    lines = directory.lines(directory.segments())
    return sorted((line.conversation, line.turn, line.said) for line in lines if isinstance(line, Exchange))


def test_a_session_of_the_server_ends_as_one_of_the_command_line_with_the_same_plan(place, bot, tmp_path):
    started = place.post("/sessions", {"scenario": scenario(bot), "shards": 2})
    done = place.finished(started["id"])
    (tmp_path / "one.yaml").write_text(json.dumps(scenario(bot)))
    alone = krawall("run", "one.yaml", "--json", "--out", "alone", cwd=tmp_path).json
    theirs = done["summary"]
    for same in (
        "plan_hash",
        "seed",
        "outcome",
        "turns",
        "attempts",
        "errors",
        "tokens",
        "cost_usd",
        "conversations",
        "checks",
    ):
        assert theirs[same] == alone[same], same
    assert [judged["text"] for judged in theirs["thresholds"]] == [judged["text"] for judged in alone["thresholds"]]
    own = SessionDirectory(tmp_path / "alone")
    said = [line for line in own.lines(own.segments()) if isinstance(line, Exchange)]
    assert texts(place, started["id"]) == sorted((line.conversation, line.turn, line.said) for line in said)


def test_a_repeated_request_starts_one_session(place, bot):
    body = {"scenario": scenario(bot)}
    first, second = (place.post("/sessions", body, key="once")["id"] for _ in range(2))
    assert first == second
    place.finished(first)


def test_restart_plays_the_same_texts_in_a_new_session(place, bot):
    first = place.post("/sessions", {"scenario": scenario(bot)})["id"]
    place.finished(first)
    second = place.post(f"/sessions/{first}/restart", {})
    assert second["restart_of"] == first
    place.finished(second["id"])
    assert texts(place, second["id"]) == texts(place, first) != []


def test_cancel_stops_sending_within_a_second_on_every_shard(place, bot):
    body = scenario(bot, load={"users": 12, "duration": "60s"}, steps=[{"message": "on and on {{ turn }}"}])
    id = place.post("/sessions", {"scenario": body, "shards": 3})["id"]
    place.until(lambda: place.get(f"/sessions/{id}")["turns"] > 50)
    asked_ns = monotonic_ns()  # the clock of the bot too
    place.post(f"/sessions/{id}/cancel", {})
    done = place.finished(id)
    assert (done["state"], done["outcome"], done["exit_code"]) == ("finished", "cancelled", 22)
    last_ns = max(record["received_ns"] for record in _oracle(place, bot) if record["session"] == id)
    assert (last_ns - asked_ns) / 1e9 < 1.0


def test_pause_resume_and_a_change_of_users_reach_the_shards(place, bot):
    body = scenario(bot, load={"users": 2, "duration": "25s"}, steps=[{"message": "m{{ turn }}"}, {"delay": "20ms"}])
    id = place.post("/sessions", {"scenario": body, "shards": 2})["id"]
    place.until(lambda: place.get(f"/sessions/{id}")["turns"] > 10)
    place.post(f"/sessions/{id}/pause", {})
    place.until(lambda: _picture(place, id)["in_flight"] == 0)
    before = _sent(place, bot)
    place.until(lambda: monotonic_ns() > _last_ns(place, bot) + 2e9)
    assert _sent(place, bot) - before <= 2  # what was on its way when the pause came
    place.post(f"/sessions/{id}/adjust", {"users": 9})
    place.post(f"/sessions/{id}/resume", {})
    place.until(lambda: _picture(place, id)["users"] == 9)
    place.post(f"/sessions/{id}/stop", {})
    done = place.finished(id)
    assert done["outcome"] == "cancelled"
    types = [event["type"] for event in place.get(f"/sessions/{id}/events")["items"]]
    wanted = ["session.queued", "session.started", "session.paused", "session.adjusted", "session.resumed"]
    assert [kind for kind in types if kind in wanted] == wanted


def test_a_secret_is_nowhere_but_where_it_is_sent(place, bot):
    place.behave(bot, oracle=True, api_key=CANARY, latency="5ms")
    answer = place.client.put(f"{place.url}/api/v1/credentials/BOT_KEY", json={"value": CANARY, "note": "for the bot"})
    assert answer.status_code == 204
    target = {"preset": "mock", "url": f"{bot}/v1/chat/completions", "auth": {"bearer": "${BOT_KEY}"}}
    id = place.post("/sessions", {"scenario": scenario(bot), "target": target})["id"]
    done = place.finished(id)
    assert (done["errors"], done["turns"]) == (0, 24)
    answers = [
        place.client.get(f"{place.url}/api/v1{path}").content
        for path in (
            "/credentials", f"/sessions/{id}", f"/sessions/{id}/plan", f"/sessions/{id}/messages", f"/sessions/{id}/events",
            f"/sessions/{id}/report", f"/sessions/{id}/export?what=messages&format=jsonl", "/audit", "/settings", "/workers",
        )
    ]  # fmt: skip
    assert [number for number, content in enumerate(answers) if CANARY.encode() in content] == []
    # Compaction writes files and takes others away; what it leaves is what there is to search.
    place.until(lambda: all(each["compacted"] for each in place.get("/sessions?limit=100")["items"]))
    assert [path for path in files(place.home) if CANARY.encode() in path.read_bytes()] == []


def files(home: Path) -> list[Path]:
    """Every file of an installation: database with its journal, queue, archive, logs."""
    return [path for path in home.rglob("*") if path.is_file()]


def _oracle(place: Installation, bot: str) -> list[Any]:
    return [json.loads(line) for line in place.client.get(f"{bot}/oracle").text.splitlines()]


def _sent(place: Installation, bot: str) -> int:
    return int(place.client.get(f"{bot}/stats").json()["requests"])


def _last_ns(place: Installation, bot: str) -> int:
    return int(place.client.get(f"{bot}/stats").json()["t_last"])


def _picture(place: Installation, id: str) -> Any:
    return place.get(f"/sessions/{id}")["picture"] or {"in_flight": -1, "users": -1}

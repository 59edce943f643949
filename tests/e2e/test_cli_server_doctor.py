"""`krawall doctor`, `migrate` and `settings` on real directories, databases and queues."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from krawall.services.doctor import skew
from krawall.testing.commands import Ran, krawall
from krawall.testing.installation import Installation
from krawall.testing.valkeys import valkey_server


def states(ran: Ran) -> dict[str, str]:
    return {check["name"]: check["state"] for check in ran.json["checks"]}


def detail(ran: Ran, name: str) -> str:
    return next(str(check["detail"]) for check in ran.json["checks"] if check["name"] == name)


def test_a_machine_without_a_server_is_fine_and_stays_as_it_is(tmp_path: Path) -> None:
    ran = krawall("doctor", "--port", "0", "--data", tmp_path / "data", "--json", cwd=tmp_path)
    assert ran.code == 0, ran.out
    assert set(states(ran).values()) <= {"ok", "warning"}
    assert list(states(ran)) == [
        "python", "packages", "data directory", "disk", "open files", "keys", "port", "database", "queue", "clock",
        "archive", "chromium",
    ]  # fmt: skip
    assert "not running" in detail(ran, "queue")
    assert not (tmp_path / "data").exists(), "it looks, and makes nothing"


def test_a_running_server_is_seen_from_within(tmp_path: Path) -> None:
    with Installation(tmp_path / "data") as home:
        home.start("server", "serve", "--port", "0", "--no-worker")
        out = home.home / "server.out"
        home.until(lambda: b"serves on" in out.read_bytes())
        found = re.search(rb"serves on \S+:(\d+)", out.read_bytes())
        assert found
        ran = krawall("doctor", "--port", found[1].decode(), "--data", home.home, "--json", cwd=tmp_path)
        assert ran.code == 0, ran.out
        assert detail(ran, "port").startswith("a Krawall server answers")
        assert "up to date" in detail(ran, "database")
        assert "clients" in detail(ran, "queue")
        (home.home / "keys.json").chmod(0o644)
        open_keys = krawall("doctor", "--port", "0", "--data", home.home, cwd=tmp_path)
        assert open_keys.code == 2
        assert "chmod 600" in open_keys.out
        assert "1 problem" in open_keys.out


def test_a_queue_that_would_lose_jobs_is_a_problem(tmp_path: Path) -> None:
    with valkey_server(tcp=True) as server:
        place = ("--redis", server.url, "--data", tmp_path / "data", "--port", "0", "--json")
        fine = krawall("doctor", *place, cwd=tmp_path)
        assert (states(fine)["queue"], states(fine)["clock"]) == ("ok", "ok"), fine.out
        server.ask("CONFIG SET maxmemory-policy allkeys-lru")
        evicting = krawall("doctor", *place, cwd=tmp_path)
        assert (evicting.code, states(evicting)["queue"]) == (2, "problem")
        assert "allkeys-lru" in detail(evicting, "queue")
        server.stop()
        gone = krawall("doctor", *place, cwd=tmp_path)
        assert (gone.code, states(gone)["queue"]) == (2, "problem")


def test_keys_and_addresses_that_are_none_are_problems(tmp_path: Path) -> None:
    place = ("--data", tmp_path / "data", "--port", "0", "--json")
    weak = krawall("doctor", *place, cwd=tmp_path, KRAWALL_KEY="aaaa")
    assert (weak.code, states(weak)["keys"]) == (2, "problem")
    wrong = krawall("doctor", *place, "--database", "mysql://x/y", "--host", "192.0.2.1", cwd=tmp_path)
    assert (states(wrong)["database"], states(wrong)["port"]) == ("problem", "problem")
    assert krawall("doctor", "--port", "high", cwd=tmp_path).code == 2


@pytest.mark.parametrize(
    ("ms", "state"), [(0, "ok"), (249, "ok"), (-249, "ok"), (251, "warning"), (-60_000, "warning")]
)
def test_clocks_that_differ_are_warned_of(ms: int, state: str) -> None:
    check = skew(ms * 1_000_000)
    assert check.state == state
    assert str(abs(ms)) in check.detail


def test_tables_are_made_once(tmp_path: Path) -> None:
    place = ("--data", tmp_path / "data")
    waiting = krawall("migrate", "--check", *place, cwd=tmp_path)
    assert waiting.code == 2
    assert "pending" in waiting.out
    assert krawall("migrate", *place, "--json", cwd=tmp_path).json["applied"]
    assert krawall("migrate", *place, "--json", cwd=tmp_path).json == {"applied": []}
    assert krawall("migrate", "--check", *place, cwd=tmp_path).out == "the database is up to date\n"
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_settings_say_where_they_come_from_and_hide_secrets(tmp_path: Path) -> None:
    (tmp_path / "krawall.toml").write_text("port = 8700\nkeep_days = 3\n")
    key, password = "c2VjcmV0LWtleS1vZi1rcmF3YWxs", "hunter2hunter2"
    ran = krawall(
        "settings", "--json", cwd=tmp_path, KRAWALL_KEY=key, KRAWALL_PORT="8701",
        KRAWALL_DATABASE=f"postgresql://krawall:{password}@db/krawall",
    )  # fmt: skip
    found = {one["name"]: (one["value"], one["source"]) for one in ran.json}
    assert found["port"] == (8701, "environment")
    assert found["keep_days"] == (3, "file")
    assert found["host"] == ("127.0.0.1", "default")
    assert key not in ran.out
    assert password not in ran.out
    assert "KRAWALL_PORT" in krawall("settings", cwd=tmp_path).out
    (tmp_path / "krawall.toml").write_text("port = 'high'\n")
    assert krawall("settings", cwd=tmp_path).code == 2

"""The commands that speak to a server, against a real one with a worker and the mock bot."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from krawall.testing.commands import Ran, krawall
from krawall.testing.installation import Installation

SCENARIO = """# sums, with rows of a file
name: Sums
data: {file: rows.csv, pick: in order}
steps:
  - message: "What is {{ data.number }} plus 4?"
  - message: Thank you.
load: {users: 2, conversations: 4}
"""
ORIGINALS = Path(__file__).parent / "originals"
BUSY = 31
"""What a session exits with when others use this machine's cores: then its numbers are not to be trusted, and it says so."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Installation(tmp_path_factory.mktemp("server")) as home:
        home.start("server", "serve", "--port", "0")
        out = home.home / "server.out"
        home.until(lambda: b"serves on" in out.read_bytes())
        found = re.search(rb"serves on (\S+)", out.read_bytes())
        assert found
        yield found[1].decode()


@pytest.fixture
def run(server: str, tmp_path: Path) -> Callable[..., Ran]:
    """Run a command against the server, in a folder of its own."""

    def ran(*arguments: str | Path, **environment: str) -> Ran:
        return krawall(*arguments, cwd=tmp_path, KRAWALL_SERVER=server, **environment)

    return ran


def files(folder: Path, bot: str) -> None:
    (folder / "rows.csv").write_text("number\n1\n2\n3\n")
    (folder / "sums.yaml").write_text(SCENARIO)
    (folder / "shop.yaml").write_text(f"preset: mock\nurl: {bot}/v1/chat/completions\nstream: true\n")


def test_documents_live_from_their_creation_to_their_end(run: Callable[..., Ran], bot: str, tmp_path: Path) -> None:
    files(tmp_path, bot)
    made = run("targets", "create", "shop.yaml", "--name", "Live shop", "--note", "first")
    assert made.code == 0, made.err
    assert "created target Live shop, revision 1" in made.out
    assert run("targets", "create", "shop.yaml", "--name", "Live shop").code == 2, "the name is taken"
    (tmp_path / "shop.yaml").write_text((tmp_path / "shop.yaml").read_text().replace("stream: true", "stream: false"))
    assert run("targets", "update", "Live shop", "shop.yaml", "--json").json["revision"] == 2
    shown = run("targets", "show", "Live shop").out
    assert "stream: false" in shown
    assert run("targets", "show", "Live shop", "--revision", "1").out == shown.replace("stream: false", "stream: true")
    assert "+stream: false" in run("targets", "diff", "Live shop").out
    assert [one["note"] for one in run("targets", "history", "Live shop", "--json").json] == ["", "first"]
    assert "first" in run("targets", "history", "Live shop").out
    assert run("targets", "duplicate", "Live shop", "Copy/2").code == 0
    assert run("targets", "archive", "Copy/2").code == 0
    assert "Copy/2" not in run("targets", "list").out
    assert "Copy/2" in run("targets", "list", "--archived").out
    assert run("targets", "restore", "Copy/2").code == 0
    assert run("targets", "delete", "Copy/2", "--yes").out == "deleted target Copy/2\n"
    assert run("targets", "show", "Copy/2").code == 2
    listed = run("targets", "list", "--json", "--search", "Live").json
    assert [(one["name"], one["revision"]) for one in listed] == [("Live shop", 2)]


def test_what_is_wrong_is_named_with_its_line(run: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("preset: mock\nurl: http://127.0.0.1:9/\nreply:\n  txt: a\n")
    ran = run("targets", "create", "bad.yaml")
    assert ran.code == 2
    assert "reply.txt (line 4)" in ran.err, ran.err
    assert "'text'" in ran.err


def test_an_editor_changes_a_document(run: Callable[..., Ran], bot: str, tmp_path: Path) -> None:
    files(tmp_path, bot)
    assert run("targets", "create", "shop.yaml", "--name", "Edited").code == 0
    editor = f"{sys.executable} -c \"import sys; f = sys.argv[1]; t = open(f).read(); open(f, 'w').write(t.replace('true', 'false'))\""
    assert "revision 2" in run("targets", "edit", "Edited", EDITOR=editor, VISUAL="").out
    assert "nothing changed" in run("targets", "edit", "Edited", EDITOR="true", VISUAL="").out
    broken = run("targets", "edit", "Edited", EDITOR="false", VISUAL="")
    assert broken.code == 70
    assert run("targets", "show", "Edited", "--json").json["revision"] == 2


def test_a_session_from_start_to_deletion(run: Callable[..., Ran], bot: str, tmp_path: Path) -> None:
    files(tmp_path, bot)
    assert run("targets", "create", "shop.yaml", "--name", "For sessions").code == 0
    assert run("scenarios", "create", "sums.yaml", "--name", "Kept sums").code == 0, "rows go with the scenario"
    asked = run("sessions", "start", "Kept sums", "--target", "For sessions", "--name", "First", "--seed", "7")
    assert asked.code == 0, asked.err
    id = asked.out.split()[1]
    watched = run("sessions", "watch", id)
    assert watched.code in (0, BUSY), watched.err
    assert ("Not judged" if watched.code == 0 else "Invalid") in watched.out.splitlines()[0], watched.out
    assert f"krawall sessions restart {id}" in watched.out
    assert "First on" in watched.err or "turns" in watched.err, "plain lines, as there is no terminal"
    told = run("sessions", "show", id, "--json").json
    assert (told["seed"], told["summary"]["conversations"]["completed"]) == (7, 4)
    assert told["exit_code"] == watched.code
    assert run("sessions", "show", id).out == watched.out
    assert id in run("sessions", "list").out
    assert run("sessions", "list", "--search", "First", "--json").json[0]["id"] == id
    lines = run("sessions", "export", id, "--what", "messages").out.splitlines()
    assert len(lines) == 8
    assert {"1", "2", "3"} == {json.loads(line)["said"].split()[2] for line in lines if "plus" in line}
    run("sessions", "export", id, "--format", "csv", "--out", "messages.csv")
    assert len((tmp_path / "messages.csv").read_text().splitlines()) >= 9
    assert run("sessions", "report", id, "--out", "report.html").code == 0
    assert "<html" in (tmp_path / "report.html").read_text()
    again = run("sessions", "restart", id, "--wait", "--json", "--junit", "junit.xml")
    assert (again.code, again.json["restart_of"]) == (again.json["exit_code"], id)
    assert "<testsuite" in (tmp_path / "junit.xml").read_text()
    assert run("sessions", "watch", "last", "--json").json["id"] == again.json["id"]
    gone = run("sessions", "delete", id, again.json["id"], "--yes")
    assert gone.out == "deleted 2 sessions\n", gone.err
    assert run("sessions", "show", id).code == 2


def test_a_file_is_started_and_its_exit_code_is_ours(run: Callable[..., Ran], bot: str, tmp_path: Path) -> None:
    files(tmp_path, bot)
    url = f"{bot}/v1/chat/completions"
    ran = run(
        "sessions", "start", "sums.yaml", "--preset", "mock", "--url", url, "--conversations", "3",
        "--threshold", "avg(latency) < 1us", "--wait", "--json",
    )  # fmt: skip
    assert ran.code == ran.json["exit_code"], ran.err
    assert ran.code in (10, BUSY)
    assert ran.json["summary"]["thresholds"][0]["outcome"] == "fail"
    assert ran.json["summary"]["conversations"]["completed"] == 3
    by_file = run("sessions", "start", "sums.yaml", "--target", "shop.yaml", "--users", "1", "--wait", "-q")
    assert by_file.code in (0, BUSY), by_file.err
    assert by_file.err == ""


def test_a_running_session_is_steered(run: Callable[..., Ran], bots: Callable[..., str], tmp_path: Path) -> None:
    url = f"{bots(latency='100ms', tokens='5')}/v1/chat/completions"
    given = ("--preset", "mock", "--url", url, "--users", "2", "--duration", "10m")
    id = run("sessions", "start", "template:rapid-fire", *given, "--json").json["id"]
    assert "pausing" in run("sessions", "pause", id).out
    assert run("sessions", "show", id, "--json").json["wish"]["paused"] is True
    assert run("sessions", "resume", id).code == 0
    assert run("sessions", "adjust", id, "--users", "4", "--json").json["wish"]["users"] == 4
    assert run("sessions", "adjust", id, "--rate", "5/s").code == 2, "its load is one of users"
    assert run("sessions", "adjust", id).code == 2
    assert run("sessions", "delete", id, "--yes").code == 2, "it is not finished"
    assert "stopping" in run("sessions", "stop", id).out
    assert run("sessions", "cancel", id).code in (0, 2), "it may be over by now"
    assert run("sessions", "watch", id, "-q").code == 22


def test_files_folders_and_sessions_go_into_a_server(run: Callable[..., Ran], bot: str, tmp_path: Path) -> None:
    files(tmp_path, bot)
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "imported-shop.yaml").write_text("kind: target\n" + (tmp_path / "shop.yaml").read_text())
    (folder / "imported-sums.yml").write_text(SCENARIO.replace("name: Sums", "name: Imported sums"))
    (folder / "rows.csv").write_text("number\n5\n")
    (folder / "broken.yaml").write_text("name: Broken\nsteps: []\n")
    ran = run("import", folder, "--json")
    assert ran.code == 2, ran.err
    deeds = {Path(one["file"]).name: one["deed"] for one in ran.json["results"]}
    assert deeds == {"imported-shop.yaml": "created", "imported-sums.yml": "created", "broken.yaml": "failed"}
    (folder / "broken.yaml").unlink()
    again = run("import", folder, "--replace", "--json")
    assert {one["deed"] for one in again.json["results"]} == {"unchanged"}
    original = run("import", ORIGINALS / "parcel-helpdesk.yaml", "--keep")
    assert original.code == 0, original.err
    assert "created scenario" in original.out
    assert "changed:" in original.err
    played = run(
        "run", "sums.yaml", "--preset", "mock", "--url", f"{bot}/v1/chat/completions", "--out", "out", "--json"
    )
    taken = run("import", "out")
    assert taken.code == 0, taken.err
    here = run("sessions", "show", played.json["session"], "--json").json
    assert here["summary"]["turns"] == played.json["turns"]
    assert run("import", "out").code == 2, "it is there already"
    assert run("export", "exported").code == 0
    exported = sorted(path.name for path in (tmp_path / "exported").rglob("*.yaml"))
    assert any("mported" in name for name in exported)
    assert {one["deed"] for one in run("import", "exported", "--json").json["results"]} == {"unchanged"}
    assert run("export", "all.zip").code == 0
    assert (tmp_path / "all.zip").stat().st_size > 100
    assert run("export", "all.zip").code == 70, "files that are there stay"


def test_a_file_of_ours_alone_is_not_imported_by_mistake(run: Callable[..., Ran], bot: str, tmp_path: Path) -> None:
    files(tmp_path, bot)
    ran = run("import", "sums.yaml")
    assert ran.code == 2
    assert "--keep" in ran.err


def test_values_of_credentials_come_from_standard_input_only(
    server: str, tmp_path: Path, run: Callable[..., Ran]
) -> None:
    secret = "canary-5e1f-of-a-credential"
    given = run("credentials", "set", "BOT_KEY", "--note", "of the shop", said=secret + "\n")
    assert given.code == 0, given.err
    listed = run("credentials", "list")
    assert "BOT_KEY" in listed.out
    assert "of the shop" in listed.out
    assert secret not in listed.out + given.out + given.err
    assert run("credentials", "rotate").code == 0
    assert run("credentials", "delete", "BOT_KEY").code == 0
    assert "no credentials yet" in run("credentials", "list").out


def test_a_scenario_is_rehearsed_without_sending_anything(run: Callable[..., Ran], bot: str, tmp_path: Path) -> None:
    files(tmp_path, bot)
    found = run("scenarios", "preview", "sums.yaml", "--conversations", "2", "--json")
    assert found.code == 0, found.err
    texts = [message["text"] for one in found.json["conversations"] for message in one["messages"]]
    assert "What is 1 plus 4?" in texts


def test_a_webhook_is_tried_and_its_deliveries_are_listed(run: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "hook.yaml").write_text("name: Chat\nurl: https://hooks.invalid/krawall\nevents: [session.completed]\n")
    made = run("webhooks", "create", "hook.yaml")
    assert made.code == 0, made.err
    assert run("webhooks", "secret", "Chat").out.startswith("whsec_")
    tried = run("webhooks", "test", "Chat", "--json").json
    assert [one["id"] for one in run("webhooks", "deliveries", "Chat", "--json").json] == [tried["id"]]
    assert tried["id"] in run("webhooks", "deliveries", "Chat").out
    assert run("webhooks", "resend", tried["id"]).code == 0
    assert run("webhooks", "delete", "Chat").code == 0


def test_queue_and_workers_are_shown(run: Callable[..., Ran]) -> None:
    assert {"sessions", "shards", "chores"} <= run("queue", "--json").json["counts"].keys()
    assert "waiting" in run("queue").out
    workers: list[dict[str, Any]] = run("workers", "--json").json
    assert any(one["alive"] for one in workers)
    assert workers[0]["id"] in run("workers").out


def test_without_a_server_the_way_to_one_is_said(tmp_path: Path) -> None:
    ran = krawall("sessions", "list", "--server", "http://127.0.0.1:9", cwd=tmp_path)
    assert ran.code == 70
    assert "no server answers at http://127.0.0.1:9" in ran.err
    assert "krawall serve" in ran.err

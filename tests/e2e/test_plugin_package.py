"""The example package, built and installed as its users do: from YAML, by command line and API, and a worker that lacks it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from krawall.testing.installation import Installation, free_port

PACKAGE = Path(__file__).parents[2] / "examples" / "plugin-package"
VISIT = PACKAGE / "visit.yaml"
MOST_LINES = 60


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it, from a wheel that is built from a copy of its sources."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    shutil.copytree(PACKAGE, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", folder / "lib", wheel], check=True)
    return folder / "lib"


@pytest.fixture(scope="module")
def environment(installed: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(installed), os.environ.get("PYTHONPATH", ""))))}


def krawall(environment: dict[str, str], cwd: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "krawall", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )


def test_a_whole_connector_has_fewer_than_sixty_lines():
    lines = (PACKAGE / "src/krawall_parlour/connector.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < MOST_LINES


def test_its_own_tests_pass(environment, tmp_path):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-o",
        "asyncio_mode=auto",
        "-p",
        "no:cacheprovider",
        str(PACKAGE / "tests"),
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout


def test_it_is_used_from_yaml_by_the_command_line(environment, tmp_path):
    done = krawall(environment, tmp_path, "run", VISIT, "--out", "visit", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["turns"] == 12
    tallies = [json.loads(path.read_text()) for path in (tmp_path / "visit/log").glob("tally-*.json")]
    assert sum(tally["Exchange"] for tally in tallies) == 12
    plan = json.loads((tmp_path / "visit/plan.json").read_text())
    assert plan["plugins"]["connectors.parlour"] == "krawall-parlour 1.0.0"
    assert plan["plugins"]["hooks.stamp"] == "krawall-parlour 1.0.0"


def test_without_it_the_nearest_words_are_named_and_nothing_is_sent(tmp_path):
    done = krawall({"KRAWALL_PLUGINS": "builtin"}, tmp_path, "run", VISIT, "--out", "visit")
    assert done.returncode == 2
    assert "whisper" in done.stderr
    assert not (tmp_path / "visit").exists()


def test_left_out_by_a_setting_it_says_so(environment, tmp_path):
    done = krawall({**environment, "KRAWALL_PLUGINS": "builtin"}, tmp_path, "plugins", "show", "parlour")
    assert done.returncode == 2
    shown = krawall(environment, tmp_path, "plugins", "show", "parlour", "--json")
    assert json.loads(shown.stdout)["settings"]["properties"]["sayings"]["default"] == ["How nice.", "Do go on."]


@pytest.fixture
def home(tmp_path: Path, environment: dict[str, str]) -> Iterator[Installation]:
    with Installation(tmp_path / "home", **environment) as installation:
        yield installation


TALK = {
    "name": "Talk",
    "target": {"preset": "parlour-bot"},
    "steps": [{"message": "Good day."}],
    "load": {"users": 1, "conversations": 2},
}
"""Needs the connector alone: any worker can read such a plan, and conduct it."""


def test_a_server_plays_it_and_workers_without_it_leave_it_to_one_that_has_it(home, tmp_path):
    home.serve(free_port(), "--no-worker")
    detail = home.get("/plugins/connectors/parlour")
    assert (detail["source"], detail["version"]) == ("krawall-parlour", "1.0.0")
    home.client.post(
        f"{home.url}/api/v1/scenarios", content=VISIT.read_bytes(), headers={"Content-Type": "application/yaml"}
    ).raise_for_status()
    with Installation(home.home, KRAWALL_PLUGINS="builtin") as poor:
        poor.start("poor", "worker", "--name", "poor")
        for what in ("A visit", TALK):
            refused = home.finished(home.post("/sessions", {"scenario": what})["id"])
            assert (refused["outcome"], refused["exit_code"]) in {("failed", 2), ("failed", 70)}
            assert "krawall-parlour 1.0.0" in refused["reason"]
            assert refused["reason"].startswith("no worker can play it: ")
        rich = home.start("rich", "worker", "--name", "rich")
        home.until(lambda: {"rich", "poor"} <= {each["id"] for each in home.get("/workers")["items"]})
        home.freeze("rich")  # so the other one finds the job first
        asked = [home.post("/sessions", {"scenario": what})["id"] for what in ("A visit", TALK)]
        home.until(lambda: b"rich has what is missing here" in (home.home / "poor.out").read_bytes())
        rich.send_signal(signal.SIGCONT)
        for id in asked:
            played = home.finished(id)
            assert (played["outcome"], played["reason"]) == ("completed", "")
        assert home.get(f"/sessions/{asked[0]}/messages")["items"][0]["heard"] == "How nice."

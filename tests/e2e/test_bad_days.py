"""Interrupts, killed processes and full disks leave a readable log, a manifest and a report of what was measured."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from krawall.testing.commands import krawall, log_lines, start

SCENARIO = """
name: Bad day
steps:
  - loop: 100000
    steps: [{message: "Message {{ turn }}."}]
load: {users: 4, conversations: 4}
thresholds: [rate(errors) < 1%]
"""


@pytest.fixture
def slow(bots: Callable[..., str]) -> str:
    """The address of a bot that takes 30 ms for an answer."""
    return bots(latency="30ms", tokens="5")


def running(folder: Path, url: str, *more: str) -> subprocess.Popen[str]:
    """Start a session that would never end by itself, and return once it has sent messages."""
    (folder / "s.yaml").write_text(SCENARIO)
    process = start(
        "run",
        "s.yaml",
        "--preset",
        "openai-chat",
        "--url",
        f"{url}/v1/chat/completions",
        "--out",
        "out",
        "--json",
        *more,
        cwd=folder,
    )
    wait_for_lines(folder / "out", 20)
    return process


def wait_for_lines(directory: Path, least: int) -> None:
    """Return when the log holds at least so many lines. Bounded by the growth of the log itself: the session is sending."""
    for _ in poll():
        if sum(path.read_bytes().count(b"\n") for path in (directory / "log").glob("*.jsonl")) >= least:
            return


def poll() -> Iterator[int]:
    """Yield a bounded number of times, a moment apart."""
    import select

    for index in range(1200):
        yield index
        select.select([], [], [], 0.05)
    raise AssertionError("it did not happen within a minute")


def children_of(pid: int) -> list[int]:
    """Return the engine processes of a run."""
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_one_interrupt_drains_and_the_result_says_who(slow: str, tmp_path: Path) -> None:
    process = running(tmp_path, slow)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    result = json.loads(out)
    assert (process.returncode, result["outcome"], result["reason"]) == (22, "cancelled", "stopped by a person")
    assert result["errors"] == {}, "turns in flight were let finish"
    assert result["conversations"]["abandoned"] == 4
    assert "Traceback" not in err
    assert (tmp_path / "out" / "report.html").stat().st_size > 5_000
    assert krawall("recount", "out", "--json", cwd=tmp_path).json == result


def test_a_second_interrupt_cancels_what_is_in_flight(bots: Callable[..., str], tmp_path: Path) -> None:
    never = bots(latency="30ms", tokens="5", freeze={"at_s": 0.0, "for_s": 100.0})
    (tmp_path / "s.yaml").write_text(SCENARIO)
    process = start(
        "run",
        "s.yaml",
        "--preset",
        "openai-chat",
        "--url",
        f"{never}/v1/chat/completions",
        "--out",
        "out",
        "--json",
        cwd=tmp_path,
    )
    for _ in poll():
        with urllib.request.urlopen(f"{never}/stats", timeout=10) as answer:
            if json.load(answer)["requests"] >= 4:
                break
    process.send_signal(signal.SIGINT)
    assert process.stderr
    assert any("stopping" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    result = json.loads(out)
    assert (process.returncode, result["outcome"]) == (22, "cancelled")
    assert result["errors"] == {"cancelled": 4}
    assert result["verdict"] != "passed"
    assert "Traceback" not in err


def test_a_killed_engine_is_replaced_and_the_gap_is_told(slow: str, tmp_path: Path) -> None:
    process = running(tmp_path, slow)
    victims = children_of(process.pid)
    os.kill(victims[0], signal.SIGKILL)
    for _ in poll():
        if (tmp_path / "out" / "log" / "0-2-0.jsonl").exists() and (
            tmp_path / "out" / "log" / "0-2-0.jsonl"
        ).stat().st_size > 1000:
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    result = json.loads(out)
    assert set(result["lost"]) == {"processes", "attempts in flight"}
    assert result["lost"]["processes"] == 1
    [gap] = result["gaps"]
    assert gap["shard"] == 0
    assert 0 <= gap["from_s"] < gap["to_s"]
    lines = [line for line in log_lines(tmp_path / "out") if line["k"] == "x"]
    assert result["attempts"] == len(lines), "what the dead process had written is counted"
    assert krawall("recount", "out", "--json", cwd=tmp_path).json == result


def test_a_killed_conductor_leaves_a_log_that_can_be_counted_and_no_engine_behind(slow: str, tmp_path: Path) -> None:
    process = running(tmp_path, slow)
    engines = children_of(process.pid)
    process.kill()
    process.communicate(timeout=60)
    for _ in poll():
        if not any(
            Path(f"/proc/{pid}/cmdline").exists() and b"krawall" in Path(f"/proc/{pid}/cmdline").read_bytes()
            for pid in engines
        ):
            break
    again = krawall("recount", "out", "--json", cwd=tmp_path)
    assert again.code == 70
    assert again.json["turns"] >= 20
    assert again.json["state"] != "finished"
    assert "cut off" in again.json["reason"]
    assert krawall("report", "out", cwd=tmp_path).code == 0


def test_a_full_disk_stops_the_session_with_a_reason(slow: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    arguments = [
        "run",
        "s.yaml",
        "--preset",
        "openai-chat",
        "--url",
        f"{slow}/v1/chat/completions",
        "--out",
        "out",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "krawall", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        # No file may grow beyond 100 kB: the log's writes fail as on a full disk, and the little files still fit.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    result = json.loads(done.stdout)
    assert done.returncode == 70, done.stderr
    assert "the log cannot be written" in result["reason"]
    assert result["outcome"] == "failed"
    assert result["turns"] > 50
    assert "Traceback" not in done.stderr

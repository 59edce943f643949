"""Compaction is killed at each of its steps, by a hook at the system calls that change the folder; nothing is ever lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from krawall.archive.compact import FILES, compact
from krawall.archive.query import conversations, messages
from krawall.archive.segments import segments
from krawall.model.exchange import Exchange, Line, Told
from krawall.testing.segments import shown_messages, write_segment

# Makes a copy of the session for each step, and dies there in a child process.
KILLER = """
import os, shutil, signal, sys
from pathlib import Path
from krawall.archive.compact import compact

source, into = Path(sys.argv[1]), Path(sys.argv[2])

def play(folder, last):
    left = [last]
    def hook(event, arguments):
        if event in ("os.rename", "os.remove", "os.rmdir", "shutil.rmtree"):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    compact(folder)

for step in range(1, 100):
    folder = into / str(step)
    shutil.copytree(source, folder)
    child = os.fork()
    if child == 0:
        try:
            play(folder, step)
            os._exit(0)
        except BaseException:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        break
    assert os.WIFSIGNALED(status), status
print(step)
"""


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "session"
    for shard in range(3):
        lines: list[Line] = [
            Exchange(shard, 0, turn, 1, "measure", "steps.0", 1, 1, 1, turn * 7 % 31, said=f"said {shard}.{turn}")
            for turn in range(1, 30)
        ]
        write_segment(folder, f"{shard}-1-0", [*lines, Told(shard, 0, "measure", 0, 1, 99, "completed")], b'{"k":')
    return folder


def test_a_session_survives_a_kill_at_every_step(session: Path, tmp_path: Path) -> None:
    into = tmp_path / "killed"
    done = subprocess.run(
        [sys.executable, "-c", KILLER, session, into], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    steps = int(done.stdout)
    assert steps > 8  # four files and three segments appear, three segments go

    whole = shown_messages(session)
    for step in range(1, steps + 1):
        folder = into / str(step)
        assert messages(folder, limit=1000).items == whole, step
        assert conversations(folder).newest == 2, step

        assert compact(folder) == len(whole)

        assert messages(folder, limit=1000).items == whole, step
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        assert names == sorted([".compact.lock", *FILES, *(f"log/{shard}-1-0.jsonl.zst" for shard in range(3))]), step


def test_two_processes_compact_one_session(session: Path) -> None:
    script = "import sys; from pathlib import Path; from krawall.archive.compact import compact; print(compact(Path(sys.argv[1])))"
    both = [
        subprocess.Popen([sys.executable, "-c", script, session], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]

    assert [process.communicate(timeout=120)[0].strip() for process in both] == ["87", "87"]
    assert messages(session).newest == 86


def test_compaction_leaves_the_log_alone_when_asked(session: Path) -> None:
    assert compact(session, compress_log=False) == 87
    assert {path.suffix for path in segments(session / "log").values()} == {".jsonl"}

    shutil.rmtree(session / "log")

    assert compact(session) == 87
    assert messages(session).newest == 86


def test_conversations_that_were_lost_with_their_process_are_listed(session: Path) -> None:
    write_segment(session, "4-1-0", [Exchange(77, 5, 1, 1, "measure", "steps.0", 1, 1, 1, 50, said="and then")])
    before = conversations(session)

    compact(session)

    assert before.newest == 2
    lost = conversations(session, outcome="lost").items
    assert [(row["conversation"], row["user"], row["turns"]) for row in lost] == [(77, 5, 1)]

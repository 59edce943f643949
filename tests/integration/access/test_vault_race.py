"""Processes that open and rotate one key ring at once lose no key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from krawall.vault import Vault

OPEN_AND_SEAL = """
import sys
from pathlib import Path
from krawall.vault import Vault
print("ready", flush=True)
sys.stdin.readline()
vault = Vault.open(Path(sys.argv[1]), None)
first = vault.seal("A", "one")
vault.rotate()
print(first.hex(), vault.seal("A", "two").hex())
"""


def test_processes_that_start_and_rotate_together_share_one_ring(tmp_path: Path) -> None:
    home = tmp_path / "home"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN_AND_SEAL, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    sealed = [process.communicate(timeout=60)[0].split() for process in started]
    vault = Vault.open(home, None)
    assert [[vault.unseal("A", bytes.fromhex(blob)) for blob in pair] for pair in sealed] == [["one", "two"]] * 4
    assert vault.current == "k5"
    assert sorted(path.name for path in home.iterdir()) == ["keys.json", "keys.json.lock"]

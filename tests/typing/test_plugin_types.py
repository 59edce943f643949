"""The types that plugin authors see are those of `plugin_authors.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_mypy_agrees_with_what_plugin_authors_are_promised():
    command = [sys.executable, "-m", "mypy", "--strict", str(HERE / "plugin_authors.py")]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""Our scripts in browsers: types that hold, one thought per file, nothing that could run what a user wrote."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from krawall.web.assets import lean
from krawall.web.vendor import modules_of, npm

MOST_LINES = 200
MOST_LINES_TOGETHER = 1_700  # docs/adr/0026-how-much-script.md
DANGEROUS = re.compile(
    r"\.(?:inner|outer)HTML\s*\+?=(?!=)|insertAdjacentHTML|document\.write\b|\beval\(|\bnew Function\(|setAttribute\(\"on"
)


@pytest.fixture(scope="module")
def scripts(root) -> list[Path]:
    return sorted((root / "src/krawall/web/static").glob("*.js"))


def test_types_of_scripts_hold(root):
    brought = npm()  # the set-up needs one as well, so there is a node beside it
    node = brought[0] if len(brought) > 1 else shutil.which("node")
    assert node, "npm is there and node is not"
    compiler = modules_of(root) / "typescript" / "bin" / "tsc"
    done = subprocess.run([node, str(compiler), "-p", str(root)], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == []
    assert done.returncode == 0, done.stderr


def test_scripts_ask_for_their_types_to_be_checked_and_fit_one_thought(scripts):
    texts = {script.name: script.read_text(encoding="utf-8") for script in scripts}
    assert [name for name, text in texts.items() if not text.startswith("// @ts-check\n/** ")] == []
    assert [name for name, text in texts.items() if text.count("\n") > MOST_LINES] == []
    assert sum(text.count("\n") for text in texts.values()) <= MOST_LINES_TOGETHER
    assert [name for name, text in texts.items() if "@ts-ignore" in text or "@ts-nocheck" in text] == []


def test_what_a_user_wrote_is_set_as_text(scripts):
    found = [
        f"{script.name}:{number} {line.strip()[:80]}"
        for script in scripts
        for number, line in enumerate(script.read_text(encoding="utf-8").splitlines(), 1)
        if DANGEROUS.search(line)
    ]
    assert found == []


def test_what_browsers_get_of_a_script_is_the_same_script(scripts):
    """Lines lose their indentation and comments on their way, so no text may span lines."""
    texts = {script.name: script.read_text(encoding="utf-8") for script in scripts}
    assert [name for name, text in texts.items() if any(line.count("`") % 2 for line in text.splitlines())] == []
    assert [name for name, text in texts.items() if "/**" in lean(text, ".js").replace("/** @type", "")] == []

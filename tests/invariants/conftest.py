"""What the tests about the tree share: its files, its modules as syntax trees."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MADE = {".git", ".venv", "__pycache__", ".hypothesis", "krawall-sessions", "build", "dist", "out"}


@dataclass(frozen=True)
class Module:
    """One module of ours: its file, its dotted name, its text and its syntax tree."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    """Every module under src/krawall."""
    source = ROOT / "src"
    found = []
    for path in sorted((source / "krawall").rglob("*.py")):
        name = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        text = path.read_text(encoding="utf-8")
        found.append(Module(path, name, text, ast.parse(text)))
    return found


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Every file of the repository; without git, every file that nobody made by running something."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    return [
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file() and not any(part in MADE or part.endswith("_cache") for part in path.relative_to(ROOT).parts)
    ]

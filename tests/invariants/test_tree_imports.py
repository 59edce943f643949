"""Imports point down the layers, and importing does no work: no socket, no file, no look at the environment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WATCHED = """
import importlib, json, os, pkgutil, sys

found, watching = [], True
stdlib = os.path.dirname(os.__file__)

def ours():
    # Walk outwards: the import machinery's own reads of files are not work of ours, nor are those of other packages.
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if "importlib._bootstrap" in name:
            return None
        if os.sep + "krawall" + os.sep in name:
            return f"{name.rpartition('src' + os.sep)[2]}:{frame.f_lineno}"
        if not name.startswith(stdlib) or "site-packages" in name:
            return None
        frame = frame.f_back
    return None

def hook(event, arguments):
    if watching and (event in ("open", "os.listdir", "os.scandir") or event.startswith(("socket.", "subprocess."))):
        if where := ours():
            found.append([event, where])

class Seen(type(os.environ)):
    def __getitem__(self, key):
        if where := ours():
            found.append(["environ", where])
        return super().__getitem__(key)

os.environ.__class__ = Seen
sys.addaudithook(hook)
import krawall
for info in pkgutil.walk_packages(krawall.__path__, "krawall."):
    if not info.name.endswith("__main__"):
        importlib.import_module(info.name)
watching = False
print(json.dumps(found))
"""

LOADED = """
import json, sys
{statement}
print(json.dumps(sorted(name.partition(".")[0] if not name.startswith("krawall.") else name for name in sys.modules)))
"""

HELP = """
import contextlib, io
from krawall.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(["--help"])
"""


def test_importing_any_module_opens_nothing_and_reads_no_environment(root):
    assert _run(WATCHED, root) == []


@pytest.mark.parametrize("statement", ["import krawall.cli.main", HELP], ids=["import", "help"])
def test_help_loads_neither_models_nor_engine(statement, root):
    """What `krawall --help` waits for is what it imports; commands load when they are called."""
    loaded = set(_run(LOADED.format(statement=statement), root))
    heavy = {"pydantic", "msgspec", "uvloop", "httptools", "minijinja", "ruamel", "jsonschema", "rapidfuzz"}
    assert loaded & heavy == set()
    packages = {name.split(".")[1] for name in loaded if name.startswith("krawall.")}
    assert packages <= {"cli", "errors", "version"}


def test_imports_point_down_the_layers(root):
    """The contracts in pyproject.toml, by import-linter."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _run(code: str, root: Path) -> list[object]:
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout.splitlines()[-1])
    return found

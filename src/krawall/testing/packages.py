"""Packages that bring plugins, as an installer leaves them in a folder: modules, and metadata that names entry points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent


def install(folder: Path, name: str, entries: Mapping[str, str], version: str = "1.0", **files: str) -> None:
    """Write package `name` into `folder`, which is to be on Python's path.

    Args:
        folder: where; made when it is not there.
        name: of the package, such as `krawall-parlour`.
        entries: `FAMILY.KIND` -> what the entry point says, such as `steps.hum` -> `hum_step:Hum`.
        version: of the package.
        files: module -> its text; `hum_step` becomes hum_step.py. A text of YAML, named `PACKAGE__FILE`, PACKAGE/FILE.yaml.
    """
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for entry, value in entries.items():
        family, _, kind = entry.partition(".")
        lines.append(f"[krawall.{family}]\n{kind} = {value}\n")
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    for module, text in files.items():
        package, _, file = module.partition("__")
        path = folder / package / f"{file}.yaml" if file else folder / f"{module}.py"
        path.parent.mkdir(exist_ok=True)
        if file:
            (path.parent / "__init__.py").touch()
        path.write_text(dedent(text), encoding="utf-8")

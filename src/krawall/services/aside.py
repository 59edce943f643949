"""Heavy work on a session's files in a process of its own: `python -m krawall.services.aside TASK FOLDER`.

The supervisor's loop renews locks; Python that computes for seconds must not share it. The process is as nice as can be, so
that engines on the same cores are not held up.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from krawall.archive.compact import compact
from krawall.archive.spread import FILE, spread
from krawall.errors import Unavailable
from krawall.services.reading import recount, write_report


def _compact(folder: Path) -> object:
    rows = compact(folder)
    (folder / FILE).write_bytes(msgspec.json.encode(spread(folder)))  # so that its page need not ask the tables
    return {"rows": rows}


def _recount(folder: Path) -> object:
    return recount(folder)


def _report(folder: Path) -> object:
    return {"report": str(write_report(folder))}


TASKS: dict[str, Callable[[Path], object]] = {"compact": _compact, "recount": _recount, "report": _report}


async def aside(task: str, folder: Path) -> bytes:
    """Run a task and return the JSON of its result.

    Raises:
        Unavailable: it failed; what it printed is the reason.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "krawall.services.aside", task, str(folder),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        out, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        told = errors.decode("utf-8", "replace").strip()
        raise Unavailable(f"{task} of {folder.name} failed ({process.returncode}): {told[-2000:]}")
    return out


def main() -> None:
    """Run one task and print the JSON of its result."""
    task, folder = sys.argv[1:3]
    os.nice(19)
    out = os.dup(1)
    os.dup2(2, 1)  # whatever prints goes to standard error
    result = msgspec.json.encode(TASKS[task](Path(folder)))
    with os.fdopen(out, "wb") as file:
        file.write(result)


if __name__ == "__main__":
    main()

"""Plays a scenario file as `krawall run` does, without its report and live view: `play.py FILE DIRECTORY` prints the summary as JSON."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from krawall.services.planning import Overrides, load_scenario, make_plan
from krawall.services.playing import Session

if __name__ == "__main__":
    scenario, folder = load_scenario(sys.argv[1])
    plan = make_plan(scenario, folder, Overrides(), sys.argv[1])
    summary = asyncio.run(Session(plan, Path(sys.argv[2]), processes=1).play())
    sys.stdout.buffer.write(msgspec.json.encode(summary))

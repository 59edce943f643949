"""Whether a worker has the plugins that a plan needs. Who lacks one leaves the job to a worker that has it, if there is any."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
import structlog

from krawall.errors import PluginError
from krawall.model.base import Record
from krawall.model.kept import WorkerFacts
from krawall.plugins.missing import differing, has, missing
from krawall.queue.jobs import Elsewhere
from krawall.worker.tools import Tools

STEPS = "steps."
"""The plugins without which a plan cannot even be read."""

_AWAY = ("stopping", "gone", "lost")
_log = structlog.get_logger("krawall.worker")


class _Needs(Record, frozen=True):
    """What is looked at of a plan: the rows beside it may be many."""

    plugins: dict[str, str] = {}


_needs = msgspec.json.Decoder(_Needs)


async def equipped(tools: Tools, plan: bytes, family: str = "") -> None:
    """Refuse a plan whose plugins are not on this machine, before anything is played of it. `family`: look at its plugins only.

    Raises:
        Elsewhere: another worker has what is missing here.
        PluginError: no worker has it; names each plugin.
    """
    wanted = {name: who for name, who in _needs.decode(plan).plugins.items() if name.startswith(family)}
    absent = await asyncio.to_thread(missing, wanted)
    if not absent:
        for words in differing(wanted):
            _log.warning("a plugin of another version", plugin=words)
        return
    for worker in await tools.store.workers.list():
        if worker.id != tools.id and worker.state not in _AWAY and _able(worker, wanted, absent):
            raise Elsewhere(f"{worker.id} has what is missing here: {', '.join(absent)}")
    raise PluginError(f"no worker can play it: {'; '.join(absent.values())}", hint="install them on every worker")


def _able(worker: WorkerFacts, wanted: Mapping[str, str], absent: Mapping[str, str]) -> bool:
    return all(has(worker.plugins, worker.version, name, wanted[name]) for name in absent)

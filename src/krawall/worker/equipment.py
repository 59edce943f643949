"""Whether this machine has what a plan needs."""

from __future__ import annotations

import msgspec
import structlog

from krawall.errors import PluginError
from krawall.plugins.used import differing, lacking

_log = structlog.get_logger("krawall.worker")


def equipped(plan: bytes) -> None:
    """Refuse a plan whose plugins are not on this machine, before anything is played of it.

    Raises:
        PluginError: names each of them.
    """
    plugins: dict[str, str] = msgspec.json.decode(plan)["plugins"]
    if missing := lacking(plugins):
        raise PluginError(f"this worker cannot play it: {'; '.join(missing)}", hint="install them on every worker")
    for words in differing(plugins):
        _log.warning("a plugin of another version", plugin=words)

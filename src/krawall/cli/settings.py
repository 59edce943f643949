"""`krawall settings`."""

from __future__ import annotations

from krawall.api.origins import effective
from krawall.cli.listing import print_list
from krawall.cli.output import print_json
from krawall.settings import read_settings


def settings(*, json: bool = False) -> None:
    """Show every setting of a server or worker on this machine, and where its value comes from. Secrets are hidden.

    Parameters
    ----------
    json
        Print a JSON list.
    """
    found = effective(read_settings())
    if json:
        print_json([one.model_dump() for one in found])
        return
    rows = [[one.name, _told(one.value), one.source, one.variable, one.description] for one in found]
    print_list(["setting", "value", "from", "variable", "+meaning"], rows, empty="")


def _told(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)

"""`krawall targets`."""

from __future__ import annotations

from krawall.cli.client import Client, Where
from krawall.cli.documents import Documents
from krawall.cli.listing import told

_kept = Documents("targets")
list_, show, create, update, edit = _kept.list, _kept.show, _kept.create, _kept.update, _kept.edit
duplicate, archive, restore, delete = _kept.duplicate, _kept.archive, _kept.restore, _kept.delete
history, diff = _kept.history, _kept.diff


def confirm(name: str, /, *, json: bool = False, where: Where = Where()) -> None:
    """Say that you operate a target on a private address. A change of its host takes this back.

    Parameters
    ----------
    name
        Its name or id.
    json
        Print the document as one JSON object.
    """
    with Client(where) as client:
        found = _kept.find(client, name)
        kept = client.post(f"/targets/{found['id']}/confirm")
    told(json, kept, f"confirmed target {kept['name']}: {kept['body'].get('confirmed', '')}")

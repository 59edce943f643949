"""`krawall webhooks`."""

from __future__ import annotations

import sys
from typing import Any

from krawall.cli.client import Client, Where, name_of
from krawall.cli.documents import Documents
from krawall.cli.listing import print_list, say, when
from krawall.cli.output import print_json

_kept = Documents("webhooks")
list_, show, create, update, edit = _kept.list, _kept.show, _kept.create, _kept.update, _kept.edit
duplicate, archive, restore, delete = _kept.duplicate, _kept.archive, _kept.restore, _kept.delete
history, diff = _kept.history, _kept.diff


def try_(name: str, /, *, json: bool = False, where: Where = Where()) -> None:
    """Send a trial event to a webhook, whatever it subscribes to.

    Parameters
    ----------
    name
        Its name or id.
    json
        Print the delivery as one JSON object.
    """
    with Client(where) as client:
        found = _kept.find(client, name)
        _told(client.post(f"/webhooks/{found['id']}/test"), json)


def secret(name: str, /, *, json: bool = False, where: Where = Where()) -> None:
    """Make a new signing secret and print it, this once. The one before signs too until the next change.

    Parameters
    ----------
    name
        Its name or id.
    json
        Print one JSON object.
    """
    with Client(where) as client:
        found = _kept.find(client, name)
        made = client.post(f"/webhooks/{found['id']}/secret")
    if json:
        print_json(made)
        return
    print(f"signing secret of {found['name']}; it is shown this once:", file=sys.stderr)  # noqa: T201
    say(made["secret"])


def deliveries(name: str, /, *, limit: int = 20, json: bool = False, where: Where = Where()) -> None:
    """List what was sent to a webhook, newest first, and how it was taken.

    Parameters
    ----------
    name
        Its name or id.
    limit
        At most so many.
    json
        Print a JSON list with every attempt.
    """
    with Client(where) as client:
        found = _kept.find(client, name)
        listed = list(client.pages(f"/webhooks/{found['id']}/deliveries", limit))
    if json:
        print_json(listed)
        return
    print_list(
        ["id", "event", "state", "tries", "created", "+next", "last answer"],
        [_row(one) for one in listed],
        right=("event", "tries"),
        empty="nothing was sent to it yet: `krawall webhooks test NAME` sends a trial event",
    )


def resend(id: str, /, *, json: bool = False, where: Where = Where()) -> None:
    """Send a delivery once more; its receiver sees the same message id.

    Parameters
    ----------
    id
        Id of the delivery.
    json
        Print the delivery as one JSON object.
    """
    with Client(where) as client:
        _told(client.post(f"/deliveries/{name_of(id)}/resend"), json)


def _told(delivery: dict[str, Any], json: bool) -> None:
    if json:
        print_json(delivery)
    else:
        say(f"{delivery['state']} {delivery['id']}: event {delivery['event']}")


def _row(one: dict[str, Any]) -> list[object]:
    attempts = one["attempts"]
    last = attempts[-1] if attempts else None
    told = "" if last is None else f"{last['status'] or ''} {last['detail']}".strip()
    return [one["id"], one["event"], one["state"], len(attempts), when(one["created_at"]), when(one["due_at"]), told]

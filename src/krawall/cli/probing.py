"""`krawall targets test`: the connection test by a server, or from here without one; step by step as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from pydantic import ValidationError

from krawall.cli.bodies import Body, is_file, read_body
from krawall.cli.client import Client, Where
from krawall.cli.documents import Documents
from krawall.cli.output import print_json
from krawall.cli.probed import Probed
from krawall.engine.gate import Environment
from krawall.errors import DocumentError, Place
from krawall.model.base import Document
from krawall.model.target import Target
from krawall.plugins.assemble import places
from krawall.services.planning import Overrides
from krawall.services.probing import Step, probe
from krawall.services.trials import MESSAGE, Trial, local_trial

UNREACHABLE = 30
_SAVED = ("kind", "name", "description", "confirmed")


class _Holder(Document):
    """Gives a target the place that it has in a scenario, so that errors know their nearest words."""

    target: Target


def try_(
    target: str | None = None,
    /,
    *,
    preset: str | None = None,
    url: str | None = None,
    stream: bool | None = None,
    message: str = MESSAGE,
    raw: bool = False,
    json: bool = False,
    yes: Annotated[bool, Parameter(alias="-y", negative="")] = False,
    where: Where = Where(),
) -> int:
    """Test the connection to a chatbot: one message, and every step on the way to its reply.

    A file, or --preset and --url, are tested from this machine, with keys from its environment; a name by the server that
    keeps the target, with the server's credentials.

    Parameters
    ----------
    target
        A file, or the name or id of a target on the server.
    preset
        Instead of a target, with --url: what kind of chatbot it is.
    url
        Instead of a target: the chatbot's endpoint.
    stream
        With a file or --url: ask for a stream of tokens, or for one reply.
    message
        What to ask.
    raw
        Show what was sent and received, too.
    json
        Print the steps and the outcome as one JSON object.
    yes
        I operate the target: needed for private addresses. A server asks with `krawall targets confirm`.
    """
    overrides = Overrides(preset=preset, url=url, stream=stream, confirmed=yes)
    laid = preset is not None or url is not None
    shown = Probed(quiet=json)
    with shown:
        if target is not None and not is_file(target):
            if laid or stream is not None:
                raise DocumentError("command line", [Place("--url", "a target on the server is tested as it is kept")])
            _by_server(target, message, where, shown)
        else:
            if target is None and not laid:
                raise DocumentError("command line", [Place("", "name a target or a file, or give --preset and --url")])
            asyncio.run(_from_here(_trial(target, overrides, message), shown))
    if json:
        print_json({"steps": shown.steps, "outcome": shown.outcome})
    else:
        shown.result(raw=raw)
    return 0 if shown.outcome.get("ok") else UNREACHABLE


def _trial(file: str | None, overrides: Overrides, message: str) -> Trial:
    if file is None:
        return local_trial(None, Environment(), Path(), overrides, message)
    body = read_body("targets", Path(file))
    try:
        return local_trial(target_of(body), Environment(), Path(file).parent, overrides, message)
    except DocumentError as error:
        inside = [Place(place.path.removeprefix("target."), place.message, place.line) for place in error.places]
        raise body.with_lines(DocumentError(file, inside, hint=error.hint)) from None


def target_of(body: Body) -> Target:
    """Return the target that a file holds.

    Raises:
        DocumentError: it is none; every place is named.
    """
    data = {key: value for key, value in body.data.items() if key not in _SAVED}
    try:
        return _Holder.model_validate({"target": data}).target
    except ValidationError as error:
        raise DocumentError("target", places(error, {"target": data}, None)) from None


async def _from_here(trial: Trial, shown: Probed) -> None:
    async with aclosing(probe(trial)) as told:
        async for each in told:
            shown.take("step" if isinstance(each, Step) else "outcome", msgspec.to_builtins(each))


def _by_server(name: str, message: str, where: Where, shown: Probed) -> None:
    with Client(where) as client:
        found = Documents("targets").find(client, name)
        for each in _messages(client, f"/targets/{found['id']}/test", message):
            shown.take(*each)


def _messages(client: Client, path: str, message: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in client.post_stream(path, message=message):
        yield each.name, each.data

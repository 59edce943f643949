"""`krawall targets detect`: look at an address and print a target that can be kept."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from cyclopts import Parameter
from rich.console import Console

from krawall.cli.output import print_json
from krawall.cli.probing import UNREACHABLE
from krawall.cli.terminal import fit
from krawall.engine.gate import Environment
from krawall.services.detecting import Detected, detect
from krawall.wire.yaml import write


def detect_(
    url: str,
    /,
    *,
    key: str = "",
    model: str = "",
    name: str = "",
    message: bool = True,
    json: bool = False,
    quiet: Annotated[bool, Parameter(alias="-q")] = False,
    yes: Annotated[bool, Parameter(alias="-y", negative="")] = False,
) -> int:
    """Try to recognise what a chatbot speaks, and print a target as YAML, ready to keep.

    Pages are looked up first, which says nothing to the chatbot; then one message goes to the likeliest guess. What is found
    goes to standard output, how to standard error: `krawall targets detect URL > bot.yaml`.

    Parameters
    ----------
    url
        The chatbot's address, with or without the path of its chat.
    key
        Name of the environment variable that holds the chatbot's key.
    model
        Which model to ask, where the preset wants one; default the first that the chatbot lists.
    name
        What to call the target; default its host.
    message
        Send the one message; without it nothing is tried.
    json
        Print the target and what came of it as one JSON object.
    quiet
        Do not say how it was found.
    yes
        I operate the target: needed for private addresses.
    """
    console = Console(file=sys.stderr, highlight=False, quiet=quiet or json)

    def tell(words: str) -> None:
        console.print(fit(words, console.encoding), markup=False, soft_wrap=True, style="dim")

    found = asyncio.run(detect(url, Environment(), key=key, model=model, confirmed=yes, ask=message, tell=tell))
    target = {"kind": "target", "name": name or _name(url), **found.guess.target}
    works = found.outcome is not None and found.outcome.ok
    mended = "reply" in found.guess.target
    tell(_verdict(found, works, mended))
    if json:
        print_json({"target": target, "why": found.guess.why, "works": works, "outcome": _plain(found)})
    else:
        sys.stdout.write(write(target))
    return 0 if works or mended or not message else UNREACHABLE


def _verdict(found: Detected, works: bool, mended: bool) -> str:
    if works:
        return "the chatbot answered, and its answer was read: keep this with `krawall targets create FILE`"
    if mended:
        return (
            "the chatbot answered; the paths below are read from its answer: try them with `krawall targets test FILE`"
        )
    return f"not tried to the end: {found.trouble}"


def _plain(found: Detected) -> Any:
    return None if found.outcome is None else msgspec.to_builtins(found.outcome)


def _name(url: str) -> str:
    host = urlsplit(url).hostname or "chatbot"
    return re.sub(r"[^\w.-]", "-", host)

"""What a chatbot at an address speaks: look-ups first, then at most one message to the likeliest, then a target to keep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from krawall.errors import DocumentError, KrawallError
from krawall.guard.hosts import TARGET_SCHEMES, parse_url
from krawall.model.connector import Secrets
from krawall.model.exchange import FaultKind
from krawall.model.plan import Plan
from krawall.model.target import Target
from krawall.services.lookups import Looked, look_up
from krawall.services.planning import Overrides
from krawall.services.probing import Outcome, probe
from krawall.services.recognising import Clue, Guess, clues, guesses, pages
from krawall.services.suggesting import Suggestion
from krawall.services.trials import local_trial


@dataclass(frozen=True)
class Detected:
    """What was found. `outcome` is None when no message was sent; `trouble` says why."""

    guess: Guess
    outcome: Outcome | None = None
    trouble: str = ""


Tell = Callable[[str], None]


# the whole -----------------------------------------------------------------------------------------------


async def detect(
    url: str,
    secrets: Secrets,
    *,
    key: str = "",
    model: str = "",
    confirmed: bool = False,
    ask: bool = True,
    tell: Tell = lambda _: None,
    known: tuple[Clue, ...] | None = None,
) -> Detected:
    """Return what seems to be at an address, tried with one message unless `ask` is off.

    Args:
        url: with or without the path of a chat.
        secrets: open `${NAME}`.
        key: name of the variable that holds the chatbot's key, "" when there is none.
        model: what its preset is to ask for, "" for what the chatbot lists.
        confirmed: who asks operates a private host.
        ask: whether a message may be sent.
        tell: hears what is going on.
        known: what is recognised; left out: what the presets say of themselves.

    Raises:
        Refused, Unreachable: the guard rails say no, or the host does not resolve.
    """
    site = parse_url(url, TARGET_SCHEMES)
    known = clues() if known is None else known
    looked: dict[str, Looked] = {}
    if site.scheme in ("http", "https"):
        plan = await asyncio.to_thread(_granted, url, secrets, confirmed)
        wanted = pages(site, known)
        tell(f"looking at {len(wanted)} pages of {site.origin}")
        looked = await look_up(plan, site, wanted)
    best = guesses(site, known, looked)[0]
    target = _with_key(best.target, key, known)
    if model:
        target["fields"] = {**target.get("fields", {}), "model": model}
    best = replace(best, target=target)
    for words in best.why:
        tell(words)
    return await _tried(best, secrets, confirmed, tell) if ask else Detected(best, None, "no message was sent")


async def detecting(deed: Callable[[Tell], Awaitable[Detected]]) -> AsyncGenerator[str | Detected, None]:
    """Yield what is going on as it is told, then what was found. Closing the iterator ends it.

    Raises:
        Refused, Unreachable, DocumentError: as the deed does.
    """
    heard: asyncio.Queue[str | None] = asyncio.Queue()
    finding = asyncio.ensure_future(deed(heard.put_nowait))
    finding.add_done_callback(lambda _: heard.put_nowait(None))
    try:
        while (words := await heard.get()) is not None:
            yield words
        yield finding.result()
    finally:
        finding.cancel()
        await asyncio.wait([finding])


def _granted(url: str, secrets: Secrets, confirmed: bool) -> Plan:
    trial = local_trial(Target(connector="http", url=url), secrets, Path(), Overrides(confirmed=confirmed))
    if trial.plan is None:
        assert trial.trouble is not None
        raise trial.trouble
    return trial.plan


def _with_key(target: dict[str, Any], key: str, known: tuple[Clue, ...]) -> dict[str, Any]:
    if not key:
        return dict(target)
    clue = next((clue for clue in known if clue.preset == target["preset"]), None)
    if clue is not None and "key" in clue.fields:
        return {**target, "fields": {**target.get("fields", {}), "key": f"${{{key}}}"}}
    return {**target, "auth": {"bearer": f"${{{key}}}"}}


async def _tried(guess: Guess, secrets: Secrets, confirmed: bool, tell: Tell) -> Detected:
    """Send the message, and put right what it shows to be wrong."""
    try:
        target = Target.model_validate(guess.target)
        trial = await asyncio.to_thread(local_trial, target, secrets, Path(), Overrides(confirmed=confirmed))
    except DocumentError as error:
        missing = "; ".join(str(place) for place in error.places)
        return Detected(guess, None, f"no message was sent: {missing}")
    except KrawallError as error:
        return Detected(guess, None, f"no message was sent: {error.message}")
    tell(f"sending one message as {guess.target['preset']}")
    outcome = Outcome(ok=False)
    async with aclosing(probe(trial)) as told:
        async for each in told:
            if isinstance(each, Outcome):
                outcome = each
    return Detected(mended(guess, outcome), outcome, outcome.fault.detail if outcome.fault is not None else "")


def mended(guess: Guess, outcome: Outcome) -> Guess:
    """Return a guess with the paths of what was received, when its own mapping found no answer in it."""
    unread = outcome.fault is not None and outcome.fault.kind is FaultKind.protocol
    best: dict[str, Suggestion] = {}
    for each in outcome.suggestions:
        best.setdefault(each.part, each)
    if not unread or not ("text" in best or "format" in best):
        return guess
    usage = {
        part.partition(".")[2].replace("_", " "): each.path for part, each in best.items() if part.startswith("usage.")
    }
    parts = ("format", "text", "finish", "error", "conversation_id", "done")
    reply: dict[str, Any] = {part.replace("_", " "): best[part].path for part in parts if part in best}
    where = best["text"].path if "text" in best else "the whole body"
    target = {**guess.target, "reply": {**reply, **({"usage": usage} if usage else {})}}
    if "data:" in outcome.raw_received[:200] or reply.get("format") == "ndjson":
        target |= {"preset": "custom-sse", "stream": True} if target["preset"] == "custom-http" else {"stream": True}
    return replace(guess, target=target, why=(*guess.why, f"the answer seems to stand at {where}"))

"""What a chatbot at an address speaks: look-ups first, then at most one message to the likeliest, then a target to keep.

What is looked for is what presets say of themselves (`detect`: hosts, paths, a page to get) and what an OpenAPI document
describes. The code knows no provider.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from krawall.errors import DocumentError, KrawallError
from krawall.guard.hosts import TARGET_SCHEMES, Site, parse_url
from krawall.model.connector import Secrets
from krawall.model.exchange import FaultKind
from krawall.model.plan import Plan
from krawall.model.target import Target
from krawall.plugins import registry
from krawall.services.described import chats
from krawall.services.lookups import Looked, look_up
from krawall.services.planning import Overrides
from krawall.services.probing import Outcome, probe
from krawall.services.suggesting import Suggestion
from krawall.services.trials import local_trial
from krawall.wire.yaml import read

OPENAPI = "/openapi.json"
_CUSTOM = {"http": "custom-http", "https": "custom-http", "ws": "custom-websocket", "wss": "custom-websocket"}
_CUSTOM |= {"grpc": "custom-grpc", "grpcs": "custom-grpc"}
_SOCKETIO = "custom-socketio"


@dataclass(frozen=True)
class Clue:
    """What a preset says of how it is recognised. `paths` may hold {names}; `get`: a page that its servers have."""

    preset: str
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    get: str = ""
    fields: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Guess:
    """A target that may be right. `why`: what speaks for it; `sure`: how much."""

    target: dict[str, Any]
    sure: int
    why: tuple[str, ...]


@dataclass(frozen=True)
class Detected:
    """What was found. `outcome` is None when no message was sent; `trouble` says why."""

    guess: Guess
    outcome: Outcome | None = None
    trouble: str = ""


Tell = Callable[[str], None]


@functools.cache
def clues() -> tuple[Clue, ...]:
    """Return what the presets say of themselves, by name."""
    return tuple(
        clue_of(name, read(registry.data_text("presets", name), name).data) for name in registry.names("presets")
    )


def clue_of(name: str, data: Any) -> Clue:
    """Return the clue of a preset's data; one that says nothing is never recognised."""
    detect = data.get("detect") or {}
    fields = tuple(str(each["name"]) for each in data.get("fields") or ())
    body = data.get("body")
    return Clue(
        name, tuple(detect.get("hosts") or ()), tuple(detect.get("paths") or ()), str(detect.get("get") or ""), fields,
        body if isinstance(body, dict) else {},
    )  # fmt: skip


# guesses -------------------------------------------------------------------------------------------------


def pages(site: Site, known: tuple[Clue, ...]) -> list[str]:
    """Return the paths to look up: pages of presets, an OpenAPI document, and the paths of chats, where a GET is no message."""
    path = site.path.partition("?")[0]
    own = [path] if path != "/" else [each for clue in known for each in clue.paths if "{" not in each]
    return list(dict.fromkeys([*(clue.get for clue in known if clue.get), OPENAPI, *own]))


def guesses(site: Site, known: tuple[Clue, ...], looked: Mapping[str, Looked]) -> list[Guess]:
    """Return what may be at a site, the likeliest first; the last is always that nothing is known."""
    found = [guess for clue in known if (guess := _guess(site, clue, looked)) is not None]
    found += _described(site, looked)
    found.sort(key=lambda guess: -guess.sure)
    return [*found, _custom(site)]


def _guess(site: Site, clue: Clue, looked: Mapping[str, Looked]) -> Guess | None:
    why: list[tuple[int, str]] = []
    if any(_is_host(site.host, host) for host in clue.hosts):
        why.append((10, f"{site.host} is a host of {clue.preset}"))
    path = site.path.partition("?")[0]
    if path == "/":
        path = next((each for each in clue.paths if _is_chat(looked.get(each))), "")
        if path:
            why.append((5, f"there is something at {path} that takes no GET"))
    elif any(_is_path(path, each) for each in clue.paths):
        why.append((6, f"the address ends like {clue.preset}"))
    page = looked.get(clue.get) if clue.get else None
    if page is not None and page.status == 200 and isinstance(page.json, dict):
        why.append((3, f"{clue.get} answers"))
    elif page is not None and page.status in (401, 403):
        why.append((1, f"{clue.get} wants a key"))
    sure = sum(weight for weight, _ in why)
    if sure < 3 or (sure < 5 and site.path != "/"):
        return None
    path = path or next((each for each in clue.paths if "{" not in each), site.path)
    target: dict[str, Any] = {"preset": clue.preset, "url": site.origin + (path if site.path == "/" else site.path)}
    model = _model(page.json) if page is not None else ""
    if model and "model" in clue.fields:
        target["fields"] = {"model": model}
    elif model and "model" in clue.body:
        target["request"] = {"model": model}
    return Guess(target, sure, tuple(words for _, words in why))


def _is_host(host: str, pattern: str) -> bool:
    return host == pattern or host.endswith("." + pattern.removeprefix("*").removeprefix("."))


def _is_path(path: str, pattern: str) -> bool:
    parts = [re.escape(part) for part in re.split(r"\{[^}]*\}", pattern)]
    return re.search("[^/]+".join(parts) + r"/?$", path) is not None


def _is_chat(looked: Looked | None) -> bool:
    return looked is not None and looked.status in (400, 405, 415, 422)


def _model(document: object) -> str:
    """Return the first model of a list of models, whatever the list is called."""
    for value in document.values() if isinstance(document, dict) else ():
        first = value[0] if isinstance(value, list) and value else None
        if isinstance(first, dict):
            name = first.get("id") or first.get("name")
            return str(name).removeprefix("models/") if isinstance(name, str) else ""
    return ""


def _described(site: Site, looked: Mapping[str, Looked]) -> list[Guess]:
    page = looked.get(OPENAPI)
    if page is None or page.status != 200:
        return []
    found = chats(page.json)
    if site.path != "/":
        found = [chat for chat in found if chat.path == site.path.partition("?")[0]]
    return [
        Guess(_asking(site.origin + chat.path, chat.body), min(4, chat.score), (f"{OPENAPI} describes {chat.path}",))
        for chat in found[:1]
    ]


def _asking(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the target of a body of its own; what else its preset would send is taken out."""
    preset = next(clue for clue in clues() if clue.preset == "custom-http")
    unwanted = {key: None for key in preset.body if key not in body}
    target = {"preset": preset.preset, "url": url, "body": body, "history": _history(body)}
    return {**target, "request": unwanted} if unwanted else target


def _history(body: Mapping[str, Any]) -> str:
    return "append" if "$messages" in body.values() else "server" if "$conversation_id" in body.values() else "none"


def _custom(site: Site) -> Guess:
    """Return the target of something unknown."""
    name = (
        _SOCKETIO
        if "/socket.io" in site.path and site.scheme in ("ws", "wss", "http", "https")
        else _CUSTOM[site.scheme]
    )
    return Guess(
        {"preset": name, "url": site.origin + site.path},
        0,
        (f"nothing more is known than that it begins with {site.scheme}://",),
    )


# the whole -----------------------------------------------------------------------------------------------


async def detect(
    url: str,
    secrets: Secrets,
    *,
    key: str = "",
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
        plan = _granted(url, secrets, confirmed)
        wanted = pages(site, known)
        tell(f"looking at {len(wanted)} pages of {site.origin}")
        looked = await look_up(plan, site, wanted)
    best = guesses(site, known, looked)[0]
    best = replace(best, target=_with_key(best.target, key, known))
    for words in best.why:
        tell(words)
    return await _tried(best, secrets, confirmed, tell) if ask else Detected(best, None, "no message was sent")


def _granted(url: str, secrets: Secrets, confirmed: bool) -> Plan:
    trial = local_trial(Target(connector="http", url=url), secrets, Path(), Overrides(confirmed=confirmed))
    if trial.plan is None:
        assert trial.trouble is not None
        raise trial.trouble
    return trial.plan


def _with_key(target: dict[str, Any], key: str, known: tuple[Clue, ...]) -> dict[str, Any]:
    if not key:
        return target
    clue = next((clue for clue in known if clue.preset == target["preset"]), None)
    if clue is not None and "key" in clue.fields:
        return {**target, "fields": {**target.get("fields", {}), "key": f"${{{key}}}"}}
    return {**target, "auth": {"bearer": f"${{{key}}}"}}


async def _tried(guess: Guess, secrets: Secrets, confirmed: bool, tell: Tell) -> Detected:
    """Send the message, and put right what it shows to be wrong."""
    try:
        target = Target.model_validate(guess.target)
        trial = local_trial(target, secrets, Path(), Overrides(confirmed=confirmed))
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

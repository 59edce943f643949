"""Which preset fits what was looked up at an address: by what presets say of themselves, and what an OpenAPI document describes.

Pure, and knows no provider.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from krawall.guard.hosts import Site
from krawall.plugins import registry
from krawall.plugins.preset import Preset, facts
from krawall.services.described import chats
from krawall.services.lookups import Looked

OPENAPI = "/openapi.json"
_CUSTOM = {"http": "custom-http", "https": "custom-http", "ws": "custom-websocket", "wss": "custom-websocket"}
_CUSTOM |= {"grpc": "custom-grpc", "grpcs": "custom-grpc"}
_SOCKETIO = "custom-socketio"
_NO_CHAT = re.compile(r"embed|whisper|tts|audio|speech|image|moderation|rerank|transcri|realtime|dall", re.IGNORECASE)


@dataclass(frozen=True)
class Clue:
    """What a preset says of how it is recognised. `paths` may hold {names}; `get`: a page that its servers have.

    `fields`: what it asks for, with the defaults; `url`: where its chats are, with fields in braces.
    """

    preset: str
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    get: str = ""
    fields: Mapping[str, str | None] = field(default_factory=dict)
    url: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Guess:
    """A target that may be right. `why`: what speaks for it; `sure`: how much."""

    target: dict[str, Any]
    sure: int
    why: tuple[str, ...]


@functools.cache
def clues() -> tuple[Clue, ...]:
    """Return what the presets say of themselves, by name."""
    return tuple(clue_of(facts(name)) for name in registry.names("presets"))


def clue_of(preset: Preset) -> Clue:
    """Return the clue of a preset; one that says nothing is never recognised."""
    body = preset.target.get("body")
    return Clue(
        preset.name,
        tuple(preset.detect.hosts),
        tuple(preset.detect.paths),
        preset.detect.get,
        {each.name: each.default for each in preset.fields},
        str(preset.target.get("url", "")),
        body if isinstance(body, dict) else {},
    )


# guesses -------------------------------------------------------------------------------------------------


def pages(site: Site, known: tuple[Clue, ...]) -> list[str]:
    """Return the paths to look up: pages of presets, an OpenAPI document, and the paths of chats, where a GET is no message."""
    path = site.path.partition("?")[0]
    own = [path] if path != "/" else [each for clue in known for each in clue.paths if _is_plain(each)]
    return list(dict.fromkeys([*(clue.get for clue in known if clue.get), OPENAPI, *own]))


def guesses(site: Site, known: tuple[Clue, ...], looked: Mapping[str, Looked]) -> list[Guess]:
    """Return what may be at a site, the likeliest first; the last is always that nothing is known."""
    gets = [clue.get for clue in known]
    found = [guess for clue in known if (guess := _guess(site, clue, looked, gets.count(clue.get) > 1)) is not None]
    found += _described(site, looked)
    found.sort(key=lambda guess: -guess.sure)
    return [*found, _custom(site)]


def _guess(site: Site, clue: Clue, looked: Mapping[str, Looked], shared: bool) -> Guess | None:
    """`shared`: other presets have the same page."""
    why: list[tuple[int, str]] = []
    if any(_is_host(site.host, host) for host in clue.hosts):
        why.append((10, f"{site.host} is a host of {clue.preset}"))
    path = site.path.partition("?")[0]
    if path == "/":
        path = next((each for each in clue.paths if _is_chat(looked.get(each))), "")
        if path:
            why.append((5, f"there is something at {path} that takes no GET"))
    elif ends := [each for each in clue.paths if _is_path(path, each)]:
        why.append((5 + 2 * max(each.count("/") for each in ends), f"the address ends like {clue.preset}"))
    page = looked.get(clue.get) if clue.get else None
    if page is not None and page.status == 200 and isinstance(page.json, dict):
        why.append((3 if shared else 4, f"{clue.get} answers"))
    elif page is not None and page.status in (401, 403):
        why.append((1, f"{clue.get} wants a key"))
    sure = sum(weight for weight, _ in why)
    if sure < 3 or (sure < 5 and site.path != "/"):
        return None
    target: dict[str, Any] = {"preset": clue.preset, **_where(site, clue, path)}
    model = _model(page.json) if page is not None else ""
    if model and "model" in clue.fields:
        target["fields"] = {"model": model, **target.get("fields", {})}
    elif model and "model" in clue.body:
        target["request"] = {"model": model}
    return Guess(target, sure, tuple(words for _, words in why))


def _where(site: Site, clue: Clue, path: str) -> dict[str, Any]:
    """Return how a target says where it is: by the fields of its preset, or else by a URL of its own."""
    if "base" not in clue.fields:
        plain = next((each for each in clue.paths if _is_plain(each)), "/")
        return {"url": site.origin + ((path or plain) if site.path == "/" else site.path)}
    found = {"base": site.origin} if site.path == "/" else _taken_apart(site.origin + site.path, clue.url)
    if found is None:
        return {"url": site.origin + site.path}
    new = {name: value for name, value in found.items() if clue.fields.get(name) != value}
    return {"fields": new} if new else {}


def _taken_apart(url: str, template: str) -> dict[str, str] | None:
    """Return the fields that make `url` of a template, None when none do. Without its query an address fits, too."""
    for wanted in (template, template.partition("?")[0]):
        names = re.findall(r"\{([^}]*)\}", wanted)
        parts = [re.escape(part) for part in re.split(r"\{[^}]*\}", wanted)]
        ways = ["(.+?)" if name == "base" else "([^/?&]+?)" for name in names]
        pattern = parts[0] + "".join(way + part for way, part in zip(ways, parts[1:], strict=True))
        if match := re.fullmatch(pattern, url):
            return dict(zip(names, match.groups(), strict=True))
    return None


def _is_plain(path: str) -> bool:
    return path.startswith("/") and "{" not in path


def _is_host(host: str, pattern: str) -> bool:
    return host == pattern or host.endswith("." + pattern.removeprefix("*").removeprefix("."))


def _is_path(path: str, pattern: str) -> bool:
    parts = [re.escape(part) for part in re.split(r"\{[^}]*\}", pattern)]
    return re.search("[^/]+".join(parts) + r"/?$", path) is not None


def _is_chat(looked: Looked | None) -> bool:
    return looked is not None and looked.status in (400, 405, 415, 422)


def _model(document: object) -> str:
    """Return the first model of a list of models that is for chats, as far as its name says."""
    for value in document.values() if isinstance(document, dict) else ():
        models = [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
        names = [name for each in models if isinstance(name := each.get("id") or each.get("name"), str)]
        chatting = [name for name in names if not _NO_CHAT.search(name)]
        if names:
            return (chatting or names)[0].removeprefix("models/")
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

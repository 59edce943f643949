"""What a person wrote, checked as far as that goes without a network: every place that is wrong, its line where there is one.

A body is kept as it was written, so that YAML in is YAML out; it is checked by the model of its kind and by what a server adds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import ValidationError

from krawall.errors import DocumentError, KrawallError, NotFound, Place
from krawall.guard.hosts import TARGET_SCHEMES, AddressClass, Site, classify_address, parse_url
from krawall.model.auth import REFERENCE, tls_files
from krawall.model.base import Document
from krawall.model.kept import DocumentKind
from krawall.model.scenario import Scenario
from krawall.model.target import SavedTarget, Target
from krawall.model.webhook import Webhook
from krawall.plugins.assemble import assemble, places, scenario_from
from krawall.plugins.preset import knows_where, resolve
from krawall.plugins.registry import nearest
from krawall.services.keepable import shown, unkeepable
from krawall.services.planning import TEMPLATE, check
from krawall.services.starting import server_problems
from krawall.wire.yaml import MAX_BYTES, Source, read

KINDS = (DocumentKind.target, DocumentKind.scenario, DocumentKind.webhook)
MOST_NAME = 200
_ID = re.compile(r"[a-z]{3}_[0-9a-z]{22}")
_NO_FILE = "names a file of the server, which is not the author's"


@dataclass(frozen=True)
class House:
    """What an installation allows in documents. `allow_env`: variables of workers that scenarios may read.

    `private_webhooks`: whether webhooks may go to private addresses; None: who delivers them knows.
    """

    allow_env: Sequence[str] = ()
    private_webhooks: bool | None = None


@dataclass(frozen=True)
class Authored:
    """A document that fits its model: what is to be kept, and under which name. `site`: where a target is, as far as it says."""

    kind: DocumentKind
    name: str
    body: dict[str, Any]
    site: Site | None = None


class _Holder(Document):
    """Gives a target the place that it has in a scenario, so that errors know their nearest words."""

    target: SavedTarget


def prepare() -> None:
    """Build the models once, before threads use them. Idempotent."""
    assemble()
    for model in (SavedTarget, Webhook, _Holder):
        model.model_rebuild()


def read_authored(
    kind: DocumentKind,
    given: dict[str, Any] | str,
    house: House,
    *,
    name: str | None = None,
    otherwise: str | None = None,
    label: str = "document",
) -> Authored:
    """Return the document that `given` holds: plain data, or YAML or JSON text.

    `name` takes the place of the one inside, `otherwise` fills it in where there is none.

    Raises:
        DocumentError: every place that is wrong.
        NotFound: documents of this kind are not kept.
    """
    source = read(given, label) if isinstance(given, str) else None
    data = source.data if source is not None else given
    if not isinstance(data, dict):
        raise DocumentError(label, [Place("", f"a {kind.value} is a mapping of names to values", 1)])
    body: dict[str, Any] = dict(data)
    errors = [*_kind_problems(kind, body), *unkeepable(body)]
    if not errors and len(msgspec.json.encode(body)) > MAX_BYTES:
        errors.append(Place("", f"larger than {MAX_BYTES // 1_000_000} MB"))
    if errors:
        raise DocumentError(label, _located(errors, source))
    body, named = _name_in(kind, body, name, otherwise)
    site = None
    if kind is DocumentKind.scenario:
        errors = scenario_problems(body, label, source, house.allow_env)
    elif kind is DocumentKind.target:
        site, errors = _target_problems(body, label, source)
    else:
        errors = _webhook_problems(body, source, house.private_webhooks)
    if not any(place.path == "name" for place in errors):
        errors += name_problems(named)
    if errors:
        raise DocumentError(label, _located(errors, source))
    return Authored(kind, str(named), body, site)


def _name_in(
    kind: DocumentKind, body: dict[str, Any], name: str | None, otherwise: str | None
) -> tuple[dict[str, Any], object]:
    """Return the body with its name where the kind has it, inside or beside, and the name."""
    if name is None:
        name = body.get("name", otherwise)
    if kind is DocumentKind.target:
        return {key: value for key, value in body.items() if key != "name"}, name
    if "name" in body:
        return {**body, "name": name}, name  # keeps its place
    return ({"name": name, **body} if name is not None else body), name


def _kind_problems(kind: DocumentKind, body: dict[str, Any]) -> list[Place]:
    if kind not in KINDS:
        raise NotFound(f"documents of the kind {kind.value!r} are not kept")
    said = body.pop("kind", kind.value)
    return [] if said == kind.value else [Place("kind", f"says {said!r:.60}, this is a {kind.value}")]


def name_problems(name: object) -> list[Place]:
    """Return what is wrong with the name of a document."""
    if not isinstance(name, str) or not name:
        return [Place("name", "is missing")]
    if len(name) > MOST_NAME:
        return [Place("name", f"has {len(name)} characters; {MOST_NAME} are enough")]
    if what := unkeepable(name):
        return [Place("name", what[0].message)]
    if not name.isprintable() or name != name.strip():
        return [Place("name", "has a control character, or space around it")]
    if name.startswith(TEMPLATE) or _ID.fullmatch(name):
        return [Place("name", f"{name!r} looks like a template's name or an id; choose another")]
    return []


# scenarios ----------------------------------------------------------------------------------------------


def scenario_problems(body: dict[str, Any], label: str, source: Source | None, allow_env: Sequence[str]) -> list[Place]:
    """Return everything that is wrong with a scenario: its shape, what a server does not allow, texts, checks, target."""
    try:
        scenario = scenario_from(body, label, source)
    except DocumentError as error:
        return [*error.places, *_house_problems(body, allow_env)]
    errors = server_problems(scenario, allow_env)
    target: Target | None = None
    if isinstance(scenario.target, Target):
        target, wrong = _resolved(scenario.target)
        errors += [Place(f"target.{place.path}".rstrip("."), place.message) for place in wrong]
    rows = scenario.data.rows if scenario.data else None
    columns = sorted(rows[0]) if rows else None
    return errors + check(scenario, target, columns)


def _house_problems(body: dict[str, Any], allow_env: Sequence[str]) -> list[Place]:
    """Return what a server does not allow in a scenario whose shape is wrong elsewhere."""
    data, env, target = body.get("data"), body.get("env"), body.get("target")
    rest: dict[str, Any] = {"name": "-", "steps": ["-"]}
    if isinstance(data, dict) and isinstance(data.get("file"), str):
        rest["data"] = {"file": data["file"]}
    if isinstance(env, list):
        rest["env"] = [str(name) for name in env]
    errors = server_problems(Scenario.model_validate(rest), allow_env)
    if isinstance(target, dict) and (target.get("ca file") or target.get("ca_file")):
        errors.append(Place("target.ca file", _NO_FILE))
    if isinstance(target, dict) and isinstance(tls := target.get("tls"), dict):
        errors += [
            Place(f"target.tls.{name}", _NO_FILE)
            for name, value in tls.items()
            if isinstance(value, str) and not REFERENCE.search(value)
        ]
    return errors


def _resolved(target: Target) -> tuple[Target | None, list[Place]]:
    """Return a target with its preset filled in, when it says where it is, and what is wrong with it; paths inside it."""
    errors = [Place("ca file", _NO_FILE)] if target.ca_file else []
    errors += [
        Place(f"tls.{name}", f"{_NO_FILE}; write a reference such as ${{BOT_CERTIFICATE}}")
        for name in tls_files(target.tls)
    ]
    try:
        if not knows_where(target):
            return None, errors + (_other_problems(target) if target.preset else [])
        found = resolve(target)
        if found.connector != "echo":
            parse_url(REFERENCE.sub("x", found.url), TARGET_SCHEMES)
        return found, errors
    except NotFound as error:
        return None, [*errors, Place("preset", error.message)]
    except DocumentError as error:
        return None, [*errors, *(_inside(place) for place in error.places)]
    except KrawallError as error:
        return None, [*errors, Place("url", f"{error.message}; {error.hint}" if error.hint else error.message)]


def _other_problems(target: Target) -> list[Place]:
    """Return what is wrong with a target that does not say where it is, besides that."""
    try:
        resolve(target.model_copy(update={"connector": "echo"}))
    except DocumentError as error:
        return [_inside(place) for place in error.places]
    return []


def _inside(place: Place) -> Place:
    return Place(place.path.removeprefix("target").removeprefix("."), place.message, place.line)


# targets ------------------------------------------------------------------------------------------------


def _target_problems(body: dict[str, Any], label: str, source: Source | None) -> tuple[Site | None, list[Place]]:
    try:
        saved = _Holder.model_validate({"target": body}).target
    except ValidationError as error:
        return None, [_inside(place) for place in places(error, {"target": body}, None)]
    target, errors = _resolved(saved.bare())
    if target is None:
        return None, errors or [Place("url", "is missing")]
    nothing = Scenario.model_validate({"name": label, "steps": ["-"]})
    errors += [_inside(place) for place in check(nothing, target, None)]
    return site_of(target), errors


def site_of(target: Target) -> Site | None:
    """Return where a target is; None when it has no network, or names its host by a reference."""
    if target.connector == "echo" or not target.url:
        return None
    site = parse_url(REFERENCE.sub("x", target.url), TARGET_SCHEMES)
    plain = parse_url(REFERENCE.sub("y", target.url), TARGET_SCHEMES)
    return site if (site.host, site.port) == (plain.host, plain.port) else None


# webhooks -----------------------------------------------------------------------------------------------


def _webhook_problems(body: dict[str, Any], source: Source | None, private: bool | None) -> list[Place]:
    try:
        webhook = Webhook.model_validate(body)
    except ValidationError as error:
        return [_plain_place(detail, Webhook) for detail in error.errors(include_url=False)]
    try:
        site = parse_url(webhook.url)
    except KrawallError as error:
        return [Place("url", f"{error.message}; {error.hint}" if error.hint else error.message)]
    if site.literal and private is not None and not reachable(classify_address(site.host), private):
        return [Place("url", f"{site.host} is not a public address; webhooks do not go there on this server")]
    return []


def reachable(kind: AddressClass, private: bool) -> bool:
    """Tell whether webhooks may go to addresses of a class. `private`: whether the settings allow private ones."""
    return kind is AddressClass.PUBLIC or (private and kind in (AddressClass.LOOPBACK, AddressClass.PRIVATE))


def _plain_place(detail: Any, model: type[Document]) -> Place:
    path = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return Place(shown(path), f"unknown key {shown(path)!r}{nearest(path, sorted(model.model_fields))}")
    message = "is missing" if detail["type"] == "missing" else str(detail["msg"]).removeprefix("Value error, ")
    return Place(path, message)


# lines --------------------------------------------------------------------------------------------------


def _located(errors: list[Place], source: Source | None) -> list[Place]:
    """Return places with the lines of the text that they are about, in its order."""
    if source is None:
        return errors
    found = [
        Place(place.path, place.message, place.line or source.line_of(_way(place.path, source.data)))
        for place in errors
    ]
    return sorted(found, key=lambda place: place.line or 0)


def _way(path: str, data: object) -> list[str | int]:
    """Return a shown path as the way through data; keys with dots in them end it early."""
    way: list[str | int] = []
    here: Any = data
    for part in path.split(".") if path else ():
        if isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            way.append(int(part))
            here = here[int(part)]
        elif isinstance(here, dict) and part in here:
            way.append(part)
            here = here[part]
        else:
            break
    return way

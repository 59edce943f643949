"""The hooks of a target: what it names, and what its auth needs, as settings in the order in which they act."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from krawall.errors import DocumentError, KrawallError, Place
from krawall.model.hook import Hook
from krawall.model.target import Target
from krawall.plugins import registry
from krawall.plugins.assemble import places
from krawall.plugins.registry import Family

OAUTH2 = "oauth2"
Written = str | dict[str, Any]


def hooks_of(target: Target) -> list[Hook]:
    """Return the hooks of a target, those of its auth first.

    Raises:
        DocumentError: one is no hook, or its settings are wrong; places such as `target.hooks.0.login.calls`.
    """
    errors: list[Place] = []
    found: list[object] = []
    if target.auth is not None and target.auth.oauth2 is not None:
        settings = target.auth.oauth2.model_dump(mode="json", by_alias=True, exclude_unset=True)
        found.append(_validated("hooks", OAUTH2, settings, "target.auth.oauth2", errors))
    found += [made_of("hooks", written, f"target.hooks.{at}", errors) for at, written in enumerate(target.hooks)]
    if errors:
        raise DocumentError("target", errors)
    return [hook for hook in found if isinstance(hook, Hook)]


def made_of(family: Family, written: Written, place: str, errors: list[Place]) -> BaseModel | None:
    """Return the settings that somebody wrote for a kind of a family; None, and more `errors`, when they are wrong."""
    try:
        kind, settings = expand(family, written)
    except KrawallError as error:
        errors.append(Place(place, error.message))
        return None
    except ValueError as error:
        errors.append(Place(place, str(error)))
        return None
    return _validated(family, kind, settings, place, errors)


def expand(family: Family, written: Written) -> tuple[str, dict[str, Any]]:
    """Return (kind, settings) as they are written: `KIND`, `{KIND: {...}}`, `{KIND: value}`, `{KIND: null}` or `{kind: KIND, ...}`.

    Raises:
        ValueError: it is none of these.
        KrawallError: there is no such kind, or it does not load.
    """
    if isinstance(written, str):
        return written, {}
    if isinstance(kind := written.get("kind"), str):
        return kind, {key: value for key, value in written.items() if key != "kind"}
    if len(written) != 1:
        raise ValueError(f"write one word with its settings, such as {{redact: [email]}}; got {list(written)}")
    ((kind, value),) = written.items()
    if value is None:
        return kind, {}
    if isinstance(value, dict):
        return kind, value
    short = registry.load(family, kind).shorthand
    if not short:
        raise ValueError(f"{kind!r} takes a mapping of settings, not {value!r}")
    return kind, {short: value}


def _validated(
    family: Family, kind: str, settings: dict[str, Any], place: str, errors: list[Place]
) -> BaseModel | None:
    try:
        made: BaseModel = registry.load(family, kind).model_validate(settings)
    except ValidationError as error:
        inside = f"{place}.{kind}" if not place.endswith(f".{kind}") else place
        errors += [Place(f"{inside}.{one.path}".rstrip("."), one.message) for one in places(error, settings, None)]
        return None
    except KrawallError as error:
        errors.append(Place(place, error.message))
        return None
    return made


def urls_of(target: Target) -> list[str]:
    """Return the URLs that a target's hooks ask themselves, references not resolved. Raises DocumentError as `hooks_of`."""
    return [url for hook in hooks_of(target) for url in hook.urls()]
